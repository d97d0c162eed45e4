"""AWS Signature Version 4, verified: pure functions of request, secret and time.

Header and presigned forms, session tokens, and the payload forms that S3 clients use (chunks.py takes those apart). Refuses skewed
clocks, foreign scopes, unsigned hosts and targets. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import gmtime, strftime
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from cognomen.api import errors
from cognomen.wire import chunks
from cognomen.wire.request import HttpRequest

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = 15 * 60
LONGEST = 7 * 24 * 3600  # the most that X-Amz-Expires may say
UNSIGNED = "UNSIGNED-PAYLOAD"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)


class Claim(NamedTuple):
    """What a request says of its signature; nothing of it is proven."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed: tuple[str, ...]
    signature: str
    at: str
    session_token: str | None
    expires: int | None
    query: tuple[tuple[str, str], ...]

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def claimed(request: HttpRequest) -> Claim | None:
    """The claim of a request, None where it makes none. Raises IncompleteSignatureException for a malformed one."""
    query = tuple(parameters(request.query_string))
    if request.header(b"authorization") is not None:
        return _from_header(request, query)
    if any(name == "X-Amz-Algorithm" for name, _ in query):
        return _from_query(query)
    return None


def verify(request: HttpRequest, claim: Claim, secret: str, *, service: str, now: float) -> bytes:
    """Checks the signature and gives back the payload, taken out of its chunks. Raises InvalidSignatureException.

    `service` is the one that the scope must name; `now` is in epoch seconds.
    """
    if claim.service != service:
        raise errors.InvalidSignatureException(f"Credential should be scoped to correct service: '{service}'. ")
    check_time(claim, now)
    check_signed_headers(request, claim)
    payload = payload_hash(request, claim)
    key = signing_key(secret, claim.date, claim.region, claim.service)
    text = string_to_sign(claim, canonical_request(request, claim, payload))
    if not hmac.compare_digest(hmac.digest(key, text, "sha256").hex().encode(), claim.signature.encode("utf-8", "replace")):
        raise errors.InvalidSignatureException(MISMATCH)
    if chunks.is_streaming(payload):
        return chunks.taken_apart(request, payload, chunks.Seal(key, claim.at, claim.scope, claim.signature))
    if payload != UNSIGNED and not hmac.compare_digest(payload.encode("utf-8", "replace"), sha256(request.body).encode()):
        raise errors.InvalidSignatureException(MISMATCH)
    return request.body


# What the request claims


def _from_header(request: HttpRequest, query: tuple[tuple[str, str], ...]) -> Claim:
    algorithm, _, rest = request.text(b"authorization").strip().partition(" ")
    parts: dict[str, str] = {}
    for piece in filter(None, (piece.strip() for piece in rest.split(","))) if algorithm == ALGORITHM else ():
        name, equals, value = piece.partition("=")
        if not equals:
            raise errors.IncompleteSignatureException("A part is not a valid key=value pair (missing equal-sign) in Authorization header.")
        parts[name] = value.strip()
    at = header_time(request)
    # The text of aws/chalice #828, without the header's value: it may be someone's token.
    missing = [
        f"Authorization header requires '{name}' parameter." for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)
    ]
    if at is None:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing or at is None:
        raise errors.IncompleteSignatureException(" ".join(missing))
    token = request.text(b"x-amz-security-token") or None
    return _claim(parts["Credential"], parts["SignedHeaders"], parts["Signature"], at, token=token, query=query)


def _from_query(query: tuple[tuple[str, str], ...]) -> Claim:
    given = dict(query)
    names = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
    missing = [f"AWS query-string parameters must include '{name}'." for name in names if not given.get(name)]
    if missing:
        raise errors.IncompleteSignatureException(" ".join(missing))
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise errors.IncompleteSignatureException(f"Unsupported AWS 'algorithm': expected '{ALGORITHM}'.")
    if len([name for name, _ in query if name.startswith("X-Amz-")]) != len({name for name, _ in query if name.startswith("X-Amz-")}):
        raise errors.IncompleteSignatureException("AWS query-string parameters must be given once.")
    expires = given["X-Amz-Expires"]
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 1 <= int(expires) <= LONGEST:
        raise errors.IncompleteSignatureException(f"X-Amz-Expires must be between 1 and {LONGEST} seconds.")
    return _claim(
        given["X-Amz-Credential"],
        given["X-Amz-SignedHeaders"],
        given["X-Amz-Signature"],
        given["X-Amz-Date"],
        token=given.get("X-Amz-Security-Token"),
        query=query,
        expires=int(expires),
    )


def _claim(
    credential: str,
    signed: str,
    signature: str,
    at: str,
    *,
    token: str | None,
    query: tuple[tuple[str, str], ...],
    expires: int | None = None,
) -> Claim:
    scope = credential.split("/")
    if len(scope) < 5:
        raise errors.IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        )
    key_id, (date, region, service, term) = "/".join(scope[:-4]), scope[-4:]
    if term != "aws4_request":
        raise errors.InvalidSignatureException("Credential should be scoped with a valid terminator: 'aws4_request'.")
    if not re.fullmatch(r"[a-z0-9-]{1,63}", region):
        raise errors.InvalidSignatureException("Credential should be scoped to a valid region.")
    if epoch(at) is None:
        raise errors.IncompleteSignatureException("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601")
    if date != at[:8]:
        raise errors.InvalidSignatureException(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{at[:8]}'."
        )
    return Claim(key_id, date, region, service, tuple(signed.lower().split(";")), signature, at, token, expires, query)


