"""Threat protection: its configuration by pool and client, the history of users' events, and what is known of where each user signs in."""

from __future__ import annotations

import msgspec

from cognomen.api import idp
from cognomen.storage.cache import ConfigCache
from cognomen.storage.engine import Engine, Reader, Row, Tx, Unit
from cognomen.storage.errors import Missing

WHOLE_POOL = ""
_NEWEST = 1e18
_EVENT = "pool_id, sub, created_at, event_id, response, body, expires_at"
_READ = f"{_EVENT}, feedback"


class AuthEvent(msgspec.Struct, frozen=True):
    """One event of one user. `response` is AWS's EventResponse, repeated from the body so that failures can be counted apart.

    `feedback` came later, and is kept apart so that a sign-in which goes on does not undo it.
    """

    pool_id: str
    sub: str
    created_at: float
    event_id: str
    response: str
    body: bytes
    expires_at: float
    feedback: bytes | None = None


class _Nothing:
    """Kept in the cache where there is no configuration, since most clients have none of their own."""


_NOTHING = _Nothing()
_decode = msgspec.json.Decoder(idp.RiskConfigurationType).decode
_encode = msgspec.json.Encoder().encode


class RiskConfigurations:
    def __init__(self, engine: Engine, cache: ConfigCache) -> None:
        self._engine = engine
        self._cache = cache

    async def get(self, pool_id: str, client_id: str = WHOLE_POOL) -> idp.RiskConfigurationType | None:
        """What was set for exactly this pool or client."""
        key = ("risk", pool_id, client_id)
        kept = self._cache.found(key) or await self._cache.get(key, lambda: self._read(pool_id, client_id))
        return kept if isinstance(kept, idp.RiskConfigurationType) else None

    async def _read(self, pool_id: str, client_id: str) -> idp.RiskConfigurationType | _Nothing:
        row = await self._engine.row(
            "SELECT body FROM risk_configurations WHERE pool_id = $1 AND client_id = $2",
            pool_id,
            client_id,
        )
        return _decode(row[0]) if row else _NOTHING

    async def put(self, pool_id: str, client_id: str, configuration: idp.RiskConfigurationType, now: float) -> None:
        """Replaces it. Raises Missing when the pool, or the client that is named, is gone."""

        async def unit(tx: Tx) -> None:
            if await tx.row("SELECT 1 FROM pools WHERE pool_id = $1 AND state = 'active'", pool_id) is None:
                raise Missing(pool_id)
            if client_id and await tx.row("SELECT 1 FROM clients WHERE pool_id = $1 AND client_id = $2", pool_id, client_id) is None:
                raise Missing(client_id)
            await tx.run(
                "INSERT INTO risk_configurations (pool_id, client_id, modified_at, body) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (pool_id, client_id) DO UPDATE SET modified_at = excluded.modified_at, body = excluded.body",
                pool_id,
                client_id,
                now,
                _encode(configuration).decode(),
            )
            await self._engine.announce(tx)

        await self._write(unit)

    async def remove(self, pool_id: str, client_id: str) -> None:
        async def unit(tx: Tx) -> None:
            await tx.run("DELETE FROM risk_configurations WHERE pool_id = $1 AND client_id = $2", pool_id, client_id)
            await self._engine.announce(tx)

        await self._write(unit)

    async def _write(self, unit: Unit[None]) -> None:
        try:
            await self._engine.write(unit)
        finally:
            self._cache.clear()


class AuthEvents:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def put(self, tx: Tx, event: AuthEvent) -> None:
        """Adds the event, or replaces it as it stood earlier in the same sign-in. One that passed stays as it is, whatever is tried
        afterwards with a session that is spent; and so does feedback."""
        await tx.run(
            f"INSERT INTO auth_events ({_EVENT}) VALUES ($1, $2, $3, $4, $5, $6, $7)"
            " ON CONFLICT (pool_id, sub, created_at, event_id) DO UPDATE SET response = excluded.response, body = excluded.body"
            " WHERE auth_events.response <> 'Pass'",
            event.pool_id,
            event.sub,
            event.created_at,
            event.event_id,
            event.response,
            event.body.decode(),
            event.expires_at,
        )

    async def give_feedback(self, tx: Tx, event: AuthEvent, feedback: bytes) -> None:
        await tx.run(
            "UPDATE auth_events SET feedback = $5 WHERE pool_id = $1 AND sub = $2 AND created_at = $3 AND event_id = $4",
            event.pool_id,
            event.sub,
            event.created_at,
            event.event_id,
            feedback.decode(),
        )

    async def page(self, pool_id: str, sub: str, after: tuple[float, str] | None, limit: int) -> list[AuthEvent]:
        """Newest first; `after` is (created_at, event_id) of the last one seen."""
        created_at, event_id = after or (_NEWEST, "")
        rows = await self._engine.rows(
            f"SELECT {_READ} FROM auth_events WHERE pool_id = $1 AND sub = $2 AND (created_at, event_id) < ($3, $4)"
            " ORDER BY created_at DESC, event_id DESC LIMIT $5",
            pool_id,
            sub,
            created_at,
            event_id,
            limit,
        )
        return [_event(row) for row in rows]

    async def find(self, pool_id: str, sub: str, event_id: str, tx: Reader | None = None) -> AuthEvent | None:
        """Looks through the user's events, which are bounded (`trim`)."""
        row = await (tx or self._engine).row(
            f"SELECT {_READ} FROM auth_events WHERE pool_id = $1 AND sub = $2 AND event_id = $3", pool_id, sub, event_id
        )
        return _event(row) if row else None

    async def trim(self, tx: Tx, pool_id: str, sub: str, *, failures: int, others: int) -> None:
        """Keeps the user's newest events: so many that failed, which anybody can cause, and so many others."""
        for condition, most in (("=", failures), ("<>", others)):
            rows = await tx.rows(
                f"SELECT created_at FROM auth_events WHERE pool_id = $1 AND sub = $2 AND response {condition} 'Fail'"
                " ORDER BY created_at DESC LIMIT $3",
                pool_id,
                sub,
                most,
            )
            if len(rows) == most:
                await tx.run(
                    f"DELETE FROM auth_events WHERE pool_id = $1 AND sub = $2 AND created_at < $3 AND response {condition} 'Fail'",
                    pool_id,
                    sub,
                    rows[-1][0],
                )


class RiskProfiles:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, pool_id: str, sub: str, tx: Reader | None = None) -> bytes | None:
        row = await (tx or self._engine).row("SELECT body FROM risk_profiles WHERE pool_id = $1 AND sub = $2", pool_id, sub)
        return str(row[0]).encode() if row else None

    async def put(self, tx: Tx, pool_id: str, sub: str, body: bytes) -> None:
        await tx.run(
            "INSERT INTO risk_profiles (pool_id, sub, body) VALUES ($1, $2, $3)"
            " ON CONFLICT (pool_id, sub) DO UPDATE SET body = excluded.body",
            pool_id,
            sub,
            body.decode(),
        )


def _event(row: Row) -> AuthEvent:
    feedback = None if row[7] is None else str(row[7]).encode()
    return AuthEvent(row[0], row[1], row[2], row[3], row[4], str(row[5]).encode(), row[6], feedback)
