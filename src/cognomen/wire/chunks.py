"""Bodies in signed or unsigned chunks (`Content-Encoding: aws-chunked`), taken apart. Refuses a chunk whose signature is wrong.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import NamedTuple

from cognomen.api import errors
from cognomen.wire.request import HttpRequest

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
NOTHING = hashlib.sha256(b"").hexdigest()
MISMATCH = "The chunk signature we calculated does not match the signature you provided."
MALFORMED = "The chunked body is malformed."

_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?")


class Seal(NamedTuple):
    """What chunk signatures are made with: the signing key, time, scope and the signature before."""

    key: bytes
    at: str
    scope: str
    previous: str


def is_streaming(payload: str) -> bool:
    return payload in (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER)


def taken_apart(request: HttpRequest, payload: str, seal: Seal | None) -> bytes:
    """The payload of a chunked body. With `seal`, signed chunks and trailers are verified; without it nothing is (dev)."""
    if payload == UNSIGNED_TRAILER:
        seal = None
    body, at, out = request.body, 0, bytearray()
    while True:
        head, at = _line(body, at)
        matched = _HEAD.fullmatch(head)
        if matched is None:
            raise errors.IncompleteSignatureException(MALFORMED)
        size = int(matched[1], 16)
        data = body[at : at + size]
        if len(data) != size:
            raise errors.IncompleteSignatureException(MALFORMED)
        at += size
        if seal is not None:
            seal = check(seal, "AWS4-HMAC-SHA256-PAYLOAD", f"{NOTHING}\n{hashlib.sha256(data).hexdigest()}", (matched[2] or b"").decode())
        if size == 0:
            break
        ending, at = _line(body, at)
        if ending:
            raise errors.IncompleteSignatureException(MALFORMED)
        out += data
    if payload == SIGNED_TRAILER and seal is not None:
        check_trailers(body[at:], seal)
    decoded = request.header(b"x-amz-decoded-content-length")
    if decoded is not None and decoded != str(len(out)).encode():
        raise errors.IncompleteSignatureException("The body does not have the length that x-amz-decoded-content-length states.")
    return bytes(out)


def check_trailers(rest: bytes, seal: Seal) -> None:
    given = ""
    canonical = b""
    for line in filter(None, rest.replace(b"\r\n", b"\n").split(b"\n")):
        name, _, value = line.partition(b":")
        if name.lower().strip() == b"x-amz-trailer-signature":
            given = value.strip().decode("latin-1")
        else:
            canonical += name.lower().strip() + b":" + value.strip() + b"\n"
    check(seal, "AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(canonical).hexdigest(), given)


def check(seal: Seal, algorithm: str, digest: str, given: str) -> Seal:
    text = f"{algorithm}\n{seal.at}\n{seal.scope}\n{seal.previous}\n{digest}"
    expected = hmac.digest(seal.key, text.encode(), "sha256").hex()
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise errors.InvalidSignatureException(MISMATCH)
    return seal._replace(previous=expected)


def _line(body: bytes, at: int) -> tuple[bytes, int]:
    end = body.find(b"\r\n", at, at + 256)
    if end < 0:
        raise errors.IncompleteSignatureException(MALFORMED)
    return body[at:end], end + 2
