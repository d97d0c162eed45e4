"""Bodies that conditions of policies ask for, or that could do more than was asked: tags, locks, restores. Read, and written anew. Pure.

Keys: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from cognomen.gateway.s3_xml import NAMESPACE, Malformed, leaf, members, parsed, text

LARGEST: Final = 64 << 10  # bytes of such a document
_MOST_TAGS: Final = 10
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


class Unserved(Exception):
    """A part of the document would write elsewhere than to the object that is asked for."""


class Document(NamedTuple):
    """`context` are the keys that it adds; `body` is how it goes on."""

    context: dict[str, list[str]]
    body: bytes


def read(operation: str, body: bytes, now: float) -> Document:
    """Of an operation in READ. Raises Malformed, Unserved."""
    root, reader = READ[operation]
    context, inner = reader(parsed(body, root), now)
    return Document(context, f'<{root} xmlns="{NAMESPACE}">{inner}</{root}>'.encode())


def tag_keys(tags: list[tuple[str, str]]) -> dict[str, list[str]]:
    context = {f"s3:RequestObjectTag/{key}": [value] for key, value in tags}
    return context | ({"s3:RequestObjectTagKeys": [key for key, _ in tags]} if tags else {})


def lock_keys(mode: str, until: str, hold: str, now: float) -> dict[str, list[str]]:
    """Each where it is given. Raises Malformed for a time that is none."""
    context = {"s3:object-lock-mode": [mode]} if mode else {}
    context |= {"s3:object-lock-legal-hold": [hold]} if hold else {}
    if until:
        if not _TIME.fullmatch(until):
            raise Malformed
        try:
            left = datetime.fromisoformat(until).timestamp() - now
        except (ValueError, OverflowError) as cause:
            raise Malformed from cause
        context |= {"s3:object-lock-retain-until-date": [until], "s3:object-lock-remaining-retention-days": [str(math.ceil(left / 86400))]}
    return context


Read = tuple[dict[str, list[str]], str]


def tags_in(root: ET.Element) -> list[tuple[str, str]]:
    """Raises Malformed."""
    found: list[tuple[str, str]] = []
    for listed in members(root, "TagSet").values():
        for tag in listed:
            given = members(tag, "Key", "Value")
            if tag.tag.rpartition("}")[2] != "Tag" or given.keys() != {"Key", "Value"}:
                raise Malformed
            found.append((leaf(given["Key"]), leaf(given["Value"])))
    if len(found) > _MOST_TAGS or len({key for key, _ in found}) < len(found):
        raise Malformed
    return found


def _tagging(root: ET.Element, _: float) -> Read:
    found = tags_in(root)
    listed = "".join(f"<Tag><Key>{text(key)}</Key><Value>{text(value)}</Value></Tag>" for key, value in found)
    return tag_keys(found), f"<TagSet>{listed}</TagSet>"


def _retention(root: ET.Element, now: float) -> Read:
    given = {name: leaf(child) for name, child in members(root, "Mode", "RetainUntilDate").items()}
    return lock_keys(given.get("Mode", ""), given.get("RetainUntilDate", ""), "", now), _written(given)


def _legal_hold(root: ET.Element, now: float) -> Read:
    given = {name: leaf(child) for name, child in members(root, "Status").items()}
    return lock_keys("", "", given.get("Status", ""), now), _written(given)


def _restore(root: ET.Element, _: float) -> Read:
    """Not by selection: that writes its result to a place that nobody was asked for."""
    if {child.tag.rpartition("}")[2] for child in root} - {"Days", "GlacierJobParameters", "Tier", "Description"}:
        raise Unserved
    given = members(root, "Days", "GlacierJobParameters", "Tier", "Description")
    job = given.pop("GlacierJobParameters", None)
    inner = _written({name: leaf(child) for name, child in given.items()})
    if job is not None:
        tier = _written({name: leaf(child) for name, child in members(job, "Tier").items()})
        inner += f"<GlacierJobParameters>{tier}</GlacierJobParameters>"
    return {}, inner


def _written(given: dict[str, str]) -> str:
    return "".join(f"<{name}>{text(value)}</{name}>" for name, value in given.items())


# By operation, the document's name and who reads it.
READ: Final[dict[str, tuple[str, Callable[[ET.Element, float], Read]]]] = {
    "PutObjectTagging": ("Tagging", _tagging),
    "PutObjectRetention": ("Retention", _retention),
    "PutObjectLegalHold": ("LegalHold", _legal_hold),
    "RestoreObject": ("RestoreRequest", _restore),
}
