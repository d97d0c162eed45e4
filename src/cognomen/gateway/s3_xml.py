"""The small XML documents of S3, read strictly and written anew, so that the store reads exactly what was evaluated. Pure."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat
from xml.sax.saxutils import escape

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


class Malformed(Exception):
    """Not the document that S3 takes."""


def parsed(document: bytes, root: str) -> ET.Element:
    """Its element, which is called `root`. Raises Malformed."""
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
        found = builder.close()
    except (expat.ExpatError, AssertionError, ValueError) as cause:
        raise Malformed from cause
    if plain(found.tag) != root:
        raise Malformed
    return found


def members(element: ET.Element, *known: str) -> dict[str, ET.Element]:
    """Its children by name, each once and none but those. Raises Malformed."""
    named = [(plain(child.tag), child) for child in element]
    found = dict(named)
    if len(found) < len(named) or not found.keys() <= set(known):
        raise Malformed
    return found


def leaf(element: ET.Element) -> str:
    """Its text. Raises Malformed for one that has elements in it."""
    if len(element):
        raise Malformed
    return element.text or ""


def plain(tag: str) -> str:
    namespace, brace, name = tag.rpartition("}")
    if brace and namespace != NAMESPACE:
        raise Malformed
    return name


def text(value: str) -> str:
    return escape(value, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
