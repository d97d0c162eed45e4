"""SAML providers that an account trusts: who they are, their certificates, and the keys that their assertions may be encrypted for."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Reader, Tx
from cognomen.storage.errors import Missing, Taken


class PrivateKey(msgspec.Struct, frozen=True):
    """`sealed` is its PEM."""

    key_id: str
    added_at: float
    sealed: str


class SamlProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`certificates` in DER; `encryption` is AssertionEncryptionMode."""

    account: str
    name: str
    uuid: str
    created_at: float
    entity_id: str
    certificates: list[bytes]
    valid_until: float | None = None
    encryption: str | None = None
    private_keys: list[PrivateKey] = []
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:saml-provider/{self.name}"


class SamlProviders:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, account: str, name: str) -> SamlProvider | None:
        key = ("saml_provider", account, name)
        kept: SamlProvider | None = self._cache.found(key)
        return kept or await self._cache.get(key, lambda: self._read(account, name, self._engine))

    async def _read(self, account: str, name: str, reader: Reader) -> SamlProvider | None:
        row = await reader.row("SELECT body FROM saml_providers WHERE account = $1 AND name = $2", account, name)
        return msgspec.json.decode(row[0], type=SamlProvider) if row else None

    async def document(self, account: str, name: str) -> str:
        """The metadata as they were given. Raises Missing."""
        row = await self._engine.row("SELECT document FROM saml_providers WHERE account = $1 AND name = $2", account, name)
        if row is None:
            raise Missing(name)
        return str(row[0])

    async def list(self, account: str) -> list[SamlProvider]:
        """All of them: an account has 100 at the most."""
        rows = await self._engine.rows("SELECT body FROM saml_providers WHERE account = $1 ORDER BY name LIMIT 1000", account)
        return [msgspec.json.decode(row[0], type=SamlProvider) for row in rows]

    async def add(self, provider: SamlProvider, document: str, most: int) -> None:
        """Raises Taken("provider"), Taken("quota") beyond `most`."""

        async def unit(tx: Tx) -> None:
            if await self._read(provider.account, provider.name, tx) is not None:
                raise Taken("provider")
            [counted] = await tx.rows("SELECT COUNT(*) FROM saml_providers WHERE account = $1", provider.account)
            if int(counted[0]) >= most:
                raise Taken("quota")
            await tx.run(
                "INSERT INTO saml_providers (account, name, created_at, body, document) VALUES ($1, $2, $3, $4, $5)",
                provider.account,
                provider.name,
                provider.created_at,
                msgspec.json.encode(provider).decode(),
                document,
            )
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()

    async def change(
        self, account: str, name: str, update: Callable[[SamlProvider], SamlProvider], document: str | None = None
    ) -> SamlProvider:
        """`update` may raise; a document that is None stays as it is. Raises Missing."""

        async def unit(tx: Tx) -> SamlProvider:
            before = await self._read(account, name, tx)
            if before is None:
                raise Missing(name)
            after = update(before)
            body = msgspec.json.encode(after).decode()
            await tx.run("UPDATE saml_providers SET body = $3 WHERE account = $1 AND name = $2", account, name, body)
            if document is not None:
                await tx.run("UPDATE saml_providers SET document = $3 WHERE account = $1 AND name = $2", account, name, document)
            await self._engine.announce(tx)
            return after

        changed = await self._engine.write(unit)
        self._cache.clear()
        return changed

    async def remove(self, account: str, name: str) -> None:
        """Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM saml_providers WHERE account = $1 AND name = $2", account, name):
                raise Missing(name)
            await self._engine.announce(tx)

        await self._engine.write(unit)
        self._cache.clear()
