"""The gateway in front of an HTTP service: a token or a signature opens it, and the service is told who came by headers that no client can write."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.clients.conftest import App
from tests.kit.gateway import Echo, allow, assumed, gateway_url, raw, role
from tests.kit.live import Live, NotReady


class Stage:
    def __init__(self, live: Live, url: str, echo: Echo, app: App) -> None:
        self.live = live
        self.url = url
        self.echo = echo
        self.app = app
        self.user = app.user()
        app.admin.create_group(UserPoolId=app.pool_id, GroupName="staff,ü")
        app.admin.admin_add_user_to_group(UserPoolId=app.pool_id, Username=self.user, GroupName="staff,ü")
        self.tokens = app.sign_in(self.user)
        self.access: str = self.tokens["AccessToken"]

    def get(self, path: str = "/orders", token: str | None = None, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers={"authorization": f"Bearer {token or self.access}", **headers})

    def raw(
        self, target: bytes = b"/orders", *lines: bytes, method: bytes = b"GET", body: bytes = b""
    ) -> tuple[bytes, list[dict[str, Any]]]:
        """The first line of the answer, and what reached the service."""
        before = len(self.echo.seen)
        head = [method + b" " + target + b" HTTP/1.1", b"host: x", b"authorization: Bearer " + self.access.encode(), *lines]
        answer = raw(self.url, b"\r\n".join(head) + b"\r\n\r\n" + body)
        return answer.split(b"\r\n")[0], self.echo.seen[before:]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    data = tmp_path_factory.mktemp("gateway") / "data"
    with Live(data) as first:
        app = App(first)
        other = App(first)
    echo = Echo()
    service = {"kind": "http", "url": echo.url}
    token = {**service, "authorization": "token", "pools": [app.pool_id]}
    routes = {
        "orders": {**token, "path": "/orders"},
        "ids": {**token, "path": "/ids", "token_use": ["id"]},
        "scoped": {**token, "path": "/scoped", "scopes": ["orders/read"]},
        "admin": {**token, "path": "/orders/admin", "groups": ["admins"]},
        "pages": {**token, "path": "/pages", "preflight": True},
        "staff": {**token, "path": "/staff", "groups": ["staff,ü"], "forward_token": True},
        "other": {**token, "path": "/other", "pools": [other.pool_id]},
        "api": {**service, "path": "/api", "authorization": "sigv4", "api_id": "orders1"},
        "dead": {**token, "path": "/dead", "url": "http://127.0.0.1:1"},
    }
    section = json.dumps({"port": 0, "routes": routes})
    with Live(data, environment={"COGNOMEN_GATEWAY": section}) as live:
        app.live, app.admin = live, live.boto()
        yield Stage(live, gateway_url(live), echo, app)
    echo.stop()


def told(answer: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.json()["headers"]}


def test_a_token_opens_the_way_and_says_who_came(stage: Stage) -> None:
    """With the claims as they were verified; the token itself stays here."""
    headers = told(stage.get())
    sub = jwt.decode(stage.access, options={"verify_signature": False})["sub"]
    found = {name.removeprefix("x-cognomen-"): value for name, value in headers.items() if name.startswith("x-cognomen-")}
    claims = json.loads(base64.urlsafe_b64decode(found.pop("claims") + "=="))
    assert (claims["sub"], claims["token_use"]) == (sub, "access")
    assert found == {
        "auth": "token",
        "sub": sub,
        "username": stage.user,
        "pool": stage.app.pool_id,
        "client": stage.app.client_id,
        "token-use": "access",
        "scopes": "aws.cognito.signin.user.admin",
        "groups": "staff%2C%C3%BC",
    }
    assert "authorization" not in headers
    assert told(stage.get("/staff"))["authorization"] == f"Bearer {stage.access}"
    answer = httpx.post(f"{stage.url}/orders?a=1&a=2", content=b"x" * 300_000, headers={"authorization": f"Bearer {stage.access}"}).json()
    assert (answer["line"], len(answer["body"])) == ("POST /orders?a=1&a=2 HTTP/1.1", 300_000)


def test_who_may_not_is_told_as_api_gateway_tells_it(stage: Stage) -> None:
    def refusal(path: str, token: str | None) -> tuple[int, Any, str | None]:
        answer = stage.get(path, token)
        return answer.status_code, answer.json(), answer.headers.get("x-amzn-errortype")

    unauthorized = (401, {"message": "Unauthorized"}, "UnauthorizedException")
    assert httpx.get(f"{stage.url}/orders").json() == {"message": "Unauthorized"}
    assert refusal("/orders", "nonsense") == unauthorized
    assert refusal("/orders", stage.tokens["IdToken"]) == unauthorized
    assert refusal("/ids", stage.access) == unauthorized
    assert refusal("/other", stage.access) == unauthorized
    assert refusal("/scoped", stage.access) == (403, {"message": "Forbidden"}, "ForbiddenException")
    assert refusal("/orders/admin", stage.access) == (403, {"message": "Forbidden"}, "ForbiddenException")
    assert refusal("/orders/admin/x", stage.access)[0] == 403
    assert stage.get("/ordersx").status_code == 404
    assert stage.get("/ids", stage.tokens["IdToken"]).status_code == 200
    assert refusal("/dead", stage.access) == (503, {"message": "Service Unavailable"}, "ServiceUnavailableException")


def test_forged_tokens(stage: Stage) -> None:
    """Another's key, no key, the public key as a secret, changed claims."""
    header = jwt.get_unverified_header(stage.access)
    claims = jwt.decode(stage.access, options={"verify_signature": False})
    own = rsa.generate_private_key(65537, 2048)
    jwks = stage.live.get(f"/{stage.app.pool_id}/.well-known/jwks.json").json()
    public = jwks["keys"][0]["n"]
    parts = stage.access.split(".")
    hs = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": header["kid"]}).encode()).rstrip(b"=").decode() + "." + parts[1]
    mac = base64.urlsafe_b64encode(hmac.new(public.encode(), hs.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "cognito:groups": ["admins"]}).encode()).rstrip(b"=").decode()
    forged = [
        jwt.encode(claims, own, "RS256", {"kid": header["kid"]}),
        jwt.encode(claims, own, "RS256", {"kid": "other"}),
        jwt.encode(claims, "", "none"),
        f"{hs}.{mac}",
        f"{parts[0]}.{changed}.{parts[2]}",
    ]
    assert [stage.get("/orders", token).status_code for token in forged] == [401] * 5


