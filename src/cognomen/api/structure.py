"""The base of every generated request and response type."""

from __future__ import annotations

import msgspec

Blob = bytes


class Structure(msgspec.Struct, omit_defaults=True, rename="pascal"):
    """snake_case in Python, AWS's names on the wire; a member that is None is left out, as AWS leaves out what is unset."""
