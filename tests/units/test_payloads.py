"""The payload forms of Signature Version 4: hashed, unsigned, in chunks, with trailers; and S3's own rules for paths."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth

from cognomen.api import errors
from cognomen.wire import chunks, sigv4
from cognomen.wire.request import HttpRequest
from tests.units.signing import HOST, SECRET, frozen, refused, replaced, signed, verified

__all__ = ["frozen"]
pytestmark = pytest.mark.usefixtures("frozen")


@pytest.mark.parametrize("path", ["/bucket/a%20b/%C3%A9~.txt", "/bucket//double/../dots", "/bucket/plus%2Bsign"])
def test_s3_paths_stay_as_they_are(path: str) -> None:
    """S3 signs the path encoded once and not normalised, in the header and in the presigned form."""
    url = f"https://{HOST}{path}"
    assert verified(signed(S3SigV4Auth, "s3", method="PUT", url=url, body=b"data", headers={}), service="s3") == b"data"
    presigned_s3 = signed(S3SigV4QueryAuth, "s3", method="GET", url=url, body=b"", headers={})
    assert verified(presigned_s3, service="s3") == b""
    elsewhere = HttpRequest("GET", b"/bucket/other", presigned_s3.query_string, presigned_s3.headers)
    assert refused(elsewhere, service="s3") == sigv4.MISMATCH


def test_a_payload_hash_must_be_the_bodys() -> None:
    """X-Amz-Content-Sha256 is signed, so the body must have that hash, whatever else fits."""
    request = signed(S3SigV4Auth, "s3", method="PUT", body=b"data", headers={})
    assert request.text(b"x-amz-content-sha256") == hashlib.sha256(b"data").hexdigest()
    assert verified(request, service="s3") == b"data"
    assert refused(HttpRequest("PUT", b"/", b"", request.headers, b"Data"), service="s3") == sigv4.MISMATCH


def test_an_unsigned_payload() -> None:
    """UNSIGNED-PAYLOAD leaves the body open but nothing else."""
    request = signed(S3SigV4Auth, "s3", method="PUT", body=b"data", headers={"Content-MD5": "jXd/OF09/siBXSD3SWAm3A=="}, sign_payload=False)
    assert request.text(b"x-amz-content-sha256") == "UNSIGNED-PAYLOAD"
    assert verified(HttpRequest("PUT", b"/", b"", request.headers, b"other"), service="s3") == b"other"
    closed = replaced(request, b"x-amz-content-sha256", hashlib.sha256(b"data").hexdigest().encode())
    assert refused(closed, service="s3") == sigv4.MISMATCH


def chunked(payload: str, parts: list[bytes], trailers: bytes = b"") -> tuple[HttpRequest, list[bytes]]:
    """A chunked upload by the rules of AWS's documentation, apart from the code under test; the pieces of its body too."""
    headers = {"X-Amz-Content-SHA256": payload, "X-Amz-Decoded-Content-Length": str(sum(map(len, parts)))}

    class Streaming(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types
        def payload(self, request: Any) -> str:
            return payload

        def _modify_request_before_signing(self, request: Any) -> None:
            SigV4Auth._modify_request_before_signing(self, request)
            request.headers["X-Amz-Content-SHA256"] = payload

    request = signed(Streaming, "s3", method="PUT", body=b"", headers=headers)
    seed = request.text(b"authorization").rpartition("Signature=")[2]
    at = request.text(b"x-amz-date")
    scope = f"{at[:8]}/us-east-1/s3/aws4_request"
    key: bytes = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    pieces, previous = [], seed

    def sign(kind: str, rest: str) -> str:
        return hmac.new(key, f"AWS4-HMAC-SHA256-{kind}\n{at}\n{scope}\n{previous}\n{rest}".encode(), hashlib.sha256).hexdigest()

    for data in [*parts, b""]:
        if payload == chunks.UNSIGNED_TRAILER:
            head = f"{len(data):x}".encode()
        else:
            previous = sign("PAYLOAD", f"{hashlib.sha256(b'').hexdigest()}\n{hashlib.sha256(data).hexdigest()}")
            head = f"{len(data):x};chunk-signature={previous}".encode()
        pieces.append(head + b"\r\n" + data + (b"\r\n" if data else b""))
    if payload == chunks.SIGNED_TRAILER:
        pieces.append(
            trailers
            + b"\r\nx-amz-trailer-signature:"
            + sign("TRAILER", hashlib.sha256(trailers + b"\n").hexdigest()).encode()
            + b"\r\n\r\n"
        )
    else:
        pieces.append(trailers + b"\r\n\r\n" if trailers else b"\r\n")
    return HttpRequest("PUT", b"/", b"", request.headers, b"".join(pieces)), pieces


@pytest.mark.parametrize(
    ("payload", "trailers"),
    [
        (chunks.SIGNED, b""),
        (chunks.SIGNED_TRAILER, b"x-amz-checksum-crc32c:sOO8/Q=="),
        (chunks.UNSIGNED_TRAILER, b"x-amz-checksum-crc32:AAAAAA=="),
    ],
)
def test_chunked_bodies_are_taken_apart(payload: str, trailers: bytes) -> None:
    """All three streaming forms give back the data without the chunks."""
    request, _ = chunked(payload, [b"a" * 65536, b"b" * 1024, b"\r\n0\r\n"], trailers)
    assert verified(request, service="s3") == b"a" * 65536 + b"b" * 1024 + b"\r\n0\r\n"


@pytest.mark.parametrize("payload", [chunks.SIGNED, chunks.SIGNED_TRAILER])
def test_a_chunk_cannot_be_changed_moved_or_left_out(payload: str) -> None:
    """Each chunk's signature covers its data and the chunk before; the trailer's covers the trailers."""
    request, pieces = chunked(payload, [b"one", b"two"], b"x-amz-checksum-crc32c:sOO8/Q==" if payload == chunks.SIGNED_TRAILER else b"")
    one, two, end, rest = pieces
    assert verified(request, service="s3") == b"onetwo"
    bodies = {
        "changed": [one.replace(b"one", b"One"), two, end, rest],
        "swapped": [two, one, end, rest],
        "left out": [one, end, rest],
        "cut short": [one, two],
        "stripped": [one[: one.index(b";")] + b"\r\none\r\n", two, end, rest],
    }
    if payload == chunks.SIGNED_TRAILER:
        bodies["trailer"] = [one, two, end, rest.replace(b"sOO8", b"sOO9")]
        bodies["trailer unsigned"] = [one, two, end, rest.partition(b"x-amz-trailer-signature")[0]]
    for what, body in bodies.items():
        with pytest.raises((errors.InvalidSignatureException, errors.IncompleteSignatureException)) as raised:
            verified(HttpRequest("PUT", b"/", b"", request.headers, b"".join(body)), service="s3")
        assert raised.value.message in {chunks.MISMATCH, chunks.MALFORMED}, what


@pytest.mark.parametrize("body", [b"", b"zz\r\n", b"5\r\nab", b"3\r\nabcXX0\r\n\r\n", b"0" * 300, b"3\r\nabc\r\n0\r\n\r\n"])
def test_malformed_chunks_are_refused(body: bytes) -> None:
    """A body that is not in chunks, or not as long as it says, is malformed (the last one: a wrong decoded length)."""
    request, _ = chunked(chunks.UNSIGNED_TRAILER, [b"four"])
    with pytest.raises(errors.IncompleteSignatureException):
        verified(HttpRequest("PUT", b"/", b"", request.headers, body), service="s3")
