"""Terms documents of clients: links to their terms of use and privacy policy, by language."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Row, Tx, Unit
from cognomen.storage.errors import Missing

T = TypeVar("T")
_COLUMNS = "pool_id, terms_id, client_id, name, created_at, modified_at, links"


class Terms(msgspec.Struct, frozen=True):
    """`name` is terms-of-use or privacy-policy; `links` are addresses by AWS's names of languages (`cognito:default`, `cognito:french`)."""

    pool_id: str
    terms_id: str
    client_id: str
    name: str
    created_at: float
    modified_at: float
    links: dict[str, str]


_decode = msgspec.json.Decoder(dict[str, str]).decode
_encode = msgspec.json.Encoder().encode


def _terms(row: Row) -> Terms:
    return Terms(row[0], row[1], row[2], row[3], row[4], row[5], _decode(row[6]))


class AllTerms:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def of_client(self, pool_id: str, client_id: str) -> dict[str, Terms]:
        """A client's documents by their names. Kept in memory: ask for clients that exist."""
        return await self._cache.get(("terms", pool_id, client_id), lambda: self._read(pool_id, client_id)) or {}

    async def _read(self, pool_id: str, client_id: str) -> dict[str, Terms]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM terms WHERE pool_id = $1 AND client_id = $2 ORDER BY name", pool_id, client_id
        )
        return {row[3]: _terms(row) for row in rows}

    async def get(self, pool_id: str, terms_id: str) -> Terms | None:
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM terms WHERE pool_id = $1 AND terms_id = $2", pool_id, terms_id)
        return _terms(row) if row else None

    async def add(self, terms: Terms) -> None:
        """Raises Missing when the client is gone, Taken when it has a document of the name."""

        async def unit(tx: Tx) -> None:
            if await tx.row("SELECT 1 FROM clients WHERE pool_id = $1 AND client_id = $2", terms.pool_id, terms.client_id) is None:
                raise Missing(terms.client_id)
            values = (*msgspec.structs.astuple(terms)[:6], _encode(terms.links).decode())
            await tx.run(f"INSERT INTO terms ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)", *values)
            await self._engine.announce(tx)

        await self._write(unit)

    async def change(self, pool_id: str, terms_id: str, update: Callable[[Terms], Terms]) -> Terms:
        """Replaces name and links by those of `update(terms)`. Raises Missing, and Taken when the client has another document of the name."""

        async def unit(tx: Tx) -> Terms:
            row = await tx.row(f"SELECT {_COLUMNS} FROM terms WHERE pool_id = $1 AND terms_id = $2", pool_id, terms_id)
            if row is None:
                raise Missing(terms_id)
            after = update(_terms(row))
            await tx.run(
                "UPDATE terms SET name = $3, modified_at = $4, links = $5 WHERE pool_id = $1 AND terms_id = $2",
                pool_id,
                terms_id,
                after.name,
                after.modified_at,
                _encode(after.links).decode(),
            )
            await self._engine.announce(tx)
            return after

        return await self._write(unit)

    async def remove(self, pool_id: str, terms_id: str) -> None:
        """Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM terms WHERE pool_id = $1 AND terms_id = $2", pool_id, terms_id):
                raise Missing(terms_id)
            await self._engine.announce(tx)

        await self._write(unit)

    async def page(self, pool_id: str, after: str, limit: int) -> list[Terms]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM terms WHERE pool_id = $1 AND terms_id > $2 ORDER BY terms_id LIMIT $3", pool_id, after, limit
        )
        return [_terms(row) for row in rows]

    async def _write(self, unit: Unit[T]) -> T:
        try:
            return await self._engine.write(unit)
        finally:
            self._cache.clear()
