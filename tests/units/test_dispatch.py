"""The dispatcher through a real ASGI call, with a registry of toy handlers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

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


@pytest.fixture(autouse=True)
def _frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads the time itself; both sides get the same."""
    monkeypatch.setattr(botocore_auth, "get_current_datetime", lambda *_, **__: datetime.fromtimestamp(NOW, UTC))


ADMIN = AccessKey("AKIATEST", "secret", "ops", "admin")
READONLY = AccessKey("AKIAREAD", "secret", "auditor", "readonly")
ALICE = {"UserPoolId": POOL, "Username": "alice"}
BODY = json.dumps(ALICE).encode()


# What an operation answers


def test_an_operation_answers() -> None:
    """A request by target reaches its handler, typed; the answer has AWS's headers and a fresh request id."""
    server = Server()
    status, headers, body = server.send("AdminGetUser", ALICE)
    assert (status, json.loads(body)) == (200, {"Username": "alice"})
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert UUID(headers["x-amzn-requestid"]).version == 4
    assert headers["x-amzn-requestid"] != server.send("AdminGetUser", ALICE)[1]["x-amzn-requestid"]
    assert server.calls[0].request_id == headers["x-amzn-requestid"]


def test_a_call_says_where_it_came_from() -> None:
    """Host, scheme, address and user agent reach the context; without a signature there is no caller and no region."""
    server = Server()
    server.send("AdminGetUser", ALICE)
    call = server.calls[0]
    assert (call.host, call.scheme, call.source_ip, call.user_agent) == ("idp.example:2646", "http", "127.0.0.9", "toy/1")
    assert (call.operation.name, call.region, call.caller.access_key_id) == ("AdminGetUser", None, "")


def test_an_empty_result() -> None:
    """A handler that returns nothing answers an empty object."""
    assert Server().send("CreateUserPool", {"PoolName": "x"})[2] == b"{}"


def test_a_modelled_error_is_answered_as_one() -> None:
    """Name, text and 400."""
    raised = Server(strict=True).refusal("AdminGetUser", {**ALICE, "Username": "missing"})
    assert raised == (400, "UserNotFoundException", "User does not exist.")


def test_strict_mode_catches_an_error_that_the_model_lacks() -> None:
    """In tests an undeclared error is a defect; in service the client still gets an answer."""
    with pytest.raises(AssertionError, match="AdminGetUser raised UsernameExistsException, which its model does not declare"):
        Server(strict=True).send("AdminGetUser", {**ALICE, "Username": "undeclared"})
    assert Server().refusal("AdminGetUser", {**ALICE, "Username": "undeclared"})[1] == "UsernameExistsException"


def test_a_bug_is_an_internal_error_and_tells_nothing() -> None:
    """The client gets the request id, the log the place and kind; the exception's text, here a password, is in neither."""
    server = Server()
    status, headers, body = server.send("AdminGetUser", {**ALICE, "Username": "bug"})
    assert status == 500
    assert json.loads(body)["__type"] == "InternalErrorException"
    assert headers["x-amzn-requestid"] in json.loads(body)["message"]
    [(event, fields)] = server.log.lines
    assert (event, fields["operation"], fields["error_type"]) == ("operation failed", "AdminGetUser", "KeyError")
    assert fields["request_id"] == headers["x-amzn-requestid"]
    assert any("in admin_get_user" in line for line in fields["trace"])
    assert PASSWORD not in str(server.log.lines) + body.decode() + str(headers)


def test_a_handlers_own_fault_is_logged_with_its_cause() -> None:
    """A 500 that a handler raises itself keeps its public text, and the log names the cause without quoting it."""
    server = Server()
    assert server.refusal("AdminGetUser", {**ALICE, "Username": "chained"}) == (500, "InternalErrorException", "Out of order.")
    [(_, fields)] = server.log.lines
    assert "builtins.ValueError" in fields["trace"]
    assert PASSWORD not in str(fields)


def test_a_time_limit_is_no_crash() -> None:
    """An exception of the platform is a bug like any other."""
    assert Server().refusal("AdminGetUser", {**ALICE, "Username": "slow"})[:2] == (500, "InternalErrorException")


# What is refused before


