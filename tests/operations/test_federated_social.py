"""Sign-in with Google, Apple, Facebook and Amazon, each asked where its own endpoints are, which stand here on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from cognomen.userpools.federation.sign_in import FederationError
from tests.kit.federation import CALLBACK, Door, door, functions
from tests.kit.provider import Asked, Raw
from tests.kit.server import TestServer
from tests.kit.upstream import CLIENT, SECRET, OpenId, query_of

KEYS = {"client_id": CLIENT, "client_secret": SECRET}
P256 = ec.generate_private_key(ec.SECP256R1())
P8 = P256.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


@pytest.fixture
def host() -> Iterator[OpenId]:
    with OpenId() as provider:
        yield provider


@pytest.fixture
def settings(host: OpenId) -> dict[str, Any]:
    return {
        "google_authorize_url": f"{host.url}/authorize",
        "google_token_url": f"{host.url}/token",
        "google_people_url": host.url,
        "google_keys_url": f"{host.url}/keys",
        "apple_url": host.url,
        "apple_keys_url": f"{host.url}/keys",
        "facebook_url": host.url,
        "facebook_dialog_url": host.url,
        "amazon_url": host.url,
        "amazon_authorize_url": f"{host.url}/ap/oa",
    }


def type_seen(server: TestServer) -> dict[str, Any]:
    """What InboundFederation was told, at its last call."""
    request: dict[str, Any] = [event["request"] for event in server.functions.events if "providerType" in event["request"]][-1]
    return request


class TestGoogle:
    async def make(self, server: TestServer, host: OpenId, mapping: dict[str, str]) -> Door:
        host.now = server.clock.now()
        host.spoil = {"iss": "https://accounts.google.com"}
        details = {**KEYS, "authorize_scopes": "openid email profile"}
        config = functions(server, "InboundFederation")
        return await door(server, "Google", "Google", details, mapping=mapping, LambdaConfig=config)

    async def test_claims_of_the_id_token(self, server: TestServer, host: OpenId) -> None:
        """In both spellings of Google's name; the People API is not asked."""
        at = await self.make(server, host, {"email": "email", "email_verified": "email_verified"})
        host.person = {"sub": "117", "email": "anna@example.com", "email_verified": True}
        user = await at.go(host.authorize)
        shown = await at.shown("Google_117")
        assert (user.username, shown["email_verified"], json.loads(shown["identities"])[0]["issuer"]) == ("Google_117", "true", None)
        assert (type_seen(server)["providerType"], "userInfo" in type_seen(server)["attributes"]) == ("Google", False)
        host.spoil = {"iss": "accounts.google.com"}
        assert (await at.go(host.authorize)).sub == user.sub
        host.spoil = {"iss": host.url}
        with pytest.raises(FederationError, match="issuer is not the identity provider's"):
            await at.go(host.authorize)

    async def test_fields_of_the_people_api(self, server: TestServer, host: OpenId) -> None:
        """The primary one of each, as a person would read it."""
        at = await self.make(server, host, {"birthdate": "birthdays", "gender": "genders", "nickname": "nicknames"})
        host.answers["/v1/people/me"] = {
            "birthdays": [{"date": {"year": 1990, "month": 2, "day": 3}}],
            "genders": [{"value": "other"}, {"metadata": {"primary": True}, "value": "female"}],
            "nicknames": [],
        }
        await at.go(host.authorize)
        shown = await at.shown("Google_user-1")
        assert (shown["birthdate"], shown["gender"], "nickname" in shown) == ("1990-02-03", "female", False)
        assert "/v1/people/me?personFields=birthdays,genders,nicknames" in host.paths()


class TestApple:
    async def make(self, server: TestServer, host: OpenId, key: str = P8) -> Door:
        host.now = server.clock.now()
        host.spoil = {"iss": "https://appleid.apple.com"}
        host.answers["/auth/token"] = self.token(host)
        details = {"client_id": CLIENT, "team_id": "TEAM", "key_id": "KEY", "private_key": key, "authorize_scopes": "email name"}
        mapping = {"email": "email", "given_name": "firstName", "family_name": "lastName", "name": "name"}
        config = functions(server, "InboundFederation")
        return await door(server, "SignInWithApple", "SignInWithApple", details, mapping=mapping, LambdaConfig=config)

    def token(self, host: OpenId) -> Any:
        """Takes the code of a client whose secret the team's key signed, for a few minutes, for Apple."""

        def answer(asked: Asked) -> Any:
            key = ECKey.import_key(
                P256.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            )
            read = jwt.decode(asked.form["client_secret"], key, algorithms=["ES256"])
            now = int(host.now)
            assert read.header["kid"] == "KEY"
            assert read.claims == {"iss": "TEAM", "iat": now, "exp": now + 300, "aud": "https://appleid.apple.com", "sub": CLIENT}
            form = {**asked.form, "client_secret": SECRET}
            return host._token(asked._replace(form=form))

        return answer

    def browser(self, host: OpenId, user: str | None = None) -> Any:
        def sign_in(url: str) -> dict[str, str]:
            assert url.startswith(f"{host.url}/auth/authorize?")
            assert query_of(url)["response_mode"] == "form_post"
            returned = host.authorize(url.replace("/auth/authorize", "/authorize"))
            return returned if user is None else {**returned, "user": user}

        return sign_in

    @pytest.mark.parametrize("key", [P8, "".join(P8.splitlines()[1:-1])], ids=["pem", "bare"])
    async def test_the_first_answer_brings_names(self, server: TestServer, host: OpenId, key: str) -> None:
        """Which stay when later ones bring none. An address that comes beside the id token is nobody's."""
        at = await self.make(server, host, key)
        said = json.dumps({"name": {"firstName": "Anna", "lastName": "Berg"}, "email": "victim@example.com"})
        await at.go(self.browser(host, said))
        told = type_seen(server)
        names = {"firstName": "Anna", "lastName": "Berg", "name": "Anna Berg"}
        assert (told["providerType"], told["attributes"]["userInfo"]) == ("SignInWithApple", names)
        assert told["attributes"]["idToken"]["sub"] == "user-1"
        await at.go(self.browser(host))
        shown = await at.shown("SignInWithApple_user-1")
        found = {name: shown[name] for name in ("email", "given_name", "family_name", "name")}
        assert found == {"email": "anna@example.com", "given_name": "Anna", "family_name": "Berg", "name": "Anna Berg"}

    @pytest.mark.parametrize("user", ["", "{", "[]", '{"name": 7}', '{"name": {"firstName": {}}}', "x" * 5000, '{"sub": "other"}'])
    async def test_odd_users(self, server: TestServer, host: OpenId, user: str) -> None:
        """What the browser says beside the id token is nothing that a sign-in hangs on."""
        at = await self.make(server, host)
        assert (await at.go(self.browser(host, user))).username == "SignInWithApple_user-1"


