"""Codes that are sent in the middle of a sign-in: made, sent, proved once. What SMS_MFA, SMS_OTP and EMAIL_OTP have in common.

The code's digest lies sealed in the session, so a sign-in that is given up leaves nothing behind. Wrong codes do not end a session
(FIDELITY B.3.31), so they are counted by user: twenty an hour, whatever sessions they come in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.delivery import templates
from cognomen.delivery.message import Message
from cognomen.kernel import ids, secrets
from cognomen.storage.codes import Code
from cognomen.storage.engine import Tx, Unit
from cognomen.storage.errors import Missing
from cognomen.userpools import attributes, codes, messages, nobody
from cognomen.userpools.auth import lockout, password_srp
from cognomen.userpools.auth.steps import Ask, Attempt, WrongAnswer, incorrect, required
from cognomen.userpools.hooks.ask import Occasion

_KIND = "code:sign_in"
_WRONG = 20
_MESSAGES = 50
_WINDOW = 3_600.0


class Sent(msgspec.Struct, frozen=True):
    """What the session keeps of a code that was sent."""

    digest: str
    attribute: str
    value: str


async def ask(cx: Context, attempt: Attempt, challenge: str, attribute: str, *, digits: int, write: Callable[[str, str], Message]) -> Ask:
    """Sends a code to the user's address and asks for it. `write` makes the message of an address and a code.

    Somebody who does not exist is asked in the same form, after as much work.
    """
    code = ids.digits(digits)
    count = codes.counting(cx, attempt.pool.pool_id, lockout.subject(cx, attempt), "sign_in", most=_MESSAGES)
    try:
        if attempt.user is None:
            shown = await messages.declared(attribute, _as_long_as_a_message(cx, attempt, attribute, count))
            value = nobody.address(cx, attempt.pool, attempt.typed, attribute)[1]
        else:
            value = attempt.user.attributes[attribute]
            occasion = Occasion("Authentication", attempt.client.client_id, attempt.metadata)
            sending = messages.deliver(cx, attempt.pool, attempt.user, write(value, code), occasion, first=count)
            await messages.declared(attribute, sending)
            shown = codes.details(attribute, value)
    except errors.LimitExceededException as cause:  # which AWS's model does not declare for a sign-in
        raise errors.TooManyRequestsException(cause.message) from cause
    sent = Sent(_digest(cx, attempt, challenge, code), attribute, value)
    attempt.kept = {**attempt.kept, "sent": msgspec.json.encode(sent).decode()}
    parameters = {
        "CODE_DELIVERY_DELIVERY_MEDIUM": shown.delivery_medium or "",
        "CODE_DELIVERY_DESTINATION": shown.destination or "",
        "USER_ID_FOR_SRP": password_srp.shown_name(cx, attempt),
    }
    return Ask(challenge, parameters)


async def prove(cx: Context, attempt: Attempt, challenge: str, parameter: str) -> None:
    """The answer to `ask`; its success takes effect with the sign-in's own writes. Raises WrongAnswer (CodeMismatchException)."""
    code = required(attempt.parameters, parameter)
    await refuse_guessing(cx, attempt)
    sent = msgspec.json.decode(attempt.kept["sent"], type=Sent)
    right = secrets.equal(sent.digest, _digest(cx, attempt, challenge, code))
    if not right or attempt.user is None:
        await count_wrong(cx, attempt)
        raise WrongAnswer(errors.CodeMismatchException("Invalid code or auth state for the user."))
    attempt.settle = (*attempt.settle, forget_wrong(cx, attempt))
    _mark_verified(cx, attempt, sent)
    attempt.kept = {name: value for name, value in attempt.kept.items() if name != "sent"}


async def refuse_guessing(cx: Context, attempt: Attempt, tx: Tx | None = None) -> None:
    """Raises NotAuthorizedException after too many wrong codes in an hour."""
    wrong = await cx.store.attempts.get(attempt.pool.pool_id, lockout.subject(cx, attempt), _KIND, cx.clock.now(), tx)
    if wrong.failures >= _WRONG:
        raise _too_many()


