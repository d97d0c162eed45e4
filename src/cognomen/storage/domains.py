"""Domains of pools, at most a prefix and a custom one of each. A domain's name alone leads to the pool: a browser names no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Row, Tx, Unit
from cognomen.storage.errors import Missing, Taken

T = TypeVar("T")
PREFIX: Final = "prefix"
CUSTOM: Final = "custom"
_COLUMNS = "pool_id, kind, domain, created_at, modified_at, managed_login_version, certificate_arn"


class Domain(msgspec.Struct, frozen=True):
    """`domain` is a prefix alone (`kind` PREFIX) or a whole name (CUSTOM). `managed_login_version`: 1 is the classic look, 2 managed login."""

    pool_id: str
    kind: str
    domain: str
    created_at: float
    modified_at: float
    managed_login_version: int
    certificate_arn: str | None = None


def _domain(row: Row) -> Domain:
    return Domain(*row)


class Domains:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def find(self, domain: str) -> Domain | None:
        """The domain of this name, in whichever pool. A name that leads nowhere is not remembered: anybody can ask for any."""
        kept: Domain | None = self._cache.found(("domain", domain))
        return kept or await self._cache.get(("domain", domain), lambda: self._read(domain))

    async def _read(self, domain: str) -> Domain | None:
        owner = await self._engine.row("SELECT pool_id FROM domain_directory WHERE domain = $1", domain)
        if owner is None:
            return None
        return next((each for each in await self._read_all(owner[0]) if each.domain == domain), None)

    async def of_pool(self, pool_id: str) -> tuple[Domain, ...]:
        """The pool's domains: none, one, or the custom one before the prefix."""
        return await self._cache.get(("domains", pool_id), lambda: self._read_all(pool_id)) or ()

    async def _read_all(self, pool_id: str) -> tuple[Domain, ...]:
        rows = await self._engine.rows(f"SELECT {_COLUMNS} FROM domains WHERE pool_id = $1 ORDER BY kind", pool_id)
        return tuple(_domain(row) for row in rows)

    async def add(self, domain: Domain) -> None:
        """Raises Missing when the pool is gone, Taken("pool") when it has a domain of the kind, Taken of another name when the domain is in use."""

        async def unit(tx: Tx) -> None:
            if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", domain.pool_id) is None:
                raise Missing(domain.pool_id)
            if await tx.row("SELECT 1 FROM domains WHERE pool_id = $1 AND kind = $2", domain.pool_id, domain.kind) is not None:
                raise Taken("pool")
            await tx.run("INSERT INTO domain_directory (domain, pool_id) VALUES ($1, $2)", domain.domain, domain.pool_id)
            await tx.run(f"INSERT INTO domains ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)", *msgspec.structs.astuple(domain))
            await self._engine.announce(tx)

        await self._write(unit)

    async def change(self, pool_id: str, domain: str, update: Callable[[Domain], Domain]) -> Domain:
        """Replaces what may change by that of `update(domain)`. Raises Missing when the pool has no such domain, and what `update` raises."""

        async def unit(tx: Tx) -> Domain:
            row = await tx.row(f"SELECT {_COLUMNS} FROM domains WHERE pool_id = $1 AND domain = $2", pool_id, domain)
            if row is None:
                raise Missing(domain)
            after = update(_domain(row))
            await tx.run(
                "UPDATE domains SET modified_at = $3, managed_login_version = $4, certificate_arn = $5 WHERE pool_id = $1 AND domain = $2",
                pool_id,
                domain,
                after.modified_at,
                after.managed_login_version,
                after.certificate_arn,
            )
            await self._engine.announce(tx)
            return after

        return await self._write(unit)

    async def remove(self, pool_id: str, domain: str) -> None:
        """Raises Missing when the pool has no such domain."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM domains WHERE pool_id = $1 AND domain = $2", pool_id, domain):
                raise Missing(domain)
            await tx.run("DELETE FROM domain_directory WHERE domain = $1", domain)
            await self._engine.announce(tx)

        await self._write(unit)

    async def _write(self, unit: Unit[T]) -> T:
        try:
            return await self._engine.write(unit)
        finally:
            self._cache.clear()
