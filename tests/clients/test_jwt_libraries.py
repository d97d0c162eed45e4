"""Ordinary JWT libraries verify our tokens knowing only the issuer's address: discovery, then the keys, then the claims."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from joserfc import jwt as jose
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.clients.conftest import App
from tests.kit.live import Live

USES = {"IdToken": "id", "AccessToken": "access"}


@pytest.fixture(scope="module")
def tokens(app: App) -> dict[str, Any]:
    return app.sign_in(app.user())


@pytest.fixture
def discovered(live: Live, app: App) -> dict[str, Any]:
    """The issuer's own description, found at the address that the tokens name."""
    answer = live.get(f"/{app.pool_id}/.well-known/openid-configuration")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize("name", USES)
def test_pyjwt(app: App, tokens: dict[str, Any], discovered: dict[str, Any], name: str) -> None:
    """PyJWKClient fetches the keys over http; signature, issuer, audience and times are checked."""
    client = jwt.PyJWKClient(discovered["jwks_uri"])
    key = client.get_signing_key_from_jwt(tokens[name])
    audience = app.client_id if name == "IdToken" else None
    required = ["exp", "iat", "iss", "sub", "token_use"]
    claims = jwt.decode(
        tokens[name], key, algorithms=["RS256"], issuer=discovered["issuer"], audience=audience, options={"require": required}
    )
    assert claims["token_use"] == USES[name]
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["exp"] - claims["iat"] == tokens["ExpiresIn"]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(forged(tokens[name]), key, algorithms=["RS256"], options={"verify_aud": False})


@pytest.mark.parametrize("name", USES)
def test_joserfc(live: Live, tokens: dict[str, Any], discovered: dict[str, Any], name: str) -> None:
    """A strict library imports the key set as it is served, and finds the key by kid."""
    keys = KeySet.import_key_set(live.get(discovered["jwks_uri"].removeprefix(live.url)).json())
    token = jose.decode(tokens[name], keys, algorithms=["RS256"])
    registry = jose.JWTClaimsRegistry(
        iss={"essential": True, "value": discovered["issuer"]}, token_use={"essential": True, "value": USES[name]}
    )
    registry.validate(token.claims)
    assert token.header.keys() == {"kid", "alg"}
    with pytest.raises(JoseError):
        jose.decode(forged(tokens[name]), keys, algorithms=["RS256"])


def test_keys_and_discovery(live: Live, app: App, discovered: dict[str, Any]) -> None:
    """The document is of the address that it was read at; two keys, public parts only."""
    assert discovered["issuer"] == f"{live.url}/{app.pool_id}"
    assert discovered["jwks_uri"] == f"{live.url}/{app.pool_id}/.well-known/jwks.json"
    keys = live.get(f"/{app.pool_id}/.well-known/jwks.json").json()["keys"]
    assert [key.keys() for key in keys] == [{"alg", "e", "kid", "kty", "n", "use"}] * 2
    assert {(key["alg"], key["kty"], key["use"]) for key in keys} == {("RS256", "RSA", "sig")}


def test_keys_survive_a_restart(live: Live, app: App, tokens: dict[str, Any], discovered: dict[str, Any]) -> None:
    """A verifier that kept the keys, and one that reads them anew, both still trust yesterday's tokens."""
    before = live.get(f"/{app.pool_id}/.well-known/jwks.json").json()
    live.restart()
    assert live.get(f"/{app.pool_id}/.well-known/jwks.json").json() == before
    key = jwt.PyJWKClient(discovered["jwks_uri"]).get_signing_key_from_jwt(tokens["AccessToken"])
    assert jwt.decode(tokens["AccessToken"], key, algorithms=["RS256"])["client_id"] == app.client_id


def forged(token: str) -> str:
    """The same token for another user, under the old signature."""
    head, claims, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"sub": "00000000-0000-0000-0000-000000000000"}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b'=').decode()}.{signature}"