def test_a_sign_out_ends_a_token(stage: Stage) -> None:
    name = stage.app.user()
    token = stage.app.sign_in(name)["AccessToken"]
    assert stage.get("/orders", token).status_code == 200
    stage.app.admin.admin_user_global_sign_out(UserPoolId=stage.app.pool_id, Username=name)
    assert stage.get("/orders", token).json() == {"message": "Unauthorized"}
    token = stage.app.sign_in(name)["AccessToken"]
    stage.app.admin.admin_disable_user(UserPoolId=stage.app.pool_id, Username=name)
    assert stage.get("/orders", token).status_code == 401


def test_nobody_writes_the_trusted_headers(stage: Stage) -> None:
    """Not by name, not by another spelling, not behind the body, and nobody can have them dropped."""
    lines = (b"X-Cognomen-Groups: admins", b"X_Cognomen_Sub: me", b"x-cognomen_sub: me", b"x.cognomen.sub: me", b"X-Forwarded-For: 1.2.3.4")
    status, seen = stage.raw(b"/orders", *lines)
    headers = [(name.lower(), value) for name, value in seen[0]["headers"]]
    assert status == b"HTTP/1.1 200 OK"
    assert [name for name, _ in headers if "sub" in name] == ["x-cognomen-sub"]
    assert [value for name, value in headers if name == "x-cognomen-groups"] == ["staff%2C%C3%BC"]
    assert [value for name, value in headers if name == "x-forwarded-for"] == ["127.0.0.1"]
    instead = (b"X-HTTP-Method-Override: DELETE", b"X-Original-URL: /staff", b"x.rewrite.url: /staff", b"X-Real-IP: 1.2.3.4", b"x-kept: 1")
    status, seen = stage.raw(b"/orders", *instead)
    names = {name.lower() for name, _ in seen[0]["headers"]}
    assert (status, [name for name in names if name.startswith(("x-", "x.")) and not name.startswith(("x-cognomen-", "x-forwarded-"))]) == (
        b"HTTP/1.1 200 OK",
        ["x-kept"],
    )
    chunked = b"1\r\na\r\n0\r\nx-cognomen-sub: me\r\nx-late: 1\r\n\r\n"
    status, seen = stage.raw(b"/orders", b"transfer-encoding: chunked", method=b"POST", body=chunked)
    assert (status, seen[0]["body"]) == (b"HTTP/1.1 200 OK", "a")
    assert "x-late" not in [name.lower() for name, _ in seen[0]["headers"]]
    status, seen = stage.raw(b"/orders", b"connection: keep-alive, x-cognomen-sub")
    assert (status, seen) == (b"HTTP/1.1 400 Bad Request", [])


