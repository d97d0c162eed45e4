"""Mail addresses and phone numbers by their form, as AWS tells them from other names; whether they can be reached is another matter.

Nothing stricter: email-validator and phonenumbers refuse what AWS takes (names without a dot, numbers that no plan has given out, which tests use),
and a user pool that was copied here must keep every address that it had (docs/adr/0008-contacts.md).
"""

from __future__ import annotations

import re

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


def is_email(value: str) -> bool:
    return _EMAIL.fullmatch(value) is not None


def is_phone_number(value: str) -> bool:
    """E.164: a plus, and up to fifteen digits."""
    return _E164.fullmatch(value) is not None
