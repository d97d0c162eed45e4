"""Who calls: named in dev, proven in serve, anonymous where AWS asks for no signature."""

from __future__ import annotations

import json

import pytest

from cognomen.wire.caller import AccessKey
from tests.units.toy_server import ADMIN, BODY, READONLY, Server, frozen, signature

__all__ = ["frozen"]
pytestmark = pytest.mark.usefixtures("frozen")


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
