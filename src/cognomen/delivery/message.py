"""A mail or text, and the port by which it leaves."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`channel` is "email" or "sms"; `subject` is empty for a text. `code` and `link` repeat what the body holds.

    `text` is a plain form of a mail's body, where it has one; `sender` and `reply_to` are addresses that differ from the delivery's own.
    """

    channel: str
    to: str
    pool_id: str
    username: str
    subject: str
    body: str
    code: str | None = None
    link: str | None = None
    text: str | None = None
    sender: str | None = None
    reply_to: str | None = None


class NotDelivered(Exception):
    """The message could not be handed over. The text names the reason, never the message."""


class Delivery(Protocol):
    async def send(self, message: Message) -> None:
        """Hands the message over. Raises NotDelivered."""
        ...
