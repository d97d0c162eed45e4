"""The token endpoint: codes, refresh tokens and a client's own proof for tokens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.functions import arn
from tests.kit.oauth import CALLBACK, CHALLENGE, VERIFIER, App, claims
from tests.kit.server import PASSWORD, TestServer

GRANT = {"error": "invalid_grant"}


class TestAuthorizationCode:
    async def test_three_tokens(self, server: TestServer) -> None:
        """As RFC 6749, 5.1 has it; nobody keeps the answer, and any origin's script may read it."""
        app = await App(server).made()
        code = (await app.entered(nonce="n-1"))["code"]
        reply = await app.exchange(code)
        assert reply.status == 200
        assert set(reply.json) == {"id_token", "access_token", "refresh_token", "expires_in", "token_type"}
        assert (reply.json["expires_in"], reply.json["token_type"]) == (3600, "Bearer")
        assert (reply.headers["cache-control"], reply.headers["access-control-allow-origin"]) == ("no-store", "*")

    async def test_the_claims(self, server: TestServer) -> None:
        """The scopes that were asked, the nonce in the id token alone, the time of the proof and not of the exchange, one session in both."""
        app = await App(server).made()
        signed_in = int(server.clock.now())
        code = (await app.entered(nonce="n-1", scope="openid email"))["code"]
        server.clock.advance(60)
        tokens = (await app.exchange(code)).json
        access, identity = claims(tokens["access_token"]), claims(tokens["id_token"])
        assert (access["scope"], access["client_id"], access["sub"], access["username"]) == ("openid email", app.client, app.sub, "anna")
        assert (access["auth_time"], access["iat"]) == (signed_in, signed_in + 60)
        assert (identity["nonce"], identity["aud"], identity["email"]) == ("n-1", app.client, "anna@example.com")
        assert "nonce" not in access
        assert access["origin_jti"] == identity["origin_jti"]

    async def test_for_the_users_own_account_alone(self, server: TestServer) -> None:
        """aws.cognito.signin.user.admin by itself is what a sign-in at the API has, and gives what that gives: GetUser shows what the id token does."""
        app = await App(server).made()
        tokens = (await app.exchange((await app.entered(scope="aws.cognito.signin.user.admin"))["code"])).json
        assert claims(tokens["id_token"])["email"] == "anna@example.com"
        user = await server.call("GetUser", AccessToken=tokens["access_token"])
        assert user["Username"] == "anna"

    async def test_the_scopes_bound_the_operations_too(self, server: TestServer) -> None:
        """Without aws.cognito.signin.user.admin a token does nothing on the user's account."""
        app = await App(server).made()
        tokens = (await app.exchange((await app.entered())["code"])).json
        reply = await server.raw("GetUser", b'{"AccessToken": "%s"}' % tokens["access_token"].encode())
        assert reply.json["message"] == "Access Token does not have required scopes"

    @pytest.mark.parametrize(
        ("scope", "shown"),
        [
            ("openid", {"email", "email_verified", "name"}),
            ("openid email", {"email", "email_verified"}),
            ("openid profile", {"name"}),
            ("openid phone", set()),
        ],
    )
    async def test_what_the_id_token_shows(self, server: TestServer, scope: str, shown: set[str]) -> None:
        """`openid` alone shows all that the client may read; beside others, what these name."""
        app = await App(server).made(user={"email": "anna@example.com", "name": "Anna"})
        identity = claims((await app.exchange((await app.entered(scope=scope))["code"])).json["id_token"])
        assert {"email", "email_verified", "name", "phone_number"} & identity.keys() == shown

    async def test_once(self, server: TestServer) -> None:
        """A code that comes again gets nothing, and what it was good for ends."""
        app = await App(server).made()
        code = (await app.entered(scope="openid aws.cognito.signin.user.admin"))["code"]
        tokens = (await app.exchange(code)).json
        again = await app.exchange(code)
        assert (again.status, again.json) == (400, GRANT)
        assert (await app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])).json == GRANT
        reply = await server.raw("GetUser", b'{"AccessToken": "%s"}' % tokens["access_token"].encode())
        assert reply.json["message"] == "Access Token has been revoked"

    async def test_two_at_one_moment(self, server: TestServer) -> None:
        """One of them has tokens, which end as those of a code that comes again: nobody knows which of the two is the app."""
        app = await App(server).made()
        code = (await app.entered())["code"]
        both = sorted(await asyncio.gather(app.exchange(code), app.exchange(code)), key=lambda reply: reply.status)
        assert [reply.status for reply in both] == [200, 400]
        assert (await app.token(grant_type="refresh_token", refresh_token=both[0].json["refresh_token"])).json == GRANT

    async def test_five_minutes(self, server: TestServer) -> None:
        app = await App(server).made()
        code = (await app.entered())["code"]
        server.clock.advance(300)
        assert (await app.exchange(code)).json == GRANT

    @pytest.mark.parametrize(
        "form", [{"code": "00000000-0000-4000-8000-000000000000"}, {"redirect_uri": CALLBACK + "/"}, {"code_verifier": "never asked"}]
    )
    async def test_only_as_it_was_asked(self, server: TestServer, form: dict[str, Any]) -> None:
        """Another code, another redirect URI (a slash is enough) or a verifier that nobody asked for get nothing; the code stays good."""
        app = await App(server).made()
        code = (await app.entered())["code"]
        assert (await app.exchange(**{"code": code, **form})).json == GRANT
        assert (await app.exchange(code)).status == 200

    @pytest.mark.parametrize("verifier", [None, "w" * 43, CHALLENGE])
    async def test_pkce(self, server: TestServer, verifier: str | None) -> None:
        """RFC 7636: whoever took the code on its way has not the verifier."""
        app = await App(server).made()
        code = (await app.entered(code_challenge=CHALLENGE, code_challenge_method="S256"))["code"]
        assert (await app.exchange(code, code_verifier=verifier)).json == GRANT
        assert (await app.exchange(code, code_verifier=VERIFIER)).status == 200

    async def test_another_client_of_the_pool(self, server: TestServer) -> None:
        app = await App(server).made()
        code = (await app.entered())["code"]
        own = app.client
        await app.another()
        assert (await app.exchange(code)).json == GRANT
        app.client = own
        assert (await app.exchange(code)).status == 200

    async def test_another_pool(self, server: TestServer) -> None:
        """Its client is not known there, nor its code."""
        app, other = await App(server).made(), await App(server).made()
        code = (await app.entered())["code"]
        assert (await other.exchange(code)).json == GRANT
        own, app.pool = app.pool, other.pool
        assert (await app.exchange(code)).json == {"error": "invalid_client"}
        app.pool = own
        assert (await app.exchange(code)).status == 200

    @pytest.mark.parametrize(
        "happens", ["AdminUserGlobalSignOut", "AdminDisableUser", "AdminDeleteUser", "AdminSetUserPassword", "AdminResetUserPassword"]
    )
    async def test_what_ends_sign_ins_ends_codes(self, server: TestServer, happens: str) -> None:
        """Between the page and the exchange the user was signed out, disabled, deleted, given another password, or must choose one."""
        app = await App(server).made(user={"email": "anna@example.com", "email_verified": "true"})
        code = (await app.entered())["code"]
        more: dict[str, Any] = {"Password": PASSWORD + "x", "Permanent": True} if happens == "AdminSetUserPassword" else {}
        await server.call(happens, UserPoolId=app.pool, Username="anna", **more)
        assert (await app.exchange(code)).json == GRANT


