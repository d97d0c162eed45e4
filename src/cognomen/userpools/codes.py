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
from cognomen.userpools import messages
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.rules import names

SIGN_UP = "sign_up"
RESET = "reset"
# Another purpose is the attribute that a signed-in user verifies: "email" or "phone_number".

_KINDS = {SIGN_UP: "SignUp", RESET: "ForgotPassword"}  # AWS's kinds of messages
_DAY = 86_400.0
_VALID_SECONDS = {SIGN_UP: _DAY, RESET: 3_600.0}
_WRONG_CODES = 5
_MESSAGES = 10
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


def unknown_subject(cx: Context, pool: Pool, typed: str) -> str:
    """Under which a name that nobody has is counted."""
    return cx.sealer.mac("unknown user", pool.pool_id.encode(), typed.encode("utf-8", "surrogatepass")).hex()


async def simulate(cx: Context, pool: Pool, typed: str, purpose: str) -> idp.CodeDeliveryDetailsType:
    """What a user who does not exist is answered where users are hidden: a plausible address, the same at each try.

    It takes as long as a real one: a code is made and kept, another durable write stands for the inbox and a pause for functions and other
    channels; a custom sender is waited for by nobody.
    Raises CodeDeliveryFailureException where a message to anybody would.
    """
    subject = unknown_subject(cx, pool, typed)
    row = Code(pool.pool_id, subject, purpose, cx.sealer.mac("code", ids.digits(6).encode()), "", "", cx.clock.now())
    attribute, _ = _simulated_address(cx, pool, typed)

    async def unit(tx: Tx) -> None:
        await cx.store.codes.put(tx, row)
        await cx.store.codes.drop(tx, pool.pool_id, subject, purpose)

    await cx.store.write(unit)
    if not messages.is_taken_over(pool, _channel(attribute)):
        await cx.store.write(lambda tx: cx.store.codes.drop(tx, pool.pool_id, subject, purpose))
    return await plausible_address(cx, pool, typed)


async def plausible_address(cx: Context, pool: Pool, typed: str) -> idp.CodeDeliveryDetailsType:
    """Where a code of somebody who does not exist is said to go, after as long as a message there would take.

    Raises CodeDeliveryFailureException where a message to anybody would.
    """
    attribute, address = _simulated_address(cx, pool, typed)
    await messages.pretend(cx, pool, _channel(attribute))
    return details(attribute, address)


def _channel(attribute: str) -> str:
    return "sms" if attribute == "phone_number" else "email"


def _simulated_address(cx: Context, pool: Pool, typed: str) -> tuple[str, str]:
    if names.is_phone_number(typed):
        return "phone_number", typed
    if names.is_email(typed):
        return "email", typed
    letters = cx.sealer.mac("simulated address", pool.pool_id.encode(), typed.encode("utf-8", "surrogatepass"))
    name, domain = (chr(ord("a") + letters[at] % 26) for at in (0, 1))
    return "email", f"{name}@{domain}"


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
    wrong = await cx.store.attempts.get(user.pool_id, user.sub, f"code:{purpose}", now)
    if wrong.failures >= _WRONG_CODES:
        raise errors.LimitExceededException(_TOO_MANY)
    row = await cx.store.codes.get(user.pool_id, user.sub, purpose)
    if row is None or row.expires_at <= now:
        raise expired()
    if not secrets.equal(row.digest, _digest(cx, user, purpose, text)):
        await _count_wrong(cx, user.pool_id, user.sub, purpose)
        raise mismatch()
    return row


async def refuse_nobody(cx: Context, pool: Pool, typed: str, purpose: str) -> NoReturn:
    """What a code of a user who does not exist gets where users are hidden: what a wrong one of a real user gets, counted alike."""
    subject = unknown_subject(cx, pool, typed)
    wrong = await cx.store.attempts.get(pool.pool_id, subject, f"code:{purpose}", cx.clock.now())
    if wrong.failures >= _WRONG_CODES:
        raise errors.LimitExceededException(_TOO_MANY)
    await _count_wrong(cx, pool.pool_id, subject, purpose)
    raise mismatch()


async def spend(cx: Context, tx: Tx, row: Code) -> None:
    """Within the unit that gives the code its effect. Raises ExpiredCodeException when another request was first, and
    LimitExceededException when wrong ones reached the limit meanwhile (codes tried in parallel)."""
    wrong = await cx.store.attempts.get(row.pool_id, row.sub, f"code:{row.purpose}", cx.clock.now(), tx)
    if wrong.failures >= _WRONG_CODES:
        raise errors.LimitExceededException(_TOO_MANY)
    if not await cx.store.codes.spend(tx, row):
        raise expired()
    await cx.store.attempts.reset(tx, row.pool_id, row.sub, f"code:{row.purpose}")


async def _count_wrong(cx: Context, pool_id: str, sub: str, purpose: str) -> None:
    async def unit(tx: Tx) -> None:
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
