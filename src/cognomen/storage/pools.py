"""User pools: their settings, found by id; a pool being deleted is not found, only listed for the sweeper."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from cognomen.api import idp
from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Row, Tx, Unit
from cognomen.storage.errors import Missing, Stale

T = TypeVar("T")
_COLUMNS = "pool_id, region, created_at, modified_at, body"
# What a pool owns, in the order in which it is removed; the directory of clients goes with the clients.
OWNED = (
    ("users", "sub"),
    ("aliases", "value"),
    ("password_history", "sub"),
    ("group_members", "sub"),
    ("user_groups", "name"),
    ("sessions", "sub"),
    ("sso_sessions", "session_id"),
    ("authorization_codes", "digest"),
    ("rotated_refresh_tokens", "refresh_digest"),
    ("devices", "device_key"),
    ("codes", "sub"),
    ("passkeys", "credential_id"),
    ("attempts", "subject"),
    ("used_marks", "mark"),
    ("user_counts", "shard"),
    ("inbox", "message_id"),
    ("log_entries", "entry_id"),
    ("log_queues", "destination"),
    ("risk_configurations", "client_id"),
    ("auth_events", "event_id"),
    ("risk_profiles", "sub"),
    ("import_parts", "part"),
    ("import_log", "line"),
    ("import_jobs", "job_id"),
    ("resource_servers", "identifier"),
    ("ui_customizations", "client_id"),
    ("login_brandings", "branding_id"),
    ("branding_images", "image_id"),
    ("terms", "terms_id"),
    ("identity_providers", "name"),
    ("idp_identifiers", "identifier"),
    ("federation_keys", "name"),
    ("federated_identities", "sub"),
)


class SessionSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Are sessions tracked, and then how many token sessions may a user have at most?"""

    tracking: bool = False
    max_per_user: int = 20


class PoolSettings(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything that is configured: AWS's own shapes, the issuer by which the pool signs ("self", "aws" or a URL), session tracking."""

    pool: idp.UserPoolType
    mfa: idp.GetUserPoolMfaConfigResponse
    issuer: str = "self"
    logs: list[idp.LogConfigurationType] = []
    sessions: SessionSettings = SessionSettings()


class Pool(msgspec.Struct, frozen=True):
    """One user pool as it stands. Shared by requests: never changed in place."""

    pool_id: str
    region: str
    created_at: float
    modified_at: float
    settings: PoolSettings


_decode = msgspec.json.Decoder(PoolSettings).decode
_encode = msgspec.json.Encoder().encode


def _pool(row: Row) -> Pool:
    return Pool(row[0], row[1], row[2], row[3], _decode(row[4]))


class Pools:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, pool_id: str) -> Pool | None:
        kept: Pool | None = self._cache.found(("pool", pool_id))
        return kept or await self._cache.get(("pool", pool_id), lambda: self._read(pool_id))

    def kept(self, pool_id: str) -> Pool | None:
        """The pool as it stands in memory, None where it is not there: for those who cannot wait."""
        kept: Pool | None = self._cache.kept(("pool", pool_id))
        return kept

    async def _read(self, pool_id: str) -> Pool | None:
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM pools WHERE pool_id = $1 AND state = 'active'", pool_id)
        return _pool(row) if row else None

    async def add(self, pool: Pool) -> None:
        """Raises Taken when the id is in use, or was by a pool whose deletion has not finished."""

        async def unit(tx: Tx) -> None:
            await tx.run(
                "INSERT INTO pools (pool_id, region, state, created_at, modified_at, body) VALUES ($1, $2, 'active', $3, $4, $5)",
                pool.pool_id,
                pool.region,
                pool.created_at,
                pool.modified_at,
                _encode(pool.settings).decode(),
            )
            await self._engine.announce(tx)

        await self._write(unit)

    async def change(self, pool_id: str, update: Callable[[PoolSettings], PoolSettings], now: float) -> Pool:
        """Replaces the settings by `update(settings)`, read and written in one unit. Raises Missing."""

        async def unit(tx: Tx) -> Pool:
            row = await tx.row(f"SELECT {_COLUMNS} FROM pools WHERE pool_id = $1 AND state = 'active'", pool_id)
            if row is None:
                raise Missing(pool_id)
            before = _pool(row)
            after = Pool(before.pool_id, before.region, before.created_at, now, update(before.settings))
            await tx.run("UPDATE pools SET body = $2, modified_at = $3 WHERE pool_id = $1", pool_id, _encode(after.settings).decode(), now)
            await self._engine.announce(tx)
            return after

        return await self._write(unit)

    async def condemn(self, pool_id: str) -> None:
        """From now on the pool is not found; `remove_part` removes what it owns. Raises Missing, and Stale while it has a domain."""

        async def unit(tx: Tx) -> None:
            if await tx.row("SELECT 1 FROM domains WHERE pool_id = $1 LIMIT 1", pool_id) is not None:
                raise Stale("domain")
            if not await tx.run("UPDATE pools SET state = 'deleting' WHERE pool_id = $1 AND state = 'active'", pool_id):
                raise Missing(pool_id)
            # Found by client id alone, so these must go at once.
            await tx.run(
                "DELETE FROM client_directory WHERE client_id IN (SELECT client_id FROM clients WHERE pool_id = $1)",
                pool_id,
            )
            await self._engine.announce(tx)

        await self._write(unit)

    async def _write(self, unit: Unit[T]) -> T:
        try:
            return await self._engine.write(unit)
        finally:
            self._cache.clear()

    async def page(self, region: str, after: str, limit: int) -> list[Pool]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM pools WHERE region = $1 AND state = 'active' AND pool_id > $2 ORDER BY pool_id LIMIT $3",
            region,
            after,
            limit,
        )
        return [_pool(row) for row in rows]

    async def condemned(self) -> list[str]:
        return [row[0] for row in await self._engine.rows("SELECT pool_id FROM pools WHERE state = 'deleting' ORDER BY pool_id")]

    async def remove_part(self, pool_id: str, rows: int) -> bool:
        """Removes up to `rows` rows that a condemned pool owns; True while some may be left. Safe to repeat after a crash."""

        async def unit(tx: Tx) -> bool:
            for table, column in OWNED:
                where = f"pool_id = $1 AND {column} IN (SELECT {column} FROM {table} WHERE pool_id = $1 LIMIT $2)"
                if await tx.run(f"DELETE FROM {table} WHERE {where}", pool_id, rows):
                    return True
            for table in ("clients", "signing_keys", "pools"):
                await tx.run(f"DELETE FROM {table} WHERE pool_id = $1", pool_id)
            return False

        return await self._engine.write(unit, large=True)
