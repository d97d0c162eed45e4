"""Signature Version 4 against botocore's signers, AWS's published example and every kind of tampering."""

from __future__ import annotations

import hashlib
from calendar import timegm
from time import strptime
from typing import Any

import pytest
from botocore.auth import SigV4QueryAuth

from cognomen.api import errors
from cognomen.wire import sigv4
from cognomen.wire.request import HttpRequest
from tests.units.signing import HOST, KEY, NOW, SECRET, TARGET, frozen, refused, replaced, signed, verified

__all__ = ["frozen"]
pytestmark = pytest.mark.usefixtures("frozen")


def test_a_signed_request_verifies() -> None:
    """What botocore signs for an AWS JSON request is accepted and says who signed it, where and for what."""
    request = signed()
    assert verified(request) == b'{"MaxResults": 10}'
    claim = sigv4.claimed(request)
    assert claim is not None
    assert (claim.access_key_id, claim.region, claim.service, claim.session_token) == (KEY, "us-east-1", "cognito-idp", None)


def test_session_token_is_carried() -> None:
    """A temporary key's session token comes with the claim, in a header or in the query."""
    by_header = sigv4.claimed(signed(token="tok/en+1="))
    by_query = sigv4.claimed(signed(SigV4QueryAuth, token="tok/en+1=", method="GET", body=b"", headers={}))
    assert by_header is not None
    assert by_query is not None
    assert [by_header.session_token, by_query.session_token] == ["tok/en+1=", "tok/en+1="]
    assert verified(signed(token="tok/en+1=")) == b'{"MaxResults": 10}'
    assert verified(signed(SigV4QueryAuth, token="tok/en+1=", method="GET", body=b"", headers={})) == b""


@pytest.mark.parametrize(
    "path",
    ["/", "/identitypools/us-east-1%3A0a/identities/x", "/a/./b/../c", "//double//slash/", "/sp%20ace/%E1%88%B4/~tilde", "/a%2Fb", "/%"],
)
def test_paths_are_encoded_twice(path: str) -> None:
    """Services other than S3 sign the path normalised and encoded once more."""
    assert (
        verified(signed(service="cognito-sync", method="GET", url=f"https://{HOST}{path}", body=b"", headers={}), service="cognito-sync")
        == b""
    )


@pytest.mark.parametrize(
    "query", ["a=1&b=2", "b=2&a=1", "a=2&a=1&a=10", "empty=&novalue", "sp=a%20b&u=%E1%88%B4", "a-=1&a=2", "A=1&a=2&_=3"]
)
def test_queries_are_sorted(query: str) -> None:
    """Names given twice stay twice; order is of the encoded names, then of the encoded values."""
    if query == "empty=&novalue":
        query = "empty=&novalue="
    url = f"https://{HOST}/x?{query}"
    assert verified(signed(service="cognito-sync", method="GET", url=url, body=b"", headers={}), service="cognito-sync") == b""


def test_header_values_are_trimmed_and_folded() -> None:
    """Blanks around a value and runs of blanks within it do not count."""
    request = signed(headers={**TARGET, "X-Amz-Meta": "one  two   three "})
    respaced = replaced(request, b"x-amz-meta", b"  one two three")
    assert verified(respaced) == request.body


def test_repeated_headers_are_joined() -> None:
    """A signed header that is sent twice is signed as one, joined by a comma, in the order sent."""
    request = signed(headers={**TARGET, "X-Amz-Meta": "one,two"})
    headers = [header for header in request.headers if header[0] != b"x-amz-meta"]
    twice = HttpRequest("POST", b"/", b"", [*headers, (b"x-amz-meta", b"one"), (b"x-amz-meta", b"two")], request.body)
    assert verified(twice) == request.body
    swapped = HttpRequest("POST", b"/", b"", [*headers, (b"x-amz-meta", b"two"), (b"x-amz-meta", b"one")], request.body)
    assert refused(swapped) == sigv4.MISMATCH


def tampered() -> dict[str, HttpRequest]:
    request = signed(url=f"https://{HOST}/path?a=1", token="token")
    amz_date = request.text(b"x-amz-date").encode()
    authorization = request.text(b"authorization")

    def other(method: str = "POST", path: bytes = b"/path", query: bytes = b"a=1", body: bytes = request.body) -> HttpRequest:
        return HttpRequest(method, path, query, request.headers, body)

    last = authorization[-1]
    return {
        "method": other(method="PUT"),
        "path": other(path=b"/Path"),
        "query value": other(query=b"a=2"),
        "query added": other(query=b"a=1&b=1"),
        "query removed": other(query=b""),
        "body": other(body=b'{"MaxResults": 11}'),
        "body removed": other(body=b""),
        "host": replaced(request, b"host", b"evil.example"),
        "target": replaced(request, b"x-amz-target", b"AWSCognitoIdentityProviderService.DeleteUserPool"),
        "content type": replaced(request, b"content-type", b"text/plain"),
        "token": replaced(request, b"x-amz-security-token", b"other"),
        "second": replaced(request, b"x-amz-date", amz_date[:-2] + (b"1Z" if amz_date[-2:] != b"1Z" else b"2Z")),
        "region": replaced(request, b"authorization", authorization.replace("us-east-1", "us-east-2").encode()),
        "signed headers": replaced(
            request, b"authorization", authorization.replace("host;", "").replace("SignedHeaders=", "SignedHeaders=host;accept;").encode()
        ),
        "signature": replaced(request, b"authorization", (authorization[:-1] + ("0" if last != "0" else "1")).encode()),
        "signature cut": replaced(request, b"authorization", authorization[:-1].encode()),
        "signature not ascii": replaced(request, b"authorization", (authorization[:-1] + "é").encode("latin-1")),
    }