def test_an_unknown_operation() -> None:
    """An operation that nobody serves, and a request without a target, are unknown operations."""
    assert Server().refusal("Frobnicate")[:2] == (400, "UnknownOperationException")
    assert Server().refusal("", b"a=b")[:2] == (400, "UnknownOperationException")
    assert Server().refusal("AdminGetUser", ALICE, method="PUT")[:2] == (400, "UnknownOperationException")


def test_a_body_that_is_not_json() -> None:
    """It is a SerializationException, and nobody was asked."""
    server = Server()
    assert server.refusal("AdminGetUser", b"user=alice")[:2] == (400, "SerializationException")
    assert server.calls == []


def test_violations_are_answered() -> None:
    """Validation stands before the handler."""
    server = Server(strict=True)
    status, code, text = server.refusal("AdminGetUser", {"UserPoolId": POOL})
    assert (status, code) == (400, "InvalidParameterException")
    assert text == "1 validation error detected: Value null at 'username' failed to satisfy constraint: Member must not be null"
    assert server.calls == []


def test_a_body_in_parts_is_one_body() -> None:
    """Chunked transfer brings a body in parts of any size, empty ones too."""
    parts = [BODY[:1], b"", BODY[1:9], BODY[9:], b""]
    assert json.loads(Server().send("AdminGetUser", parts)[2]) == {"Username": "alice"}


def test_an_empty_body() -> None:
    """No body is an empty object: the members that it lacks are named."""
    assert Server().refusal("AdminGetUser", b"")[1] == "InvalidParameterException"


@pytest.mark.parametrize("parts", [[b" " * 1001], [b" " * 600, b" " * 600], [b" " * 600, b" " * 400, b"x"]])
def test_a_body_over_the_limit(parts: list[bytes]) -> None:
    """413 in AWS's form, whether the body comes whole or in parts."""
    assert Server(limit=1000).refusal("AdminGetUser", parts)[:2] == (413, "RequestEntityTooLargeException")


def test_a_body_at_the_limit_is_read() -> None:
    """The limit itself is allowed."""
    server = Server(limit=1000)
    assert server.send("AdminGetUser", [BODY, b" " * (1000 - len(BODY))])[0] == 200


def test_a_body_far_over_the_limit_is_not_read() -> None:
    """What declares more than can be dropped is refused unread, and the connection ends."""
    server = Server()
    status, headers, _ = server.send("AdminGetUser", [b"x"] * 5, headers={"content-length": str(1 << 40)})
    assert (status, headers["connection"], server.unread) == (413, "close", 5)


def test_a_body_over_the_limit_is_dropped_so_that_the_client_sees_the_answer() -> None:
    """A client still sending would not read its 413: up to 16 MiB are read, and kept nowhere."""
    server = Server(limit=10)
    assert server.send("AdminGetUser", [b"x" * 9] * 50)[0] == 413
    assert server.unread == 0


def test_a_client_that_hangs_up_is_not_answered() -> None:
    """A body cut off is no request: no handler runs, nothing is sent."""
    server = Server()
    assert server.send("AdminGetUser", [BODY], gone=True) == (0, {}, b"")
    assert server.calls == []


def test_preflight() -> None:
    """OPTIONS is answered at once, whatever is asked, without an operation."""
    status, headers, body = Server().send("", b"", method="OPTIONS", headers={"access-control-request-headers": "x-mine"})
    assert (status, headers["access-control-allow-headers"], body) == (200, "x-mine", b"")


# Who calls: dev


def test_dev_believes_a_signature_without_checking_it() -> None:
    """The key id names the caller, the scope the region."""
    server = Server()
    assert server.send("AdminGetUser", BODY, headers=signature("AdminGetUser", BODY, secret="whatever"))[0] == 200
    call = server.calls[0]
    assert (call.caller.access_key_id, call.caller.account, call.caller.policy, call.region) == (
        "AKIATEST",
        "000000000000",
        "admin",
        "eu-west-1",
    )


@pytest.mark.parametrize(
    "authorization", ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e", "\xff" * 300]
)
def test_dev_takes_any_authorization(authorization: str) -> None:
    """A header that names nobody is as good as none."""
    server = Server()
    assert server.send("AdminGetUser", BODY, headers={"authorization": authorization})[0] == 200
    assert (server.calls[0].caller.policy, server.calls[0].region) == ("anonymous", None)


# Who calls: serve


