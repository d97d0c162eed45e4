"""AttributeMapping: which claims of a provider become which attributes of a profile, and how their values are written. Pure.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-specifying-attribute-mapping.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote_plus

import msgspec

from cognomen.api import errors, idp
from cognomen.userpools.rules import schema
from cognomen.userpools.rules.provider_details import KINDS

USERNAME: Final = "username"
_MOST_VALUES: Final = 1000
_LONGEST_CLAIM: Final = 1024


def checked(kind: str, given: Mapping[str, str] | None, attributes: Sequence[idp.SchemaAttributeType]) -> dict[str, str]:
    """The mapping with AWS's default for `username`, which is the provider's own id of a user and nothing else. Raises InvalidParameterException."""
    subject = KINDS[kind].subject
    known = {attribute.name or "" for attribute in attributes or schema.standard()} - {"sub"}
    mapping = dict(given or {})
    bad = sorted(
        name
        for name, claim in mapping.items()
        if (name not in known and name != USERNAME)
        or (name == USERNAME and claim != subject)
        or not 0 < len(claim) <= _LONGEST_CLAIM
        or not claim.isprintable()
    )
    if bad:
        raise errors.InvalidParameterException(f"AttributeMapping contains invalid mapping: [{', '.join(bad)}]")
    return {**mapping, USERNAME: subject} if subject else mapping


def texts(claims: Mapping[str, Any]) -> dict[str, str]:
    """What a provider said, as texts by the provider's own names; what is null or empty is left out."""
    written = {name: text(value) for name, value in claims.items()}
    return {name: value for name, value in written.items() if value}


def text(value: Any) -> str:
    """One value as it is mapped. Several are joined in brackets, each encoded as a form would encode it (the page above: all but letters, digits
    and `.-*_`); one alone stands for itself."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        parts = [text(each) for each in value[:_MOST_VALUES]]
        return parts[0] if len(parts) == 1 else _joined(parts)
    if isinstance(value, dict) and isinstance(value.get("formatted"), str):
        return str(value["formatted"])  # an address claim (OpenID Connect Core, 5.1.1)
    return msgspec.json.encode(value).decode()


def _joined(parts: list[str]) -> str:
    encoded = [quote_plus(part, safe=".-*_", errors="replace").replace("~", "%7E") for part in parts]
    return f"[{', '.join(encoded)}]" if encoded else ""


def mapped(mapping: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Attributes of the profile, of those claims that came: what does not come any more is not taken away."""
    return {name: said[claim] for name, claim in mapping.items() if name != USERNAME and said.get(claim)}
