"""The keys that DeleteObjects names: read, asked for one by one, and written anew, so that the store reads exactly what was asked for. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from cognomen.gateway.s3_xml import NAMESPACE, Malformed, parsed, plain, text

MOST: Final = 1000
LARGEST: Final = 2 << 20  # bytes of the document
_MEMBERS: Final = ("Key", "VersionId", "ETag", "LastModifiedTime", "Size")
_END: Final = re.compile(rb"</DeleteResult\s*>\s*$|<DeleteResult([^>]*)/>\s*$")


class Item(NamedTuple):
    """One object to be deleted, by the members that the document gave."""

    key: str
    version: str | None
    members: tuple[tuple[str, str], ...]


def read(document: bytes) -> tuple[list[Item], bool]:
    """The items, and whether only errors are to be told. Raises Malformed."""
    root = parsed(document, "Delete")
    items: list[Item] = []
    quiet = False
    for child in root:
        name = plain(child.tag)
        if name == "Object":
            items.append(_item(child))
        elif name == "Quiet":
            quiet = (child.text or "").strip().lower() == "true"
        else:
            raise Malformed
    if not 1 <= len(items) <= MOST:
        raise Malformed
    return items, quiet


def write(items: list[Item], *, quiet: bool) -> bytes:
    objects = "".join(f"<Object>{''.join(f'<{name}>{text(value)}</{name}>' for name, value in item.members)}</Object>" for item in items)
    return f'<Delete xmlns="{NAMESPACE}"><Quiet>{"true" if quiet else "false"}</Quiet>{objects}</Delete>'.encode()


def refused(denied: list[tuple[Item, str]]) -> bytes:
    """`<Error>` elements for items that were not allowed."""
    return "".join(
        f"<Error><Key>{text(item.key)}</Key>{f'<VersionId>{text(item.version)}</VersionId>' if item.version else ''}"
        f"<Code>AccessDenied</Code><Message>{text(why)}</Message></Error>"
        for item, why in denied
    ).encode()


def merged(answer: bytes, errors: bytes) -> bytes:
    """The store's answer with our errors in it. Raises Malformed."""
    end = _END.search(answer)
    if end is None:
        raise Malformed
    opening = b"<DeleteResult%b>" % end[1] if end[1] is not None else b""
    return answer[: end.start()] + opening + errors + b"</DeleteResult>"


def result(errors: bytes) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="%b">%b</DeleteResult>' % (NAMESPACE.encode(), errors)


def _item(element: ET.Element) -> Item:
    members = tuple((plain(child.tag), child.text or "") for child in element)
    names = [name for name, _ in members]
    if any(len(child) for child in element) or len(set(names)) < len(names) or not set(names) <= set(_MEMBERS):
        raise Malformed
    given = dict(members)
    if not given.get("Key"):
        raise Malformed
    return Item(given["Key"], given.get("VersionId"), members)
