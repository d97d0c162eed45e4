"""The port to a directory in which users were before, and the directories of all pools.

AWS leaves this to a UserMigration function. Here a row of the setting `user_directories` stands for that function, without code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Protocol, TypeVar

import msgspec

T = TypeVar("T")
SECONDS = 5.0
AT_ONCE = 16  # calls of one directory; one that hangs holds up no other


class NotTold(Exception):
    """The directory was not reached, or did not say who that is. The text is one sentence for who runs the server, and holds no secret."""


class UnknownThere(Exception):
    """The directory has nobody of this name, or nobody who could sign in there."""


class WrongThere(Exception):
    """The password is not that of the directory, or the directory does not tell the two apart."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is there. `username` and `sub` are empty where the directory has no such thing; `temporary` where the password was given
    by an administrator, and must be changed."""

    attributes: dict[str, str]
    username: str = ""
    sub: str = ""
    temporary: bool = False


class Directory(Protocol):
    async def check(self, username: str, password: str) -> None:
        """Is this the password? Raises WrongThere, UnknownThere, NotTold."""
        ...

    async def person(self, username: str, password: str) -> Person:
        """Who brings this name and password. Raises WrongThere, UnknownThere, NotTold."""
        ...

    async def find(self, username: str) -> Person:
        """Who has this name. Raises UnknownThere, NotTold."""
        ...

    def stop(self) -> None:
        """The server ends: nobody waits any more."""
        ...


class Timely:
    """A directory that has `seconds` for an answer, whatever it has to do for it. It is not asked twice, as a function would be: the second
    try could count at the other end as another guess."""

    def __init__(self, directory: Directory, seconds: float) -> None:
        self._directory = directory
        self._seconds = seconds

    async def check(self, username: str, password: str) -> None:
        await self._in_time(self._directory.check(username, password))

    async def person(self, username: str, password: str) -> Person:
        return await self._in_time(self._directory.person(username, password))

    async def find(self, username: str) -> Person:
        return await self._in_time(self._directory.find(username))

    def stop(self) -> None:
        self._directory.stop()

    async def _in_time(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await answer
        except TimeoutError as error:
            raise NotTold(f"the directory did not answer within {self._seconds:g} seconds") from error


class Directories:
    """By the name of the function in whose place a directory is asked: `old-users` for arn:aws:lambda:...:function:old-users."""

    def __init__(self, by_name: Mapping[str, Directory], *, seconds: float = SECONDS) -> None:
        self._by_name = {name: Timely(directory, seconds) for name, directory in by_name.items()}

    def of(self, arn: str) -> Directory | None:
        return self._by_name.get(arn.partition(":function:")[2].partition(":")[0]) if self._by_name else None

    def stop(self) -> None:
        for directory in self._by_name.values():
            directory.stop()
