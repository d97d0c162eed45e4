"""Functions at an HTTPS address: the event by POST, signed by HMAC-SHA256, and the answer as the function would answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from cognomen.kernel import outbound
from cognomen.kernel.clock import Clock
from cognomen.kernel.threads import Threads
from cognomen.triggers.lambda_api import error_message
from cognomen.triggers.runner import MOST_ANSWER, FunctionFailed, FunctionUnreachable, NoFunction

_TIMEOUT = 5.0


class HttpFunctions:
    """`endpoints` are addresses by ARN. Where `public_only`, an address that leads into a private network is refused."""

    def __init__(self, endpoints: Mapping[str, str], secret: str, clock: Clock, threads: Threads, *, public_only: bool) -> None:
        self._endpoints = endpoints
        self._secret = secret.encode()
        self._clock = clock
        self._threads = threads
        self._public_only = public_only

    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
        url = self._endpoints.get(arn)
        if url is None:
            raise NoFunction(arn)
        headers = {
            "content-type": "application/json",
            "x-cognomen-function": arn,
            "x-cognomen-signature": outbound.signature(self._secret, int(self._clock.now()), event, about=arn),
        }
        try:
            answer = await self._threads.run(
                partial(
                    outbound.send,
                    "POST",
                    url,
                    headers=headers,
                    body=event,
                    timeout=_TIMEOUT,
                    most=MOST_ANSWER + 1,
                    public_only=self._public_only,
                )
            )
        except outbound.Unreachable as cause:
            raise FunctionUnreachable(str(cause)) from cause
        if answer.status == 200 and not answer.header("x-amz-function-error"):
            return answer.body
        if answer.status == 200 or b'"errorMessage"' in answer.body:
            raise FunctionFailed(error_message(answer.body))
        raise FunctionUnreachable(f"the function's address answered {answer.status}")
