"""Codes that prove a mail address or phone number is the user's: made, sent, checked; six digits, used once, expiring, attempts limited.

Kept as a keyed digest, since six digits could be tried out. Messages and wrong codes are limited by user and purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import quote, urlencode

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.delivery import templates
from cognomen.delivery.message import Message
from cognomen.kernel import ids, secrets
from cognomen.kernel.events import MessageSent
from cognomen.storage.codes import Code
from cognomen.storage.engine import Tx, Unit
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import messages, nobody
from cognomen.userpools.hooks.ask import Occasion

SIGN_UP = "sign_up"
RESET = "reset"
# Another purpose is the attribute that a signed-in user verifies: "email" or "phone_number".

_KINDS = {SIGN_UP: "SignUp", RESET: "ForgotPassword"}  # AWS's kinds of messages
_DAY = 86_400.0
_VALID_SECONDS = {SIGN_UP: _DAY, RESET: 3_600.0}
_WRONG_CODES = 5
_MESSAGES = 10
_TO_ONE_ADDRESS = 50
_WINDOW = 3_600.0
_TOO_MANY = "Attempt limit exceeded, please try after some time."


class Prepared(msgspec.Struct, frozen=True):
    """A code that is about to be kept (`row`) and sent (`text`)."""

    row: Code
    text: str


def prepare(cx: Context, user: User, purpose: str, attribute: str, value: str) -> Prepared:
    """A new code for `value` (an email or phone number, by `attribute`). Put its row in a unit of work, then `send` it."""
    text = ids.digits(6)
    expires_at = cx.clock.now() + _VALID_SECONDS.get(purpose, _DAY)
    return Prepared(Code(user.pool_id, user.sub, purpose, _digest(cx, user, purpose, text), attribute, value, expires_at), text)


async def limit_messages(cx: Context, pool_id: str, subject: str, purpose: str, *, most: int = _MESSAGES) -> None:
    """Counts one message that `subject` asked for. Raises LimitExceededException beyond ten (or `most`) an hour."""
    await cx.store.write(counting(cx, pool_id, subject, purpose, most=most))


def counting(cx: Context, pool_id: str, subject: str, purpose: str, *, most: int = _MESSAGES) -> Unit[None]:
    """The unit of that, for who writes something else with it."""

    async def unit(tx: Tx) -> None:
        if await cx.store.attempts.add(tx, pool_id, subject, f"message:{purpose}", cx.clock.now(), _WINDOW) > most:
            raise errors.LimitExceededException(_TOO_MANY)

    return unit


async def limit_destination(cx: Context, tx: Tx, prepared: Prepared) -> None:
    """Within the unit that keeps a code which somebody unknown asked to be sent: fifty an hour to one address, whoever is signed up with it, or
    anyone could fill a mailbox, or ring up a bill for texts. Only where request rates are enforced: tests use one address over and over.

    Raises LimitExceededException."""
    if cx.settings.rate_limits != "aws":
        return
    row = prepared.row
    to = cx.sealer.mac("destination", row.pool_id.encode(), row.value.lower().encode("utf-8", "surrogatepass")).hex()
    if await cx.store.attempts.add(tx, row.pool_id, to, "message:destination", cx.clock.now(), _WINDOW) > _TO_ONE_ADDRESS:
        raise errors.LimitExceededException(_TOO_MANY)


async def simulate(cx: Context, pool: Pool, typed: str, purpose: str, user: User | None = None) -> idp.CodeDeliveryDetailsType:
    """What a user who does not exist is answered where users are hidden, and a `user` who may have no code: a plausible address, the same at
    each try.

    It takes as long as a real one: a code is made and kept (no guess will fit it, but guesses get the answers of wrong ones, not of none),
    another durable write stands for the inbox and a pause for functions and other channels; a custom sender is waited for by nobody.
    Raises CodeDeliveryFailureException where a message to anybody would.
    """
    subject = user.sub if user is not None else nobody.subject(cx, pool, typed)
    digest = cx.sealer.mac("nobody's code", ids.digits(6).encode())
    row = Code(pool.pool_id, subject, purpose, digest, "", "", cx.clock.now() + _VALID_SECONDS.get(purpose, _DAY))
    await cx.store.write(lambda tx: cx.store.codes.put(tx, row))
    if not messages.is_taken_over(pool, _channel(nobody.address(cx, pool, typed)[0])):
        await cx.store.write(lambda tx: cx.store.codes.put(tx, row))
    return await plausible_address(cx, pool, typed)


async def plausible_address(cx: Context, pool: Pool, typed: str, wanted: str | None = None) -> idp.CodeDeliveryDetailsType:
    """Where a code of somebody who does not exist is said to go (to the `wanted` attribute), after as long as a message there would take.

    Raises CodeDeliveryFailureException where a message to anybody would.
    """
    attribute, address = nobody.address(cx, pool, typed, wanted)
    await messages.pretend(cx, pool, _channel(attribute))
    return details(attribute, address)


def _channel(attribute: str) -> str:
    return "sms" if attribute == "phone_number" else "email"


async def send(
    cx: Context, pool: Pool, user: User, prepared: Prepared, client_id: str, metadata: Mapping[str, str] | None, *, source: str = ""
) -> idp.CodeDeliveryDetailsType:
    """Sends a kept code; `source` is AWS's name of the occasion where the code's purpose does not say it, `metadata` the ClientMetadata.

    Raises CodeDeliveryFailureException, and what the pool's functions raise.
    """
    row = prepared.row
    message = _text_message(pool, user, prepared) if row.attribute == "phone_number" else _mail(cx, pool, user, prepared, client_id)
    purpose = source or _KINDS.get(row.purpose, "VerifyUserAttribute")
    await messages.deliver(cx, pool, user, message, Occasion(purpose, client_id, metadata))
    cx.tell(MessageSent, user.pool_id, sub=user.sub, username=user.username, client_id=client_id, channel=message.channel, purpose=purpose)
    return details(row.attribute, row.value)


def details(attribute: str, value: str) -> idp.CodeDeliveryDetailsType:
    """Where a code goes, masked as AWS does: `f***@e***`, `+********8920`."""
    if attribute == "phone_number":
        return idp.CodeDeliveryDetailsType(destination=_mask_phone(value), delivery_medium="SMS", attribute_name=attribute)
    return idp.CodeDeliveryDetailsType(destination=mask_email(value), delivery_medium="EMAIL", attribute_name=attribute)


def mask_email(value: str) -> str:
    name, _, domain = value.partition("@")
    return f"{name[:1]}***@{domain[:1]}***"


def _mask_phone(value: str) -> str:
    return "+" + "*" * max(len(value) - 5, 0) + value[-4:]


async def check(cx: Context, user: User, purpose: str, text: str) -> Code:
    """The code's row, when `text` is the code. The caller spends it in the unit that gives it its effect.

    Raises CodeMismatchException (counted), ExpiredCodeException, LimitExceededException after five wrong ones in an hour.
    """
    now = cx.clock.now()
    await _refuse_guessing(cx, user.pool_id, user.sub, purpose)
    row = await cx.store.codes.get(user.pool_id, user.sub, purpose)
    if row is None or row.expires_at <= now:
        raise expired()
    if not secrets.equal(row.digest, _digest(cx, user, purpose, text)):
        await _count_wrong(cx, user.pool_id, user.sub, purpose)
        raise mismatch()
    return row


async def refuse_nobody(cx: Context, pool: Pool, typed: str, purpose: str) -> NoReturn:
    """What a code of a user who does not exist gets where users are hidden: what a wrong one of a real user gets, counted alike, once a code
    was asked for, and before that what any code gets."""
    subject = nobody.subject(cx, pool, typed)
    await _refuse_guessing(cx, pool.pool_id, subject, purpose)
    row = await cx.store.codes.get(pool.pool_id, subject, purpose)
    if row is None or row.expires_at <= cx.clock.now():
        raise expired()
    await _count_wrong(cx, pool.pool_id, subject, purpose)
    raise mismatch()


async def spend(cx: Context, tx: Tx, row: Code) -> None:
    """Within the unit that gives the code its effect. Raises ExpiredCodeException when another request was first, and
    LimitExceededException when wrong ones reached the limit meanwhile (codes tried in parallel)."""
    await _refuse_guessing(cx, row.pool_id, row.sub, row.purpose, tx)
    if not await cx.store.codes.spend(tx, row):
        raise expired()
    await cx.store.attempts.reset(tx, row.pool_id, row.sub, f"code:{row.purpose}")


async def _refuse_guessing(cx: Context, pool_id: str, sub: str, purpose: str, tx: Tx | None = None) -> None:
    wrong = await cx.store.attempts.get(pool_id, sub, f"code:{purpose}", cx.clock.now(), tx)
    if wrong.failures >= _WRONG_CODES:
        raise errors.LimitExceededException(_TOO_MANY)


async def _count_wrong(cx: Context, pool_id: str, sub: str, purpose: str) -> None:
    """Beyond the limit a wrong code is answered as the right one is, also where both came in one burst. Raises LimitExceededException."""

    async def unit(tx: Tx) -> None:
        await _refuse_guessing(cx, pool_id, sub, purpose, tx)
        await cx.store.attempts.add(tx, pool_id, sub, f"code:{purpose}", cx.clock.now(), _WINDOW)

    await cx.store.write(unit)


def mismatch() -> errors.CodeMismatchException:
    return errors.CodeMismatchException("Invalid verification code provided, please try again.")


def expired() -> errors.ExpiredCodeException:
    return errors.ExpiredCodeException("Invalid code provided, please request a code again.")


def _digest(cx: Context, user: User, purpose: str, text: str) -> bytes:
    return cx.sealer.mac("code", user.pool_id.encode(), user.sub.encode(), purpose.encode(), text.encode("utf-8", "surrogatepass"))


def _text_message(pool: Pool, user: User, prepared: Prepared) -> Message:
    settings = pool.settings.pool
    own = (
        settings.verification_message_template and settings.verification_message_template.sms_message
    ) or settings.sms_verification_message
    template = own or (templates.RESET_SMS if prepared.row.purpose == RESET else templates.VERIFICATION_SMS)
    body = templates.fill(template, code=prepared.text, username=user.username, markup=False)
    return Message(
        channel="sms", to=prepared.row.value, pool_id=user.pool_id, username=user.username, subject="", body=body, code=prepared.text
    )


def _mail(cx: Context, pool: Pool, user: User, prepared: Prepared, client_id: str) -> Message:
    settings = pool.settings.pool
    own = settings.verification_message_template or idp.VerificationMessageTemplateType()
    if own.default_email_option == "CONFIRM_WITH_LINK" and prepared.row.purpose == SIGN_UP:
        link = _link(cx, user, prepared.text, client_id)
        subject = own.email_subject_by_link or templates.LINK_SUBJECT
        body = templates.fill_link(own.email_message_by_link or templates.LINK_EMAIL, link)
    else:
        link = None
        reset = prepared.row.purpose == RESET
        subject = (
            own.email_subject
            or settings.email_verification_subject
            or (templates.RESET_SUBJECT if reset else templates.VERIFICATION_SUBJECT)
        )
        template = (
            own.email_message or settings.email_verification_message or (templates.RESET_EMAIL if reset else templates.VERIFICATION_EMAIL)
        )
        body = templates.fill(template, code=prepared.text, username=user.username, markup=True)
    return Message(
        channel="email",
        to=prepared.row.value,
        pool_id=user.pool_id,
        username=user.username,
        subject=subject,
        body=body,
        code=prepared.text,
        link=link,
    )


def _link(cx: Context, user: User, text: str, client_id: str) -> str:
    """The page that confirms, with AWS's names of the parameters (`/confirmUser`)."""
    base = (cx.settings.public_url or cx.base_url).rstrip("/")
    query = urlencode({"client_id": client_id, "user_name": user.username, "confirmation_code": text}, quote_via=quote)
    return f"{base}/{user.pool_id}/confirmUser?{query}"
