"""AWS Signature Version 4 of a request, in headers. A pure function; tests hold it against botocore's.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from cognomen_sync.steps import Request


@dataclass(frozen=True)
class Credentials:
    """Temporary ones of an identity. Times in epoch seconds."""

    identity_id: str
    access_key_id: str
    secret_key: str
    session_token: str
    expires_at: float

    def __repr__(self) -> str:
        return f"Credentials({self.identity_id})"


def signed(request: Request, credentials: Credentials, *, region: str, service: str, now: float) -> Request:
    """`request` with the headers host, x-amz-date, x-amz-security-token and authorization. Its path and query must be percent-encoded; the
    query's parameters must stand in order."""
    parts = urlsplit(request.url)
    at = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    given = {"host": host_of(request.url), "x-amz-date": at, "x-amz-security-token": credentials.session_token}
    names = ";".join(sorted(given))
    canonical = [
        request.method,
        quote(parts.path or "/", safe="/-_.~"),  # a second time: so do all services but S3
        parts.query,
        *(f"{name}:{given[name]}" for name in sorted(given)),
        "",
        names,
        hashlib.sha256(request.body).hexdigest(),
    ]
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}".encode(), "sha256").hex()
    claim = f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return replace(request, headers={**request.headers, **given, "authorization": claim})


def host_of(url: str) -> str:
    """As the header Host names it: without the port that its scheme implies."""
    parts = urlsplit(url)
    implied = {"http": 80, "https": 443}.get(parts.scheme)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return name if parts.port in (None, implied) else f"{name}:{parts.port}"
