"""Adaptive authentication: what the sign-in machine asks of threat protection, and what becomes of the sign-in in the user's history.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-adaptive-authentication.html
"""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing
from cognomen.storage.risk import AuthEvent
from cognomen.storage.users import User
from cognomen.userpools import credentials, issue, notices, protection
from cognomen.userpools.auth import email_otp, lockout, mfa, sms_mfa, software_token_mfa
from cognomen.userpools.auth.steps import Attempt, Settle, incorrect
from cognomen.userpools.rules import risk
from cognomen.userpools.rules.risk import Seen

_KEPT = "event"
_PASSWORDS = frozenset({"PASSWORD", "PASSWORD_SRP"})
_SECOND = frozenset({sms_mfa.CHALLENGE, email_otp.SECOND, software_token_mfa.CHALLENGE})
_DEMANDS = {"MFA_IF_CONFIGURED": "IF_CONFIGURED", "MFA_REQUIRED": "REQUIRED"}
_BLOCK = idp.AccountTakeoverActionType(notify=False, event_action="BLOCK")  # "Cognito defaults": at every level, and nobody is told


class Running(msgspec.Struct, frozen=True, omit_defaults=True):
    """The event of a sign-in under way, kept sealed in its session. `challenges` are (ChallengeName, ChallengeResponse)."""

    origin_jti: str
    created_at: float
    seen: Seen
    decision: str = "NoRisk"
    level: str | None = None
    compromised: bool = False
    challenges: tuple[tuple[str, str], ...] = ()


_decode = msgspec.json.Decoder(Running).decode


async def refuse_address(cx: Context, attempt: Attempt) -> None:
    """Before anything is proved. Raises NotAuthorizedException for an address that is always blocked."""
    if protection.mode(attempt.pool, attempt.flow) != "ENFORCED":
        return
    where = protection.seen(cx, attempt.pool, attempt.client, attempt.context)
    if protection.is_blocked(await protection.configuration(cx, attempt.pool, attempt.client.client_id), where):
        await _keep_refusal(cx, attempt, _begun(cx, where, decision="Block"))
        raise protection.not_allowed()


async def weigh(cx: Context, attempt: Attempt) -> None:
    """After each proved factor; the first is weighed. Raises NotAuthorizedException and PasswordResetRequiredException where it is blocked.

    `attempt.kept` tells the second factor what is demanded, and the event is written with what this request writes anyway.
    """
    mode = protection.mode(attempt.pool, attempt.flow)
    if mode == "OFF":
        return
    running = _running(attempt)
    if running is None:
        running = await _assess(cx, attempt, enforced=mode == "ENFORCED")
    elif attempt.factors[-1] in _SECOND:
        running = _with(running, "Mfa", "Success")
    attempt.kept = {**attempt.kept, _KEPT: msgspec.json.encode(running).decode()}
    attempt.settle = (*attempt.settle, _settle(cx, attempt, running))


def origin_jti(attempt: Attempt) -> str | None:
    """Of the session to come, where it was settled beforehand so that its tokens carry this event's id."""
    running = _running(attempt)
    return running.origin_jti if running else None


async def failed(cx: Context, attempt: Attempt, *, password: bool) -> None:
    """A factor was not proved. A name that nobody has costs as much as a user, and leaves nothing."""
    if protection.mode(attempt.pool, attempt.flow) == "OFF":
        return
    running = _running(attempt)
    if running is not None:
        await _keep_refusal(cx, attempt, running if attempt.flow == "CUSTOM_AUTH" else _with(running, "Mfa", "Failure"))
        return
    begun = _begun(cx, protection.seen(cx, attempt.pool, attempt.client, attempt.context))
    await _keep_refusal(cx, attempt, _with(begun, "Password", "Failure") if password else begun)


async def refused(cx: Context, attempt: Attempt) -> None:
    """What had to follow cannot be asked: a second factor was demanded and the user has none, or no code could be sent."""
    running = _running(attempt)
    if running is not None:
        demanded = attempt.kept.get(mfa.KEPT) == "REQUIRED"
        await _keep_refusal(cx, attempt, msgspec.structs.replace(running, decision="Block") if demanded else running)


async def _assess(cx: Context, attempt: Attempt, *, enforced: bool) -> Running:
    user = attempt.signed_in_user
    settings = await protection.configuration(cx, attempt.pool, attempt.client.client_id)
    where = protection.seen(cx, attempt.pool, attempt.client, attempt.context)
    running = _begun(cx, where)
    if attempt.factors[-1] in _PASSWORDS:
        running = _with(running, "Password", "Success")
    running = await _check_password(cx, attempt, settings, running, enforced=enforced)
    if enforced and protection.is_skipped(settings, where):
        return running
    profile = await _profile(cx, user)
    running = msgspec.structs.replace(running, level=risk.assess(profile, where, failures=attempt.failures, now=cx.clock.now()).level)
    action = _action(settings, running.level)
    if not enforced or action is None:
        return running
    if action.event_action == "BLOCK":
        running = msgspec.structs.replace(running, decision="Block")
        await _keep_refusal(cx, attempt, running)
        await _notify(cx, attempt, settings, action, running, "BLOCK")
        raise errors.NotAuthorizedException("Unable to login because of security reasons.")
    if (demand := _DEMANDS.get(action.event_action)) is not None:
        running = msgspec.structs.replace(running, decision="AccountTakeover")
        attempt.kept = {**attempt.kept, mfa.KEPT: demand}
    if action.notify:
        row = _row(cx, attempt, running, "InProgress")  # the mail's links lead to it
        await cx.store.write(lambda tx: protection.put(cx, tx, row))
        await _notify(cx, attempt, settings, action, running, "MFA" if demand else "NO_ACTION")
    return running


