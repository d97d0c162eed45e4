"""Images that pages show: they are what they say they are, and an SVG holds nothing that runs or fetches. Pure: bytes in, nothing or NotImage out.

An SVG is a document: opened by itself it would run its scripts on this server's own origin. So only drawing elements pass, and links only within it.
"""

from __future__ import annotations

import hashlib
import re
import struct

from cognomen.saml.errors import Malformed

_SVG = "{http://www.w3.org/2000/svg}"
_LINKS = ("href", "{http://www.w3.org/1999/xlink}href")
_WORDS = """
    svg g defs symbol use title desc path rect circle
    ellipse line polyline polygon text tspan textPath image marker mask
    pattern clipPath linearGradient radialGradient stop filter switch style metadata feBlend
    feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood feFuncA
    feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset fePointLight feSpecularLighting
    feSpotLight feTile feTurbulence
"""
_DRAWING = frozenset(_WORDS.split())
# Of what editors note for themselves and their readers, which a browser passes over. Elements of HTML run wherever they stand.
_NOTES = frozenset(
    (
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "http://purl.org/dc/elements/1.1/",
        "http://creativecommons.org/ns#",
        "http://web.resource.org/cc/",
        "http://www.inkscape.org/namespaces/inkscape",
        "http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd",
    )
)
_WITHIN = re.compile(r"\s*#[\w.:-]+\s*|data:image/(?:png|jpeg|webp);base64,[A-Za-z0-9+/=\s]+", re.ASCII)
_FETCHES = re.compile(r"url\s*+\(\s*+['\"]?+\s*+(?!#)|@|\\|expression|javascript:|<|image-set|(?:src|image|element)\s*+\(", re.IGNORECASE)
_MOST = 1_000_000


class NotImage(Exception):
    """What is wrong, in one sentence."""


def check(content: bytes, extension: str) -> None:
    """`extension` is ICO, JPEG, PNG, SVG or WEBP. Raises NotImage."""
    if extension == "SVG":
        _check_svg(content)
    elif not _BEGINS[extension](content):
        raise NotImage(f"The image is not a {extension} file.")


def extension_of(content: bytes) -> str | None:
    """PNG or JPEG by the bytes; None for anything else."""
    return next((name for name in ("PNG", "JPEG") if _BEGINS[name](content)), None)


def image_id(owner: str, content: bytes) -> str:
    """Another one for other bytes, and for another owner."""
    return hashlib.sha256(owner.encode() + b"\0" + content).hexdigest()[:40]


def _is_png(content: bytes) -> bool:
    """With its header, of a size that is not nothing, and its end."""
    begins = content.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") and len(content) > 45
    return begins and min(struct.unpack(">II", content[16:24])) > 0 and content.rstrip(b"\0").endswith(b"IEND\xaeB`\x82")


def _is_jpeg(content: bytes) -> bool:
    return content.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in content[-64:]


def _is_ico(content: bytes) -> bool:
    """Its directory lies within it, and each picture too."""
    if len(content) < 22 or content[:4] != b"\0\0\1\0":
        return False
    count = int.from_bytes(content[4:6], "little")
    entries = [struct.unpack("<II", content[n + 8 : n + 16]) for n in range(6, 6 + 16 * count, 16) if n + 16 <= len(content)]
    return 0 < count == len(entries) and all(at >= 6 + 16 * count and size > 0 and at + size <= len(content) for size, at in entries)


def _is_webp(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:15] == b"WEBPVP8" and int.from_bytes(content[4:8], "little") + 8 <= len(content) + 1


_BEGINS = {"PNG": _is_png, "JPEG": _is_jpeg, "ICO": _is_ico, "WEBP": _is_webp}


def _check_svg(content: bytes) -> None:
    from cognomen.saml import xml  # 5 MB, for those who have an SVG

    try:
        root = xml.parse(content, most=_MOST)
    except Malformed as cause:
        raise NotImage(
            "The image is not an SVG file that can be used: it must be well-formed, without a document type or instructions."
        ) from cause
    if root.tag != f"{_SVG}svg":
        raise NotImage("The image is not an SVG file.")
    for element in xml.elements(root):
        name = element.tag.removeprefix(_SVG)
        if name.startswith("{"):
            if name[1:].partition("}")[0] not in _NOTES:
                raise NotImage("The SVG file has an element that is not of SVG.")
            continue
        if name not in _DRAWING:
            raise NotImage(f"The SVG file has an element that is not allowed: {name[:32]}.")
        if name == "style" and _FETCHES.search(element.xpath("string()")):
            raise NotImage("The SVG file has a style that is not allowed.")
        for attribute, value in element.attrib.items():
            # Of another namespace are what editors note for themselves; `xml:base` would lead links within to somewhere else.
            is_plain = not attribute.startswith("{")
            if attribute.endswith("}base") or (is_plain and (attribute.lower().startswith("on") or _FETCHES.search(value))):
                raise NotImage(f"The SVG file has an attribute that is not allowed: {attribute[:32]}.")
            if attribute in _LINKS and not _WITHIN.fullmatch(value):
                raise NotImage("The SVG file has a link that leads out of it.")
