"""Identity providers of user pools, their identifiers, and the keys by which a pool is a SAML service provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from cognomen.api import idp
from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Reader, Row, Tx, Unit
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.users import fold

T = TypeVar("T")
_COLUMNS = "pool_id, name, created_at, modified_at, body, secrets"


class _Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`facts` are what the provider's own document says, as it was read at `facts_at`."""

    kind: str
    details: dict[str, str] = {}
    mapping: dict[str, str] = {}
    identifiers: list[str] = []
    acr: dict[str, str] = {}
    facts: dict[str, Any] = {}
    facts_at: float = 0.0


class IdentityProvider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider as it stands. `details` are AWS's ProviderDetails without the secret ones, which `sealed` holds. `facts` are what the
    provider's own document said at `facts_at`, in epoch seconds. Shared by requests: never changed in place."""

    pool_id: str
    name: str
    kind: str
    created_at: float
    modified_at: float
    details: dict[str, str]
    mapping: dict[str, str]
    identifiers: list[str] = []
    acr: dict[str, str] = {}
    facts: dict[str, Any] = {}
    facts_at: float = 0.0
    sealed: bytes = b""


class FederationKey(msgspec.Struct, frozen=True, kw_only=True):
    """`certificate` in DER; `sealed` is the private key. `name` is a provider's, empty for the key that signs requests."""

    pool_id: str
    name: str
    created_at: float
    certificate: bytes
    sealed: bytes


_decode = msgspec.json.Decoder(_Body).decode
_decode_client = msgspec.json.Decoder(idp.UserPoolClientType).decode
_encode = msgspec.json.Encoder().encode


def _provider(row: Row) -> IdentityProvider:
    body = _decode(row[4])
    return IdentityProvider(
        pool_id=row[0],
        name=row[1],
        kind=body.kind,
        created_at=row[2],
        modified_at=row[3],
        details=body.details,
        mapping=body.mapping,
        identifiers=body.identifiers,
        acr=body.acr,
        facts=body.facts,
        facts_at=body.facts_at,
        sealed=row[5],
    )


def _body(provider: IdentityProvider) -> str:
    kept = {name: getattr(provider, name) for name in _Body.__struct_fields__}
    return _encode(_Body(**kept)).decode()


