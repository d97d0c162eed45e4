"""A pool's tags: how many and which keys AWS allows, and the two by which a pool is pinned, `_custom_id_` and `_issuer_`.

https://docs.aws.amazon.com/cognito/latest/developerguide/tagging.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from cognomen.api import errors

Update = Callable[[dict[str, str]], dict[str, str]]
CUSTOM_ID = "_custom_id_"
ISSUER = "_issuer_"
_MOST = 50
_POOL_ID = re.compile(r"[\w-]+_[0-9a-zA-Z]+", re.ASCII)


def check(tags: Mapping[str, str]) -> None:
    """Raises InvalidParameterException."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise errors.InvalidParameterException("Tag keys must not begin with aws:, which is reserved.")
    if len(tags) > _MOST:
        raise errors.InvalidParameterException(f"Number of tags exceeds the limit of {_MOST}.")


def pinned_id(tags: Mapping[str, str]) -> str | None:
    """The id that a new pool is to have, where a tag names one. Raises InvalidParameterException."""
    pool_id = tags.get(CUSTOM_ID)
    if pool_id is not None and (_POOL_ID.fullmatch(pool_id) is None or len(pool_id) > 55):
        raise errors.InvalidParameterException(f"The tag {CUSTOM_ID} must be a user pool id, such as us-east-1_abcDEF123.")
    return pool_id


def issuer(tags: Mapping[str, str], default: str) -> str:
    """How the pool's issuer is made: the tag `_issuer_` (self, aws or an address), else `default`. Raises InvalidParameterException."""
    asked = tags.get(ISSUER, default)
    if asked in ("self", "aws") or _is_address(asked):
        return asked
    raise errors.InvalidParameterException(f"The tag {ISSUER} must be self, aws or an https address.")


def issuer_after(before: Mapping[str, str], after: Mapping[str, str], present: str, default: str) -> str:
    """The issuer once the tags have changed: a tag that is gone leaves the server's setting, one that never was leaves the pool as it is."""
    return issuer(after, default if ISSUER in before else present)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets that hold no IPv6 address
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not parts.query and not parts.fragment
