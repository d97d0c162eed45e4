"""The port to a directory in which users were before, and the directories of all pools.

AWS leaves this to a UserMigration function. Here a row of the setting `user_directories` stands for that function, without code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


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


class Directories:
    """By the name of the function in whose place a directory is asked: `old-users` for arn:aws:lambda:...:function:old-users."""

    def __init__(self, by_name: Mapping[str, Directory]) -> None:
        self._by_name = by_name

    def of(self, arn: str) -> Directory | None:
        return self._by_name.get(arn.partition(":function:")[2].partition(":")[0]) if self._by_name else None
