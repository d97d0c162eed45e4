"""Devices of users and guests, each with a file of its own, against the server in process on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio

from cognomen_sync import AsyncCognitoSync, Retry
from tests.kit.server import TestServer
from tests.kit.sync_client import URL, AsyncWire, World


@pytest_asyncio.fixture
async def world(server: TestServer) -> World:
    made = await World.made(server)
    await made.directory.user("kim")
    return made


class Devices:
    """`devices()` is a new device: of kim, or of who is named; of a guest with user None. The same `number` is the same file."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.made: list[AsyncCognitoSync] = []
        self.wires: list[AsyncWire] = []

    def __call__(self, user: str | None = "kim", *, number: int | None = None, **settings: Any) -> AsyncCognitoSync:
        wire = AsyncWire(self.world)
        given: dict[str, Any] = {
            "endpoint_url": URL,
            "logins": self.logins(user) if user else None,
            "path": self.folder / f"{len(self.made) if number is None else number}.sqlite3",
            "transport": wire,
            "retry": Retry(total=2.0, first=0.0),
            "clock": self.world.server.clock.now,
        }
        self.made.append(AsyncCognitoSync(self.world.pool_id, **{**given, **settings}))
        self.wires.append(wire)
        return self.made[-1]

    def logins(self, user: str) -> Callable[[], Awaitable[dict[str, str]]]:
        async def asked() -> dict[str, str]:
            return await self.world.directory.logins(user)

        return asked


@pytest_asyncio.fixture
async def devices(world: World, tmp_path: Path) -> AsyncIterator[Devices]:
    made = Devices(world, tmp_path)
    yield made
    for client in made.made:
        await client.close()
