"""A directory has its seconds for everything that it does for an answer, and no more."""

from __future__ import annotations

import asyncio

import pytest

from cognomen.directories.directory import SECONDS, Directories, NotTold, Person
from tests.kit.functions import arn


class Slow:
    async def check(self, username: str, password: str) -> None:
        await asyncio.sleep(10)

    async def person(self, username: str, password: str) -> Person:
        await asyncio.sleep(10)
        return Person(attributes={})

    async def find(self, username: str) -> Person:
        return Person(attributes={"name": username})

    def stop(self) -> None: ...


async def test_a_slow_directory_is_not_waited_for() -> None:
    directory = Directories({"old": Slow()}, seconds=0.05).of(arn("old"))
    assert directory is not None
    for asked in (directory.check("anna", "secret"), directory.person("anna", "secret")):
        with pytest.raises(NotTold, match=r"within 0\.05 seconds"):
            await asked
    assert (await directory.find("anna")).attributes == {"name": "anna"}


def test_five_seconds_are_promised() -> None:
    """docs/guide/import.md."""
    assert SECONDS == 5.0
