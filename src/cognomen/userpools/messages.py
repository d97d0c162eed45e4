"""A mail or text of a pool on its way out: as the pool's templates have it, as its CustomMessage function would rather have it, or handed to
its custom sender instead.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from cognomen.api import errors
from cognomen.api.patterns import matcher
from cognomen.context import Context
from cognomen.delivery import templates
from cognomen.delivery.message import Message, NotDelivered
from cognomen.kernel.events import MessageFailed
from cognomen.storage.engine import Unit
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.triggers import catalog
from cognomen.triggers.custom_senders import Errand
from cognomen.userpools.hooks.ask import Occasion, ask, text

T = TypeVar("T")

_FAILED = "Unable to deliver the message."
_REASON = 256  # characters of what is told of a failure
_CODE, _NAME, _LINK = "{####}", "{username}", "{##Click Here##}"
_LONGEST = {"smsMessage": 140, "emailMessage": 20_000, "emailSubject": 140}
# The model's EmailVerificationMessageType, and AWS's words for a function's mail that does not fit it (amazon-cognito-identity-js #99).
_MAIL = r"[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*\{####\}[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*"
_BAD_MAIL = (
    "1 validation error detected: Value at 'emailBody' failed to satisfy constraint: Member must satisfy regular expression pattern:"
    f" {_MAIL}"
)
_fits_mail = matcher(_MAIL)
_SENDERS = {
    "email": (catalog.CUSTOM_EMAIL_SENDER, "customEmailSenderRequestV1"),
    "sms": (catalog.CUSTOM_SMS_SENDER, "customSMSSenderRequestV1"),
}


async def deliver(
    cx: Context, pool: Pool, user: User, message: Message, occasion: Occasion, *, named: str = "", first: Unit[None] | None = None
) -> None:
    """`named` is how an invitation names the user; `first` is written before anything leaves, and together with a message that stays in the
    house. Raises CodeDeliveryFailureException, what CustomMessage raises, and what `first` does; of a custom sender no error is told."""
    if first is not None and not together(cx, pool, message.channel):
        await cx.store.write(first)
        first = None
    if by_sender(cx, pool, message.channel, user.username, catalog.user_attributes(user), message.code, occasion):
        return
    if catalog.arn_of(pool, catalog.CUSTOM_MESSAGE) is not None:
        message = await _customised(cx, pool, user, message, occasion, named)
    try:
        await cx.delivery.send(message, first)
    except NotDelivered as cause:
        raise _undelivered(cx, message, str(cause)) from cause


def together(cx: Context, pool: Pool, channel: str) -> bool:
    """Is nobody asked, and nothing sent, before a message is kept in the inbox?"""
    asked = (catalog.CUSTOM_MESSAGE, _SENDERS[channel][0])
    return cx.delivery.stays_in_house(channel) and all(catalog.arn_of(pool, trigger) is None for trigger in asked)


def is_taken_over(pool: Pool, channel: str) -> bool:
    """Does a custom sender of the pool send these messages?"""
    return catalog.arn_of(pool, _SENDERS[channel][0]) is not None


async def pretend(cx: Context, pool: Pool, channel: str) -> None:
    """Takes as long as a message to somebody would. Raises CodeDeliveryFailureException where a message to anybody would."""
    if is_taken_over(pool, channel):
        return  # nobody waits for a custom sender
    if (arn := catalog.arn_of(pool, catalog.CUSTOM_MESSAGE)) is not None:
        await cx.triggers.pretend(arn)
    try:
        await cx.delivery.pretend(channel)
    except NotDelivered as cause:
        raise errors.CodeDeliveryFailureException(_FAILED) from cause


async def declared(attribute: str, delivery: Awaitable[T]) -> T:
    """What `delivery` gives, for operations whose model has no CodeDeliveryFailureException (sign-in, some of an administrator's): in its
    place stands what they declare for a sender that cannot send."""
    try:
        return await delivery
    except errors.CodeDeliveryFailureException as cause:
        if attribute == "phone_number":
            raise errors.InvalidSmsRoleAccessPolicyException(cause.message) from cause
        raise errors.InvalidEmailRoleAccessPolicyException(cause.message) from cause


def by_sender(
    cx: Context, pool: Pool, channel: str, username: str, attributes: Mapping[str, str], code: str | None, occasion: Occasion
) -> bool:
    """Has the pool's custom sender taken the message over? The code goes to it encrypted; it runs beside the request, and what it answers is
    not looked at."""
    sender, kind = _SENDERS[channel]
    arn = catalog.arn_of(pool, sender)
    if arn is None:
        return False
    config = pool.settings.pool.lambda_config
    metadata = dict(occasion.metadata or {}) or None
    event = catalog.event(
        pool,
        trigger=sender,
        source=occasion.source,
        username=username,
        client_id=occasion.client_id,
        user_agent=cx.user_agent,
        request={"type": kind, "code": None, "clientMetadata": metadata, "userAttributes": dict(attributes)},
        response={},
    )
    cx.triggers.senders.hand_over(
        Errand(
            trigger=sender,
            arn=arn,
            pool_id=pool.pool_id,
            key_arn=(config.kms_key_id if config else None) or "",
            code=code,
            event=event,
            failed=partial(_failed, cx, pool.pool_id, username, channel),
        )
    )
    return True


async def _customised(cx: Context, pool: Pool, user: User, message: Message, occasion: Occasion, named: str) -> Message:
    """The function's own texts, their placeholders filled; what it leaves out stays the pool's."""
    invites = occasion.source == "AdminCreateUser"
    request: dict[str, Any] = {
        "userAttributes": catalog.user_attributes(user),
        "codeParameter": _CODE,
        "linkParameter": _LINK,
        "usernameParameter": _NAME if invites else None,
    }
    answer = await ask(cx, pool, catalog.CUSTOM_MESSAGE, occasion, user.username, request) or {}
    given = {name: text(answer, name) for name in _LONGEST}
    is_mail = message.channel == "email"
    used = "emailMessage" if is_mail else "smsMessage"
    template = given[used]
    if template is not None:
        given[used] = _filled(template, message, named or user.username, invites=invites)
    for name, value in given.items():  # "This length includes the verification code"
        if value is not None and len(value) > _LONGEST[name]:
            raise errors.InvalidLambdaResponseException(f"{name} is longer than {_LONGEST[name]} characters.")
    subject = given["emailSubject"] if is_mail else None
    return msgspec.structs.replace(message, body=given[used] or message.body, subject=subject or message.subject)


def _filled(template: str, message: Message, named: str, *, invites: bool) -> str:
    """Raises InvalidParameterException for a mail, InvalidLambdaResponseException for a text that forgot the code (and the name, in an
    invitation): nobody could use it."""
    linked = templates.fill_link(template, message.link) if message.link else template
    has_code = _CODE in template or linked != template or message.code is None
    if message.channel == "email" and linked == template and message.code is not None and not (has_code and _fits_mail(template)):
        raise errors.InvalidParameterException(_BAD_MAIL)
    if not has_code or (invites and _NAME not in template):
        missing = _CODE if not has_code else _NAME
        raise errors.InvalidLambdaResponseException(f"The message of the lambda function output does not have {missing}.")
    return templates.fill(linked, code=message.code or "", username=named, markup=message.channel == "email")


def _undelivered(cx: Context, message: Message, reason: str) -> errors.CodeDeliveryFailureException:
    _failed(cx, message.pool_id, message.username, message.channel, reason)
    return errors.CodeDeliveryFailureException(_FAILED)


def _failed(cx: Context, pool_id: str, username: str, channel: str, reason: str) -> None:
    cx.tell(MessageFailed, pool_id, username=username, channel=channel, reason=reason[:_REASON])
