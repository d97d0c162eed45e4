"""Sign-in sessions and the refresh tokens that continue them; only digests of tokens are kept."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Row, Tx
from cognomen.storage.users import COLUMNS as USER_COLUMNS
from cognomen.storage.users import IN_GROUPS, User, user_of

_COLUMNS = (
    "pool_id, origin_jti, sub, client_id, refresh_digest, auth_time, expires_at, revoked_at, scope,"
    " device_key, session_id, origin_session_id, last_active_at, last_ip, device_type, acr"
)
_WIDTH = _COLUMNS.count(",") + 1
_ADD = f"INSERT INTO sessions ({_COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, _WIDTH + 1))})"


class Activity(msgspec.Struct, frozen=True):
    """When and from where a tracked session was last used."""

    at: float
    ip: str
    device_type: str


class Session(msgspec.Struct, frozen=True):
    """One sign-in. `device_key` is the remembered device it began on. A session that is tracked has a `session_id` and what follows it;
    `origin_session_id` is that of the single sign-on it came through, if any. `acr` is JSON of how strongly the user
    signed in, where the sign-in asked to be told."""

    pool_id: str
    origin_jti: str
    sub: str
    client_id: str
    refresh_digest: bytes
    auth_time: float
    expires_at: float
    revoked_at: float | None
    scope: str
    device_key: str | None = None
    session_id: str | None = None
    origin_session_id: str | None = None
    last_active_at: float | None = None
    last_ip: str | None = None
    device_type: str | None = None
    acr: str | None = None


_ONE = "pool_id = $1 AND sub = $2 AND origin_jti = $3"
_TRACKED = "pool_id = $1 AND sub = $2 AND session_id IS NOT NULL AND revoked_at IS NULL AND expires_at > $3"
_BOTH = f"{', '.join(f's.{name}' for name in _COLUMNS.split(', '))}, {', '.join(f'u.{name}' for name in USER_COLUMNS.split(', '))}"
_JOINED = "FROM sessions s JOIN users u ON u.pool_id = s.pool_id AND u.sub = s.sub WHERE s.pool_id = $1 AND"
_BY_JTI = f"SELECT {_BOTH} {_JOINED} s.sub = $2 AND s.origin_jti = $3"
_BY_DIGEST = f"SELECT {_BOTH}, {IN_GROUPS.format('u')} {_JOINED} s.refresh_digest = $2"


class Rotated(msgspec.Struct, frozen=True):
    """A refresh token that another has replaced."""

    sub: str
    origin_jti: str
    grace_until: float


def _session(row: Row) -> Session:
    return Session(*row)


def _both(row: Row | None) -> tuple[Session, User] | None:
    return (Session(*row[:_WIDTH]), user_of(row[_WIDTH:])) if row else None


class Sessions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, tx: Tx, session: Session) -> None:
        await tx.run(_ADD, *msgspec.structs.astuple(session))

    async def get(self, pool_id: str, sub: str, origin_jti: str, tx: Reader | None = None) -> Session | None:
        row = await (tx or self._engine).row(f"SELECT {_COLUMNS} FROM sessions WHERE {_ONE}", pool_id, sub, origin_jti)
        return _session(row) if row else None

    async def by_refresh_digest(self, pool_id: str, digest: bytes) -> Session | None:
        row = await self._engine.row(f"SELECT {_COLUMNS} FROM sessions WHERE pool_id = $1 AND refresh_digest = $2", pool_id, digest)
        return _session(row) if row else None

    async def with_user(self, pool_id: str, sub: str, origin_jti: str) -> tuple[Session, User] | None:
        """A session and whose it is, in one read."""
        return _both(await self._engine.row(_BY_JTI, pool_id, sub, origin_jti))

    async def with_user_by_refresh_digest(self, pool_id: str, digest: bytes) -> tuple[Session, User] | None:
        """The same, by the refresh token; and whether the user is in groups, which the new tokens name."""
        return _both(await self._engine.row(_BY_DIGEST, pool_id, digest))

    async def rotated(self, pool_id: str, digest: bytes, tx: Reader | None = None) -> Rotated | None:
        row = await (tx or self._engine).row(
            "SELECT sub, origin_jti, grace_until FROM rotated_refresh_tokens WHERE pool_id = $1 AND refresh_digest = $2", pool_id, digest
        )
        return Rotated(*row) if row else None

    async def rotate(self, tx: Tx, session: Session, used: bytes, current: bytes, new: bytes, grace_until: float) -> None:
        """`new` continues the session. The token that was `used` and the `current` one (another, when a used one came again within its
        grace) work until `grace_until`, and then prove reuse. A grace that runs is not lengthened."""
        await tx.run(f"UPDATE sessions SET refresh_digest = $4 WHERE {_ONE}", session.pool_id, session.sub, session.origin_jti, new)
        for digest in {used, current}:
            await tx.run(
                "INSERT INTO rotated_refresh_tokens (pool_id, refresh_digest, origin_jti, grace_until, expires_at, sub)"
                " VALUES ($1, $2, $3, $4, $5, $6)"
                " ON CONFLICT (pool_id, refresh_digest) DO NOTHING",
                session.pool_id,
                digest,
                session.origin_jti,
                grace_until,
                session.expires_at,
                session.sub,
            )

    async def revoke(self, tx: Tx, session: Session, now: float) -> None:
        await tx.run(
            f"UPDATE sessions SET revoked_at = $4 WHERE {_ONE} AND revoked_at IS NULL",
            session.pool_id,
            session.sub,
            session.origin_jti,
            now,
        )

    async def revoke_all(self, tx: Tx, pool_id: str, sub: str, now: float) -> None:
        await tx.run("UPDATE sessions SET revoked_at = $3 WHERE pool_id = $1 AND sub = $2 AND revoked_at IS NULL", pool_id, sub, now)

    async def revoke_device(self, tx: Tx, pool_id: str, sub: str, device_key: str, now: float, *, but: str) -> None:
        """The user's sessions that began on a device, but for the one with this origin_jti."""
        await tx.run(
            "UPDATE sessions SET revoked_at = $4 WHERE pool_id = $1 AND sub = $2 AND device_key = $3 AND origin_jti <> $5 AND revoked_at IS NULL",
            pool_id,
            sub,
            device_key,
            now,
            but,
        )

    async def tracked(self, pool_id: str, sub: str, now: float, tx: Reader | None = None) -> list[Session]:
        """The user's live sessions that are tracked, the one used last first. Their number is bounded by the pool's limit per user."""
        rows = await (tx or self._engine).rows(
            f"SELECT {_COLUMNS} FROM sessions WHERE {_TRACKED} ORDER BY last_active_at DESC, session_id", pool_id, sub, now
        )
        return [_session(row) for row in rows]

    async def touch(self, tx: Tx, session: Session, activity: Activity) -> bool:
        """Notes the last use of a tracked session; False when it has been revoked or removed meanwhile."""
        return bool(
            await tx.run(
                f"UPDATE sessions SET last_active_at = $4, last_ip = $5, device_type = $6 WHERE {_ONE} AND revoked_at IS NULL",
                session.pool_id,
                session.sub,
                session.origin_jti,
                activity.at,
                activity.ip,
                activity.device_type,
            )
        )
