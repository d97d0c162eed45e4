"""Unpadded base64url (RFC 7515, section 2) with one spelling for each value: anything else is refused, so that a token that was
altered in its unused bits, padded or broken over lines is never taken for the one that was given out."""

from __future__ import annotations

import binascii
import string

_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_STANDARD = bytes.maketrans(b"-_+/=", b"+/***")  # what is base64 but not base64url becomes what is neither
# Where 2 or 3 characters are left over, the bits of the last one that say nothing must be zero.
_LAST = {0: frozenset(_ALPHABET), 2: frozenset(_ALPHABET[::16]), 3: frozenset(_ALPHABET[::4])}


def encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode("ascii").rstrip("=").replace("+", "-").replace("/", "_")


def decode(text: str) -> bytes:
    """Gives the bytes; raises ValueError unless `text` is exactly what `encode` writes."""
    over = len(text) % 4
    if not text.isascii() or over == 1 or (text and text[-1] not in _LAST[over]):
        raise ValueError("not canonical base64url")
    return binascii.a2b_base64(text.encode("ascii").translate(_STANDARD) + b"=" * (-over % 4), strict_mode=True)
