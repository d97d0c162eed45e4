"""Who sends a request to the store: temporary credentials of this server and a signature that holds, in a header or in a presigned address. Refuses
in S3's words."""

from __future__ import annotations

import hmac
import re
from typing import Final, NamedTuple
from urllib.parse import quote

from cognomen.api.failure import ServiceError
from cognomen.gateway.doors import Doors
from cognomen.gateway.s3_errors import S3Error
from cognomen.tokens import credentials
from cognomen.tokens.credentials import Session
from cognomen.wire import chunks, sigv4
from cognomen.wire.request import HttpRequest

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FIELD: Final = re.compile(r"x-amz-[a-z0-9!#$%&'*+.^_`|~-]{1,200}", re.ASCII)
_OF_SIGNATURE: Final = frozenset(
    ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature", "x-amz-security-token")
)


class Signed(NamedTuple):
    """Whose request it is and what vouches for its body. `query` are the parameters that are left when those of the signature are taken away;
    `request` has as headers what a presigned address held instead of them."""

    session: Session
    claim: sigv4.Claim
    payload: str
    seal: chunks.Seal
    query: dict[str, str]
    request: HttpRequest


async def signed(doors: Doors, request: HttpRequest) -> Signed:
    """Raises S3Error."""
    try:
        old = request.text(b"authorization").startswith("AWS ")
        claim = None if old else sigv4.claimed(request)
    except ServiceError as cause:
        presigned = request.header(b"authorization") is None
        raise S3Error("AuthorizationQueryParametersError" if presigned else "AuthorizationHeaderMalformed", cause.message) from cause
    if claim is None:
        if old or b"AWSAccessKeyId=" in request.query_string:
            raise S3Error("InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
        raise S3Error("AccessDenied")
    if claim.service != "s3":
        code = "AuthorizationQueryParametersError" if claim.expires is not None else "AuthorizationHeaderMalformed"
        raise S3Error(code, f'Error parsing the credential; incorrect service "{claim.service}". This endpoint belongs to "s3".')
    session = await _session(doors, claim)
    _check_time(claim, doors.clock.now())
    _check_headers(request, claim)
    payload = _payload(request, claim)
    key = sigv4.signing_key(doors.secret(claim.access_key_id), claim.date, claim.region, claim.service)
    text = sigv4.string_to_sign(claim, sigv4.canonical_request(request, claim, payload))
    if not hmac.compare_digest(hmac.digest(key, text, "sha256").hex().encode(), claim.signature.encode("utf-8", "replace")):
        raise S3Error("SignatureDoesNotMatch", AWSAccessKeyId=claim.access_key_id)
    seal = chunks.Seal(key, claim.at, claim.scope, claim.signature)
    query, request = _without_signature(request, claim)
    return Signed(session, claim, payload, seal, query, request)


async def _session(doors: Doors, claim: sigv4.Claim) -> Session:
    if not claim.access_key_id.startswith(credentials.PREFIX) or not claim.session_token:
        raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=claim.access_key_id[:128])
    try:
        return await doors.session(claim.access_key_id, claim.session_token)
    except credentials.Expired as cause:
        raise S3Error("ExpiredToken") from cause
    except (credentials.BadToken, credentials.Revoked) as cause:
        raise S3Error("InvalidToken") from cause


def _check_time(claim: sigv4.Claim, now: float) -> None:
    at = sigv4.epoch(claim.at) or 0.0
    if claim.expires is None:
        if abs(now - at) > sigv4.SKEW:
            raise S3Error("RequestTimeTooSkewed", RequestTime=claim.at, ServerTime=sigv4.stamp(now))
    elif at > now + sigv4.SKEW:
        raise S3Error("AccessDenied", "Request is not valid yet", ServerTime=sigv4.stamp(now))
    elif now > at + claim.expires:
        raise S3Error("AccessDenied", "Request has expired", Expires=sigv4.stamp(at + claim.expires), ServerTime=sigv4.stamp(now))


def _check_headers(request: HttpRequest, claim: sigv4.Claim) -> None:
    """What is not signed could be another's: S3 takes no `x-amz-` header that is not."""
    missing = sorted({name.decode("latin-1") for name, _ in request.headers if name.startswith(b"x-amz-")} - set(claim.signed))
    if "host" not in claim.signed:
        missing.insert(0, "host")
    if missing:
        raise S3Error(
            "AccessDenied", "There were headers present in the request which were not signed", HeadersNotSigned=", ".join(missing)
        )


def _payload(request: HttpRequest, claim: sigv4.Claim) -> str:
    said = request.header(b"x-amz-content-sha256")
    hoisted = next((value for name, value in claim.query if name.lower() == "x-amz-content-sha256"), None)
    payload = said.decode("latin-1").strip() if said is not None else hoisted
    if payload is None and claim.expires is not None:
        return sigv4.UNSIGNED
    if payload is None:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if not (payload == sigv4.UNSIGNED or chunks.is_streaming(payload) or _DIGEST.fullmatch(payload)):
        raise S3Error(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value.",
        )
    return payload


def _without_signature(request: HttpRequest, claim: sigv4.Claim) -> tuple[dict[str, str], HttpRequest]:
    query: dict[str, str] = {}
    headers = list(request.headers)
    for name, value in claim.query:
        low = name.lower()
        if name in query:
            raise S3Error("InvalidArgument", f"The parameter {name[:100]} was given twice.")
        if claim.expires is not None and low.startswith("x-amz-"):
            if low in _OF_SIGNATURE:
                continue
            if not _FIELD.fullmatch(low):  # it becomes a header: a line break in it would begin another one
                raise S3Error("InvalidArgument", "A parameter of the address cannot be a header.")
            encoded = quote(value.encode("utf-8", "surrogateescape"), safe=" !\"#$%&'()*+,/:;<=>?@[\\]^`{|}~").encode()
            if request.header(low.encode()) is not None:
                raise S3Error("InvalidArgument", f"{low[:100]} stands in the address and in a header.")
            headers.append((low.encode(), encoded))
        else:
            query[name] = value
    if len({name for name, _ in headers if name.startswith(b"x-amz-")}) < len([name for name, _ in headers if name.startswith(b"x-amz-")]):
        raise S3Error("InvalidArgument", "A header was given twice.")
    seen = HttpRequest(
        request.method, request.raw_path, request.query_string, headers, path=request.path, client=request.client, scheme=request.scheme
    )
    return query, seen
