"""Sync sessions: ListRecords begins one, UpdateRecords ends it. The token seals for which dataset, until when, and what makes it single-use.

A session counts as one sync operation once it ended, with an update or by time (as AWS bills it).
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel import chance
from cognomen.kernel.events import SyncSessionBegan
from cognomen.kernel.secrets import Unsealable
from cognomen.metering.sync_sessions import SECONDS
from cognomen.storage.engine import Tx

_PURPOSE = "sync session"
_LONGEST = 1_024


class Session(msgspec.Struct, frozen=True, array_like=True):
    """`since` is the sync count up to which the device knew the dataset before."""

    mark: bytes
    ends_at: float
    since: int = 0


def begin(cx: Context, pool_id: str, identity_id: str, dataset: str, since: int) -> str:
    cx.tell(SyncSessionBegan, pool_id, identity_id=identity_id)
    session = Session(chance.draw(16), cx.clock.now() + SECONDS, since)
    return cx.sealer.seal_text(_PURPOSE, msgspec.msgpack.encode(session), _bound(pool_id, identity_id, dataset))


def open_session(cx: Context, pool_id: str, identity_id: str, dataset: str, token: str) -> Session:
    """Raises InvalidParameterException for a token of something else, and for one whose time is over."""
    try:
        if len(token) > _LONGEST:
            raise Unsealable("longer than any of ours")
        session = msgspec.msgpack.decode(cx.sealer.open_text(_PURPOSE, token, _bound(pool_id, identity_id, dataset)), type=Session)
    except (Unsealable, UnicodeEncodeError) as cause:
        # Text: complete-aws-iam-reference #65.
        raise errors.InvalidParameterException("SyncSessionToken not valid for these inputs") from cause
    if cx.clock.now() >= session.ends_at:
        raise errors.InvalidParameterException("The SyncSessionToken has expired.")
    return session


async def end(cx: Context, tx: Tx, pool_id: str, identity_id: str, session: Session) -> None:
    """Within the unit of an update. Raises InvalidParameterException when the session ended before."""
    if not await cx.store.used_marks.add(tx, pool_id, session.mark, session.ends_at):
        raise errors.InvalidParameterException("The SyncSessionToken was used before.")
    await cx.store.sync_sessions.end(tx, pool_id, identity_id, session.ends_at)


def _bound(pool_id: str, identity_id: str, dataset: str) -> bytes:
    return f"{pool_id}/{identity_id}/{dataset}".encode("utf-8", "surrogatepass")