async def count_wrong(cx: Context, attempt: Attempt) -> None:
    """A unit of its own: the count must survive the error that follows. Beyond the limit, also where codes come in one burst, a wrong one is
    answered as the right one is. Raises NotAuthorizedException."""

    async def unit(tx: Tx) -> None:
        await refuse_guessing(cx, attempt, tx)
        await cx.store.attempts.add(tx, attempt.pool.pool_id, lockout.subject(cx, attempt), _KIND, cx.clock.now(), _WINDOW)

    await cx.store.write(unit)


def forget_wrong(cx: Context, attempt: Attempt) -> Callable[[Tx], Awaitable[None]]:
    """With the success: the wrong codes are forgotten, unless so many came in meanwhile that this one came too late."""
    subject = lockout.subject(cx, attempt)

    async def settle(tx: Tx) -> None:
        wrong = await cx.store.attempts.get(attempt.pool.pool_id, subject, _KIND, cx.clock.now(), tx)
        if wrong.failures >= _WRONG:
            raise _too_many()
        if wrong.failures:
            await cx.store.attempts.reset(tx, attempt.pool.pool_id, subject, _KIND)

    return settle


async def _as_long_as_a_message(cx: Context, attempt: Attempt, attribute: str, count: Unit[None]) -> idp.CodeDeliveryDetailsType:
    """A durable write stands for the message that nobody gets, and a pause for what leaves the house; returns where it is said to go."""
    channel = "sms" if attribute == "phone_number" else "email"
    is_one = messages.together(cx, attempt.pool, channel)
    if not is_one:
        await cx.store.write(count)
    if messages.is_taken_over(attempt.pool, channel):
        return await codes.plausible_address(cx, attempt.pool, attempt.typed)
    subject, pool_id = lockout.subject(cx, attempt), attempt.pool.pool_id
    row = Code(pool_id, subject, "sign_in", cx.sealer.mac("code", ids.digits(8).encode()), "", "", cx.clock.now())

    async def unit(tx: Tx) -> None:
        if is_one:
            await count(tx)
        await cx.store.codes.put(tx, row)
        await cx.store.codes.drop(tx, pool_id, subject, "sign_in")

    await cx.store.write(unit)
    return await codes.plausible_address(cx, attempt.pool, attempt.typed, attribute)


def text(attempt: Attempt, to: str, code: str) -> Message:
    """The text message, by the pool's template for sign-in."""
    pool = attempt.pool.settings
    sms = pool.mfa.sms_mfa_configuration
    template = (sms and sms.sms_authentication_message) or pool.pool.sms_authentication_message or templates.SIGN_IN_SMS
    body = templates.fill(template, code=code, username=attempt.signed_in_user.username, markup=False)
    return _message(attempt, "sms", to, "", body, code)


def mail(attempt: Attempt, to: str, code: str) -> Message:
    own = attempt.pool.settings.mfa.email_mfa_configuration or idp.EmailMfaConfigType()
    username = attempt.signed_in_user.username
    body = templates.fill(own.message or templates.SIGN_IN_EMAIL, code=code, username=username, markup=True)
    return _message(attempt, "email", to, own.subject or templates.SIGN_IN_SUBJECT, body, code)


def _message(attempt: Attempt, channel: str, to: str, subject: str, body: str, code: str) -> Message:
    user = attempt.signed_in_user
    return Message(channel=channel, to=to, pool_id=user.pool_id, username=user.username, subject=subject, body=body, code=code)


def _mark_verified(cx: Context, attempt: Attempt, sent: Sent) -> None:
    """The address that the code came back from is the user's, and is marked so with the success.

    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa-sms-email-message.html
    """
    user = attempt.signed_in_user
    present = user.attributes
    if present.get(sent.attribute) != sent.value:
        raise incorrect()  # the address was changed after the code had been sent
    change = {f"{sent.attribute}_verified": "true"}
    if present.items() >= change.items():
        return

    async def settle(tx: Tx) -> None:
        try:
            await attributes.apply(cx, tx, attempt.pool, user, change)
        except Missing as cause:
            raise incorrect() from cause

    attempt.user = user.with_attributes({**present, **change})
    attempt.settle = (*attempt.settle, settle)


def _digest(cx: Context, attempt: Attempt, challenge: str, code: str) -> str:
    who = lockout.subject(cx, attempt).encode()
    return cx.sealer.mac(
        "sign-in code", attempt.pool.pool_id.encode(), who, challenge.encode(), code.encode("utf-8", "surrogatepass")
    ).hex()


def _too_many() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Attempt limit exceeded, please try after some time.")
