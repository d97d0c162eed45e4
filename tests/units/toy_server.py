"""A dispatcher over toy handlers, driven by real ASGI messages, and signatures for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore import auth as botocore_auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cognomen.api import errors, idp
from cognomen.api.operation import Registry
from cognomen.kernel.clock import ManualClock
from cognomen.wire.caller import AccessKey, Authenticator
from cognomen.wire.dispatch import Call, Dispatcher

NOW = 1_790_000_000.0
PREFIX = "AWSCognitoIdentityProviderService."
POOL = "eu-west-1_AbCdEfGhI"
PASSWORD = "hunter2-the-secret"


async def admin_get_user(cx: Any, request: idp.AdminGetUserRequest) -> idp.AdminGetUserResponse:
    match request.username:
        case "missing":
            raise errors.UserNotFoundException("User does not exist.")
        case "undeclared":
            raise errors.UsernameExistsException("User already exists")
        case "bug":
            raise KeyError(PASSWORD)
        case "chained":
            try:
                raise ValueError(PASSWORD)
            except ValueError as cause:
                raise errors.InternalErrorException("Out of order.") from cause
        case "slow":
            raise TimeoutError
    return idp.AdminGetUserResponse(username=request.username)


async def create_user_pool(cx: Any, request: idp.CreateUserPoolRequest) -> None:
    return None


async def initiate_auth(cx: Any, request: idp.InitiateAuthRequest) -> idp.InitiateAuthResponse:
    return idp.InitiateAuthResponse(session=request.client_id)


class Heard:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))


class Server:
    """A dispatcher and what it was asked: `calls` are the contexts, `log` its log."""

    def __init__(self, *, required: bool = False, strict: bool = False, limit: int = 1 << 20, keys: Iterable[AccessKey] = ()) -> None:
        operations = Registry()
        for handler in (admin_get_user, create_user_pool, initiate_auth):
            operations.add("cognito-idp", handler)
        self.calls: list[Call] = []
        self.log = Heard()
        self.keys = {key.access_key_id: key for key in keys}
        clock = ManualClock(NOW)
        authenticator = Authenticator(required=required, lookup=self.lookup, clock=clock)
        self.dispatcher = Dispatcher(
            operations=operations,
            context_for=self.context_for,
            authenticator=authenticator,
            clock=clock,
            logger=self.log,
            strict=strict,
            limit=limit,
        )

    async def lookup(self, access_key_id: str) -> AccessKey | None:
        return self.keys.get(access_key_id)

    def context_for(self, call: Call) -> Call:
        self.calls.append(call)
        return call

    def send(
        self,
        target: str,
        body: bytes | list[bytes] | dict[str, Any] = b"{}",
        *,
        headers: dict[str, str] | None = None,
        method: str = "POST",
        gone: bool = False,
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer; a list of bytes comes in so many parts. `gone`: the client hangs up after them."""
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        parts = body if isinstance(body, list) else [body]
        given = {"host": "idp.example:2646", "user-agent": "toy/1", **(headers or {})}
        if target:
            given["x-amz-target"] = PREFIX + target
        scope = {
            "type": "http",
            "method": method,
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "scheme": "http",
            "client": ("127.0.0.9", 5000),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        }
        waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        if gone:
            waiting.append({"type": "http.disconnect"})
        else:
            waiting[-1]["more_body"] = False
        sent: list[Any] = []

        async def receive() -> Any:
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.dispatcher(scope, receive, send))
        self.unread = len(waiting)
        if not sent:
            return 0, {}, b""
        start, end = sent
        names = [name for name, _ in start["headers"]]
        assert len(names) == len(set(names)), "a header is sent twice"
        answered = {name.decode(): value.decode() for name, value in start["headers"]}
        assert answered["content-length"] == str(len(end["body"]))
        return start["status"], answered, end["body"]

    def refusal(self, *arguments: Any, **options: Any) -> tuple[int, str, str]:
        status, headers, body = self.send(*arguments, **options)
        error = json.loads(body)
        assert headers["x-amzn-errortype"] == error["__type"]
        return status, error["__type"], error["message"]


def signature(
    target: str,
    body: bytes,
    *,
    key_id: str = "AKIATEST",
    secret: str = "secret",
    token: str | None = None,
    service: str = "cognito-idp",
    region: str = "eu-west-1",
) -> dict[str, str]:
    request = AWSRequest(method="POST", url="http://idp.example:2646/", headers={"X-Amz-Target": PREFIX + target}, data=body)
    SigV4Auth(Credentials(key_id, secret, token), service, region).add_auth(request)
    return {name: value for name, value in request.headers.items() if name.lower() != "x-amz-target"}


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads the time itself; both sides get the same."""
    monkeypatch.setattr(botocore_auth, "get_current_datetime", lambda *_, **__: datetime.fromtimestamp(NOW, UTC))


ADMIN = AccessKey("AKIATEST", "secret", "ops", "admin")
READONLY = AccessKey("AKIAREAD", "secret", "auditor", "readonly")
ALICE = {"UserPoolId": POOL, "Username": "alice"}
BODY = json.dumps(ALICE).encode()
