"""Functions behind a Lambda API: AWS's own, SAM's or another emulator's, asked by the Invoke operation, signed.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import quote

from cognomen.kernel import received
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.threads import Threads
from cognomen.triggers.runner import MOST_ANSWER, FunctionFailed, FunctionUnreachable, NoFunction

_PATH = "/2015-03-31/functions/{}/invocations"
_UNKNOWN = (403, 404)


class LambdaApi:
    def __init__(self, aws: Aws, threads: Threads) -> None:
        self._aws = aws
        self._threads = threads

    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
        region = (arn.split(":") + [""] * 4)[3]
        if not self._aws.reaches("lambda"):
            raise NoFunction(arn)
        headers = {"content-type": "application/json", "x-amz-invocation-type": "RequestResponse"}
        try:
            path = _PATH.format(quote(arn, safe=""))
            answer = await self._threads.run(partial(self._aws.send, "POST", "lambda", region, path, headers, event, most=MOST_ANSWER + 1))
        except AwsError as cause:
            raise FunctionUnreachable(str(cause)) from cause
        if answer.status in _UNKNOWN:
            raise NoFunction(arn)
        if answer.status != 200:
            raise FunctionUnreachable(f"the Lambda API answered {answer.status}")
        if answer.header("x-amz-function-error"):
            raise FunctionFailed(error_message(answer.body))
        return answer.body


def error_message(body: bytes) -> str:
    """The `errorMessage` of a function that failed."""
    try:
        found = received.json(body)
    except received.NotJson:
        found = None
    message = found.get("errorMessage") if isinstance(found, dict) else None
    return str(message) if message else "Unknown application error occurred"