def header_time(request: HttpRequest) -> str | None:
    stamp = request.header(b"x-amz-date")
    if stamp is not None:
        return stamp.decode("latin-1").strip()
    try:
        return parsedate_to_datetime(request.text(b"date")).strftime("%Y%m%dT%H%M%SZ")
    except ValueError:
        return None


def epoch(at: str) -> float | None:
    """Seconds since 1970 of a basic ISO 8601 time; strptime would cost a quarter of the whole verification."""
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", at):
        return None
    try:
        moment = datetime(int(at[:4]), int(at[4:6]), int(at[6:8]), int(at[9:11]), int(at[11:13]), int(at[13:15]), tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()


# What is checked


def check_time(claim: Claim, now: float) -> None:
    """Texts: registry-creds #24 (expired), aws-sdk-android #88 (not yet current), with the 15 minutes that Cognito allows."""
    signed_at = epoch(claim.at) or 0
    oldest, newest = now - (SKEW if claim.expires is None else claim.expires), now + SKEW
    if signed_at < oldest:
        allowed = "15 min." if claim.expires is None else f"{claim.expires} s."
        raise errors.InvalidSignatureException(
            f"Signature expired: {claim.at} is now earlier than {stamp(oldest)} ({stamp(now)} - {allowed})"
        )
    if signed_at > newest:
        raise errors.InvalidSignatureException(
            f"Signature not yet current: {claim.at} is still later than {stamp(newest)} ({stamp(now)} + 15 min.)"
        )


def stamp(at: float) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(at))


def check_signed_headers(request: HttpRequest, claim: Claim) -> None:
    """What decides where a request goes and what it does must be signed, or a signature could be carried to another one."""
    if "host" not in claim.signed:
        raise errors.InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if request.header(b"x-amz-target") is not None and "x-amz-target" not in claim.signed:
        raise errors.InvalidSignatureException("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.")


def payload_hash(request: HttpRequest, claim: Claim) -> str:
    """What stands for the payload in the canonical request: what the client said it is, else the body's hash."""
    said = request.header(b"x-amz-content-sha256")
    if said is not None:
        return said.decode("latin-1").strip()
    return UNSIGNED if claim.expires is not None and claim.service == "s3" else sha256(request.body)


def canonical_request(request: HttpRequest, claim: Claim, payload: str) -> bytes:
    headers = canonical_headers(request, claim.signed)
    path = canonical_path(request.raw_path, claim.service)
    lines = (request.method, path, canonical_query(claim.query), headers, ";".join(sorted(claim.signed)), payload)
    return "\n".join(lines).encode("latin-1")


def canonical_path(raw_path: bytes, service: str) -> str:
    """The path, encoded once for S3 and twice for all others, dot segments and empty ones removed."""
    once = quote(unquote_to_bytes(raw_path), safe="/-_.~") or "/"
    if service == "s3":
        return once
    kept: list[str] = []
    for segment in raw_path.decode("latin-1").split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(quote(segment.encode("latin-1"), safe="-_.~"))
    return "/" + "/".join(kept) + ("/" if kept and raw_path.endswith(b"/") else "")


def parameters(query_string: bytes) -> list[tuple[str, str]]:
    """Names and values of a query string, decoded; bytes that are no UTF-8 stay themselves."""
    found = []
    for piece in query_string.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            found.append((_text(name), _text(value)))
    return found


def _text(encoded: bytes) -> str:
    return unquote_to_bytes(encoded).decode("utf-8", "surrogateescape")


def canonical_query(query: tuple[tuple[str, str], ...]) -> str:
    """Sorted by encoded name, then by encoded value; a name given twice stays twice."""
    encoded = ((_quoted(name), _quoted(value)) for name, value in query if name != "X-Amz-Signature")
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe="-_.~")


def canonical_headers(request: HttpRequest, signed: tuple[str, ...]) -> str:
    """`name:value` lines in order of name: repeated ones joined by commas, blanks around a value cut, those within folded to one."""
    values: dict[bytes, list[bytes]] = {name.encode("latin-1", "replace"): [] for name in signed}
    for name, value in request.headers:
        held = values.get(name)
        if held is not None:
            held.append(b" ".join(value.split()))
    return "".join(f"{name.decode('latin-1')}:{b','.join(held).decode('latin-1')}\n" for name, held in sorted(values.items()))


def string_to_sign(claim: Claim, canonical: bytes) -> bytes:
    return f"{ALGORITHM}\n{claim.at}\n{claim.scope}\n{sha256(canonical)}".encode("utf-8", "replace")


@functools.lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of one day, region and service; kept, since a client uses the same one all day."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode("utf-8", "replace"), "sha256")
    return key


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