async def _check_password(
    cx: Context, attempt: Attempt, settings: idp.RiskConfigurationType, running: Running, *, enforced: bool
) -> Running:
    """A password that came in the clear is looked up; of SRP the server never sees one. Raises PasswordResetRequiredException.

    "When Amazon Cognito blocks sign-in for a user, it sets the user's UserStatus to RESET_REQUIRED." A temporary password is only
    recorded: the next step replaces it.
    """
    password = attempt.parameters.get("PASSWORD")
    blocks = protection.blocks_compromised(settings, "SIGN_IN")
    if attempt.factors[-1] != "PASSWORD" or password is None or blocks is None or not await cx.compromised.contain(password, cx.workers):
        return running
    running = msgspec.structs.replace(running, compromised=True)
    if not (blocks and enforced) or attempt.signed_in_user.status != "CONFIRMED":
        return running
    await _keep_refusal(cx, attempt, msgspec.structs.replace(running, decision="Block"), reset=True)
    raise errors.PasswordResetRequiredException("Password reset required for the user")


def _action(settings: idp.RiskConfigurationType, level: str | None) -> idp.AccountTakeoverActionType | None:
    """What is to be done at this level; a level that a configuration leaves out has no action."""
    if level is None:
        return None
    given = settings.account_takeover_risk_configuration
    if given is None:
        return _BLOCK
    actions = {"Low": given.actions.low_action, "Medium": given.actions.medium_action, "High": given.actions.high_action}
    return actions[level]


async def _notify(
    cx: Context,
    attempt: Attempt,
    settings: idp.RiskConfigurationType,
    action: idp.AccountTakeoverActionType,
    running: Running,
    kind: notices.Kind,
) -> None:
    given = settings.account_takeover_risk_configuration
    if action.notify and given is not None:
        notice = notices.Notice(kind, _event_id(cx, attempt, running), running.created_at, running.seen)
        await notices.send(cx, attempt.pool, attempt.client.client_id, attempt.signed_in_user, given.notify_configuration, notice)


def _begun(cx: Context, where: Seen, decision: str = "NoRisk") -> Running:
    return Running(origin_jti=ids.uuid(), created_at=cx.clock.now(), seen=where, decision=decision)


def _with(running: Running, challenge: str, response: str) -> Running:
    return msgspec.structs.replace(running, challenges=(*running.challenges, (challenge, response)))


def _running(attempt: Attempt) -> Running | None:
    kept = attempt.kept.get(_KEPT)
    return None if kept is None else _decode(kept)


def _event_id(cx: Context, attempt: Attempt, running: Running) -> str:
    return issue.event_id(cx, attempt.pool.pool_id, running.origin_jti)


async def _profile(cx: Context, user: User, tx: Tx | None = None) -> risk.Profile:
    kept = await cx.store.risk_profiles.get(user.pool_id, user.sub, tx)
    return msgspec.json.decode(kept, type=risk.Profile) if kept else risk.Profile()


def _settle(cx: Context, attempt: Attempt, running: Running) -> Settle:
    """With the success of this request: the event as it stands now, and after the last step what the sign-in came from."""
    user = attempt.signed_in_user

    async def settle(tx: Tx) -> None:
        await protection.put(cx, tx, _row(cx, attempt, running, "Pass" if attempt.done else "InProgress"))
        if attempt.done:
            profile = risk.after_pass(await _profile(cx, user, tx), running.seen, cx.clock.now())
            await cx.store.risk_profiles.put(tx, user.pool_id, user.sub, msgspec.json.encode(profile))

    return settle


async def _keep_refusal(cx: Context, attempt: Attempt, running: Running, *, reset: bool = False) -> None:
    """A unit of its own: the record of a refused sign-in must survive the error that follows. `reset` makes the user choose another password."""
    row = _row(cx, attempt, running, "Fail")
    now = cx.clock.now()

    async def unit(tx: Tx) -> None:
        await protection.put(cx, tx, row)
        if reset:
            await cx.store.users.change(tx, row.pool_id, row.sub, lambda present: credentials.void(cx, present, now))

    try:
        await cx.store.write(unit)
    except Missing as cause:
        raise incorrect() from cause
    if attempt.user is not None:
        protection.tell(cx, attempt.user, attempt.client.client_id, _shown(cx, attempt, running, "Fail"))


def tell(cx: Context, attempt: Attempt) -> None:
    """After the tokens were given."""
    running = _running(attempt)
    if running is not None:
        protection.tell(cx, attempt.signed_in_user, attempt.client.client_id, _shown(cx, attempt, running, "Pass"))


def _row(cx: Context, attempt: Attempt, running: Running, response: str) -> AuthEvent:
    stored = protection.Stored(_shown(cx, attempt, running, response), running.seen, attempt.client.client_id)
    return protection.row_of(attempt.pool, lockout.subject(cx, attempt), stored, known=attempt.user is not None)


def _shown(cx: Context, attempt: Attempt, running: Running, response: str) -> idp.AuthEventType:
    return idp.AuthEventType(
        event_id=_event_id(cx, attempt, running),
        event_type="SignIn",
        creation_date=running.created_at,
        event_response=response,
        event_risk=idp.EventRiskType(
            risk_decision=running.decision, risk_level=running.level, compromised_credentials_detected=running.compromised
        ),
        challenge_responses=[
            idp.ChallengeResponseType(challenge_name=name, challenge_response=given) for name, given in running.challenges
        ],
        event_context_data=protection.context_shown(running.seen),
    )