class IdentityProviders:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, pool_id: str, name: str) -> IdentityProvider | None:
        key = ("identity_provider", pool_id, name)
        kept: IdentityProvider | None = self._cache.found(key)
        return kept or await self._cache.get(key, lambda: self._read(pool_id, name, self._engine))

    async def _read(self, pool_id: str, name: str, reader: Reader) -> IdentityProvider | None:
        row = await reader.row(f"SELECT {_COLUMNS} FROM identity_providers WHERE pool_id = $1 AND name = $2", pool_id, name)
        return _provider(row) if row else None

    async def by_identifier(self, pool_id: str, identifier: str) -> IdentityProvider | None:
        """Whatever the case of the identifier: most are domains."""
        key = ("idp_identifier", pool_id, fold(identifier))
        name: str | None = self._cache.found(key) or await self._cache.get(key, lambda: self._name_of(pool_id, fold(identifier)))
        return await self.get(pool_id, name) if name is not None else None

    async def _name_of(self, pool_id: str, identifier: str) -> str | None:
        row = await self._engine.row("SELECT name FROM idp_identifiers WHERE pool_id = $1 AND identifier = $2", pool_id, identifier)
        return str(row[0]) if row else None

    async def add(self, provider: IdentityProvider, most: int, key: FederationKey | None = None) -> None:
        """With a key of its own, if there is one. Raises Taken("provider"), Taken("identifier"), Taken("quota") beyond `most`, Missing when the
        pool is gone."""

        async def unit(tx: Tx) -> None:
            if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", provider.pool_id) is None:
                raise Missing(provider.pool_id)
            if await self._read(provider.pool_id, provider.name, tx) is not None:
                raise Taken("provider")
            [counted] = await tx.rows("SELECT count(*) FROM identity_providers WHERE pool_id = $1", provider.pool_id)
            if int(counted[0]) >= most:
                raise Taken("quota")
            await tx.run(
                f"INSERT INTO identity_providers ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
                provider.pool_id,
                provider.name,
                provider.created_at,
                provider.modified_at,
                _body(provider),
                provider.sealed,
            )
            await self._identify(tx, provider)
            if key is not None:
                await self._put_key(tx, key)
            await self._engine.announce(tx)

        await self._write(unit)

    async def _identify(self, tx: Tx, provider: IdentityProvider) -> None:
        await tx.run("DELETE FROM idp_identifiers WHERE pool_id = $1 AND name = $2", provider.pool_id, provider.name)
        for identifier in dict.fromkeys(map(fold, provider.identifiers)):
            if (
                await tx.row("SELECT 1 FROM idp_identifiers WHERE pool_id = $1 AND identifier = $2", provider.pool_id, identifier)
                is not None
            ):
                raise Taken("identifier")
            await tx.run(
                "INSERT INTO idp_identifiers (pool_id, identifier, name) VALUES ($1, $2, $3)", provider.pool_id, identifier, provider.name
            )

    async def change(
        self,
        pool_id: str,
        name: str,
        update: Callable[[IdentityProvider], IdentityProvider],
        key: FederationKey | None = None,
    ) -> IdentityProvider:
        """Replaces what may change by that of `update(provider)`, read and written in one unit; a `key` that is given is put where there is
        none. Raises Missing, Taken("identifier") and what `update` raises."""

        async def unit(tx: Tx) -> IdentityProvider:
            before = await self._read(pool_id, name, tx)
            if before is None:
                raise Missing(name)
            after = update(before)
            await tx.run(
                "UPDATE identity_providers SET modified_at = $3, body = $4, secrets = $5 WHERE pool_id = $1 AND name = $2",
                pool_id,
                name,
                after.modified_at,
                _body(after),
                after.sealed,
            )
            if after.identifiers != before.identifiers:
                await self._identify(tx, after)
            if key is not None:
                await self._put_key(tx, key)
            await self._engine.announce(tx)
            return after

        return await self._write(unit)

    async def remove(self, pool_id: str, name: str) -> None:
        """Removes the provider, its identifiers and its key, and its name from every client's SupportedIdentityProviders; who came through it
        stays. Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM identity_providers WHERE pool_id = $1 AND name = $2", pool_id, name):
                raise Missing(name)
            for table in ("idp_identifiers", "federation_keys"):
                await tx.run(f"DELETE FROM {table} WHERE pool_id = $1 AND name = $2", pool_id, name)
            for client_id, body in await tx.rows("SELECT client_id, body FROM clients WHERE pool_id = $1", pool_id):
                settings = _decode_client(body)
                if name in (settings.supported_identity_providers or []):
                    left = [each for each in settings.supported_identity_providers or [] if each != name]
                    settings.supported_identity_providers = left or None
                    await tx.run(
                        "UPDATE clients SET body = $3 WHERE pool_id = $1 AND client_id = $2", pool_id, client_id, _encode(settings).decode()
                    )
            await self._engine.announce(tx)

        await self._write(unit, large=True)

    async def is_name(self, pool_id: str, name: str) -> bool:
        """Is there a provider of this name, in any case?"""
        rows = await self._engine.rows("SELECT name FROM identity_providers WHERE pool_id = $1", pool_id)
        return fold(name) in {fold(row[0]) for row in rows}  # SQLite's lower() knows ASCII alone

    async def page(self, pool_id: str, after: str, limit: int) -> list[IdentityProvider]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM identity_providers WHERE pool_id = $1 AND name > $2 ORDER BY name LIMIT $3", pool_id, after, limit
        )
        return [_provider(row) for row in rows]

    async def key(self, pool_id: str, name: str) -> FederationKey | None:
        cached = ("federation_key", pool_id, name)
        kept: FederationKey | None = self._cache.found(cached)
        return kept or await self._cache.get(cached, lambda: self._read_key(pool_id, name, self._engine))

    async def _read_key(self, pool_id: str, name: str, reader: Reader) -> FederationKey | None:
        row = await reader.row(
            "SELECT created_at, certificate, private_key FROM federation_keys WHERE pool_id = $1 AND name = $2", pool_id, name
        )
        return FederationKey(pool_id=pool_id, name=name, created_at=row[0], certificate=row[1], sealed=row[2]) if row else None

    async def put_key(self, key: FederationKey) -> FederationKey:
        """Keeps the key unless there is one by its name; gives the one that is there. Raises Missing when the pool is gone."""

        async def unit(tx: Tx) -> FederationKey:
            if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", key.pool_id) is None:
                raise Missing(key.pool_id)
            await self._put_key(tx, key)
            return await self._read_key(key.pool_id, key.name, tx) or key

        return await self._write(unit)

    async def _put_key(self, tx: Tx, key: FederationKey) -> None:
        await tx.run(
            "INSERT INTO federation_keys (pool_id, name, created_at, certificate, private_key) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (pool_id, name) DO NOTHING",
            key.pool_id,
            key.name,
            key.created_at,
            key.certificate,
            key.sealed,
        )

    async def _write(self, unit: Unit[T], *, large: bool = False) -> T:
        try:
            return await self._engine.write(unit, large=large)
        finally:
            self._cache.clear()
