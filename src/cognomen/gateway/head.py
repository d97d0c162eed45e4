"""What a request says before its body, read once. What two programs could read in two ways is refused: what is evaluated is what is forwarded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from cognomen.wire.request import Header, HttpRequest

LONGEST: Final = 8192  # bytes of a target
HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"proxy-authorization",
        b"expect",
    )
)
_HOST: Final = re.compile(rb"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_VISIBLE: Final = re.compile(rb"[!-~]+")
_CONNECTION: Final = frozenset((b"close", b"keep-alive", b"te", b"upgrade", b"http2-settings", b""))
# Repeated, these are one list by their definition (RFC 9110, 5.3). All others are refused when they come twice.
_LISTS: Final = frozenset((b"accept", b"accept-encoding", b"accept-language", b"cache-control", b"cookie", b"via", b"x-forwarded-for"))
_REFERENCE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Refused(Exception):
    """The request is not read any further. `kind` is what is wrong with it: target, key or headers."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


class Head(NamedTuple):
    """`length` is None where there is no body or where it comes in chunks of HTTP (`chunked`). `host` has no port and no capital letter."""

    request: HttpRequest
    host: str
    length: int | None
    chunked: bool
    query: bytes

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.length)


def read(scope: Mapping[str, Any]) -> Head:
    """Raises Refused."""
    request = HttpRequest.of(scope)
    target: bytes = scope.get("target") or request.raw_path + (b"?" + request.query_string if request.query_string else b"")
    if len(target) > LONGEST:
        raise Refused("target", "The request's target is too long.")
    if not target.startswith(b"/") or not _VISIBLE.fullmatch(target) or b"#" in target or b"\\" in target:
        raise Refused("target", "The request's target must be a path, with a query or without.")
    path, _, query = target.partition(b"?")
    if _REFERENCE.search(path) or _REFERENCE.search(query):
        raise Refused("target", "A percent sign must be followed by two hexadecimal digits.")
    request.raw_path, request.query_string = path, query
    seen: set[bytes] = set()
    for name, value in request.headers:
        if name in seen and name not in _LISTS:
            raise Refused("headers", f"The header {name.decode('latin-1')} was given twice.")
        seen.add(name)
        if name == b"connection" and not {each.strip().lower() for each in value.split(b",")} <= _CONNECTION:
            raise Refused("headers", "The header connection names a header that must not be dropped.")
    coding = request.header(b"transfer-encoding")
    if coding is not None and (coding.strip().lower() != b"chunked" or b"content-length" in seen or scope.get("http_version") == "1.0"):
        raise Refused("headers", "A body comes with its length or in chunks.")
    host = _HOST.fullmatch(request.header(b"host") or b"")
    if host is None:
        raise Refused("headers", "The header host must name a host.")
    length = request.header(b"content-length")
    if length is not None and not re.fullmatch(rb"[0-9]{1,15}", length):
        raise Refused("headers", "The header content-length must be a number.")
    return Head(request, host[1].decode().lower(), int(length) if length is not None else None, coding is not None, query)


def decoded(raw: bytes) -> str:
    """A path with its percent signs read, once. Raises Refused for what some servers read as another path."""
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as cause:
        raise Refused("key", "The path is not UTF-8.") from cause
    if any(character < " " or character in "\x7f\\" for character in path):
        raise Refused("key", "The path has a character that no path takes.")
    segments = path.split("/")
    if "" in segments[1:-1] or path.startswith("//"):
        raise Refused("key", "The path has an empty segment.")
    if any(_is_dots(segment) for segment in segments):
        raise Refused("key", "The path has a dot segment.")
    return path


def _is_dots(segment: str) -> bool:
    """Also where it was encoded more than once, or carries parameters (`..;x`): what lies behind may read it so."""
    for _ in range(4):
        if segment.partition(";")[0] in (".", ".."):
            return True
        further = unquote_to_bytes(segment).decode("utf-8", "replace")
        if further == segment:
            return False
        segment = further
        if any(_is_dots(part) for part in re.split(r"[/\\]", segment) if part != segment):
            return True
    return True  # encoded over and over: nobody means that


def encoded(path: str) -> str:
    """The one spelling in which a path goes on."""
    return quote(path.encode(), safe="/-_.~")


def kept_headers(request: HttpRequest) -> list[Header]:
    """Without what belongs to this connection alone."""
    return [(name, value) for name, value in request.headers if name not in HOP_BY_HOP]
