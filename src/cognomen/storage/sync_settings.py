"""What an identity pool has set for Cognito Sync: its functions, push and streams."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cognomen.api import sync
from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Tx


class SyncSettings(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """AWS's own shapes; `events` are ARNs of functions by the event's name."""

    events: dict[str, str] = {}
    push: sync.PushSync | None = None
    streams: sync.CognitoStreams | None = None


NONE = SyncSettings()
_decode = msgspec.json.Decoder(SyncSettings).decode


class AllSyncSettings:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, pool_id: str) -> SyncSettings:
        kept: SyncSettings | None = self._cache.found(("sync", pool_id))
        return kept or await self._cache.get(("sync", pool_id), lambda: self._read(pool_id)) or NONE

    async def _read(self, pool_id: str) -> SyncSettings:
        row = await self._engine.row("SELECT body FROM sync_settings WHERE pool_id = $1", pool_id)
        return _decode(row[0]) if row else NONE

    async def change(self, pool_id: str, update: Callable[[SyncSettings], SyncSettings]) -> SyncSettings:
        """Replaces the settings by `update(settings)`, read and written in one unit."""

        async def unit(tx: Tx) -> SyncSettings:
            row = await tx.row("SELECT body FROM sync_settings WHERE pool_id = $1", pool_id)
            after = update(_decode(row[0]) if row else NONE)
            await tx.run(
                "INSERT INTO sync_settings (pool_id, body) VALUES ($1, $2) ON CONFLICT (pool_id) DO UPDATE SET body = excluded.body",
                pool_id,
                msgspec.json.encode(after).decode(),
            )
            await self._engine.announce(tx)
            return after

        try:
            return await self._engine.write(unit)
        finally:
            self._cache.clear()
