"""Unpadded base64url (RFC 7515, section 2) with one spelling for each value: anything else is refused, so that a token that was
altered in its unused bits, padded or broken over lines is never taken for the one that was given out."""

from __future__ import annotations

import base64


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Gives the bytes; raises ValueError unless `text` is exactly what `encode` writes."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # Python skips what is not in the alphabet and ignores spare bits; writing it again is the simplest complete check.
    if encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw
