"""Settings of a copied pool that wait for the operations that would use them: identity providers, branding, domains, resource servers, terms."""

from __future__ import annotations

from cognomen.storage.engine import Engine, Tx


class KeptSettings:
    """`kind` is AWS's name of the thing, such as `IdentityProvider`; `body` is sealed by who puts it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def put(self, pool_id: str, kind: str, name: str, body: bytes) -> None:
        """In the place of an earlier one."""

        async def unit(tx: Tx) -> None:
            await tx.run(
                "INSERT INTO kept_settings (pool_id, kind, name, body) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (pool_id, kind, name) DO UPDATE SET body = excluded.body",
                pool_id,
                kind,
                name,
                body,
            )

        await self._engine.write(unit)

    async def of(self, pool_id: str, kind: str) -> dict[str, bytes]:
        """All of a kind, by name."""
        rows = await self._engine.rows("SELECT name, body FROM kept_settings WHERE pool_id = $1 AND kind = $2 ORDER BY name", pool_id, kind)
        return {row[0]: row[1] for row in rows}
