"""Any address as the directory: it is asked by a signed POST, and says who somebody is."""

from __future__ import annotations

from functools import partial

import msgspec

from cognomen.directories.directory import AT_ONCE, SECONDS, NotTold, Person, UnknownThere, WrongThere
from cognomen.kernel import outbound, received
from cognomen.kernel.clock import Clock
from cognomen.kernel.threads import Threads


class _Answer(msgspec.Struct, frozen=True):
    attributes: dict[str, str]
    username: str = ""
    sub: str = ""
    temporary: bool = False


class HttpsDirectory:
    """`secret` signs what is sent. Where `public_only`, an address that leads into a private network is refused."""

    def __init__(self, url: str, secret: str, clock: Clock, *, public_only: bool) -> None:
        self._url = url
        self._secret = secret.encode()
        self._clock = clock
        self._threads = Threads("directory", AT_ONCE)
        self._public_only = public_only

    async def check(self, username: str, password: str) -> None:
        await self.person(username, password)

    async def person(self, username: str, password: str) -> Person:
        return await self._threads.run(partial(self._ask, {"action": "check", "username": username, "password": password}))

    async def find(self, username: str) -> Person:
        try:
            return await self._threads.run(partial(self._ask, {"action": "find", "username": username}))
        except WrongThere as error:
            raise UnknownThere from error

    def stop(self) -> None:
        self._threads.stop()

    def _ask(self, question: dict[str, str]) -> Person:
        body = msgspec.json.encode(question)
        signed = outbound.signature(self._secret, int(self._clock.now()), body)
        headers = {"content-type": "application/json", "x-cognomen-signature": signed}
        try:
            answer = outbound.send("POST", self._url, headers=headers, body=body, timeout=SECONDS, public_only=self._public_only)
        except outbound.Unreachable as error:
            raise NotTold(str(error)) from error
        if answer.status in (401, 403):
            raise WrongThere
        if answer.status == 404:
            raise UnknownThere
        if answer.status != 200:
            raise NotTold(f"the directory answered {answer.status}")
        try:
            found = received.json(answer.body, _Answer)
        except received.NotJson as error:
            raise NotTold("the directory's answer is not as docs/guide/import.md has it") from error
        return Person(attributes=found.attributes, username=found.username, sub=found.sub, temporary=found.temporary)