HEADS = [
    (b"content-length: 1", b"transfer-encoding: chunked"),
    (b"content-length: 1", b"content-length: 1"),
    (b"content-length: 1", b"content-length: 2"),
    (b"transfer-encoding: xchunked",),
    (b"transfer-encoding: gzip, chunked",),
    (b"transfer-encoding: chunked", b"transfer-encoding: identity"),
    (b"x-a: b", b" folded"),
    (b"x-a : b",),
    (b"x-a: b\rx-b: c",),
    (b"x-a: b\nx-b: c",),
    (b"x-a: b\x00c",),
    (b"host: y",),
    (b"authorization: Bearer other",),
    (b"content-length: +1",),
    (b"content-length: 0x1",),
]


@pytest.mark.parametrize("lines", HEADS)
def test_heads_that_two_programs_could_read_in_two_ways(stage: Stage, lines: tuple[bytes, ...]) -> None:
    """Refused, and nothing of them reaches the service."""
    status, seen = stage.raw(b"/orders", *lines, method=b"POST", body=b"1\r\na\r\n0\r\n\r\n")
    assert (status, seen) == (b"HTTP/1.1 400 Bad Request", [])


TARGETS = [
    b"/orders/../staff",
    b"/orders/%2e%2e/staff",
    b"/orders/%252e%252e/staff",
    b"/orders/.%2e/staff",
    b"/orders/..;x/staff",
    b"/orders/./x",
    b"/orders//x",
    b"//orders",
    b"/orders\\x",
    b"/orders/%5cx",
    b"/orders/..%5cx",
    b"/orders/%00",
    b"/orders/%0d%0ax:1",
    b"/orders/%c0%ae%c0%ae/x",
    b"/orders/%zz",
    b"/orders/%",
    b"/orders#/x",
    b"http://other/orders",
    b"orders",
    b"*",
    b"/orders/" + b"a" * 9000,
]


@pytest.mark.parametrize("target", TARGETS)
def test_targets_that_some_servers_read_as_another_path(stage: Stage, target: bytes) -> None:
    status, seen = stage.raw(target)
    assert (status, seen) == (b"HTTP/1.1 400 Bad Request", [])


def test_what_is_evaluated_is_what_goes_on(stage: Stage) -> None:
    """An encoded slash is a slash, before the route is chosen; letters that need no encoding have none."""
    assert stage.raw(b"/orders%2fadmin")[0] == b"HTTP/1.1 403 Forbidden"
    assert stage.raw(b"/orders/%61dmin")[0] == b"HTTP/1.1 403 Forbidden"
    _, seen = stage.raw(b"/%6frders/a%20b;c?x=/../%2e")
    assert seen[0]["line"] == "GET /orders/a%20b%3Bc?x=/../%2e HTTP/1.1"


def signed(url: str, key: dict[str, str], method: str = "GET", body: bytes = b"", service: str = "execute-api") -> httpx.Response:
    request = AWSRequest(method=method, url=url, data=body)
    given = Credentials(key["aws_access_key_id"], key["aws_secret_access_key"], key["aws_session_token"])
    SigV4Auth(given, service, "us-east-1").add_auth(request)
    return httpx.request(method, url, content=body, headers=dict(request.headers.items()))


