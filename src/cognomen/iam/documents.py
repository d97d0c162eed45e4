"""Documents as requests bring them and answers give them back, and pages of lists: what all of IAM's operations have in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

from cognomen.api import errors, iam
from cognomen.context import Context
from cognomen.policies.document import BadPolicy, Kind, parse

T = TypeVar("T")
_ID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
MOST_TAGS = 50


def checked(document: str, kind: Kind) -> str:
    """The document, if it is a policy of that kind. Raises MalformedPolicyDocumentException."""
    try:
        parse(document, kind)
    except BadPolicy as cause:
        raise errors.MalformedPolicyDocumentException(str(cause)) from cause
    return document


def encoded(document: str) -> str:
    """ "Policies returned by this operation are URL-encoded compliant with RFC 3986"."""
    return quote(document, safe="-_.~")


def unique_id(prefix: str) -> str:
    """AROA... of roles, ANPA... of managed policies: 21 characters."""
    return prefix + "".join(secrets.choice(_ID) for _ in range(17))


def tag_map(tags: Sequence[iam.Tag] | None, present: dict[str, str] | None = None) -> dict[str, str]:
    """Tags by key, added to those that are there. Raises InvalidInputException, LimitExceededException."""
    given = tags or []
    keys = [tag.key.lower() for tag in given]
    if len(keys) != len(set(keys)):
        raise errors.InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in keys):
        raise errors.InvalidInputException("Tag keys starting with 'aws:' are reserved for AWS use.")
    others = {key: value for key, value in (present or {}).items() if key.lower() not in keys}
    together = {**others, **{tag.key: tag.value for tag in given}}
    if len(together) > MOST_TAGS:
        raise errors.LimitExceededException(f"Cannot exceed quota for TagsPerResource: {MOST_TAGS}")
    return together


def tag_list(tags: dict[str, str]) -> list[iam.Tag] | None:
    return [iam.Tag(key=key, value=value) for key, value in tags.items()] or None


def after(cx: Context, bound: str, marker: str | None) -> str:
    """Where a page begins. Raises ValidationException for a marker of another list."""
    found = cx.pager.after(bound, marker, errors.ValidationException("Invalid Marker."))
    return str(found[0]) if found else ""


def cut(cx: Context, bound: str, found: Sequence[T], limit: int, key: Callable[[T], str]) -> tuple[list[T], bool, str | None]:
    """Of limit + 1 rows the page, whether there are more, and the marker of the next."""
    if len(found) <= limit:
        return list(found), False, None
    return list(found[:limit]), True, cx.pager.token(bound, [key(found[limit - 1])])
