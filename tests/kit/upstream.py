"""Providers at which users of a pool sign in, on loopback: OpenID Connect whole, and the OAuth kinds' endpoints. A test is the browser between."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cognomen.kernel import base64url
from tests.kit.provider import Asked, Provider, Raw

CLIENT, SECRET = "client-there", "secret-there"
REFUSED = Raw(400, b'{"error": "invalid_grant"}')


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


class OpenId(Provider):
    """Signs in `person` (claims of the id token) at `authorize`, gives tokens for the code once, to the client that asked, with its verifier.
    `info` is what userinfo says beside the subject; `spoil` changes the id token's claims before it is signed, `sign` replaces the signing."""

    def __init__(self, **discovery: Any) -> None:
        super().__init__()
        self.now = 0.0
        self.person: dict[str, Any] = {"sub": "user-1", "email": "anna@example.com"}
        self.info: dict[str, Any] = {}
        self.spoil: dict[str, Any] = {}
        self.sign: Any = None
        self.codes: dict[str, dict[str, str]] = {}
        self.people: dict[str, dict[str, Any]] = {}  # by code, who is not `person`
        self.exchanged: list[Asked] = []
        document = self.answers["/.well-known/openid-configuration"]
        document |= {
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            **discovery,
        }
        self.answers["/token"] = self._token
        self.answers["/userinfo"] = self._info

    def details(self, **more: str) -> dict[str, str]:
        """As CreateIdentityProvider takes them for OIDC."""
        return {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "authorize_scopes": "openid email",
            "oidc_issuer": self.url,
            "attributes_request_method": "GET",
            **more,
        }

    def authorize(self, url: str) -> dict[str, str]:
        """What the browser brings back from the address to which it was sent."""
        asked = query_of(url)
        assert url.startswith(f"{self.url}/authorize?")
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def _token(self, asked: Asked) -> Any:
        self.exchanged.append(asked)
        request = self.codes.pop(asked.form.get("code", ""), None)
        if request is None or asked.form.get("redirect_uri") != request["redirect_uri"] or not _is_client(asked):
            return REFUSED
        if (challenge := request.get("code_challenge")) is not None:
            verifier = asked.form.get("code_verifier", "")
            if base64url.encode(hashlib.sha256(verifier.encode()).digest()) != challenge:
                return REFUSED
        person = self.people.get(asked.form["code"], self.person)
        claims = self.claims(self.now, **{**person, "aud": CLIENT})
        if "nonce" in request:
            claims["nonce"] = request["nonce"]
        claims = {name: value for name, value in (claims | self.spoil).items() if value is not None}
        token = self.sign(claims) if self.sign else self.token(claims)
        return {"access_token": "access-there", "token_type": "Bearer", "expires_in": 3600, "id_token": token}

    def _info(self, asked: Asked) -> Any:
        if asked.headers.get("authorization") != "Bearer access-there":
            return Raw(401, b"{}")
        return {"sub": self.person["sub"], **self.info}


def _is_client(asked: Asked) -> bool:
    header = asked.headers.get("authorization", "")
    if header:
        return base64.b64decode(header.removeprefix("Basic ")).decode() == f"{CLIENT}:{SECRET}"
    return (asked.form.get("client_id"), asked.form.get("client_secret")) == (CLIENT, SECRET)
