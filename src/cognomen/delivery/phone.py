"""Phone numbers as carriers take them (E.164)."""

from __future__ import annotations

import re

from cognomen.delivery.message import NotDelivered

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


def phone_number(text: str) -> str:
    """Raises NotDelivered for what is none: a topic or a short code is not a user's phone."""
    if not _E164.fullmatch(text):
        raise NotDelivered("the recipient's phone number is none (E.164)")
    return text
