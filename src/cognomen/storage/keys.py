"""Keys, all sealed: the pools' signing keys, and the access keys by which callers sign their requests."""

from __future__ import annotations

import msgspec

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Row, Tx
from cognomen.storage.errors import Missing


class SigningKeyRow(msgspec.Struct, frozen=True):
    id_kid: str
    id_key: bytes
    access_kid: str
    access_key: bytes


class SigningKeyRows:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, pool_id: str) -> SigningKeyRow | None:
        row = await self._engine.row("SELECT id_kid, id_key, access_kid, access_key FROM signing_keys WHERE pool_id = $1", pool_id)
        return SigningKeyRow(*row) if row else None

    async def some(self) -> tuple[str, SigningKeyRow] | None:
        """Any pool's id with its keys: by them a master key is tried."""
        row = await self._engine.row("SELECT pool_id, id_kid, id_key, access_kid, access_key FROM signing_keys LIMIT 1")
        return (row[0], SigningKeyRow(*row[1:])) if row else None

    async def add(self, pool_id: str, keys: SigningKeyRow) -> None:
        """Keeps the keys unless the pool has some: two processes that both made keys agree on the first."""

        async def unit(tx: Tx) -> None:
            await tx.run(
                "INSERT INTO signing_keys (pool_id, id_kid, id_key, access_kid, access_key) VALUES ($1, $2, $3, $4, $5)"
                " ON CONFLICT (pool_id) DO NOTHING",
                pool_id,
                *msgspec.structs.astuple(keys),
            )

        await self._engine.write(unit)


class AccessKey(msgspec.Struct, frozen=True):
    """A caller's key; `secret` is sealed. `policy` is "admin" or "readonly"."""

    access_key_id: str
    name: str
    policy: str
    secret: bytes
    created_at: float
    revoked_at: float | None = None


def _access_key(row: Row) -> AccessKey:
    return AccessKey(*row)


_COLUMNS = "access_key_id, name, policy, secret, created_at, revoked_at"


class AccessKeys:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, access_key_id: str) -> AccessKey | None:
        """A key that is not revoked."""
        kept: AccessKey | None = self._cache.found(("access_key", access_key_id))
        return kept or await self._cache.get(("access_key", access_key_id), lambda: self._read(access_key_id))

    async def _read(self, access_key_id: str) -> AccessKey | None:
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM access_keys WHERE access_key_id = $1 AND revoked_at IS NULL", access_key_id)
        return _access_key(row) if row else None

    async def add(self, key: AccessKey) -> None:
        async def unit(tx: Tx) -> None:
            await tx.run(f"INSERT INTO access_keys ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)", *msgspec.structs.astuple(key))
            await self._engine.announce(tx)

        await self._engine.write(unit)

    async def list(self) -> list[AccessKey]:
        return [
            _access_key(row) for row in await self._engine.rows(f"SELECT {_COLUMNS} FROM access_keys ORDER BY created_at, access_key_id")
        ]

    async def revoke(self, access_key_id: str, now: float) -> None:
        """Refused from now on, by every server on this database. Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run(
                "UPDATE access_keys SET revoked_at = $2 WHERE access_key_id = $1 AND revoked_at IS NULL", access_key_id, now
            ):
                raise Missing(access_key_id)
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()
