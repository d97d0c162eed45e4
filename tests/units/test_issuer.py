"""Issuers: three kinds, every alias, and no name that a stranger chose."""

from __future__ import annotations

import pytest

from cognomen.tokens import issuer

POOL = "eu-west-1_AbCdEfGhI"
HERE = "http://127.0.0.1:2646"
AWS = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"


@pytest.mark.parametrize(
    ("kind", "public_url", "base", "expected"),
    [
        ("self", None, HERE, f"{HERE}/{POOL}"),
        ("self", None, "http://localhost:2646/", f"http://localhost:2646/{POOL}"),
        ("self", None, "https://[::1]:99", f"https://[::1]:99/{POOL}"),
        ("self", "https://id.example.com", HERE, f"https://id.example.com/{POOL}"),
        ("self", "https://id.example.com/", HERE, f"https://id.example.com/{POOL}"),
        ("aws", None, HERE, AWS),
        ("aws", "https://id.example.com", HERE, AWS),
        ("https://sso.example.org/x", "https://id.example.com", HERE, "https://sso.example.org/x"),
    ],
)
def test_kinds(kind: str, public_url: str | None, base: str, expected: str) -> None:
    """self: where the server is reached; aws: as verifiers derive it; else the address as it was set, to the letter."""
    assert issuer.issuer_for(kind, POOL, "us-east-1", public_url, base) == expected


def test_the_region_is_the_pool_s() -> None:
    """Taken from the id, whatever region a request names (FIDELITY B.1.11); for a pinned id without one, from the setting."""
    assert issuer.issuer_for("aws", POOL, "ap-south-1", None, HERE) == AWS
    assert issuer.issuer_for("aws", "local_pool1", "ap-south-1", None, HERE) == "https://cognito-idp.ap-south-1.amazonaws.com/local_pool1"
    assert (
        issuer.issuer_for("aws", "us-gov-west-1_a1", "x", None, HERE) == "https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_a1"
    )


@pytest.mark.parametrize(
    "base",
    [
        "http://evil.example:2646",
        "http://localhost.evil.example:2646",
        "http://127.0.0.1.evil.example:2646",
        "http://10.0.0.1:2646",
        "http://my.auth.localhost:2646",
        "http://0.0.0.0:2646",
    ],
)
def test_no_stranger_names_us(base: str) -> None:
    """A Host that is not loopback, or that is the door of a pool's pages, does not get into a token: localhost at the same port does."""
    assert issuer.issuer_for("self", POOL, "", None, base) == f"http://localhost:2646/{POOL}"


@pytest.mark.parametrize("base", ["", "http://", "http://[", "http://x:port", "http://localhost:99999999"])
def test_a_broken_host(base: str) -> None:
    """A Host that is none still gives an issuer."""
    assert issuer.issuer_for("self", POOL, "", None, base) == f"http://localhost/{POOL}"


@pytest.mark.parametrize(
    ("kind", "own"), [("self", f"{HERE}/{POOL}"), ("aws", AWS), ("https://sso.example.org", "https://sso.example.org")]
)
def test_every_alias(kind: str, own: str) -> None:
    """The pool's own issuer first, then here, then both of AWS's forms; none twice."""
    known = issuer.all_issuers(kind, POOL, "", None, HERE)
    assert known[0] == own
    assert {*known} == {own, f"{HERE}/{POOL}", AWS, f"https://issuer-cognito-idp.eu-west-1.amazonaws.com/{POOL}"}
    assert len(known) == len(set(known))


def test_discovery() -> None:
    """The members of the live document (FIDELITY B.8.64) and no others; jwks_uri where the keys are served."""
    document = issuer.discovery(f"{HERE}/{POOL}", POOL, HERE)
    assert document == {
        "authorization_endpoint": f"{HERE}/{POOL}/oauth2/authorize",
        "end_session_endpoint": f"{HERE}/{POOL}/logout",
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": f"{HERE}/{POOL}",
        "jwks_uri": f"{HERE}/{POOL}/.well-known/jwks.json",
        "response_types_supported": ["code", "token"],
        "revocation_endpoint": f"{HERE}/{POOL}/oauth2/revoke",
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": f"{HERE}/{POOL}/oauth2/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "userinfo_endpoint": f"{HERE}/{POOL}/oauth2/userInfo",
    }


def test_discovery_under_another_name() -> None:
    """With the AWS issuer the document still sends clients here: the name is AWS's, the keys are ours."""
    document = issuer.discovery(AWS, POOL, HERE + "/")
    assert document["issuer"] == AWS
    assert {
        value for name, value in document.items() if name != "issuer" and isinstance(value, str) and not value.startswith(f"{HERE}/{POOL}/")
    } == set()
