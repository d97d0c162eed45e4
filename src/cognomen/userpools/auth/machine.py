"""The sign-in machine: owns what every sign-in passes through, so that no flow or challenge can forget it.

Client secret, lockout, single use, the user's status, what must follow a proved factor, and the tokens at the end stand here once. A flow
(how a sign-in begins) or a challenge (what may be asked in it) is one file and one line in `auth/tables.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel.events import SignedIn, SignInFailed
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import client_auth, device_tracking, find, issue
from cognomen.userpools.auth import lockout, password, password_srp, risk, session, step_up
from cognomen.userpools.auth.steps import (
    BROWSER,
    DEVICE,
    NAMED_DEVICE,
    Ask,
    Attempt,
    Ending,
    Passed,
    Step,
    WrongAnswer,
    WrongPassword,
    incorrect,
)
from cognomen.userpools.federation import profiles
from cognomen.userpools.hooks import migration
from cognomen.userpools.hooks import sign_in as hooks
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.rules import names

Move = Callable[[Context, Attempt], Awaitable[Step]]
Follow = Callable[[Context, Attempt], Awaitable[Ask | None]]
_LONGEST_KEY = 55  # of a device, as the model has it
SaidContext = idp.UserContextDataType | idp.ContextDataType | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What InitiateAuth and RespondToAuthChallenge answer, and their admin twins."""

    challenge_name: str | None = None
    session: str | None = None
    challenge_parameters: dict[str, str] | None = None
    available_challenges: list[str] | None = None
    authentication_result: idp.AuthenticationResultType | None = None


async def run(cx: Context, attempt: Attempt, move: Move, following: tuple[Follow, ...]) -> Outcome:
    """Makes the attempt's next move: a flow that begins it, or the answer to a challenge; then asks what must follow, or gives tokens."""
    await risk.refuse_address(cx, attempt)
    await lockout.refuse_locked(cx, attempt)
    try:
        step = await move(cx, attempt)
    except WrongPassword:
        await lockout.count_failure(cx, attempt)
        await risk.failed(cx, attempt, password=True)
        _tell_failure(cx, attempt, "NotAuthorizedException")
        raise incorrect() from None
    except WrongAnswer as wrong:
        await risk.failed(cx, attempt, password=False)
        _tell_failure(cx, attempt, wrong.error.code)
        raise wrong.error from wrong
    if isinstance(step, Ask):
        if (mark := attempt.mark) is not None:  # a choice was made in a session: it is spent, though nothing was proved
            await cx.store.write(lambda tx: session.spend(cx, tx, attempt.pool.pool_id, mark))
        return _ask(cx, attempt, step)
    return await _proved(cx, attempt, step, following)


async def resume(
    cx: Context,
    pool: Pool,
    client: Client,
    state: session.SessionState,
    responses: Mapping[str, str],
    metadata: Mapping[str, str],
    *,
    context: SaidContext = None,
    browser: str = "",
    ending: Ending | None = None,
) -> Attempt:
    """The attempt as it stood when the challenge of `state` was asked. Raises NotAuthorizedException for an answer in another's name, and
    what a user who may not go on gets: that is asked before the answer takes effect, and again after it. A session that began for one
    authorization request (`browser`) goes on for that one alone, and none that began at the API goes on in a browser."""
    if state.kept.get(BROWSER, "") != browser:
        raise session.invalid()
    attempt = Attempt(
        pool=pool,
        client=client,
        flow=state.flow,
        typed=state.typed,
        user=await cx.store.users.by_sub(pool.pool_id, state.sub),
        admin=state.admin,
        parameters=responses,
        metadata=metadata,
        factors=state.factors,
        mark=state.mark,
        kept=state.kept,
        context=context,
        ending=ending,
    )
    if ending is None:
        _check_secret_hash(cx, attempt)
    await _refuse_other_name(cx, attempt)
    if attempt.user is not None and attempt.factors:
        _refuse_by_status(attempt.user, proved=True)
    await session.refuse_outdated(cx, state, attempt.user)
    return attempt


async def _refuse_other_name(cx: Context, attempt: Attempt) -> None:
    """USERNAME must be a name of the session's user; which others there are, the answer does not tell."""
    pool, user = attempt.pool, attempt.user
    given = attempt.parameters["USERNAME"]
    own = (attempt.typed, user.username, user.sub) if user else (attempt.typed, password_srp.shown_name(cx, attempt))
    if names.key(pool, given) in {names.key(pool, name) for name in own}:
        return
    found = await find.user(cx, pool, given)
    if user is None or found is None or found.sub != user.sub:
        raise session.invalid()


async def start(
    cx: Context,
    pool: Pool,
    client: Client,
    flow: str,
    parameters: Mapping[str, str],
    validation: Mapping[str, str],
    *,
    typed: str,
    admin: bool,
    may_migrate: bool,
    session: str | None = None,
    context: SaidContext = None,
    browser: str = "",
    ending: Ending | None = None,
) -> Attempt:
    """A new attempt of whoever `typed` leads to. Unless users are hidden, an unknown one is refused here.

    `may_migrate`: a password came with the request, so the place where the pool's users were before may know who it is.
    """
    attempt = Attempt(
        pool=pool,
        client=client,
        flow=flow,
        typed=typed,
        user=await find.user(cx, pool, typed, with_groups=True),
        admin=admin,
        parameters=parameters,
        metadata={},
        session=session,
        context=context,
        validation=validation,
        ending=ending,
    )
    if browser:
        attempt.kept = {BROWSER: browser}
    elif "DEVICE_KEY" in parameters:
        attempt.kept = {NAMED_DEVICE: parameters["DEVICE_KEY"][:_LONGEST_KEY]}
    if ending is None:  # the pages are this server's own, and prove no client's secret
        _check_secret_hash(cx, attempt)
    if may_migrate and migration.is_asked(cx, pool, attempt.user):
        await risk.refuse_address(cx, attempt)
        await password.migrate(cx, attempt)
    if attempt.user is None and not attempt.hides_users:
        raise find.no_user()
    if attempt.user is not None and attempt.user.status == profiles.EXTERNAL:
        _hide_external(attempt, attempt.user)
    if attempt.user is not None and not attempt.hides_users:
        _refuse_by_status(attempt.user, proved=False)
    await hooks.pre_authentication(cx, attempt)
    return attempt


