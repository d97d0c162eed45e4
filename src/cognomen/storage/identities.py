"""Identities of identity pools, and by which logins they are found; of a login only a keyed digest is known here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cognomen.storage.engine import Engine, Reader, Row, Tx
from cognomen.storage.errors import Missing

_COLUMNS = "pool_id, identity_id, created_at, modified_at, authenticated, merged_into"
_QUALIFIED = ", ".join(f"i.{name}" for name in _COLUMNS.split(", "))
_FIND = (
    f"SELECT {_QUALIFIED} FROM identity_directory d JOIN identities i ON i.pool_id = d.pool_id AND i.identity_id = d.identity_id"
    " WHERE d.identity_id = $1"
)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """`authenticated` once a login was linked to it. With `merged_into` it is disabled: that identity has taken its place."""

    pool_id: str
    identity_id: str
    created_at: float
    modified_at: float
    authenticated: bool = False
    merged_into: str | None = None


class Login(msgspec.Struct, frozen=True):
    """Somebody at a provider. `sealed` is the identifier itself, for a developer's own users alone."""

    provider: str
    digest: bytes
    sealed: bytes | None = None


class Listed(msgspec.Struct, frozen=True):
    identity: Identity
    providers: list[str]


def _identity(row: Row) -> Identity:
    return Identity(
        pool_id=row[0], identity_id=row[1], created_at=row[2], modified_at=row[3], authenticated=bool(row[4]), merged_into=row[5]
    )


def _login(row: Row) -> Login:
    return Login(row[0], bytes(row[1]), None if row[2] is None else bytes(row[2]))


