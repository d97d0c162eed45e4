"""Configuration (pools, clients, access keys) kept in memory, and dropped when any process changes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from cognomen.storage.engine import Engine

T = TypeVar("T")
_MOST = 10_000


class ConfigCache:
    """A bounded map. What was being read while something changed is answered but not kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[tuple[str, ...], Any] = {}
        self._generation = 0
        self._told: list[Callable[[], None]] = []

    def on_change(self, told: Callable[[], None]) -> None:
        """Calls `told` when another process has changed something, for what is not asked for by `found` on each request."""
        self._told.append(told)

    def found(self, key: tuple[str, ...]) -> Any | None:
        if self._engine.foreign_change():
            self.changed()
        return self._kept.get(key)

    async def get(self, key: tuple[str, ...], load: Callable[[], Awaitable[T | None]]) -> T | None:
        kept: T | None = self.found(key)
        if kept is not None:
            return kept
        generation = self._generation
        loaded = await load()
        if loaded is not None and generation == self._generation:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[key] = loaded
        return loaded

    def kept(self, key: tuple[str, ...]) -> Any | None:
        """What is in memory, as it stands: no look at the database, not even for whether it is still true."""
        return self._kept.get(key)

    def changed(self) -> None:
        """Forgets everything, and says so."""
        self.clear()
        for told in self._told:
            told()

    def clear(self) -> None:
        self._generation += 1
        self._kept.clear()
