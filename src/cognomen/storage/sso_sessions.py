"""Single sign-on sessions. One that is revoked is gone: nothing of it is kept."""

from __future__ import annotations

import msgspec

from cognomen.storage.engine import Engine, Reader, Tx
from cognomen.storage.sessions import Activity

_COLUMNS = "pool_id, session_id, sub, client_id, authenticated_at, expires_at, last_active_at, last_ip, device_type"


class SsoSession(msgspec.Struct, frozen=True):
    """`client_id` is where the user signed in, `authenticated_at` when they last proved who they are."""

    pool_id: str
    session_id: str
    sub: str
    client_id: str
    authenticated_at: float
    expires_at: float
    last_active_at: float
    last_ip: str
    device_type: str


class SsoSessions:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, tx: Tx, session: SsoSession) -> None:
        await tx.run(
            f"INSERT INTO sso_sessions ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", *msgspec.structs.astuple(session)
        )

    async def get(self, pool_id: str, session_id: str, now: float, tx: Reader | None = None) -> SsoSession | None:
        sql = f"SELECT {_COLUMNS} FROM sso_sessions WHERE pool_id = $1 AND session_id = $2 AND expires_at > $3"
        row = await (tx or self._engine).row(sql, pool_id, session_id, now)
        return SsoSession(*row) if row else None

    async def of_user(self, pool_id: str, sub: str, now: float, tx: Reader | None = None) -> list[SsoSession]:
        """The user's live ones, the one used last first. Their number is bounded by who adds them."""
        sql = f"SELECT {_COLUMNS} FROM sso_sessions WHERE pool_id = $1 AND sub = $2 AND expires_at > $3 ORDER BY last_active_at DESC, session_id"
        return [SsoSession(*row) for row in await (tx or self._engine).rows(sql, pool_id, sub, now)]

    async def touch(self, tx: Tx, session: SsoSession, activity: Activity) -> bool:
        """Notes its use; False where it is gone."""
        touched = await tx.run(
            "UPDATE sso_sessions SET last_active_at = $3, last_ip = $4, device_type = $5 WHERE pool_id = $1 AND session_id = $2",
            session.pool_id,
            session.session_id,
            activity.at,
            activity.ip,
            activity.device_type,
        )
        return bool(touched)

    async def remove(self, tx: Tx, pool_id: str, session_id: str) -> bool:
        return bool(await tx.run("DELETE FROM sso_sessions WHERE pool_id = $1 AND session_id = $2", pool_id, session_id))

    async def remove_all(self, tx: Tx, pool_id: str, sub: str) -> None:
        await tx.run("DELETE FROM sso_sessions WHERE pool_id = $1 AND sub = $2", pool_id, sub)
