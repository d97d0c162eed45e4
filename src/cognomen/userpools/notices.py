"""Mails to users about risky sign-ins, with links by which they say whether it was them.

The default texts are those of AWS's own example (API reference of SetRiskConfiguration).
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlencode

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.delivery.message import Message, NotDelivered
from cognomen.kernel.log import get_logger
from cognomen.kernel.secrets import Unsealable
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.triggers import catalog
from cognomen.userpools import codes, messages
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.rules.risk import Seen

Kind = Literal["BLOCK", "MFA", "NO_ACTION"]

log = get_logger("userpools")
_PURPOSE = "auth event feedback"
_VALID_SECONDS = 7 * 86_400.0
_PLACEHOLDER = re.compile(
    r"\{(username|ip-address|city|country|login-time|device-name|event-id|feedback-token|one-click-link-valid|one-click-link-invalid)\}"
)
_UNKNOWN = "Unknown"
_OF_SENDER = {"username": "USER_NAME"}  # the other names of a custom sender's event are the placeholders', in capitals
_SAID = {
    "BLOCK": ("Blocked sign-in attempt", "We blocked an unrecognized sign-in to your account with this information:"),
    "MFA": ("New sign-in attempt", "We required you to use multi-factor authentication for the following sign-in attempt:"),
    "NO_ACTION": ("New sign-in attempt", "We observed an unrecognized sign-in to your account with this information:"),
}
_HTML = """<!DOCTYPE html>
<html>
<head>
<title>HTML email context</title>
<meta charset="utf-8">
</head>
<body>
<p>{}</p>
<ul>
<li>Time: {{login-time}}</li>
<li>Device: {{device-name}}</li>
<li>Location: {{city}}, {{country}}</li>
</ul>
<p>If this sign-in was not by you, you should change your password and notify us by clicking on <a href="{{one-click-link-invalid}}">this link</a></p>
<p>If this sign-in was by you, you can follow <a href="{{one-click-link-valid}}">this link</a> to let us know</p>
</body>
</html>"""
_TEXT = """{}
Time: {{login-time}}
Device: {{device-name}}
Location: {{city}}, {{country}}
If this sign-in was not by you, you should change your password and notify us by clicking on {{one-click-link-invalid}}
If this sign-in was by you, you can follow {{one-click-link-valid}} to let us know"""


class Notice(msgspec.Struct, frozen=True):
    """Which sign-in a mail is about, and what was done."""

    kind: Kind
    event_id: str
    created_at: float
    seen: Seen


class Token(msgspec.Struct, frozen=True):
    """What a FeedbackToken says, sealed and bound to its pool."""

    sub: str
    event_id: str
    expires_at: float


async def send(
    cx: Context, pool: Pool, client_id: str, user: User, configuration: idp.NotifyConfigurationType | None, notice: Notice
) -> None:
    """Mails the user, if they have a verified address: to another it would tell a stranger. What cannot be sent is logged and changes nothing."""
    attributes = user.attributes
    to = attributes.get("email")
    if not to or attributes.get("email_verified") != "true":
        return
    try:
        await codes.limit_messages(cx, user.pool_id, user.sub, "risk")
        if not _by_sender(cx, pool, client_id, user, notice):
            await cx.delivery.send(_message(cx, user, to, configuration, notice))
    except errors.LimitExceededException:
        log.warning("a user is not told of more risky sign-ins this hour", pool_id=user.pool_id, sub=user.sub)
    except (NotDelivered, errors.ServiceError) as error:
        log.warning("a user could not be told of a risky sign-in", pool_id=user.pool_id, sub=user.sub, reason=str(error))


def _by_sender(cx: Context, pool: Pool, client_id: str, user: User, notice: Notice) -> bool:
    """A pool with a custom sender tells by it: what a mail would say comes beside the user's attributes.

    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-email-sender.html
    """
    if catalog.arn_of(pool, catalog.CUSTOM_EMAIL_SENDER) is None:
        return False
    values = _values(cx, user, notice)
    told: dict[str, str] = {"ACCOUNT_TAKE_OVER_ACTION": notice.kind}
    told |= {_OF_SENDER.get(name, name.replace("-", "_").upper()): value for name, value in values.items()}
    occasion = Occasion("AccountTakeOverNotification", client_id)
    return messages.by_sender(cx, pool, "email", user.username, {**catalog.user_attributes(user), **told}, None, occasion)


def _message(cx: Context, user: User, to: str, configuration: idp.NotifyConfigurationType | None, notice: Notice) -> Message:
    own = _template(configuration, notice.kind)
    subject, words = _SAID[notice.kind]
    given = own or idp.NotifyEmailType(subject=subject, html_body=_HTML.format(words), text_body=_TEXT.format(words))
    values = _values(cx, user, notice)
    escaped = {name: html.escape(value) for name, value in values.items()}
    text = fill(given.text_body, values) if given.text_body else None
    body = fill(given.html_body, escaped) if given.html_body else text or ""
    return Message(
        channel="email",
        to=to,
        pool_id=user.pool_id,
        username=user.username,
        subject=fill(given.subject, values),
        body=body,
        link=values["one-click-link-invalid"],
        text=text,
        sender=configuration.from_ if configuration else None,
        reply_to=configuration.reply_to if configuration else None,
    )


def _template(configuration: idp.NotifyConfigurationType | None, kind: Kind) -> idp.NotifyEmailType | None:
    if configuration is None:
        return None
    own = {"BLOCK": configuration.block_email, "MFA": configuration.mfa_email, "NO_ACTION": configuration.no_action_email}
    return own[kind]


def fill(template: str, values: Mapping[str, str]) -> str:
    """In one pass, so that a name which looks like a placeholder stays as it is."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def _values(cx: Context, user: User, notice: Notice) -> dict[str, str]:
    token = cx.sealer.seal_text(
        _PURPOSE,
        msgspec.json.encode(Token(user.sub, notice.event_id, cx.clock.now() + _VALID_SECONDS)),
        user.pool_id.encode(),
    )
    base = f"{(cx.settings.public_url or cx.base_url).rstrip('/')}/{user.pool_id}/authEventFeedback?"
    return {
        "username": user.username,
        "ip-address": notice.seen.address or _UNKNOWN,
        "city": notice.seen.city or _UNKNOWN,
        "country": notice.seen.country or _UNKNOWN,
        "login-time": datetime.fromtimestamp(notice.created_at, UTC).strftime("%a %b %d %H:%M:%S UTC %Y"),
        "device-name": notice.seen.device_name or _UNKNOWN,
        "event-id": notice.event_id,
        "feedback-token": token,
        "one-click-link-valid": base + urlencode({"value": "Valid", "token": token}),
        "one-click-link-invalid": base + urlencode({"value": "Invalid", "token": token}),
    }


def open_token(cx: Context, pool_id: str, token: str) -> Token:
    """Raises NotAuthorizedException for a token that is forged, late, or of another pool."""
    try:
        opened = msgspec.json.decode(cx.sealer.open_text(_PURPOSE, token, pool_id.encode()), type=Token)
    except (Unsealable, msgspec.DecodeError) as cause:
        raise bad_token() from cause
    if opened.expires_at <= cx.clock.now():
        raise bad_token()
    return opened


def bad_token() -> errors.NotAuthorizedException:
    return errors.NotAuthorizedException("Invalid feedback token.")