def test_tampering_is_noticed() -> None:
    """Whatever is changed of a signed request, its signature no longer fits."""
    assert dict.fromkeys(tampered(), sigv4.MISMATCH) == {what: refused(request) for what, request in tampered().items()}


def test_another_secret_does_not_fit() -> None:
    """The signature proves the secret."""
    assert refused(signed(), secret=SECRET[:-1]) == sigv4.MISMATCH


def test_clock_skew() -> None:
    """15 minutes either way are allowed, not a second more; the texts say all three times."""
    request = signed()
    assert verified(request, now=NOW + 900) == request.body
    assert verified(request, now=NOW - 900) == request.body
    stamp = sigv4.stamp
    expired = f"Signature expired: {stamp(NOW)} is now earlier than {stamp(NOW + 1)} ({stamp(NOW + 901)} - 15 min.)"
    assert refused(request, now=NOW + 901) == expired
    early = f"Signature not yet current: {stamp(NOW)} is still later than {stamp(NOW - 1)} ({stamp(NOW - 901)} + 15 min.)"
    assert refused(request, now=NOW - 901) == early


def test_scope_must_name_the_service() -> None:
    """A signature for another service, though valid, is refused (arnemolland/sigv4 #15)."""
    assert refused(signed(service="sts")) == "Credential should be scoped to correct service: 'cognito-idp'. "


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("/aws4_request", "/aws5_request", "Credential should be scoped with a valid terminator: 'aws4_request'."),
        ("/us-east-1/", "/US_EAST/", "Credential should be scoped to a valid region."),
        (
            "SignedHeaders=content-type;host;",
            "SignedHeaders=content-type;",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (";x-amz-target", "", "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."),
    ],
)
def test_scope_and_signed_headers_are_checked(old: str, new: str, expected: str) -> None:
    """Scope terminator and region are well formed, host and target are signed."""
    request = signed()
    authorization = request.text(b"authorization")
    assert old in authorization
    assert refused(replaced(request, b"authorization", authorization.replace(old, new).encode())) == expected


def test_scope_date_must_be_the_requests() -> None:
    """The key of one day does not sign another day's requests."""
    request = signed()
    day = request.text(b"x-amz-date")[:8]
    authorization = request.text(b"authorization").replace(f"/{day}/", "/20000101/")
    message = refused(replaced(request, b"authorization", authorization.encode()))
    assert message == f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}'."


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer eyJhbGciOi.secret", "requires 'Credential' parameter. Authorization header requires 'Signature' parameter."),
        ("", "requires 'Credential' parameter."),
        ("AWS4-HMAC-SHA256 Credential= secret/x", "requires 'Signature' parameter."),
        ("AWS4-HMAC-SHA256 Credential, Signature=1, SignedHeaders=host", "missing equal-sign"),
        ("AWS4-HMAC-SHA256 Credential=secret/20260101, Signature=1, SignedHeaders=host", "exactly 5 slash-delimited elements"),
        ("AWS4-HMAC-SHA512 Credential=a/b/c/d/aws4_request, Signature=1, SignedHeaders=host", "requires 'Credential' parameter."),
    ],
)
def test_malformed_authorization_is_incomplete(authorization: str, expected: str) -> None:
    """A header that is no signature says what it lacks and never repeats what it holds (texts: aws/chalice #828)."""
    headers = [(b"host", b"h"), (b"x-amz-date", b"20260101T000000Z"), (b"authorization", authorization.encode())]
    with pytest.raises(errors.IncompleteSignatureException) as raised:
        sigv4.claimed(HttpRequest("POST", b"/", b"", headers))
    assert expected in raised.value.message
    assert "secret" not in raised.value.message


def test_a_date_is_required() -> None:
    """Neither X-Amz-Date nor Date: the signature cannot be dated. An HTTP date will do."""
    authorization = b"AWS4-HMAC-SHA256 Credential=a/20150830/us-east-1/iam/aws4_request, Signature=1, SignedHeaders=host"
    with pytest.raises(errors.IncompleteSignatureException, match="existence of either"):
        sigv4.claimed(HttpRequest("GET", b"/", b"", [(b"authorization", authorization)]))
    claim = sigv4.claimed(HttpRequest("GET", b"/", b"", [(b"authorization", authorization), (b"date", b"Sun, 30 Aug 2015 12:36:00 GMT")]))
    assert claim is not None
    assert claim.at == "20150830T123600Z"


