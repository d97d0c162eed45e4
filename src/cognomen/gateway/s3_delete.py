"""The keys that DeleteObjects names: read, asked for one by one, and written anew, so that the store reads exactly what was asked for. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET
from xml.parsers import expat
from xml.sax.saxutils import escape

MOST: Final = 1000
LARGEST: Final = 2 << 20  # bytes of the document
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_MEMBERS: Final = ("Key", "VersionId", "ETag", "LastModifiedTime", "Size")
_END: Final = re.compile(rb"</DeleteResult\s*>\s*$|<DeleteResult([^>]*)/>\s*$")


class Malformed(Exception):
    """Not the document that S3 takes."""


class Item(NamedTuple):
    """One object to be deleted, by the members that the document gave."""

    key: str
    version: str | None
    members: tuple[tuple[str, str], ...]


def read(document: bytes) -> tuple[list[Item], bool]:
    """The items, and whether only errors are to be told. Raises Malformed."""
    root = _parsed(document)
    items: list[Item] = []
    quiet = False
    for child in root:
        name = _plain(child.tag)
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
    objects = "".join(f"<Object>{''.join(f'<{name}>{_text(value)}</{name}>' for name, value in item.members)}</Object>" for item in items)
    return f'<Delete xmlns="{_NAMESPACE}"><Quiet>{"true" if quiet else "false"}</Quiet>{objects}</Delete>'.encode()


def refused(denied: list[tuple[Item, str]]) -> bytes:
    """`<Error>` elements for items that were not allowed."""
    return "".join(
        f"<Error><Key>{_text(item.key)}</Key>{f'<VersionId>{_text(item.version)}</VersionId>' if item.version else ''}"
        f"<Code>AccessDenied</Code><Message>{_text(why)}</Message></Error>"
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
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="%b">%b</DeleteResult>' % (_NAMESPACE.encode(), errors)


def _parsed(document: bytes) -> ET.Element:
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate("utf-8", "}")

    def refuse(*_: object) -> None:
        raise Malformed

    parser.StartDoctypeDeclHandler = refuse  # no entity is ever declared, so none can grow
    parser.ProcessingInstructionHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(document, True)
        root = builder.close()
    except (expat.ExpatError, AssertionError, ValueError) as cause:
        raise Malformed from cause
    if _plain(root.tag) != "Delete":
        raise Malformed
    return root


def _item(element: ET.Element) -> Item:
    members = tuple((_plain(child.tag), child.text or "") for child in element)
    names = [name for name, _ in members]
    if any(len(child) for child in element) or len(set(names)) < len(names) or not set(names) <= set(_MEMBERS):
        raise Malformed
    given = dict(members)
    if not given.get("Key"):
        raise Malformed
    return Item(given["Key"], given.get("VersionId"), members)


def _plain(tag: str) -> str:
    namespace, brace, name = tag.rpartition("}")
    if brace and namespace != _NAMESPACE:
        raise Malformed
    return name


def _text(value: str) -> str:
    return escape(value, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
