"""Requests as botocore signs them and as a server receives them, with the time held still."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import auth as botocore_auth
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from cognomen.api import errors
from cognomen.wire import sigv4
from cognomen.wire.request import HttpRequest

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = 1_790_000_000.0
HOST = "idp.example"
TARGET = {"X-Amz-Target": "AWSCognitoIdentityProviderService.ListUserPools", "Content-Type": "application/x-amz-json-1.1"}


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads the time itself; both sides get the same."""
    monkeypatch.setattr(botocore_auth, "get_current_datetime", lambda *_, **__: datetime.fromtimestamp(NOW, UTC))


def sent(signed: AWSRequest) -> HttpRequest:
    """A request that botocore signed, as a server receives it."""
    url = urlsplit(signed.url)
    headers = [(name.lower().encode(), str(value).encode()) for name, value in signed.headers.items()]
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", url.netloc.encode()))
    body = signed.body or b""
    return HttpRequest(signed.method, url.path.encode(), url.query.encode(), headers, body.encode() if isinstance(body, str) else body)


def signed(
    signer: Any = SigV4Auth,
    service: str = "cognito-idp",
    *,
    method: str = "POST",
    url: str = f"https://{HOST}/",
    headers: dict[str, str] | None = None,
    body: bytes = b'{"MaxResults": 10}',
    token: str | None = None,
    **options: Any,
) -> HttpRequest:
    request = AWSRequest(method=method, url=url, headers=TARGET if headers is None else headers, data=body)
    if issubclass(signer, S3SigV4Auth):
        request.context["client_config"] = Config(s3={"payload_signing_enabled": options.pop("sign_payload", True)})
    signer(Credentials(KEY, SECRET, token), service, "us-east-1", **options).add_auth(request)
    return sent(request)


def verified(request: HttpRequest, *, secret: str = SECRET, service: str = "cognito-idp", now: float = NOW) -> bytes:
    claim = sigv4.claimed(request)
    assert claim is not None
    return sigv4.verify(request, claim, secret, service=service, now=now)


def refused(request: HttpRequest, **options: Any) -> str:
    with pytest.raises(errors.InvalidSignatureException) as raised:
        verified(request, **options)
    return raised.value.message


def replaced(request: HttpRequest, name: bytes, value: bytes) -> HttpRequest:
    headers = [(n, value if n == name else v) for n, v in request.headers]
    return HttpRequest(request.method, request.raw_path, request.query_string, headers, request.body)
