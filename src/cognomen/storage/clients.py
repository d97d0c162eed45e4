"""App clients: their settings and at most two sealed secrets, found by pool and id, or by id alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from cognomen.api import idp
from cognomen.storage import branding
from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Row, Tx, Unit
from cognomen.storage.errors import Missing

T = TypeVar("T")
_COLUMNS = "pool_id, client_id, created_at, modified_at, body, secrets, sso_minutes"


class ClientSecret(msgspec.Struct, frozen=True):
    """One of the secrets by which a client proves itself; `sealed` opens with the pool and client as its bounds."""

    secret_id: str
    sealed: bytes
    created_at: float


class Client(msgspec.Struct, frozen=True):
    """One app client as it stands. `settings` never holds a secret. `sso_minutes` is for how long after a fresh sign-in it takes the user's
    single sign-on session for one of its own (0: never). Shared by requests: never changed in place."""

    pool_id: str
    client_id: str
    created_at: float
    modified_at: float
    settings: idp.UserPoolClientType
    secrets: tuple[ClientSecret, ...]
    sso_minutes: int = 60


_decode = msgspec.json.Decoder(idp.UserPoolClientType).decode
_decode_secrets = msgspec.json.Decoder(tuple[ClientSecret, ...]).decode
_encode = msgspec.json.Encoder().encode


def _client(row: Row) -> Client:
    return Client(row[0], row[1], row[2], row[3], _decode(row[4]), _decode_secrets(row[5]), row[6])


class Clients:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, pool_id: str, client_id: str) -> Client | None:
        client = await self.find(client_id)
        return client if client is not None and client.pool_id == pool_id else None

    async def find(self, client_id: str) -> Client | None:
        """The client with this id in whichever pool: public requests name no pool."""
        kept: Client | None = self._cache.found(("client", client_id))
        return kept or await self._cache.get(("client", client_id), lambda: self._read(client_id))

    async def _read(self, client_id: str) -> Client | None:
        owner = await self._engine.row("SELECT pool_id FROM client_directory WHERE client_id = $1", client_id)
        if owner is None:
            return None
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM clients WHERE pool_id = $1 AND client_id = $2", owner[0], client_id)
        return _client(row) if row else None

    async def add(self, client: Client) -> None:
        """Raises Taken when the id is in use in any pool, Missing when the pool is gone."""

        async def unit(tx: Tx) -> None:
            if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", client.pool_id) is None:
                raise Missing(client.pool_id)
            await tx.run("INSERT INTO client_directory (client_id, pool_id) VALUES ($1, $2)", client.client_id, client.pool_id)
            await tx.run(
                f"INSERT INTO clients ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                client.pool_id,
                client.client_id,
                client.created_at,
                client.modified_at,
                _encode(client.settings).decode(),
                _encode(client.secrets).decode(),
                client.sso_minutes,
            )
            await self._engine.announce(tx)

        await self._write(unit)

    async def change(self, pool_id: str, client_id: str, update: Callable[[Client], Client]) -> Client:
        """Replaces what may change by that of `update(client)`, read and written in one unit. Raises Missing and what `update` raises."""

        async def unit(tx: Tx) -> Client:
            row = await tx.row(f"SELECT {_COLUMNS} FROM clients WHERE pool_id = $1 AND client_id = $2", pool_id, client_id)
            if row is None:
                raise Missing(client_id)
            after = update(_client(row))
            await tx.run(
                "UPDATE clients SET modified_at = $3, body = $4, secrets = $5, sso_minutes = $6 WHERE pool_id = $1 AND client_id = $2",
                pool_id,
                client_id,
                after.modified_at,
                _encode(after.settings).decode(),
                _encode(after.secrets).decode(),
                after.sso_minutes,
            )
            await self._engine.announce(tx)
            return after

        return await self._write(unit)

    async def remove(self, pool_id: str, client_id: str) -> None:
        """Removes the client with its sessions, its risk configuration, its branding and terms. Raises Missing."""

        async def unit(tx: Tx) -> None:
            if not await tx.run("DELETE FROM clients WHERE pool_id = $1 AND client_id = $2", pool_id, client_id):
                raise Missing(client_id)
            await tx.run("DELETE FROM client_directory WHERE client_id = $1", client_id)
            await tx.run("DELETE FROM sessions WHERE pool_id = $1 AND client_id = $2", pool_id, client_id)
            await tx.run("DELETE FROM risk_configurations WHERE pool_id = $1 AND client_id = $2", pool_id, client_id)
            await tx.run("DELETE FROM terms WHERE pool_id = $1 AND client_id = $2", pool_id, client_id)
            await branding.remove_of_client(tx, pool_id, client_id)
            await self._engine.announce(tx)

        await self._write(unit)

    async def page(self, pool_id: str, after: str, limit: int) -> list[Client]:
        rows = await self._engine.rows(
            f"SELECT {_COLUMNS} FROM clients WHERE pool_id = $1 AND client_id > $2 ORDER BY client_id LIMIT $3", pool_id, after, limit
        )
        return [_client(row) for row in rows]

    async def count(self, pool_id: str) -> int:
        row = await self._engine.row("SELECT count(*) FROM clients WHERE pool_id = $1", pool_id)
        return int(row[0]) if row else 0

    async def _write(self, unit: Unit[T]) -> T:
        try:
            return await self._engine.write(unit)
        finally:
            self._cache.clear()
