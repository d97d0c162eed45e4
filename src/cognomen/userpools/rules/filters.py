"""The filter of ListUsers: `AttributeName FilterType "Value"`, as AWS parses it.

https://docs.aws.amazon.com/cognito/latest/developerguide/how-to-manage-user-accounts.html ("Using the ListUsers API"); FIDELITY B.5.53.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cognomen.api import errors
from cognomen.storage.pools import Pool
from cognomen.storage.users import SEARCHED, fold
from cognomen.userpools.rules import names

_FILTER = re.compile(r'\s*(?:"(?P<quoted>[^"]+)"|(?P<bare>[^\s"=^]+))\s*(?P<kind>\^=|=)\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Filter(NamedTuple):
    """`value` is in the form in which `column` is kept; `prefix` for `^=`. `value` None matches nobody."""

    column: str
    value: str | int | None
    prefix: bool


def parse(pool: Pool, text: str) -> Filter | None:
    """None for an empty filter. Raises InvalidParameterException."""
    found = _FILTER.fullmatch(text)
    if found is None:
        if not text.strip():
            return None
        raise errors.InvalidParameterException("Error while parsing filter.")
    name = found["quoted"] or found["bare"]
    value = found["value"]
    if "\\" in value:
        value = _ESCAPED.sub(r"\1", value)
    prefix = found["kind"] == "^="
    if name == "username":
        return Filter("username_key", names.key(pool, value), prefix)
    if name == "sub":
        return Filter("sub", value, prefix)
    if name == "cognito:user_status":
        return Filter("status", value.upper(), prefix)
    if name == "status":
        return _enabled(value, prefix)
    if name not in SEARCHED:
        raise errors.InvalidParameterException(f"Invalid search attribute: {name}")
    return Filter(SEARCHED[name], fold(value), prefix)


def _enabled(value: str, prefix: bool) -> Filter | None:
    """Enabled or Disabled, spelled so; a prefix of one of them stands for it."""
    fitting = [flag for word, flag in (("Enabled", 1), ("Disabled", 0)) if (word.startswith(value) if prefix else word == value)]
    if len(fitting) == 2:
        return None
    return Filter("enabled", fitting[0] if fitting else None, prefix=False)