class TestTheClientsProof:
    @pytest.mark.parametrize("basic", [True, False])
    async def test_its_secret(self, server: TestServer, basic: bool) -> None:
        """In the header or in the form."""
        app = await App(server).made(GenerateSecret=True)
        assert (await app.exchange((await app.entered())["code"], basic=basic)).status == 200

    async def test_a_wrong_secret_uses_no_code_up(self, server: TestServer) -> None:
        """Libraries try one way, then the other (FIDELITY A.3)."""
        app = await App(server).made(GenerateSecret=True)
        code = (await app.entered())["code"]
        for wrong in ("x" * 52, None):
            reply = await app.exchange(code, client_secret=wrong)
            assert (reply.status, reply.json) == (400, {"error": "invalid_client"})
        assert (await app.exchange(code, basic=True)).status == 200

    async def test_a_secret_where_there_is_none(self, server: TestServer) -> None:
        app = await App(server).made()
        assert (await app.exchange((await app.entered())["code"], client_secret="x")).json == {"error": "invalid_client"}

    async def test_named_twice(self, server: TestServer) -> None:
        """RFC 6749, 2.3: one way at a time."""
        app = await App(server).made(GenerateSecret=True)
        reply = await app.token(basic=True, grant_type="authorization_code", client_secret=app.secret)
        assert reply.json == {"error": "invalid_request", "error_description": "The client is named twice."}

    @pytest.mark.parametrize("header", ["Basic !!!", "Basic /////w==", "Basic", "Basic \xff"])
    async def test_a_header_that_is_none(self, server: TestServer, header: str) -> None:
        app = await App(server).made(GenerateSecret=True)
        reply = await app.post(
            "/oauth2/token", {"grant_type": "authorization_code", "client_id": None, "client_secret": None}, authorization=header
        )
        assert (reply.status, reply.json["error"]) == (400, "invalid_client")


