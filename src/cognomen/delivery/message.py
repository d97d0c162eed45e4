"""A mail or text, the port by which it leaves, and the channels that a server may have for it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cognomen.storage.engine import Unit

EMAIL, SMS = "email", "sms"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`channel` is "email" or "sms"; `subject` is empty for a text. `code` and `link` repeat what the body holds. A mail's body is
    HTML.

    `text` is a plain form of a mail's body, where it has one, or the body itself, which is then no HTML; `sender` and `reply_to` are addresses that differ from the delivery's own.
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
    """The message could not be handed over. The text names the reason, never the message, its code or an address."""


class Unavailable(NotDelivered):
    """The same, and another try may succeed."""


class Delivery(Protocol):
    async def send(self, message: Message, first: Unit[None] | None = None) -> None:
        """Hands the message over. `first`, for kinds that stay in the house, is written together with it; the message is only there if that
        holds. Raises NotDelivered, and what `first` raises."""
        ...

    def stays_in_house(self, kind: str) -> bool:
        """Is the inbox all that a message of this kind ("email", "sms") goes to?"""
        ...

    async def pretend(self, kind: str) -> None:
        """Takes as long as `send` lately did for a message of this kind ("email", "sms"), for somebody who does not exist.

        Raises NotDelivered where every message of that kind would fail."""
        ...


class Channel(Protocol):
    """One way out of the house. `serves` says which kinds of messages it takes."""

    name: str
    serves: frozenset[str]

    async def send(self, message: Message) -> None:
        """Hands the message over, tries again within bounds. Raises NotDelivered."""
        ...

    async def check(self) -> str:
        """Connects and proves who it is, sends nothing; returns one sentence on what it found. Raises NotDelivered."""
        ...