class TestFacebook:
    async def make(self, server: TestServer, host: OpenId) -> Door:
        host.answers["/v18.0/oauth/access_token"] = self.token
        host.answers["/v18.0/me"] = self.me
        self.user: dict[str, Any] = {"id": "4", "email": "anna@example.com", "name": "Anna"}
        self.asked: list[Asked] = []
        details = {**KEYS, "authorize_scopes": "public_profile,email", "api_version": "v18.0"}
        mapping = {"email": "email", "name": "name"}
        return await door(server, "Facebook", "Facebook", details, mapping=mapping, LambdaConfig=functions(server, "InboundFederation"))

    def token(self, asked: Asked) -> Any:
        self.asked.append(asked)
        good = {**KEYS, "grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": "good"}
        return {"access_token": "token-there", "token_type": "bearer"} if asked.query == good else Raw(400, b'{"error": {}}')

    def me(self, asked: Asked) -> Any:
        self.asked.append(asked)
        return self.user if asked.headers.get("authorization") == "Bearer token-there" else Raw(401, b"{}")

    @staticmethod
    def browser(url: str, code: str = "good") -> dict[str, str]:
        return {"code": code, "state": query_of(url)["state"]}

    async def test_a_profile(self, server: TestServer, host: OpenId) -> None:
        """Asked for its id and the mapped fields."""
        at = await self.make(server, host)
        left = await at.depart()
        assert left.url.startswith(f"{host.url}/v18.0/dialog/oauth?")
        user = await at.arrive(self.browser(left.url), left.kept)
        shown = await at.shown("Facebook_4")
        assert (user.username, shown["email"], shown["email_verified"]) == ("Facebook_4", "anna@example.com", "false")
        assert self.asked[-1].query == {"fields": "email,id,name"}
        told = type_seen(server)
        assert (told["providerType"], told["attributes"].keys()) == ("Facebook", {"tokenResponse", "userInfo"})

    async def test_a_code_that_is_none(self, server: TestServer, host: OpenId) -> None:
        at = await self.make(server, host)
        left = await at.depart()
        with pytest.raises(FederationError, match="refused the request"):
            await at.arrive(self.browser(left.url, "bad"), left.kept)

    @pytest.mark.parametrize("user", [{}, {"id": ""}, {"id": 4}, {"id": None}])
    async def test_nobody(self, server: TestServer, host: OpenId, user: dict[str, Any]) -> None:
        at = await self.make(server, host)
        self.user = user
        with pytest.raises(FederationError, match="did not say who the user is"):
            await at.go(self.browser)


class TestAmazon:
    async def test_a_profile(self, server: TestServer, host: OpenId) -> None:
        """By the user_id of the profile."""
        tokens = {"access_token": "token-there", "token_type": "bearer", "refresh_token": "refresh-there"}
        host.answers["/auth/o2/token"] = lambda asked: tokens if asked.form["client_secret"] == SECRET else Raw(401, b"{}")
        host.answers["/user/profile"] = {"user_id": "amzn1.account.X", "email": "anna@example.com", "postal_code": "12345"}
        details = {**KEYS, "authorize_scopes": "profile postal_code"}
        config = functions(server, "InboundFederation")
        at = await door(
            server,
            "LoginWithAmazon",
            "LoginWithAmazon",
            details,
            mapping={"email": "email", "zoneinfo": "postal_code"},
            LambdaConfig=config,
        )
        left = await at.depart()
        assert (left.url.startswith(f"{host.url}/ap/oa?"), query_of(left.url)["scope"]) == (True, "profile postal_code")
        user = await at.arrive({"code": "x", "state": "state-1"}, left.kept)
        shown = await at.shown("LoginWithAmazon_amzn1.account.X")
        assert (user.sub, shown["zoneinfo"]) == (shown["sub"], "12345")
        assert type_seen(server)["attributes"]["tokenResponse"] == tokens
        assert type_seen(server)["attributes"]["userInfo"]["user_id"] == "amzn1.account.X"
