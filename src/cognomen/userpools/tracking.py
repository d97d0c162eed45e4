"""Session tracking, where the pool asks for it: sessions with an id, their last use, and at most so many of them per user.

https://docs.aws.amazon.com/cognito/latest/developerguide/managing-user-sessions.html
A session that began while tracking was off stays untracked; it ends by sign-out, revocation and expiry alone.
"""

from __future__ import annotations

import msgspec

from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.sessions import Activity, Session
from cognomen.userpools.rules import device_type


def begun(cx: Context, session: Session) -> Session:
    """A new session with an id of its own, used for the first time now and from here."""
    now = here(cx)
    return msgspec.structs.replace(
        session, session_id=ids.token_session_id(), last_active_at=now.at, last_ip=now.ip, device_type=now.device_type
    )


async def make_room(cx: Context, tx: Tx, session: Session, most: int) -> list[Session]:
    """Within the unit that adds `session`: revokes the user's sessions that were used longest ago, so that with the new one there are at
    most `most`. Units are serialisable, so sign-ins at one moment cannot pass the limit together. Returns the revoked ones."""
    now = cx.clock.now()
    gone = (await cx.store.sessions.tracked(session.pool_id, session.sub, now, tx))[most - 1 :]
    for old in gone:
        await cx.store.sessions.revoke(tx, old, now)
    return gone


def activity(cx: Context, pool: Pool, session: Session) -> Activity | None:
    """What to note of a session that is being refreshed now; None where nothing is tracked, and so nothing is to be written."""
    if session.session_id is None or not pool.settings.sessions.tracking:
        return None
    return here(cx)


def here(cx: Context) -> Activity:
    return Activity(cx.clock.now(), cx.source_ip[:128], device_type.of(cx.user_agent))