def test_a_signature_opens_what_policies_allow(stage: Stage) -> None:
    """`execute-api:Invoke` on API, stage, method and path; the service learns the session, and gets no signature."""
    allowed = "arn:aws:execute-api:us-east-1:000000000000:orders1/prod/POST/api/a/*"
    key = assumed(stage.live, role(stage.live, "Api", allow({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": allowed})))
    answer = signed(f"{stage.url}/api/a/b%20c?y=2&x=1", key, "POST", b"hello")
    headers = told(answer)
    assert (answer.json()["line"], answer.json()["body"]) == ("POST /api/a/b%20c?x=1&y=2 HTTP/1.1", "hello")
    assert headers["x-cognomen-principal"] == "arn:aws:sts::000000000000:assumed-role/Api/kim"
    assert headers["x-cognomen-role"] == "arn:aws:iam::000000000000:role/Api"
    assert [name for name in headers if name.startswith("x-amz") or name == "authorization"] == []
    denied = signed(f"{stage.url}/api/b", key)
    assert (denied.status_code, denied.headers["x-amzn-errortype"], denied.json()) == (
        403,
        "AccessDeniedException",
        {
            "Message": "User: arn:aws:sts::000000000000:assumed-role/Api/kim is not authorized to perform: execute-api:Invoke on resource: "
            "arn:aws:execute-api:us-east-1:********0000:orders1/prod/GET/api/b because no identity-based policy allows the execute-api:Invoke action"
        },
    )
    assert httpx.get(f"{stage.url}/api/b").json() == {"message": "Missing Authentication Token"}
    wrong = signed(f"{stage.url}/api/a/b", {**key, "aws_secret_access_key": "x"}, "POST")
    assert (wrong.status_code, wrong.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert signed(f"{stage.url}/api/a/b", key, "POST", service="s3").status_code == 403
    forged = signed(f"{stage.url}/api/a/b", {**key, "aws_session_token": "x"}, "POST")
    assert forged.json() == {"message": "The security token included in the request is invalid."}


def test_preflights(stage: Stage) -> None:
    """Where the route says so; with a body, without an origin, or by another method they are requests as any other."""
    asks = {"origin": "https://app.example", "access-control-request-method": "GET"}
    answer = httpx.options(f"{stage.url}/pages/x", headers={**asks, "x-cognomen-sub": "me"})
    assert answer.json()["line"] == "OPTIONS /pages/x HTTP/1.1"
    assert [name for name in told(answer) if name.startswith("x-cognomen")] == []
    assert httpx.options(f"{stage.url}/orders/x", headers=asks).status_code == 401
    assert httpx.options(f"{stage.url}/pages/x").status_code == 401
    assert httpx.get(f"{stage.url}/pages/x", headers=asks).status_code == 401
    assert httpx.request("OPTIONS", f"{stage.url}/pages/x", headers=asks, content=b"x").status_code == 401


def test_the_gateway_alone_needs_a_servers_database(stage: Stage, tmp_path: Path) -> None:
    """One sentence and exit code 1 without a master key, without a section, and with an empty database."""
    routes = {"COGNOMEN_GATEWAY": json.dumps({"routes": {"x": {"kind": "http", "url": stage.echo.url, "pools": ["a_b"]}}})}

    def refused(environment: dict[str, str]) -> tuple[int | None, str]:
        name = f"log-{len(environment)}-{max(environment)}"
        own = Live(tmp_path / name, "gateway", environment={"COGNOMEN_DATA": str(tmp_path / "data"), **environment})
        with pytest.raises(NotReady) as error:
            own.start()
        return error.value.code, error.value.stderr

    code, text = refused(routes)
    assert (code, "there is no master key" in text) == (1, True)
    (tmp_path / "data").mkdir()
    code, text = refused({"COGNOMEN_MASTER_KEY": "ab" * 32})
    assert (code, "have no section gateway" in text) == (1, True)
    code, text = refused({**routes, "COGNOMEN_MASTER_KEY": "ab" * 32})
    assert (code, "the database has schema 0" in text) == (1, True)


def test_the_gateway_stops_as_the_server_does(stage: Stage) -> None:
    """A process of its own on the same database: ready, serving, ended with 0 by SIGTERM."""
    own = Live(
        stage.live.data,
        "gateway",
        environment={
            "COGNOMEN_DATA": str(stage.live.data),
            "COGNOMEN_GATEWAY": json.dumps({"routes": {"orders": {"kind": "http", "url": stage.echo.url, "pools": [stage.app.pool_id]}}}),
        },
    )
    own.ready = "cognomen gateway ready at "
    with own:
        answer = httpx.get(f"{own.url}/x", headers={"authorization": stage.access})
        assert answer.json()["line"] == "GET /x HTTP/1.1"
        assert own.stop() == 0
