"""OpenID Connect providers that an account trusts: their URL and the audiences of their tokens."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Reader, Tx
from cognomen.storage.errors import Missing, Taken


class OpenIdProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is without its scheme, as policies name it."""

    account: str
    url: str
    created_at: float
    client_ids: list[str] = []
    thumbprints: list[str] = []
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:oidc-provider/{self.url}"


class OpenIdProviders:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, account: str, url: str) -> OpenIdProvider | None:
        key = ("openid_provider", account, url)
        kept: OpenIdProvider | None = self._cache.found(key)
        return kept or await self._cache.get(key, lambda: self._read(account, url, self._engine))

    async def _read(self, account: str, url: str, reader: Reader) -> OpenIdProvider | None:
        row = await reader.row("SELECT body FROM openid_providers WHERE account = $1 AND url = $2", account, url)
        return msgspec.json.decode(row[0], type=OpenIdProvider) if row else None

    async def list(self, account: str) -> list[OpenIdProvider]:
        """All of them: an account has 100 at the most."""
        rows = await self._engine.rows("SELECT body FROM openid_providers WHERE account = $1 ORDER BY url LIMIT 1000", account)
        return [msgspec.json.decode(row[0], type=OpenIdProvider) for row in rows]

    async def add(self, provider: OpenIdProvider, most: int) -> None:
        """Raises Taken("provider"), Taken("quota") beyond `most`."""

        async def unit(tx: Tx) -> None:
            if await self._read(provider.account, provider.url, tx) is not None:
                raise Taken("provider")
            [counted] = await tx.rows("SELECT COUNT(*) FROM openid_providers WHERE account = $1", provider.account)
            if int(counted[0]) >= most:
                raise Taken("quota")
            await tx.run(
                "INSERT INTO openid_providers (account, url, created_at, body) VALUES ($1, $2, $3, $4)",
                provider.account,
                provider.url,
                provider.created_at,
                msgspec.json.encode(provider).decode(),
            )
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    async def change(self, account: str, url: str, update: Callable[[OpenIdProvider], OpenIdProvider]) -> None:
        """`update` may raise. Raises Missing."""

        async def unit(tx: Tx) -> None:
            before = await self._read(account, url, tx)
            if before is None:
                raise Missing(url)
            body = msgspec.json.encode(update(before)).decode()
            await tx.run("UPDATE openid_providers SET body = $3 WHERE account = $1 AND url = $2", account, url, body)
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    async def remove(self, account: str, url: str) -> None:
        """Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM openid_providers WHERE account = $1 AND url = $2", account, url):
                raise Missing(url)
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()
