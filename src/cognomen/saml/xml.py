"""XML read as hostile: UTF-8 alone, no DTD, no entities of its own, no processing instructions, bounded in size and depth, nothing fetched.

Source: https://cheatsheetseries.owasp.org/cheatsheets/XML_Security_Cheat_Sheet.html. Elements are lxml's; names are in Clark notation.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from lxml import etree

from cognomen.saml.errors import Malformed

Element = Any  # of lxml, which publishes no types

SAML: Final = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP: Final = "{urn:oasis:names:tc:SAML:2.0:protocol}"
METADATA: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
XENC: Final = "{http://www.w3.org/2001/04/xmlenc#}"
XENC11: Final = "{http://www.w3.org/2009/xmlenc11#}"

DEEPEST: Final = 64
# Of one element. libxml2 compares each with each: a hundred thousand in one megabyte would hold the server for ten seconds.
_ATTRIBUTES: Final = 256
_DECLARATION: Final = re.compile(r"""<\?xml\s[^<>]*?\?>""")
_ENCODING: Final = re.compile(r"""\sencoding\s*=\s*["']([^"']*)["']""")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?", re.ASCII)


def parse(data: bytes, *, most: int) -> Element:
    """The root element of a document of `most` bytes at the most. Raises Malformed."""
    if len(data) > most:
        raise Malformed(f"the document has more than {most} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise Malformed("the document is not UTF-8") from cause
    declaration = _DECLARATION.match(text)
    if declaration:
        encoding = _ENCODING.search(declaration[0])
        if encoding and encoding[1].lower() not in ("utf-8", "utf8"):
            raise Malformed("the document is not UTF-8")
        text = text[declaration.end() :]
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Malformed("the document has a DTD")
    # No attribute's value has a `<`, so all of a tag lies between two of them; and texts have few of the other sign.
    if any(part.count("=") > _ATTRIBUTES for part in text.split("<")):
        raise Malformed(f"an element has more than {_ATTRIBUTES} attributes")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(text.strip().encode(), parser)
    except etree.XMLSyntaxError as cause:
        raise Malformed("the document is not well-formed XML") from cause
    tree = root.getroottree()
    if tree.docinfo.doctype or tree.xpath("boolean(//processing-instruction())"):
        raise Malformed("the document has a DTD or processing instructions")
    _check_depth(root)
    return root


def _check_depth(root: Element) -> None:
    level = [root]
    for _ in range(DEEPEST):
        level = [child for element in level for child in element]
        if not level:
            return
    raise Malformed(f"the document is nested deeper than {DEEPEST} elements")


def elements(root: Element) -> Iterator[Element]:
    """All elements of the document, comments left out."""
    yield from root.iter(etree.Element)


def children(element: Element, name: str) -> list[Element]:
    return [child for child in element if child.tag == name]


def child(element: Element, name: str) -> Element:
    """The one child of that name. Raises Malformed for none and for several."""
    found = children(element, name)
    if len(found) != 1:
        raise Malformed(f"{local(element)} has {len(found) or 'no'} {name.rpartition('}')[2]}")
    return found[0]


def local(element: Element) -> str:
    return str(etree.QName(element).localname)


def text(element: Element) -> str:
    """All of an element's text. One that holds anything else, a comment too, has none: it could be read in two ways. Raises Malformed."""
    if len(element):
        raise Malformed(f"{local(element)} holds more than text")
    return str(element.text or "").strip()


def attribute(element: Element, name: str) -> str:
    """Raises Malformed where it is missing or empty."""
    value = element.get(name)
    if not value:
        raise Malformed(f"{local(element)} has no {name}")
    return str(value)


def instant(value: str) -> float:
    """An xs:dateTime in epoch seconds; SAML's are in UTC (saml-core, 1.3.3). Raises Malformed."""
    try:
        if not _INSTANT.fullmatch(value):
            raise ValueError(value)
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=read.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError) as cause:
        raise Malformed("a time is none") from cause


def decoded(value: str) -> bytes:
    """Base64 with line breaks. Raises Malformed."""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as cause:
        raise Malformed("what should be base64 is not") from cause


def written(element: Element) -> bytes:
    """The element as a document of its own, with the namespaces that are in its scope."""
    return bytes(etree.tostring(element, with_tail=False, encoding="utf-8", xml_declaration=False))
