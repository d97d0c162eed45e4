"""The databases that every contract is held against: a SQLite file, SQLite in memory, PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from cognomen.storage.engine import Engine, make_engine
from cognomen.storage.migrate import migrate
from cognomen.storage.store import Store

ENGINES = ("sqlite file", "sqlite memory", "postgresql")


class Database:
    """One empty database, and engines on it: each as another process would have its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: list[Engine] = []

    @property
    def shared(self) -> bool:
        """Whether a second process can see it."""
        return not self.url.endswith(":memory:")

    async def open(self) -> Engine:
        engine = make_engine(self.url, exclusive=False)
        await engine.open()
        self._opened.append(engine)
        return engine

    async def store(self) -> Store:
        engine = await self.open()
        await migrate(engine)
        return Store(engine)

    async def close(self) -> None:
        for engine in self._opened:
            await engine.close()


async def _statement(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(params=ENGINES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Without any table."""
    if request.param != "postgresql":
        found = Database(f"sqlite:///{tmp_path / 'contract.db'}" if request.param == "sqlite file" else "sqlite:///:memory:")
        yield found
        await found.close()
        return
    server = request.getfixturevalue("postgres").url
    name = f"contract_{uuid4().hex}"
    await _statement(server, f"CREATE DATABASE {name}")
    found = Database(server.replace("/postgres?", f"/{name}?"))
    yield found
    await found.close()
    await _statement(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def store(database: Database) -> Store:
    """Migrated, and empty."""
    return await database.store()
