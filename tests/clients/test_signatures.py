"""`cognomen serve`: what AWS authorises with IAM needs a valid signature by a key of `cognomen keys create`; nothing else opens it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import auth as botocore_auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cognomen.api.operation import OPERATIONS
from cognomen.userpools import operations
from tests.clients.conftest import refused
from tests.kit.live import REGION, Live

operations.load()
SIGNED = sorted(name for (service, name), operation in OPERATIONS.by_name.items() if service == "cognito-idp" and not operation.unsigned)
PUBLIC = sorted(name for (service, name), operation in OPERATIONS.by_name.items() if service == "cognito-idp" and operation.unsigned)
REFUSALS = {
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "AccessDeniedException",
}
Key = tuple[str, str]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("serve") / "data", "serve") as running:
        yield running


def created(serve: Live, policy: str) -> Key:
    made = serve.command("keys", "create", "--name", f"the {policy}", "--policy", policy)
    return str(made["AccessKeyId"]), str(made["SecretAccessKey"])


@pytest.fixture(scope="module")
def admin(serve: Live) -> Key:
    return created(serve, "admin")


@pytest.fixture(scope="module")
def readonly(serve: Live) -> Key:
    return created(serve, "readonly")


class Sender:
    """Signs as botocore signs, and lets a test spoil one thing before it is sent."""

    def __init__(self, serve: Live, monkeypatch: pytest.MonkeyPatch) -> None:
        self._http = serve.http
        self._url = serve.url + "/"
        self._monkeypatch = monkeypatch

    def __call__(
        self, operation: str, key: Key | None, *, late: int = 0, body: bytes = b"{}", sent: bytes | None = None, **more: Any
    ) -> str:
        """The error's name; "" where the operation answered."""
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"AWSCognitoIdentityProviderService.{operation}"}
        if key is not None:
            moment = datetime.now(UTC) - timedelta(seconds=late)
            self._monkeypatch.setattr(botocore_auth, "get_current_datetime", lambda *_, **__: moment)
            request = AWSRequest(method="POST", url=self._url, headers=headers, data=body)
            SigV4Auth(Credentials(*key, more.get("token")), more.get("service", "cognito-idp"), REGION).add_auth(request)
            headers = {name: str(value) for name, value in request.headers.items()}
        answer = self._http.post(self._url, headers={**headers, **more.get("headers", {})}, content=body if sent is None else sent)
        if answer.status_code == 200:
            return ""
        assert answer.status_code == 400, f"{operation}: {answer.status_code} {answer.text}"
        return str(answer.json()["__type"])


@pytest.fixture
def send(serve: Live, monkeypatch: pytest.MonkeyPatch) -> Sender:
    return Sender(serve, monkeypatch)


@pytest.mark.parametrize("operation", SIGNED)
def test_every_protected_operation(send: Sender, admin: Key, readonly: Key, operation: str) -> None:
    """Refused before the request is even read: no, a wrong, a stale, a foreign signature, a changed body; taken with a good one."""
    assert send(operation, None) == "MissingAuthenticationTokenException"
    assert send(operation, ("AKIA" + "A" * 16, admin[1])) == "UnrecognizedClientException"
    assert send(operation, (admin[0], admin[1][:-1] + ("a" if admin[1][-1] != "a" else "b"))) == "InvalidSignatureException"
    assert send(operation, admin, late=16 * 60) == "InvalidSignatureException"
    assert send(operation, admin, late=-16 * 60) == "InvalidSignatureException"
    assert send(operation, admin, sent=b'{"UserPoolId":"us-east-1_Changed01"}') == "InvalidSignatureException"
    assert send(operation, admin, token="a session token that no one gave") == "UnrecognizedClientException"
    assert send(operation, admin, service="cognito-identity") == "InvalidSignatureException"
    assert send(operation, admin) not in REFUSALS
    assert send(operation, admin, late=14 * 60) not in REFUSALS
    reads = operation.startswith(("Describe", "Get", "List", "AdminGet", "AdminList"))
    assert (send(operation, readonly) == "AccessDeniedException") is not reads


@pytest.mark.parametrize("operation", PUBLIC)
def test_every_public_operation(send: Sender, operation: str) -> None:
    """What AWS leaves unsigned is open without a signature, and does not look at one that means nothing."""
    assert send(operation, None) not in REFUSALS
    assert send(operation, ("AKIA" + "A" * 16, "wrong"), late=3600) not in REFUSALS


def test_a_target_cannot_be_exchanged(send: Sender, readonly: Key) -> None:
    """A signature of a reading operation is no signature of another one."""
    exchanged = {"x-amz-target": "AWSCognitoIdentityProviderService.DeleteUserPool"}
    assert send("ListUserPools", readonly, body=b'{"MaxResults":1}') == ""
    assert send("ListUserPools", readonly, body=b'{"MaxResults":1}', headers=exchanged) == "InvalidSignatureException"


def test_boto3_with_good_keys(serve: Live, admin: Key, readonly: Key) -> None:
    """An administrator makes a pool, a reader reads it and may not change it, a key that was revoked may nothing at once."""
    owner, reader = serve.boto(admin), serve.boto(readonly)
    pool = owner.create_user_pool(PoolName="production")["UserPool"]["Id"]
    assert reader.describe_user_pool(UserPoolId=pool)["UserPool"]["Name"] == "production"
    with refused("AccessDeniedException"):
        reader.delete_user_pool(UserPoolId=pool)
    temporary = created(serve, "admin")
    assert serve.boto(temporary).list_user_pools(MaxResults=5)["UserPools"][0]["Id"] == pool
    serve.command("keys", "revoke", temporary[0])
    with refused("UnrecognizedClientException"):
        serve.boto(temporary).list_user_pools(MaxResults=5)
    with refused("UnrecognizedClientException"):
        serve.boto().list_user_pools(MaxResults=5)


def test_keys_survive_a_restart(serve: Live, admin: Key) -> None:
    serve.restart()
    assert "UserPools" in serve.boto(admin).list_user_pools(MaxResults=5)
