"""Single sign-on sessions: begun where a browser signs in, and reused in silence by the pool's other clients.

https://docs.aws.amazon.com/cognito/latest/developerguide/managing-user-sessions.html
In a pool that tracks sessions each client says for how long it takes one; in another it is an hour, as that of the cookie of hosted pages.
Who is signed in is told by `reuse`; a token session that comes through one names it where they are listed (`issue.sign_in`).
"""

from __future__ import annotations

from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.sso_sessions import SsoSession
from cognomen.storage.users import User
from cognomen.userpools import tracking

_LONGEST = 90 * 86_400.0  # seconds: no client may reuse one for longer
_UNTRACKED_MINUTES = 60  # FIDELITY B.8.65
_MOST = 25  # of one user: with the token sessions, of which there are 100 at most, they fill the one page that a list has


def new(cx: Context, pool: Pool, client: Client, user: User) -> SsoSession:
    """Of a user who has just proved who they are."""
    here = tracking.here(cx)
    return SsoSession(
        pool_id=pool.pool_id,
        session_id=ids.sso_session_id(),
        sub=user.sub,
        client_id=client.client_id,
        authenticated_at=here.at,
        expires_at=here.at + (_LONGEST if pool.settings.sessions.tracking else 60.0 * _UNTRACKED_MINUTES),
        last_active_at=here.at,
        last_ip=here.ip,
        device_type=here.device_type,
    )


async def keep(cx: Context, tx: Tx, session: SsoSession) -> None:
    """Within the unit of the sign-in; the session used longest ago makes room."""
    for old in (await cx.store.sso_sessions.of_user(session.pool_id, session.sub, session.last_active_at, tx))[_MOST - 1 :]:
        await cx.store.sso_sessions.remove(tx, session.pool_id, old.session_id)
    await cx.store.sso_sessions.add(tx, session)


async def reuse(cx: Context, pool: Pool, client: Client, session_id: str) -> SsoSession | None:
    """The session, if this client may still take it for a sign-in: within its MaxValidityMinutes of the last proof, of which 0 means never."""
    here = tracking.here(cx)
    found = await cx.store.sso_sessions.get(pool.pool_id, session_id, here.at)
    minutes = client.sso_minutes if pool.settings.sessions.tracking else _UNTRACKED_MINUTES
    if found is None or here.at >= found.authenticated_at + 60.0 * minutes:
        return None
    return found if await cx.store.write(lambda tx: cx.store.sso_sessions.touch(tx, found, here)) else None
