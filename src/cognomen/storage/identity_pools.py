"""Identity pools: their settings, roles and mappings, found by id; one being deleted is not found, only listed for the sweeper."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from cognomen.api import identity
from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Row, Tx, Unit
from cognomen.storage.errors import Missing, Stale

T = TypeVar("T")
_COLUMNS = "pool_id, region, created_at, modified_at, body"
# What an identity pool owns beside its own row, by the columns that complete a row's key; removed in this order.
OWNED = (
    ("sync_outbox", "identity_id"),
    ("sync_payloads", "payload_id"),
    ("sync_notices", "identity_id"),
    ("sync_subscriptions", "identity_id"),
    ("sync_devices", "identity_id"),
    ("sync_records", "identity_id"),
    ("sync_forgotten", "identity_id"),
    ("sync_datasets", "identity_id"),
    ("identity_logins", "identity_id"),
    ("identities", "identity_id"),
    ("identity_directory", "identity_id"),
)


class TagMap(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which claims of a provider's tokens become principal tags: tag -> claim, or the defaults."""

    use_defaults: bool = False
    tags: dict[str, str] = {}


class IdentityPoolSettings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything that is configured: AWS's own shapes. `roles` by "authenticated" and "unauthenticated", mappings and tags by provider."""

    pool: identity.IdentityPool
    roles: dict[str, str] = {}
    mappings: dict[str, identity.RoleMapping] = {}
    tags: dict[str, TagMap] = {}


class IdentityPool(msgspec.Struct, frozen=True):
    """One identity pool as it stands. Shared by requests: never changed in place."""

    pool_id: str
    region: str
    created_at: float
    modified_at: float
    settings: IdentityPoolSettings


_decode = msgspec.json.Decoder(IdentityPoolSettings).decode
_encode = msgspec.json.Encoder().encode


def _pool(row: Row) -> IdentityPool:
    return IdentityPool(row[0], row[1], row[2], row[3], _decode(row[4]))


class IdentityPools:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, pool_id: str) -> IdentityPool | None:
        kept: IdentityPool | None = self._cache.found(("identity_pool", pool_id))
        return kept or await self._cache.get(("identity_pool", pool_id), lambda: self._read(pool_id))

    async def _read(self, pool_id: str) -> IdentityPool | None:
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM identity_pools WHERE pool_id = $1 AND state = 'active'", pool_id)
        return _pool(row) if row else None

    async def add(self, pool: IdentityPool, most: int) -> None:
        """Raises Taken for an id in use, Stale when the region has `most` already."""

        async def unit(tx: Tx) -> None:
            [row] = await tx.rows("SELECT count(*) FROM identity_pools WHERE region = $1 AND state = 'active'", pool.region)
            if int(row[0]) >= most:
                raise Stale("quota")
            await tx.run(
                "INSERT INTO identity_pools (pool_id, region, state, created_at, modified_at, body) VALUES ($1, $2, 'active', $3, $4, $5)",
                pool.pool_id,
                pool.region,
                pool.created_at,
                pool.modified_at,
                _encode(pool.settings).decode(),
            )
            await self._engine.announce(tx)

        await self._write(unit)

    async def change(self, pool_id: str, update: Callable[[IdentityPoolSettings], IdentityPoolSettings], now: float) -> IdentityPool:
        """Replaces the settings by `update(settings)`, read and written in one unit. Raises Missing, and what `update` raises."""

        async def unit(tx: Tx) -> IdentityPool:
            row = await tx.row(f"SELECT {_COLUMNS} FROM identity_pools WHERE pool_id = $1 AND state = 'active'", pool_id)
            if row is None:
                raise Missing(pool_id)
            before = _pool(row)
            after = IdentityPool(before.pool_id, before.region, before.created_at, now, update(before.settings))
            body = _encode(after.settings).decode()
            await tx.run("UPDATE identity_pools SET body = $2, modified_at = $3 WHERE pool_id = $1", pool_id, body, now)
            await self._engine.announce(tx)
            return after

        return await self._write(unit)

    async def condemn(self, pool_id: str) -> None:
        """From now on the pool is not found; `remove_part` removes what it owns. Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("UPDATE identity_pools SET state = 'deleting' WHERE pool_id = $1 AND state = 'active'", pool_id):
                raise Missing(pool_id)
            await self._engine.announce(tx)

        await self._write(unit)

    async def _write(self, unit: Unit[T]) -> T:
        try:
            return await self._engine.write(unit)
        finally:
            self._cache.clear()

    async def page(self, region: str, after: str, limit: int) -> list[IdentityPool]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM identity_pools WHERE region = $1 AND state = 'active' AND pool_id > $2 ORDER BY pool_id LIMIT $3",
            region,
            after,
            limit,
        )
        return [_pool(row) for row in rows]

    async def condemned(self) -> list[str]:
        rows = await self._engine.rows("SELECT pool_id FROM identity_pools WHERE state = 'deleting' ORDER BY pool_id LIMIT 1000")
        return [row[0] for row in rows]

    async def remove_part(self, pool_id: str, rows: int) -> bool:
        """Removes up to `rows` rows that a condemned pool owns; True while some may be left. Safe to repeat after a crash."""

        async def unit(tx: Tx) -> bool:
            for table, column in OWNED:
                where = f"pool_id = $1 AND {column} IN (SELECT {column} FROM {table} WHERE pool_id = $1 LIMIT $2)"
                if await tx.run(f"DELETE FROM {table} WHERE {where}", pool_id, rows):
                    return True
            for table in (
                "sync_queues",
                "sync_bulk",
                "sync_usage",
                "sync_sessions",
                "sync_open_sessions",
                "sync_settings",
                "signing_keys",
                "identity_pools",
            ):
                await tx.run(f"DELETE FROM {table} WHERE pool_id = $1", pool_id)
            return False

        return await self._engine.write(unit, large=True)