def test_serve_needs_a_signature() -> None:
    """No signature, no operation; half a signature neither. No handler runs."""
    server = Server(required=True, strict=True, keys=[ADMIN])
    assert server.refusal("AdminGetUser", BODY) == (400, "MissingAuthenticationTokenException", "Missing Authentication Token")
    assert server.refusal("AdminGetUser", BODY, headers={"authorization": "Bearer x"})[1] == "IncompleteSignatureException"
    assert server.calls == []


def test_serve_knows_the_caller_by_a_valid_signature() -> None:
    """The caller is the key's record, the region the signature's."""
    server = Server(required=True, keys=[ADMIN])
    assert server.send("AdminGetUser", BODY, headers=signature("AdminGetUser", BODY))[0] == 200
    call = server.calls[0]
    assert (call.caller.access_key_id, call.caller.name, call.caller.policy, call.region) == ("AKIATEST", "ops", "admin", "eu-west-1")


def test_serve_refuses_unknown_keys() -> None:
    """A key that is not there, or revoked, is answered as AWS answers."""
    server = Server(required=True, keys=[ADMIN])
    raised = server.refusal("AdminGetUser", BODY, headers=signature("AdminGetUser", BODY, key_id="AKIAGONE"))
    assert raised == (400, "UnrecognizedClientException", "The security token included in the request is invalid.")


def test_serve_checks_session_tokens() -> None:
    """A temporary key needs its token, a permanent one takes none."""
    temporary = AccessKey("ASIATEMP", "secret", "role", "admin", "the-token")
    server = Server(required=True, keys=[ADMIN, temporary])

    def code(key_id: str, token: str | None) -> int:
        return server.send("AdminGetUser", BODY, headers=signature("AdminGetUser", BODY, key_id=key_id, token=token))[0]

    assert [code("ASIATEMP", "the-token"), code("AKIATEST", None)] == [200, 200]
    assert [code("ASIATEMP", None), code("ASIATEMP", "other"), code("AKIATEST", "the-token")] == [400, 400, 400]


def test_serve_refuses_a_wrong_signature() -> None:
    """A signature over another body, by another secret, or for another service does not do."""
    server = Server(required=True, keys=[ADMIN])
    for headers in (
        signature("AdminGetUser", BODY + b" "),
        signature("AdminGetUser", BODY, secret="guess"),
        signature("AdminGetUser", BODY, service="cognito-identity"),
        signature("CreateUserPool", BODY),
    ):
        assert server.refusal("AdminGetUser", BODY, headers=headers)[1] == "InvalidSignatureException"
    assert server.calls == []


def test_a_readonly_key_reads() -> None:
    """It may get what it could not create; the refusal names key, action and resource as IAM does."""
    server = Server(required=True, strict=True, keys=[READONLY])
    assert server.send("AdminGetUser", BODY, headers=signature("AdminGetUser", BODY, key_id="AKIAREAD"))[0] == 200
    body = b'{"PoolName": "x"}'
    raised = server.refusal("CreateUserPool", body, headers=signature("CreateUserPool", body, key_id="AKIAREAD"))
    text = "User: arn:aws:iam::000000000000:user/auditor is not authorized to perform: cognito-idp:CreateUserPool on resource: *"
    assert raised == (400, "AccessDeniedException", text)


def test_a_key_of_an_unknown_policy_may_nothing() -> None:
    """What is not admin and not readonly is not trusted."""
    server = Server(required=True, keys=[AccessKey("AKIATEST", "secret", "odd", "Admin")])
    assert server.refusal("AdminGetUser", BODY, headers=signature("AdminGetUser", BODY))[1] == "AccessDeniedException"


def test_unsigned_operations_take_any_authorization_and_believe_none() -> None:
    """boto3 signs them all the same, with keys that need not exist: accepted, and the caller stays anonymous."""
    server = Server(required=True, strict=True)
    body = json.dumps({"AuthFlow": "USER_SRP_AUTH", "ClientId": "abc"}).encode()
    for headers in ({}, {"authorization": "Bearer x"}, signature("InitiateAuth", body, key_id="AKIANOBODY", secret="guess")):
        assert server.send("InitiateAuth", body, headers=headers)[0] == 200
    assert [(call.caller.policy, call.region) for call in server.calls] == [
        ("anonymous", None),
        ("anonymous", None),
        ("anonymous", "eu-west-1"),
    ]