class Identities:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def pool_of(self, identity_id: str) -> str | None:
        """The identity pool that an identity belongs to."""
        row = await self._engine.row("SELECT pool_id FROM identity_directory WHERE identity_id = $1", identity_id)
        return str(row[0]) if row else None

    async def find(self, identity_id: str) -> Identity | None:
        """By its id alone, as it stands: not yet the one that it was merged into."""
        row = await self._engine.row(_FIND, identity_id)
        return _identity(row) if row else None

    async def get(self, pool_id: str, identity_id: str, tx: Reader | None = None) -> Identity | None:
        row = await (tx or self._engine).row(
            f"SELECT {_COLUMNS} FROM identities WHERE pool_id = $1 AND identity_id = $2", pool_id, identity_id
        )
        return _identity(row) if row else None

    async def linked_to(self, pool_id: str, login: Login, tx: Reader | None = None) -> str | None:
        """The id of the identity that a login leads to."""
        row = await (tx or self._engine).row(
            "SELECT identity_id FROM identity_logins WHERE pool_id = $1 AND provider = $2 AND digest = $3",
            pool_id,
            login.provider,
            login.digest,
        )
        return str(row[0]) if row else None

    async def logins(self, pool_id: str, identity_id: str, tx: Reader | None = None) -> list[Login]:
        """All that are linked: their number is bounded by what may be linked."""
        rows = await (tx or self._engine).rows(
            "SELECT provider, digest, sealed FROM identity_logins WHERE pool_id = $1 AND identity_id = $2 ORDER BY provider, digest",
            pool_id,
            identity_id,
        )
        return [_login(row) for row in rows]

    async def developer_logins(self, pool_id: str, identity_id: str, provider: str, after: bytes, limit: int) -> list[Login]:
        rows = await self._engine.rows(
            "SELECT provider, digest, sealed FROM identity_logins"
            " WHERE pool_id = $1 AND identity_id = $2 AND provider = $3 AND digest > $4 ORDER BY digest LIMIT $5",
            pool_id,
            identity_id,
            provider,
            after,
            limit,
        )
        return [_login(row) for row in rows]

    async def page(self, pool_id: str, after: str, limit: int, *, enabled_only: bool = False) -> list[Listed]:
        only = "AND merged_into IS NULL " if enabled_only else ""
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM identities WHERE pool_id = $1 AND identity_id > $2 {only}ORDER BY identity_id LIMIT $3",
            pool_id,
            after,
            limit,
        )
        found = [_identity(row) for row in rows]
        providers: dict[str, list[str]] = {identity.identity_id: [] for identity in found}
        if found:
            linked = await self._engine.rows(
                "SELECT DISTINCT identity_id, provider FROM identity_logins WHERE pool_id = $1 AND identity_id >= $2 AND identity_id <= $3"
                " ORDER BY identity_id, provider",
                pool_id,
                found[0].identity_id,
                found[-1].identity_id,
            )
            for identity_id, provider in linked:
                providers[identity_id].append(provider)
        return [Listed(identity, providers[identity.identity_id]) for identity in found]

    async def add(self, tx: Tx, identity: Identity, logins: Sequence[Login] = ()) -> None:
        """Raises Missing when the pool is gone, Taken for a login that leads elsewhere."""
        if await tx.row("SELECT 1 FROM identity_pools WHERE pool_id = $1 AND state = 'active'", identity.pool_id) is None:
            raise Missing(identity.pool_id)
        await tx.run("INSERT INTO identity_directory (identity_id, pool_id) VALUES ($1, $2)", identity.identity_id, identity.pool_id)
        await tx.run(
            f"INSERT INTO identities ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
            identity.pool_id,
            identity.identity_id,
            identity.created_at,
            identity.modified_at,
            int(identity.authenticated),
            identity.merged_into,
        )
        await self._insert(tx, identity.pool_id, identity.identity_id, logins)

    async def link(self, tx: Tx, pool_id: str, identity_id: str, logins: Sequence[Login], now: float) -> None:
        """From now on the identity is an authenticated one. Raises Missing, and Taken for a login that leads elsewhere."""
        if not await tx.run(
            "UPDATE identities SET authenticated = 1, modified_at = $3 WHERE pool_id = $1 AND identity_id = $2 AND merged_into IS NULL",
            pool_id,
            identity_id,
            now,
        ):
            raise Missing(identity_id)
        await self._insert(tx, pool_id, identity_id, logins)

    async def _insert(self, tx: Tx, pool_id: str, identity_id: str, logins: Iterable[Login]) -> None:
        for login in logins:
            await tx.run(
                "INSERT INTO identity_logins (pool_id, provider, digest, identity_id, sealed) VALUES ($1, $2, $3, $4, $5)",
                pool_id,
                login.provider,
                login.digest,
                identity_id,
                login.sealed,
            )

    async def unlink(self, tx: Tx, pool_id: str, identity_id: str, login: Login, now: float) -> None:
        """The identity stays an authenticated one: without any login nobody gets in. Raises Missing."""
        if not await tx.run(
            "DELETE FROM identity_logins WHERE pool_id = $1 AND provider = $2 AND digest = $3 AND identity_id = $4",
            pool_id,
            login.provider,
            login.digest,
            identity_id,
        ):
            raise Missing(login.provider)
        await tx.run("UPDATE identities SET modified_at = $3 WHERE pool_id = $1 AND identity_id = $2", pool_id, identity_id, now)

    async def merge(self, tx: Tx, pool_id: str, source: str, target: str, now: float) -> None:
        """The source's logins lead to the target, and so does its id, with those of all that were merged into it."""
        await tx.run("UPDATE identity_logins SET identity_id = $3 WHERE pool_id = $1 AND identity_id = $2", pool_id, source, target)
        await tx.run(
            "UPDATE identities SET merged_into = $3, modified_at = $4 WHERE pool_id = $1 AND (identity_id = $2 OR merged_into = $2)",
            pool_id,
            source,
            target,
            now,
        )
        await tx.run(
            "UPDATE identities SET authenticated = 1, modified_at = $3 WHERE pool_id = $1 AND identity_id = $2", pool_id, target, now
        )

    async def remove(self, tx: Tx, pool_id: str, identity_id: str) -> None:
        """Raises Missing."""
        await tx.run("DELETE FROM identity_logins WHERE pool_id = $1 AND identity_id = $2", pool_id, identity_id)
        await tx.run("DELETE FROM identity_directory WHERE identity_id = $1 AND pool_id = $2", identity_id, pool_id)
        if not await tx.run("DELETE FROM identities WHERE pool_id = $1 AND identity_id = $2", pool_id, identity_id):
            raise Missing(identity_id)
