"""Attributes for access control: which claims of a login become tags of the role's session. Pure.

https://docs.aws.amazon.com/cognito/latest/developerguide/attributes-for-access-control.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cognomen.api import errors, identity
from cognomen.identitypools.rules import claims as claim_values
from cognomen.identitypools.rules.pool_settings import providers
from cognomen.storage.identity_pools import TagMap

# The console's default mappings: the provider's audience and subject, under the names that the guide's policies use.
DEFAULTS = {"username": "sub", "client": "aud"}
_LONGEST = 256  # characters of a session tag's value
_VALUE = re.compile(r"[\w\s.:/=+@-]*")  # IAM's characters of tags
_KEY = re.compile(r"[\w\s.:/=+@-]{1,128}")


def check(pool: identity.IdentityPool, provider: str, asked: TagMap) -> None:
    """Raises InvalidParameterException."""
    if provider not in providers(pool):
        raise errors.InvalidParameterException(f"{provider} is not an identity provider of this identity pool.")
    wrong = next((key for key in asked.tags if not _KEY.fullmatch(key) or key.lower().startswith("aws:")), None)
    if wrong is not None:
        raise errors.InvalidParameterException(f"{wrong} cannot be the key of a principal tag.")


def shown(found: TagMap) -> dict[str, str]:
    return DEFAULTS if found.use_defaults else found.tags


def of(found: TagMap | None, claims: Mapping[str, Any]) -> dict[str, str]:
    """Tags by claims that the token has. What no tag can hold is left out: a session must not fail for somebody's name."""
    tags: dict[str, str] = {}
    for key, claim in shown(found).items() if found else ():
        values = claim_values.of(claims, claim)
        value = values[0] if len(values) == 1 else ""
        if value and len(value) <= _LONGEST and _VALUE.fullmatch(value):
            tags[key] = value
    return tags
