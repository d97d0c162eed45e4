"""Resource servers of a pool and the scopes that each defines."""

from __future__ import annotations

import msgspec

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Row, Tx, Unit
from cognomen.storage.errors import Missing, Taken

_COLUMNS = "pool_id, identifier, name, scopes"


class Scope(msgspec.Struct, frozen=True, array_like=True):
    name: str
    description: str


class ResourceServer(msgspec.Struct, frozen=True):
    pool_id: str
    identifier: str
    name: str
    scopes: tuple[Scope, ...]


_decode = msgspec.json.Decoder(tuple[Scope, ...]).decode
_encode = msgspec.json.Encoder().encode


def _server(row: Row) -> ResourceServer:
    return ResourceServer(row[0], row[1], row[2], _decode(row[3]))


class ResourceServers:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, pool_id: str, identifier: str) -> ResourceServer | None:
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM resource_servers WHERE pool_id = $1 AND identifier = $2", pool_id, identifier)
        return _server(row) if row else None

    async def scopes(self, pool_id: str) -> frozenset[str]:
        """Every scope of the pool's resource servers, as tokens name them: `identifier/scope`."""
        found = await self._cache.get(("scopes", pool_id), lambda: self._read_scopes(pool_id))
        return found or frozenset()

    async def _read_scopes(self, pool_id: str) -> frozenset[str]:
        rows = await self._engine.rows("SELECT identifier, scopes FROM resource_servers WHERE pool_id = $1", pool_id)
        return frozenset(f"{row[0]}/{scope.name}" for row in rows for scope in _decode(row[1]))

    async def add(self, server: ResourceServer, *, most: int) -> None:
        """Raises Missing when the pool is gone, Taken("quota") when it has `most` already, Taken of another name when the identifier is in use."""

        async def unit(tx: Tx) -> None:
            if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", server.pool_id) is None:
                raise Missing(server.pool_id)
            count = await tx.row("SELECT count(*) FROM resource_servers WHERE pool_id = $1", server.pool_id)
            if count is not None and count[0] >= most:
                raise Taken("quota")
            await tx.run(f"INSERT INTO resource_servers ({_COLUMNS}) VALUES ($1, $2, $3, $4)", *_row(server))
            await self._engine.announce(tx)

        await self._write(unit)

    async def put(self, server: ResourceServer) -> None:
        """Replaces the one of this identifier. Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("UPDATE resource_servers SET name = $3, scopes = $4 WHERE pool_id = $1 AND identifier = $2", *_row(server)):
                raise Missing(server.identifier)
            await self._engine.announce(tx)

        await self._write(unit)

    async def remove(self, pool_id: str, identifier: str) -> None:
        """Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM resource_servers WHERE pool_id = $1 AND identifier = $2", pool_id, identifier):
                raise Missing(identifier)
            await self._engine.announce(tx)

        await self._write(unit)

    async def page(self, pool_id: str, after: str, limit: int) -> list[ResourceServer]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM resource_servers WHERE pool_id = $1 AND identifier > $2 ORDER BY identifier LIMIT $3",
            pool_id,
            after,
            limit,
        )
        return [_server(row) for row in rows]

    async def _write(self, unit: Unit[None]) -> None:
        try:
            await self._engine.write(unit)
        finally:
            self._cache.clear()


def _row(server: ResourceServer) -> tuple[str, str, str, str]:
    return server.pool_id, server.identifier, server.name, _encode(server.scopes).decode()
