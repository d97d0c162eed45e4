"""Claims: what stands in each token, what never does, and in which order (FIDELITY B.1)."""

from __future__ import annotations

from typing import Any

import pytest

from cognomen.tokens.claims import Grant, Subject, access_claims, id_claims

SUB = "34c84488-e0e1-70ae-d2ee-0f1e2d3c4b5a"
GRANT = Grant(
    issuer="http://localhost/us-east-1_a", client_id="client", event_id="event", auth_time=100, issued_at=200, origin_jti="origin"
)
PLAIN = Subject(sub=SUB, username="ada")
FULL = Subject(
    sub=SUB,
    username="ada",
    groups=["admin", "staff"],
    roles=["arn:admin", "arn:staff"],
    preferred_role="arn:admin",
    attributes={
        "sub": SUB,
        "email": "ada@example.com",
        "email_verified": "true",
        "phone_number": "+15550100",
        "phone_number_verified": "false",
        "updated_at": "1700000000",
        "name": "Ada",
        "custom:tier": "7",
        "identities": "[]",
    },
)


def id_of(subject: Subject, grant: Grant = GRANT, **options: Any) -> dict[str, Any]:
    return id_claims(subject, grant, expires_at=3800, jti="jti", **options)


def access_of(subject: Subject, grant: Grant = GRANT, **options: Any) -> dict[str, Any]:
    return access_claims(subject, grant, expires_at=3800, scope="aws.cognito.signin.user.admin", jti="jti", **options)


class TestAccess:
    def test_all_of_it_in_order(self) -> None:
        """The live service's claims in its order, with a device and groups."""
        expected = {
            "sub": SUB,
            "device_key": "us-east-1_d",
            "cognito:groups": ["admin", "staff"],
            "iss": "http://localhost/us-east-1_a",
            "client_id": "client",
            "origin_jti": "origin",
            "event_id": "event",
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "auth_time": 100,
            "exp": 3800,
            "iat": 200,
            "jti": "jti",
            "username": "ada",
        }
        made = access_of(FULL, device_key="us-east-1_d")
        assert made == expected
        assert list(made) == list(expected)

    def test_the_least(self) -> None:
        """Without device and groups their claims are absent, not empty; aud, email, roles and attributes never stand there."""
        assert set(access_of(PLAIN)) == {
            "sub",
            "iss",
            "client_id",
            "origin_jti",
            "event_id",
            "token_use",
            "scope",
            "auth_time",
            "exp",
            "iat",
            "jti",
            "username",
        }
        assert set(access_of(FULL)) - set(access_of(PLAIN)) == {"cognito:groups"}

    def test_without_revocation(self) -> None:
        """A client with token revocation switched off gets neither origin_jti nor jti."""
        grant = Grant(issuer="i", client_id="c", event_id="e", auth_time=1, issued_at=2)
        assert set(access_of(PLAIN)) - set(access_of(PLAIN, grant)) == {"origin_jti", "jti"}
        assert set(id_of(PLAIN)) - set(id_of(PLAIN, grant)) == {"origin_jti", "jti"}


class TestId:
    def test_all_of_it_in_order(self) -> None:
        """Every claim that an id token can have, typed: flags as booleans, updated_at as a number, custom attributes as texts."""
        identity = {
            "userId": "1",
            "providerName": "Google",
            "providerType": "Google",
            "issuer": None,
            "primary": "true",
            "dateCreated": "1700000000000",
        }
        expected = {
            "sub": SUB,
            "cognito:groups": ["admin", "staff"],
            "cognito:roles": ["arn:admin", "arn:staff"],
            "cognito:preferred_role": "arn:admin",
            "email_verified": True,
            "phone_number_verified": False,
            "iss": "http://localhost/us-east-1_a",
            "cognito:username": "ada",
            "origin_jti": "origin",
            "aud": "client",
            "event_id": "event",
            "token_use": "id",
            "auth_time": 100,
            "exp": 3800,
            "iat": 200,
            "jti": "jti",
            "identities": [identity],
            "nonce": "n",
            "email": "ada@example.com",
            "phone_number": "+15550100",
            "updated_at": 1700000000,
            "name": "Ada",
            "custom:tier": "7",
        }
        readable = {*(FULL.attributes or {})}
        made = id_of(FULL, readable=readable, identities=[identity], nonce="n")
        assert made == expected
        assert list(made) == list(expected)

    def test_the_least(self) -> None:
        """A user without groups, roles and attributes: none of these claims, no email and no flag; never client_id, username or scope."""
        assert set(id_of(PLAIN)) == {
            "sub",
            "iss",
            "cognito:username",
            "origin_jti",
            "aud",
            "event_id",
            "token_use",
            "auth_time",
            "exp",
            "iat",
            "jti",
        }

    def test_readable_by_default(self) -> None:
        """A client that names no ReadAttributes reads the standard ones and the flags, and no custom one."""
        made = id_of(FULL)
        assert {"email", "email_verified", "phone_number", "phone_number_verified", "name", "updated_at"} <= set(made)
        assert "custom:tier" not in made

    def test_readable_by_name(self) -> None:
        """What the client may not read is not in its tokens; a flag is an attribute of its own."""
        made = id_of(FULL, readable=["custom:tier", "email"])
        assert set(made) - set(id_of(FULL, readable=[])) == {"custom:tier", "email"}
        assert id_of(FULL, readable=["email_verified"])["email_verified"] is True

    @pytest.mark.parametrize(
        ("stored", "claim"),
        [
            ({"email": "a@b.c"}, False),
            ({"email": "a@b.c", "email_verified": "false"}, False),
            ({"email": "a@b.c", "email_verified": "true"}, True),
        ],
    )
    def test_flags(self, stored: dict[str, str], claim: bool) -> None:
        """email_verified stands beside an email, false until it was verified."""
        assert id_of(Subject(sub=SUB, username="ada", attributes=stored))["email_verified"] is claim

    def test_no_attribute_takes_a_claim_s_place(self) -> None:
        """An attribute that is called like a claim does not change the claim."""
        hostile = dict.fromkeys(["sub", "iss", "aud", "exp", "token_use", "cognito:username", "identities", "jti"], "evil")
        subject = Subject(sub=SUB, username="ada", attributes=hostile)
        assert id_of(subject, readable=set(hostile)) == id_of(PLAIN)

    @pytest.mark.parametrize(("stored", "claim"), [("1700000000", 1700000000), ("yesterday", "yesterday")])
    def test_updated_at(self, stored: str, claim: object) -> None:
        """A number; what is none (imported so) stays as it is rather than to stop a sign-in."""
        assert id_of(Subject(sub=SUB, username="ada", attributes={"updated_at": stored}))["updated_at"] == claim

    def test_address(self) -> None:
        """An object, as OpenID Connect has it (Core, 5.1.1)."""
        assert id_of(Subject(sub=SUB, username="ada", attributes={"address": "1 Main St"}))["address"] == {"formatted": "1 Main St"}


def test_both_tokens_of_one_grant_agree() -> None:
    """sub, issuer, origin_jti, event_id and times are the same in both."""
    both = ("sub", "iss", "origin_jti", "event_id", "auth_time", "iat")
    access, identity = access_of(FULL), id_of(FULL)
    assert [access[name] for name in both] == [identity[name] for name in both]


def test_nothing_is_shared() -> None:
    """Claims can be changed (by a trigger) without changing whom they came from."""
    access_of(FULL)["cognito:groups"].append("x")
    assert list(FULL.groups) == ["admin", "staff"]


def test_a_subject_shows_no_attributes() -> None:
    """Personal data does not get into a log by being printed."""
    assert "ada" not in repr(FULL)
