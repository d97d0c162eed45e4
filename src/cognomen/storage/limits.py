"""Provisioned request rates: few rows, of the whole installation, kept in memory as configuration is."""

from __future__ import annotations

from collections.abc import Callable

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Tx

_KEY = ("provisioned_limits",)


class ProvisionedLimits:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def all(self) -> dict[tuple[str, str], int]:
        """Requests a second by (region, category): what was provisioned and nothing else."""
        kept: dict[tuple[str, str], int] | None = self._cache.found(_KEY)
        return kept if kept is not None else await self._cache.get(_KEY, self._read) or {}

    async def _read(self) -> dict[tuple[str, str], int]:
        return {(row[0], row[1]): row[2] for row in await self._engine.rows("SELECT region, category, rate FROM provisioned_limits")}

    async def put(self, region: str, category: str, rate: int) -> None:
        async def unit(tx: Tx) -> None:
            await tx.run(
                "INSERT INTO provisioned_limits (region, category, rate) VALUES ($1, $2, $3)"
                " ON CONFLICT (region, category) DO UPDATE SET rate = excluded.rate",
                region,
                category,
                rate,
            )
            await self._engine.announce(tx)

        try:
            await self._engine.write(unit)
        finally:
            self._cache.changed()

    def on_change(self, told: Callable[[], None]) -> None:
        """Calls `told` when these or other configuration may have been changed by another process, and when these were by this one."""
        self._cache.on_change(told)
