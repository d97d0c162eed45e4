"""A sign-up that goes on into a sign-in: SignUp gives a Session, ConfirmSignUp takes it and gives another, and USER_AUTH takes that one in
place of a first factor, since the code that confirmed the account has just proved the address.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-sdk.html
"""

from __future__ import annotations

from cognomen.context import Context
from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools.auth import session
from cognomen.userpools.auth.steps import Attempt, Passed

_SIGNED_UP, _CONFIRMED = "SIGN_UP", "CONFIRM_SIGN_UP"  # no challenges of AWS: no answer to a challenge fits these sessions
_FACTOR = {"email": "EMAIL_OTP", "phone_number": "SMS_OTP"}


def after_sign_up(cx: Context, pool: Pool, client: Client, user: User) -> str | None:
    """SignUp's Session; None where the client has no USER_AUTH to go on with."""
    if "ALLOW_USER_AUTH" not in (client.settings.explicit_auth_flows or []):
        return None
    return begun(cx, pool, client, user)


def begun(cx: Context, pool: Pool, client: Client, user: User) -> str:
    """The same for this server's own pages, which need no flow to be allowed."""
    return _seal(cx, pool, client, user, _SIGNED_UP, {})


def check(cx: Context, client: Client, user: User, given: str | None) -> None:
    """Before the code is spent: is it the Session of this user's sign-up? Raises NotAuthorizedException."""
    if given is None:
        return
    state = session.open_session(cx, client, given)
    if state.challenge != _SIGNED_UP or state.sub != user.sub:
        raise session.invalid()


def after_confirmation(cx: Context, pool: Pool, client: Client, user: User, given: str | None, attribute: str) -> str | None:
    """ConfirmSignUp's Session, where it was given one of SignUp. `attribute` is what the code proved."""
    return None if given is None else _seal(cx, pool, client, user, _CONFIRMED, {"factor": _FACTOR[attribute]})


def prove(cx: Context, attempt: Attempt) -> Passed:
    """The first factor of the attempt; its Session is used up with the success. Raises NotAuthorizedException."""
    state = session.open_session(cx, attempt.client, attempt.session or "")
    if attempt.user is None or state.challenge != _CONFIRMED or state.sub != attempt.user.sub:
        raise session.invalid()
    attempt.mark = state.mark
    return Passed(state.kept["factor"])


def _seal(cx: Context, pool: Pool, client: Client, user: User, stage: str, kept: dict[str, str]) -> str:
    attempt = Attempt(
        pool=pool,
        client=client,
        flow="USER_AUTH",
        typed=user.username,
        user=user,
        admin=False,
        parameters={},
        metadata={},
        kept=kept,
    )
    return session.seal(cx, session.state_of(cx, attempt, stage))
