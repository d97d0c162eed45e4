"""Questions to a provider: JSON answers, bounded in size and time, and never of an address that a pool may not ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from weakref import WeakValueDictionary

import msgspec

from cognomen.federation.connector import Refused, Unavailable, is_this_machine
from cognomen.kernel import outbound
from cognomen.kernel.threads import Threads

_TIMEOUT: Final = 5.0
_MOST_JSON: Final = 256 << 10
_AT_ONCE: Final = 8  # questions to one host
_MOST_XML: Final = 4 << 20


class Caller:
    """`public_only` refuses private networks and plain http; without it this machine may stand for a provider."""

    def __init__(self, threads: Threads, *, public_only: bool) -> None:
        self.public_only = public_only
        self._threads = threads
        # By host, for as long as somebody asks there: one that hangs holds up its own users alone.
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def may_ask(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        if not host or parts.username is not None:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and not self.public_only and is_this_machine(host))

    async def get(self, url: str, *, token: str = "") -> dict[str, Any]:
        return await self._json("GET", url, None, _bearer(token))

    async def post(self, url: str, form: Mapping[str, str], *, token: str = "", authorization: str = "") -> dict[str, Any]:
        headers = {"content-type": "application/x-www-form-urlencoded", **_bearer(token)}
        if authorization:
            headers["authorization"] = authorization
        return await self._json("POST", url, urlencode(form).encode(), headers)

    async def document(self, url: str) -> bytes:
        """A document of any kind. Raises Unavailable."""
        answer = await self._send("GET", url, None, {}, _MOST_XML)
        if answer.status != 200:
            raise Unavailable(f"the identity provider answered {answer.status}")
        return answer.body

    async def _json(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> dict[str, Any]:
        """Raises Refused where the provider says no, Unavailable where it says nothing that can be read. Texts hold neither address nor answer."""
        answer = await self._send(method, url, body, {"accept": "application/json", **headers}, _MOST_JSON)
        if 400 <= answer.status < 500 and answer.status != 429:
            raise Refused("the identity provider refused the request")
        if answer.status != 200:
            raise Unavailable(f"the identity provider answered {answer.status}")
        try:
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except (ValueError, RecursionError) as error:
            raise Unavailable("the identity provider did not answer with a JSON object") from error

    async def _send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], most: int) -> outbound.Answer:
        if not self.may_ask(url):
            raise Unavailable("the identity provider is not at an https address")
        options: dict[str, Any] = {"headers": headers, "body": body, "timeout": _TIMEOUT, "most": most, "public_only": self.public_only}
        host = urlsplit(url).netloc
        turn = self._turns.get(host)
        if turn is None:
            turn = self._turns[host] = asyncio.Semaphore(_AT_ONCE)
        try:
            async with asyncio.timeout(2 * _TIMEOUT), turn:
                return await self._threads.run(partial(outbound.send, method, url, **options))
        except (outbound.Unreachable, TimeoutError) as error:
            raise Unavailable("the identity provider does not answer") from error


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}
