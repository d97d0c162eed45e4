"""A token's claim as texts, as rules and tags compare them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of(claims: Mapping[str, Any], name: str) -> list[str]:
    """Each value of a claim: none for one that is missing or an object, several for a list; booleans and numbers as JSON writes them."""
    value = claims.get(name)
    return [text for item in (value if isinstance(value, list) else [value]) if (text := _text(item)) is not None]


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