async def use_up(cx: Context, tx: Tx, attempt: Attempt) -> None:
    """Within the unit of a success: the session is spent, what the factor settles is written, the failures are forgotten. Raises NotAuthorizedException when it was spent before."""
    if attempt.mark is not None:
        await session.spend(cx, tx, attempt.pool.pool_id, attempt.mark)
    for settle in attempt.settle:
        await settle(tx)
    await lockout.clear(cx, tx, attempt)


def spent(attempt: Attempt) -> None:
    """After the unit in which it was used up: nothing of this request is to be written twice."""
    attempt.mark = None
    attempt.settle = ()


async def _proved(cx: Context, attempt: Attempt, step: Passed, following: tuple[Follow, ...]) -> Outcome:
    """A factor was passed: refuses users who may not sign in, asks what must still be asked, and else gives tokens."""
    attempt.factors = (*attempt.factors, step.factor)
    user = attempt.signed_in_user
    _refuse_by_status(user, proved=True)
    await risk.weigh(cx, attempt)
    for follow in following:
        try:
            further = await follow(cx, attempt)
        except errors.ServiceError:
            await risk.refused(cx, attempt)
            raise
        if further is not None:
            if attempt.mark is not None or attempt.failures or attempt.settle:
                await cx.store.write(lambda tx: use_up(cx, tx, attempt))
                spent(attempt)
            return _ask(cx, attempt, further)
    try:
        await hooks.post_authentication(cx, attempt, new_device=not attempt.kept.get(DEVICE) and device_tracking.remembers(attempt.pool))
    except errors.ServiceError:
        await risk.refused(cx, attempt)
        raise
    attempt.done = True
    if (ending := attempt.ending) is not None:
        await ending(attempt, lambda tx: use_up(cx, tx, attempt), step_up.reached(attempt), risk.origin_jti(attempt))
        _tell_success(cx, attempt, user)
        risk.tell(cx, attempt)
        return Outcome(challenge_parameters={})
    occasion = Occasion(_token_source(attempt), attempt.client.client_id, attempt.metadata)
    origin = issue.Origin(device=attempt.kept.get(DEVICE), origin_jti=risk.origin_jti(attempt), strength=step_up.reached(attempt))
    result = await issue.sign_in(cx, attempt.pool, attempt.client, user, lambda tx: use_up(cx, tx, attempt), occasion, origin)
    _tell_success(cx, attempt, user)
    risk.tell(cx, attempt)
    return Outcome(authentication_result=result, challenge_parameters={})


def _token_source(attempt: Attempt) -> str:
    """On which way the tokens came about (FIDELITY B.6.56)."""
    if "NEW_PASSWORD_REQUIRED" in attempt.factors:
        return "NewPasswordChallenge"
    return "AuthenticateDevice" if "DEVICE_PASSWORD_VERIFIER" in attempt.factors else "Authentication"


def _ask(cx: Context, attempt: Attempt, ask: Ask) -> Outcome:
    sealed = session.seal(cx, session.state_of(cx, attempt, ask.challenge)) if ask.with_session else None
    return Outcome(
        challenge_name=ask.challenge,
        session=sealed,
        challenge_parameters=ask.parameters,
        available_challenges=list(ask.available) or None,
    )


def _hide_external(attempt: Attempt, user: User) -> None:
    """Who signs in through a provider has nothing to prove here; where users are hidden the attempt goes on as nobody's, at nobody's cost."""
    if not attempt.hides_users:
        profiles.refuse_external(user, "get auth details")
    attempt.user = None
    attempt.migrated = True  # whoever that is, the function that knows former users is not asked


def _refuse_by_status(user: User, *, proved: bool) -> None:
    """Users who may not sign in. Where users are hidden this is asked only once the password is proved, and so tells nothing to others."""
    if not user.enabled:
        raise errors.NotAuthorizedException("User is disabled.")
    if user.status == "RESET_REQUIRED":
        raise errors.PasswordResetRequiredException("Password reset required for the user")
    if proved and user.status == "UNCONFIRMED":
        raise errors.UserNotConfirmedException("User is not confirmed.")


def _check_secret_hash(cx: Context, attempt: Attempt) -> None:
    """A client may hash what was typed, or what a challenge named the user (FIDELITY A.5)."""
    given = attempt.parameters.get("USERNAME", attempt.typed)
    own = (attempt.user.username, attempt.user.sub) if attempt.user else ()
    client_auth.check_secret_hash(cx, attempt.client, attempt.parameters.get("SECRET_HASH"), attempt.typed, given, *own)


def _tell_failure(cx: Context, attempt: Attempt, reason: str) -> None:
    cx.tell(
        SignInFailed,
        attempt.pool.pool_id,
        username=attempt.typed[:128],
        reason=reason,
        sub=attempt.user.sub if attempt.user else "",
        client_id=attempt.client.client_id,
        flow=attempt.flow,
    )


def _tell_success(cx: Context, attempt: Attempt, user: User) -> None:
    cx.tell(
        SignedIn,
        attempt.pool.pool_id,
        sub=user.sub,
        username=user.username,
        client_id=attempt.client.client_id,
        flow=attempt.flow,
        factors=attempt.factors,
    )
