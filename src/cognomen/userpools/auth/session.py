"""Challenge sessions: everything about an unfinished sign-in, sealed, so that no server keeps state between two requests."""

from __future__ import annotations

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel import chance
from cognomen.kernel.secrets import Unsealable
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.users import User
from cognomen.userpools import credentials, nobody
from cognomen.userpools.auth.steps import Attempt

_PURPOSE = "challenge session"
_BY_PASSWORD = frozenset({"PASSWORD", "PASSWORD_SRP", "ACCESS_TOKEN"})  # the last: what an access token shows was proved
_REMEMBERED = 3_600.0  # seconds that a spent session is known as such, longer than any is good
NOBODY = "00000000-0000-0000-0000-000000000000"  # no user's sub, and as long as one: a sealed state's length tells nothing


class SessionState(msgspec.Struct, frozen=True):
    """`challenge` is the one that was asked; `mark` makes the session single-use once it succeeded.

    `sub` is NOBODY's where the user is made up. `kept` is what the attempt's challenges must remember. `password` marks which one the user had.
    """

    pool_id: str
    client_id: str
    flow: str
    typed: str
    sub: str
    admin: bool
    factors: tuple[str, ...]
    challenge: str
    expires_at: float
    mark: bytes
    kept: dict[str, str] = {}
    password: str = ""


def state_of(cx: Context, attempt: Attempt, challenge: str) -> SessionState:
    """The attempt as it stands while `challenge` is asked, good for the client's AuthSessionValidity."""
    return SessionState(
        pool_id=attempt.pool.pool_id,
        client_id=attempt.client.client_id,
        flow=attempt.flow,
        typed=attempt.typed if attempt.user else attempt.typed[: nobody.LONGEST_NAME],
        sub=attempt.user.sub if attempt.user else NOBODY,
        admin=attempt.admin,
        factors=attempt.factors,
        challenge=challenge,
        expires_at=cx.clock.now() + 60.0 * (attempt.client.settings.auth_session_validity or 3),
        mark=chance.draw(16),
        kept=attempt.kept,
        password=credentials.mark(cx, attempt.user),
    )


def seal(cx: Context, state: SessionState) -> str:
    return cx.sealer.seal_text(_PURPOSE, msgspec.json.encode(state))


def open_session(cx: Context, client: Client, session: str) -> SessionState:
    """Raises NotAuthorizedException for a session that is foreign, forged or late (FIDELITY B.3.29)."""
    state = open_any(cx, session)
    if state.client_id != client.client_id:
        raise invalid()
    return state


def open_any(cx: Context, session: str) -> SessionState:
    """A session of whatever client, for operations that name none. Raises NotAuthorizedException."""
    try:
        state = msgspec.json.decode(cx.sealer.open_text(_PURPOSE, session), type=SessionState)
    except (Unsealable, msgspec.DecodeError) as cause:
        raise invalid() from cause
    if state.expires_at <= cx.clock.now():
        raise errors.NotAuthorizedException("Invalid session for the user, session is expired.")
    return state


async def refuse_outdated(cx: Context, state: SessionState, user: User | None) -> None:
    """A password that was replaced meanwhile ends the sign-ins that it began: whoever replaced it may have done so because others know it.

    Raises NotAuthorizedException; of a session that was used up, and perhaps replaced the password itself, what any such gets."""
    if user is not None and not _BY_PASSWORD.isdisjoint(state.factors) and state.password != credentials.mark(cx, user):
        await cx.store.write(lambda tx: spend(cx, tx, state.pool_id, state.mark))
        raise invalid()


async def spend(cx: Context, tx: Tx, pool_id: str, mark: bytes) -> None:
    """Within a unit: the session is used up. Raises NotAuthorizedException when it was before."""
    if not await cx.store.used_marks.add(tx, pool_id, mark, cx.clock.now() + _REMEMBERED):
        raise used()


def invalid() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Invalid session for the user.")


def used() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Invalid session for the user, session can only be used once.")