@pytest.mark.parametrize("at", ["20260101", "2026-01-01T00:00:00Z", "20261301T000000Z", "٢٠٢٦٠١٠١T000000Z"])
def test_a_date_is_basic_iso_8601(at: str) -> None:
    """Other spellings, months and digits are malformed."""
    authorization = f"AWS4-HMAC-SHA256 Credential=a/{at[:8]}/us-east-1/iam/aws4_request, Signature=1, SignedHeaders=host"
    headers = [(b"authorization", authorization.encode()), (b"x-amz-date", at.encode())]
    with pytest.raises(errors.IncompleteSignatureException, match="ISO-8601"):
        sigv4.claimed(HttpRequest("GET", b"/", b"", headers))


def test_no_claim() -> None:
    """A request without a signature claims nothing."""
    assert sigv4.claimed(HttpRequest("POST", b"/", b"a=1", [(b"host", b"h")])) is None


# AWS's published example: ListUsers of IAM, 2015-08-30


PUBLISHED = (
    b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
    b"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
)


def test_the_published_example() -> None:
    """Canonical request, string to sign, key and signature are those of AWS's documentation (IAM ListUsers, 20150830)."""
    headers = [
        (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8"),
        (b"host", b"iam.amazonaws.com"),
        (b"x-amz-date", b"20150830T123600Z"),
        (b"authorization", PUBLISHED),
    ]
    request = HttpRequest("GET", b"/", b"Action=ListUsers&Version=2010-05-08", headers)
    claim = sigv4.claimed(request)
    assert claim is not None
    canonical = sigv4.canonical_request(request, claim, sigv4.payload_hash(request, claim))
    assert hashlib.sha256(canonical).hexdigest() == "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    key = sigv4.signing_key(SECRET, "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    now = timegm(strptime("20150830T123600Z", "%Y%m%dT%H%M%SZ"))
    assert sigv4.verify(request, claim, SECRET, service="iam", now=now) == b""
    forged = HttpRequest("GET", b"/", b"Action=ListUser&Version=2010-05-08", headers)
    with pytest.raises(errors.InvalidSignatureException):
        sigv4.verify(forged, claim._replace(query=tuple(sigv4.parameters(forged.query_string))), SECRET, service="iam", now=now)


# Presigned


def presigned(**options: Any) -> HttpRequest:
    return signed(SigV4QueryAuth, method="GET", body=b"", headers={}, url=f"https://{HOST}/x?b=2&a=1", **options)


def test_a_presigned_request_verifies_until_it_expires() -> None:
    """The query carries the signature; it holds for the seconds it names, not for 15 minutes."""
    request = presigned(expires=60)
    assert verified(request) == b""
    assert verified(request, now=NOW + 60) == b""
    assert refused(request, now=NOW + 61).startswith("Signature expired: ")
    assert refused(request, now=NOW - 901).startswith("Signature not yet current: ")
    longer = HttpRequest("GET", b"/x", request.query_string.replace(b"X-Amz-Expires=60", b"X-Amz-Expires=600"), request.headers)
    assert refused(longer) == sigv4.MISMATCH


@pytest.mark.parametrize("change", [(b"a=1", b"a=3"), (b"X-Amz-Signature=", b"X-Amz-Signature=0"), (b"b=2&", b"")])
def test_a_tampered_presigned_request_is_refused(change: tuple[bytes, bytes]) -> None:
    """Every parameter of the query is signed."""
    request = presigned()
    assert change[0] in request.query_string
    assert refused(HttpRequest("GET", b"/x", request.query_string.replace(*change), request.headers)) == sigv4.MISMATCH


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=604801", "between 1 and 604800"),
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=0", "between 1 and 604800"),
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=ten", "between 1 and 604800"),
        (b"X-Amz-Expires=3600&", b"", "must include 'X-Amz-Expires'"),
        (b"X-Amz-Algorithm=AWS4-HMAC-SHA256", b"X-Amz-Algorithm=AWS4-HMAC-SHA1", "Unsupported AWS 'algorithm'"),
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=3600&X-Amz-Expires=1", "must be given once"),
    ],
)
def test_a_malformed_presigned_request_is_incomplete(old: bytes, new: bytes, expected: str) -> None:
    """Parameters are there, once, and in bounds."""
    request = presigned()
    assert old in request.query_string
    with pytest.raises(errors.IncompleteSignatureException, match=expected):
        sigv4.claimed(HttpRequest("GET", b"/x", request.query_string.replace(old, new), request.headers))


def test_the_key_cache_is_bounded() -> None:
    """Signing keys are kept by secret, day, region and service, and not without end."""
    assert sigv4.signing_key.cache_info().maxsize == 1024
    assert sigv4.signing_key("a", "20260101", "us-east-1", "s3") != sigv4.signing_key("b", "20260101", "us-east-1", "s3")
    assert sigv4.signing_key("a", "20260101", "us-east-1", "s3") != sigv4.signing_key("a", "20260101", "us-east-2", "s3")
