"""Phone numbers as carriers take them (E.164)."""

from __future__ import annotations

from cognomen.delivery.message import NotDelivered
from cognomen.kernel import contacts


def phone_number(text: str) -> str:
    """Raises NotDelivered for what is none: a topic or a short code is not a user's phone."""
    if not contacts.is_phone_number(text):
        raise NotDelivered("the recipient's phone number is none (E.164)")
    return text
