"""Single sign-on sessions: begun where a browser signs in to a pool that tracks sessions, and reused in silence by the pool's other clients.

https://docs.aws.amazon.com/cognito/latest/developerguide/managing-user-sessions.html
The pages that sign a browser in are who calls `begin` and `reuse`; a token session that comes through one of them names it (`issue.sign_in`).
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
_MOST = 25  # of one user: with the token sessions, of which there are 100 at most, they fill the one page that a list has


async def begin(cx: Context, pool: Pool, client: Client, user: User) -> SsoSession:
    """A new session of a user who has just proved who they are; the one used longest ago makes room. Needs a pool that tracks sessions."""
    here = tracking.here(cx)
    session = SsoSession(
        pool_id=pool.pool_id,
        session_id=ids.sso_session_id(),
        sub=user.sub,
        client_id=client.client_id,
        authenticated_at=here.at,
        expires_at=here.at + _LONGEST,
        last_active_at=here.at,
        last_ip=here.ip,
        device_type=here.device_type,
    )

    async def unit(tx: Tx) -> None:
        for old in (await cx.store.sso_sessions.of_user(pool.pool_id, user.sub, here.at, tx))[_MOST - 1 :]:
            await cx.store.sso_sessions.remove(tx, pool.pool_id, old.session_id)
        await cx.store.sso_sessions.add(tx, session)

    await cx.store.write(unit)
    return session


async def reuse(cx: Context, pool: Pool, client: Client, session_id: str) -> SsoSession | None:
    """The session, if this client may still take it for a sign-in: within its MaxValidityMinutes of the last proof, of which 0 means never."""
    here = tracking.here(cx)
    found = await cx.store.sso_sessions.get(pool.pool_id, session_id, here.at)
    if found is None or not pool.settings.sessions.tracking or here.at >= found.authenticated_at + 60.0 * client.sso_minutes:
        return None
    return found if await cx.store.write(lambda tx: cx.store.sso_sessions.touch(tx, found, here)) else None
