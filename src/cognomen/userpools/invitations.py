"""What a user is told whom somebody else made: the name, and the temporary password where there is one."""

from __future__ import annotations

from collections.abc import Collection

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.delivery import templates
from cognomen.delivery.message import Message
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import messages
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.rules import names

MEDIUM = {"email": "EMAIL", "phone_number": "SMS"}


def addresses(user: User, mediums: Collection[str] | None) -> list[str]:
    """The attributes to which invitations go: by the desired mediums, by text where none are named, as AWS does.

    Raises InvalidParameterException when mediums are named and the user has no address for any.
    """
    present = user.attributes
    desired = mediums or ["SMS"]
    wanted = [attribute for attribute, medium in MEDIUM.items() if medium in desired]
    reached = [attribute for attribute in wanted if present.get(attribute)]
    if not reached and mediums:
        missing = "email" if wanted == ["email"] else "phone_number"
        raise errors.InvalidParameterException(f"User has no {missing} to send the invitation to.")
    return reached


async def send(cx: Context, pool: Pool, user: User, password: str | None, attributes: list[str], occasion: Occasion) -> None:
    """Raises CodeDeliveryFailureException, and what the pool's functions raise."""
    # In a pool with username attributes people know themselves by their address, not by their sub.
    by_address = bool(names.username_attributes(pool))
    for attribute in attributes:
        named = user.attributes[attribute] if by_address else user.username
        await messages.deliver(cx, pool, user, _message(pool, user, attribute, named, password), occasion, named=named)


def _message(pool: Pool, user: User, attribute: str, named: str, password: str | None) -> Message:
    settings = pool.settings.pool.admin_create_user_config
    own = (settings.invite_message_template if settings else None) or idp.MessageTemplateType()
    to = user.attributes[attribute]
    if attribute == "phone_number":
        template = own.sms_message or (templates.INVITE_SMS if password else templates.INVITE_WITHOUT_PASSWORD)
        body = templates.fill(template, code=password or "", username=named, markup=False)
        return Message(channel="sms", to=to, pool_id=pool.pool_id, username=user.username, subject="", body=body, code=password)
    template = own.email_message or (templates.INVITE_EMAIL if password else templates.INVITE_WITHOUT_PASSWORD)
    body = templates.fill(template, code=password or "", username=named, markup=True)
    subject = own.email_subject or (templates.INVITE_SUBJECT if password else templates.INVITE_SUBJECT_WITHOUT_PASSWORD)
    return Message(channel="email", to=to, pool_id=pool.pool_id, username=user.username, subject=subject, body=body, code=password)