class TestRefreshToken:
    async def test_new_tokens_of_the_same_session(self, server: TestServer) -> None:
        """The scopes stay; the nonce was for the first id token (OpenID Connect Core, 12.2). No new refresh token without rotation."""
        app = await App(server).made()
        first = (await app.exchange((await app.entered(nonce="n"))["code"])).json
        server.clock.advance(60)
        second = (await app.token(grant_type="refresh_token", refresh_token=first["refresh_token"])).json
        assert set(second) == {"id_token", "access_token", "expires_in", "token_type"}
        access, before = claims(second["access_token"]), claims(first["access_token"])
        assert (access["scope"], access["origin_jti"], access["auth_time"]) == (before["scope"], before["origin_jti"], before["auth_time"])
        assert "nonce" not in claims(second["id_token"])

    async def test_rotation(self, server: TestServer) -> None:
        """A new one takes its place; the old one, once it comes again, ends both."""
        app = await App(server).made(
            ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"], RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
        )
        first = (await app.exchange((await app.entered())["code"])).json["refresh_token"]
        second = (await app.token(grant_type="refresh_token", refresh_token=first)).json["refresh_token"]
        assert (await app.token(grant_type="refresh_token", refresh_token=first)).json == GRANT
        assert (await app.token(grant_type="refresh_token", refresh_token=second)).json == GRANT

    async def test_of_a_sign_in_at_the_api(self, server: TestServer) -> None:
        """It continues here: both tokens, with the scope that they had."""
        app = await App(server).made(ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
        token = (await server.sign_in(app.client, "anna"))["RefreshToken"]
        renewed = (await app.token(grant_type="refresh_token", refresh_token=token)).json
        assert claims(renewed["access_token"])["scope"] == "aws.cognito.signin.user.admin"
        assert claims(renewed["id_token"])["email"] == "anna@example.com"

    @pytest.mark.parametrize("token", ["x", "a.b.c.d.e"])
    async def test_no_token_of_ours(self, server: TestServer, token: str) -> None:
        app = await App(server).made()
        assert (await app.token(grant_type="refresh_token", refresh_token=token)).json == GRANT


class TestPreTokenGeneration:
    async def test_is_told_that_a_page_signed_the_user_in(self, server: TestServer) -> None:
        """TokenGeneration_HostedAuth, with the scopes and the client metadata of the exchange."""
        app = await App(server).made(
            pool={"LambdaConfig": {"PreTokenGenerationConfig": {"LambdaArn": arn("claims"), "LambdaVersion": "V2_0"}}}
        )
        change = {"idTokenGeneration": {"claimsToAddOrOverride": {"plan": "pro"}}}
        server.functions.add("claims", lambda event: {"claimsAndScopeOverrideDetails": change})
        code = (await app.entered())["code"]
        tokens = (await app.exchange(code, aws_client_metadata='{"from": "the app"}')).json
        assert claims(tokens["id_token"])["plan"] == "pro"
        [event] = server.functions.events
        assert (event["triggerSource"], event["request"]["scopes"]) == ("TokenGeneration_HostedAuth", ["openid", "email"])
        assert event["request"]["clientMetadata"] == {"from": "the app"}

    @pytest.mark.parametrize("metadata", ["[]", "{", '{"a": 1}', "[" * 60_000])
    async def test_metadata_that_is_no_map_of_texts(self, server: TestServer, metadata: str) -> None:
        app = await App(server).made()
        assert (await app.exchange((await app.entered())["code"], aws_client_metadata=metadata)).json == {"error": "invalid_request"}


class TestTheRequest:
    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({}, "invalid_request"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
            ({"grant_type": "authorization_code"}, "invalid_request"),
            ({"grant_type": "refresh_token"}, "invalid_request"),
        ],
    )
    async def test_what_is_missing(self, server: TestServer, form: dict[str, Any], error: str) -> None:
        app = await App(server).made()
        reply = await app.token(**form)
        assert (reply.status, reply.json) == (400, {"error": error})

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b"grant_type=x&grant_type=y", "application/x-www-form-urlencoded", 400),
            (b'{"grant_type": "refresh_token"}', "application/json", 400),
            (b"&".join(b"a%d=1" % n for n in range(100)), "application/x-www-form-urlencoded", 400),
            (b"code=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
            (b"code=%ff%fe", "application/x-www-form-urlencoded", 400),
        ],
    )
    async def test_no_form(self, server: TestServer, body: bytes, kind: str, status: int) -> None:
        """A parameter that comes twice (RFC 6749, 3.2), another content type, too much of anything."""
        app = await App(server).made()
        reply = await server.send("POST", f"/{app.pool}/oauth2/token", body, {"content-type": kind})
        assert (reply.status, reply.json) == (status, {"error": "invalid_request"})

    async def test_preflight(self, server: TestServer) -> None:
        """Amplify's token call carries a header of its own (FIDELITY A.2)."""
        app = await App(server).made()
        asked = {"origin": "https://app.example", "access-control-request-headers": "x-amz-user-agent"}
        reply = await server.send("OPTIONS", f"/{app.pool}/oauth2/token", headers=asked)
        shown = [reply.headers[f"access-control-allow-{name}"] for name in ("origin", "headers", "methods")]
        assert (reply.status, shown) == (204, ["*", "x-amz-user-agent", "OPTIONS, POST"])
