"""Sign-in through the machine: passwords in the clear and by SRP, challenges, lockout, and what nobody may learn."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import jwt as pyjwt
import pytest

from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.srp_client import SrpClient, timestamp_of

WRONG = "Wrong-Horse-9"


async def srp_sign_in(server: TestServer, pool: str, client: str, username: str, password: str = PASSWORD, **extra: Any) -> Any:
    """A whole USER_SRP_AUTH sign-in by a client that shares no code with the server."""
    srp = srp_client(pool, password)
    begun = await server.call(
        "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": username, "SRP_A": srp.srp_a, **extra}
    )
    assert begun["ChallengeName"] == "PASSWORD_VERIFIER"
    responses = srp_responses(server, srp, begun["ChallengeParameters"])
    return await server.call(
        "RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses={**responses, **extra}
    )


def srp_client(pool: str, password: str = PASSWORD) -> SrpClient:
    """A short secret keeps Python's own `pow` quick; the server's work is the same."""
    return SrpClient(pool.split("_", 1)[1], password, a=secrets.randbits(256))


def srp_responses(server: TestServer, srp: SrpClient, asked: dict[str, str]) -> dict[str, str]:
    timestamp = timestamp_of(datetime.fromtimestamp(server.clock.now(), UTC))
    block = base64.b64decode(asked["SECRET_BLOCK"])
    signature = srp.signature(asked["USER_ID_FOR_SRP"], asked["SALT"], asked["SRP_B"], block, timestamp)
    return {
        "USERNAME": asked["USER_ID_FOR_SRP"],
        "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
        "TIMESTAMP": timestamp,
        "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
    }


def claims(token: str) -> dict[str, Any]:
    return dict(pyjwt.decode(token, options={"verify_signature": False}))


class TestPassword:
    async def test_gives_three_tokens_that_verify(self, server: TestServer) -> None:
        """An ordinary JWT library verifies both tokens against the served keys; the claims are FIDELITY B.1's and no others."""
        pool = await server.pool()
        client = await server.client(pool)
        sub = await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        result = await server.sign_in(client, "anna")
        assert result.keys() == {"AccessToken", "ExpiresIn", "TokenType", "RefreshToken", "IdToken"}
        assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")
        keys = {key["kid"]: pyjwt.PyJWK(key) for key in (await server.send("GET", f"/{pool}/.well-known/jwks.json")).json["keys"]}
        kids = [pyjwt.get_unverified_header(result[name])["kid"] for name in ("AccessToken", "IdToken")]
        assert len(set(kids)) == 2, "id and access tokens are signed by different keys"
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        access, identity = (
            pyjwt.decode(result[n], keys[k], algorithms=["RS256"], options=options)
            for n, k in zip(("AccessToken", "IdToken"), kids, strict=True)
        )
        now = int(server.clock.now())
        for name in ("origin_jti", "jti", "event_id"):
            assert len(access[name]) == len(identity[name]) == 36
        assert access["origin_jti"] == identity["origin_jti"] and access["jti"] != identity["jti"]
        common = {"sub": sub, "iss": f"http://localhost:2646/{pool}", "origin_jti": access["origin_jti"], "event_id": access["event_id"]}
        times = {"auth_time": now, "iat": now, "exp": now + 3600}
        assert access == {
            **common,
            **times,
            "client_id": client,
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "jti": access["jti"],
            "username": "anna",
        }
        assert identity == {
            **common,
            **times,
            "aud": client,
            "token_use": "id",
            "jti": identity["jti"],
            "cognito:username": "anna",
            "email": "anna@example.com",
            "email_verified": True,
        }

    @pytest.mark.parametrize("hidden", ["LEGACY", "ENABLED"])
    async def test_a_wrong_password(self, server: TestServer, hidden: str) -> None:
        pool = await server.pool()
        client = await server.client(pool, PreventUserExistenceErrors=hidden)
        await server.user(pool, "anna")
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna", WRONG)
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Incorrect username or password.")

    @pytest.mark.parametrize(
        ("hidden", "code", "message"),
        [
            ("LEGACY", "UserNotFoundException", "User does not exist."),
            ("ENABLED", "NotAuthorizedException", "Incorrect username or password."),
        ],
    )
    async def test_an_unknown_user(self, server: TestServer, hidden: str, code: str, message: str) -> None:
        client = await server.client(await server.pool(), PreventUserExistenceErrors=hidden)
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "nobody")
        assert (refused.value.code, refused.value.message) == (code, message)

    @pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD"])
    @pytest.mark.parametrize("blank", [True, False])
    async def test_a_missing_parameter_is_named(self, server: TestServer, missing: str, blank: bool) -> None:
        client = await server.client(await server.pool())
        parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD}
        if blank:
            parameters[missing] = ""
        else:
            del parameters[missing]
        with pytest.raises(AwsError) as refused:
            await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        assert (refused.value.code, refused.value.message) == ("InvalidParameterException", f"Missing required parameter {missing}")

    @pytest.mark.parametrize(
        ("username", "password"), [("x" * 65, PASSWORD), ("x" * 129, PASSWORD), ("anna", "p" * 257), ("anna", "\U0001f600" * 64)]
    )
    async def test_lengths_are_not_told_from_wrong_ones(self, server: TestServer, username: str, password: str) -> None:
        """FIDELITY B.2.16: names and passwords inside AuthParameters are not held to the model's bounds."""
        pool = await server.pool()
        client = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        await server.user(pool, "anna")
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, username, password)
        assert refused.value.message == "Incorrect username or password."

    @pytest.mark.parametrize("name", ["anna", "ANNA@example.com", "+12065550100", "annie"])
    async def test_by_alias(self, server: TestServer, name: str) -> None:
        """A verified email or phone number, and the preferred user name, lead to the user; the tokens name the user."""
        pool = await server.pool(
            AliasAttributes=["email", "phone_number", "preferred_username"], UsernameConfiguration={"CaseSensitive": False}
        )
        client = await server.client(pool)
        await server.user(
            pool,
            "anna",
            email="anna@example.com",
            email_verified="true",
            phone_number="+12065550100",
            phone_number_verified="true",
            preferred_username="annie",
        )
        result = await server.sign_in(client, name)
        assert claims(result["AccessToken"])["username"] == "anna"

    async def test_an_unverified_email_is_no_alias(self, server: TestServer) -> None:
        pool = await server.pool(AliasAttributes=["email"])
        client = await server.client(pool)
        await server.user(pool, "anna", email="anna@example.com")
        with pytest.raises(AwsError, match="User does not exist"):
            await server.sign_in(client, "anna@example.com")


class TestSrp:
    async def test_the_password_is_never_sent(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        sub = await server.user(pool, "anna")
        answer = await srp_sign_in(server, pool, client, "anna")
        assert claims(answer["AuthenticationResult"]["AccessToken"])["sub"] == sub
        assert answer["ChallengeParameters"] == {}

    async def test_the_challenge_carries_what_every_sdk_needs(self, server: TestServer) -> None:
        """FIDELITY A.5: USERNAME beside USER_ID_FOR_SRP, hex without redundant zeros, and the state in SECRET_BLOCK alone."""
        pool = await server.pool(AliasAttributes=["email"])
        client = await server.client(pool)
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        srp = srp_client(pool)
        begun = await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "anna@example.com", "SRP_A": srp.srp_a}
        )
        asked = begun["ChallengeParameters"]
        assert begun.keys() == {"ChallengeName", "ChallengeParameters"}
        assert asked.keys() == {"USER_ID_FOR_SRP", "USERNAME", "SALT", "SRP_B", "SECRET_BLOCK"}
        assert asked["USER_ID_FOR_SRP"] == asked["USERNAME"] == "anna"
        assert not asked["SALT"].startswith("00") and len(asked["SALT"]) == 32
        base64.b64decode(asked["SECRET_BLOCK"], validate=True)

    @pytest.mark.parametrize("username", ["anna", "nobody"])
    async def test_a_wrong_password_and_an_unknown_user_look_alike(self, server: TestServer, username: str) -> None:
        pool = await server.pool()
        client = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        await server.user(pool, "anna")
        with pytest.raises(AwsError) as refused:
            await srp_sign_in(server, pool, client, username, WRONG)
        assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Incorrect username or password.")

    async def test_an_unknown_user_has_one_salt_and_many_Bs(self, server: TestServer) -> None:
        """RFC 5054, 2.5.1.3: a simulated salt must not change, or it tells that nobody is there."""
        pool = await server.pool()
        client = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        srp = srp_client(pool)
        ask = {"USERNAME": "nobody", "SRP_A": srp.srp_a}
        answers = [
            (await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters=ask))["ChallengeParameters"]
            for _ in "12"
        ]
        assert answers[0]["SALT"] == answers[1]["SALT"] and answers[0]["SRP_B"] != answers[1]["SRP_B"]

    async def test_a_secret_block_serves_once(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        srp = srp_client(pool)
        begun = await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "anna", "SRP_A": srp.srp_a}
        )
        responses = srp_responses(server, srp, begun["ChallengeParameters"])
        answer: dict[str, Any] = {"ClientId": client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": responses}
        outcomes = await asyncio.gather(*(server.call("RespondToAuthChallenge", **answer) for _ in range(4)), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, AwsError)]
        assert len(refused) == 3
        assert {error.message for error in refused} == {"Invalid session for the user, session can only be used once."}

    async def test_a_secret_block_expires(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool, AuthSessionValidity=5)
        await server.user(pool, "anna")
        srp = srp_client(pool)
        begun = await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "anna", "SRP_A": srp.srp_a}
        )
        server.clock.advance(301)
        responses = srp_responses(server, srp, begun["ChallengeParameters"])
        with pytest.raises(AwsError, match="session is expired"):
            await server.call("RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses)

    async def test_a_foreign_or_forged_secret_block_is_refused(self, server: TestServer) -> None:
        """A block of another client, a flipped bit and garbage get what a wrong password gets."""
        pool = await server.pool()
        client, other = await server.client(pool), await server.client(pool)
        await server.user(pool, "anna")
        srp = srp_client(pool)
        begun = await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "anna", "SRP_A": srp.srp_a}
        )
        good = srp_responses(server, srp, begun["ChallengeParameters"])
        raw = bytearray(base64.b64decode(good["PASSWORD_CLAIM_SECRET_BLOCK"]))
        raw[-1] ^= 1
        flipped = base64.b64encode(raw).decode()
        for client_id, block in (
            (other, good["PASSWORD_CLAIM_SECRET_BLOCK"]),
            (client, flipped),
            (client, "AAAA"),
            (client, "not base64 !"),
        ):
            responses = {**good, "PASSWORD_CLAIM_SECRET_BLOCK": block}
            with pytest.raises(AwsError) as refused:
                await server.call(
                    "RespondToAuthChallenge", ClientId=client_id, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses
                )
            assert refused.value.message == "Incorrect username or password."

    @pytest.mark.parametrize("A", ["0", "zz", "f" * 900, ""])
    async def test_a_bad_A_is_refused(self, server: TestServer, A: str) -> None:
        """RFC 5054, 2.5.4: with A = 0 mod N a client would know the secret without the password."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        with pytest.raises(AwsError) as refused:
            await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "anna", "SRP_A": A})
        assert refused.value.code == "InvalidParameterException"

    async def test_a_multiple_of_N_is_refused(self, server: TestServer) -> None:
        from tests.kit.srp_client import PRIME

        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        for A in (PRIME, 2 * PRIME):
            with pytest.raises(AwsError, match="SRP_A"):
                await server.call(
                    "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "anna", "SRP_A": f"{A:x}"}
                )


class TestFlows:
    @pytest.mark.parametrize(
        ("flow", "message"),
        [
            ("USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH flow not enabled for this client"),
            ("CUSTOM_AUTH", "Auth flow not enabled for this client"),
            ("ADMIN_USER_PASSWORD_AUTH", "Initiate Auth method not supported."),
            ("ADMIN_NO_SRP_AUTH", "Initiate Auth method not supported."),
        ],
    )
    async def test_a_flow_that_is_off(self, server: TestServer, flow: str, message: str) -> None:
        """FIDELITY B.2.23."""
        client = await server.client(await server.pool(), ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
        with pytest.raises(AwsError) as refused:
            await server.call("InitiateAuth", ClientId=client, AuthFlow=flow, AuthParameters={"USERNAME": "anna", "PASSWORD": PASSWORD})
        assert (refused.value.code, refused.value.message) == ("InvalidParameterException", message)

    @pytest.mark.parametrize("flow", ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"])
    async def test_by_an_administrator(self, server: TestServer, flow: str) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        ask: dict[str, Any] = {
            "UserPoolId": pool,
            "ClientId": client,
            "AuthFlow": flow,
            "AuthParameters": {"USERNAME": "anna", "PASSWORD": PASSWORD},
        }
        assert "AccessToken" in (await server.call("AdminInitiateAuth", **ask))["AuthenticationResult"]

    async def test_clients_of_before_2019(self, server: TestServer) -> None:
        """Flows without the prefix ALLOW_ only add: SRP and refresh stay on beside them."""
        pool = await server.pool()
        client = await server.client(pool, ExplicitAuthFlows=["USER_PASSWORD_AUTH"])
        await server.user(pool, "anna")
        result = await server.sign_in(client, "anna")
        assert "AccessToken" in (await srp_sign_in(server, pool, client, "anna"))["AuthenticationResult"]
        renewed = await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": result["RefreshToken"]}
        )
        assert "IdToken" in renewed["AuthenticationResult"]

    async def test_an_unknown_client_and_pool(self, server: TestServer) -> None:
        with pytest.raises(AwsError) as refused:
            await server.sign_in("0123456789", "anna")
        assert (refused.value.code, refused.value.message) == ("ResourceNotFoundException", "User pool client 0123456789 does not exist.")

    async def test_a_client_of_another_pool_is_none_of_this(self, server: TestServer) -> None:
        pool, other = await server.pool(), await server.pool()
        client = await server.client(other)
        with pytest.raises(AwsError, match=f"User pool client {client} does not exist"):
            await server.call(
                "AdminInitiateAuth",
                UserPoolId=pool,
                ClientId=client,
                AuthFlow="ADMIN_NO_SRP_AUTH",
                AuthParameters={"USERNAME": "a", "PASSWORD": "b"},
            )


class TestSecretHash:
    async def test_is_demanded_and_checked(self, server: TestServer) -> None:
        """FIDELITY B.2.24; the hash may be over what was typed or over the user's own name."""
        pool = await server.pool(AliasAttributes=["email"])
        made = await server.call(
            "CreateUserPoolClient",
            UserPoolId=pool,
            ClientName="app",
            GenerateSecret=True,
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )
        client, secret = made["UserPoolClient"]["ClientId"], made["UserPoolClient"]["ClientSecret"]
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")

        def hashed(name: str) -> str:
            return base64.b64encode(hmac.new(secret.encode(), (name + client).encode(), hashlib.sha256).digest()).decode()

        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna")
        assert refused.value.message == f"Client {client} is configured with secret but SECRET_HASH was not received"
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna", SECRET_HASH=hashed("bob"))
        assert refused.value.message == f"Unable to verify secret hash for client {client}"
        result: dict[str, Any] = {}
        for typed, over in (("anna", "anna"), ("anna@example.com", "anna@example.com"), ("anna@example.com", "anna")):
            result = await server.sign_in(client, typed, SECRET_HASH=hashed(over))
            assert "AccessToken" in result
        for over in ("anna", claims(result["IdToken"])["sub"]):
            renewed = await server.call(
                "InitiateAuth",
                ClientId=client,
                AuthFlow="REFRESH_TOKEN_AUTH",
                AuthParameters={"REFRESH_TOKEN": result["RefreshToken"], "SECRET_HASH": hashed(over)},
            )
            assert "AccessToken" in renewed["AuthenticationResult"]
        answer = await srp_sign_in(server, pool, client, "anna", SECRET_HASH=hashed("anna"))
        assert "AccessToken" in answer["AuthenticationResult"]


class TestLockout:
    async def fail(self, server: TestServer, client: str, name: str, times: int) -> list[str]:
        texts = []
        for _ in range(times):
            with pytest.raises(AwsError) as refused:
                await server.sign_in(client, name, WRONG)
            texts.append(refused.value.message)
        return texts

    async def test_seven_wrong_ones_at_human_speed_do_not_lock_out(self, server: TestServer) -> None:
        """FIDELITY B.2.19, measured live."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        for _ in range(7):
            await self.fail(server, client, "anna", 1)
            server.clock.advance(5)
        assert "AccessToken" in await server.sign_in(client, "anna")

    @pytest.mark.parametrize("name", ["anna", "nobody"])
    async def test_grows_and_ends(self, server: TestServer, name: str) -> None:
        """From the fifth failure on 2^(n-5) seconds; refused attempts do not lengthen it; a name that nobody has is locked alike."""
        pool = await server.pool()
        client = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        await server.user(pool, "anna")
        incorrect, exceeded = "Incorrect username or password.", "Password attempts exceeded"
        assert await self.fail(server, client, name, 7) == [incorrect] * 5 + [exceeded] * 2
        server.clock.advance(1)
        assert await self.fail(server, client, name, 2) == [incorrect, exceeded]
        server.clock.advance(1.9)
        assert await self.fail(server, client, name, 1) == [exceeded]
        server.clock.advance(0.2)
        assert await self.fail(server, client, name, 2) == [incorrect, exceeded]

    async def test_is_fifteen_minutes_at_most_and_forgotten_then(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        for _ in range(15):
            await self.fail(server, client, "anna", 1)
            server.clock.advance(899)
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await server.sign_in(client, "anna")
        server.clock.advance(2)
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_locks_the_right_password_and_srp_too(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        await self.fail(server, client, "anna", 5)
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await server.sign_in(client, "anna")
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await srp_sign_in(server, pool, client, "anna")

    async def test_a_success_forgets(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        await self.fail(server, client, "anna", 4)
        await server.sign_in(client, "anna")
        assert await self.fail(server, client, "anna", 4) == ["Incorrect username or password."] * 4

    async def test_guesses_made_at_once_are_counted(self, server: TestServer) -> None:
        """Forty guesses in parallel, the right one among the last: the lock that the others set holds it off."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        guesses = [WRONG] * 39 + [PASSWORD]
        outcomes = await asyncio.gather(*(server.sign_in(client, "anna", guess) for guess in guesses), return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, AwsError)]
        assert len(failed) == 40


class TestStatuses:
    async def test_a_disabled_user(self, server: TestServer) -> None:
        """FIDELITY B.2.20; where users are hidden only who knows the password learns it."""
        pool = await server.pool()
        open_client = await server.client(pool)
        hiding = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        await server.user(pool, "anna")
        await server.call("AdminDisableUser", UserPoolId=pool, Username="anna")
        for client, password, text in (
            (open_client, PASSWORD, "User is disabled."),
            (hiding, PASSWORD, "User is disabled."),
            (hiding, WRONG, "Incorrect username or password."),
        ):
            with pytest.raises(AwsError) as refused:
                await server.sign_in(client, "anna", password)
            assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", text)

    async def test_an_unconfirmed_user(self, server: TestServer) -> None:
        """FIDELITY B.2.21, in the clear and by SRP; a wrong password does not tell."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD)
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna")
        assert (refused.value.code, refused.value.message) == ("UserNotConfirmedException", "User is not confirmed.")
        with pytest.raises(AwsError, match="User is not confirmed"):
            await srp_sign_in(server, pool, client, "anna")
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await server.sign_in(client, "anna", WRONG)

    async def test_a_user_who_must_reset(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        await server.call("AdminResetUserPassword", UserPoolId=pool, Username="anna")
        with pytest.raises(AwsError) as refused:
            await server.sign_in(client, "anna")
        assert (refused.value.code, refused.value.message) == ("PasswordResetRequiredException", "Password reset required for the user")


class TestNewPassword:
    async def invited(self, server: TestServer, **pool_members: Any) -> tuple[str, str]:
        pool = await server.pool(**pool_members)
        client = await server.client(pool)
        await server.call(
            "AdminCreateUser",
            UserPoolId=pool,
            Username="anna",
            TemporaryPassword="Temporary-1",
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": "anna@example.com"}],
        )
        return pool, client

    async def test_is_asked_then_tokens(self, server: TestServer) -> None:
        """FIDELITY B.2.26: attributes as JSON strings, then the new password, then tokens."""
        pool, client = await self.invited(server)
        asked = await server.sign_in(client, "anna", "Temporary-1")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED" and "AuthenticationResult" not in asked
        parameters = asked["ChallengeParameters"]
        assert json.loads(parameters["userAttributes"])["email"] == "anna@example.com"
        assert (parameters["USER_ID_FOR_SRP"], parameters["requiredAttributes"]) == ("anna", "[]")
        answer = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        responses = {"USERNAME": "anna", "NEW_PASSWORD": PASSWORD, "userAttributes.name": "Anna"}
        result = await server.call("RespondToAuthChallenge", **answer, ChallengeResponses=responses)
        assert claims(result["AuthenticationResult"]["IdToken"])["name"] == "Anna"
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "CONFIRMED"
        assert "AccessToken" in await server.sign_in(client, "anna")
        with pytest.raises(AwsError, match="session can only be used once"):
            await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={**responses, "NEW_PASSWORD": "Another-Pass-2"})
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_by_srp(self, server: TestServer) -> None:
        pool, client = await self.invited(server)
        asked = await srp_sign_in(server, pool, client, "anna", "Temporary-1")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED" and asked["Session"]

    async def test_a_refused_password_leaves_the_session_alive(self, server: TestServer) -> None:
        _, client = await self.invited(server)
        asked = await server.sign_in(client, "anna", "Temporary-1")
        answer = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        with pytest.raises(AwsError) as refused:
            await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": "short"})
        assert refused.value.code == "InvalidPasswordException"
        result = await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": PASSWORD})
        assert "AccessToken" in result["AuthenticationResult"]

    async def test_required_attributes_must_be_given(self, server: TestServer) -> None:
        _, client = await self.invited(server, Schema=[{"Name": "family_name", "Required": True}])
        asked = await server.sign_in(client, "anna", "Temporary-1")
        assert json.loads(asked["ChallengeParameters"]["requiredAttributes"]) == ["userAttributes.family_name"]
        answer = {"ClientId": client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"]}
        with pytest.raises(AwsError, match="family_name"):
            await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": PASSWORD})
        responses = {"USERNAME": "anna", "NEW_PASSWORD": PASSWORD, "userAttributes.family_name": "Ek"}
        assert "AuthenticationResult" in await server.call("RespondToAuthChallenge", **answer, ChallengeResponses=responses)

    async def test_a_temporary_password_expires(self, server: TestServer) -> None:
        pool, client = await self.invited(server)
        server.clock.advance(7 * 86_400 + 1)
        for sign_in in (server.sign_in(client, "anna", "Temporary-1"), srp_sign_in(server, pool, client, "anna", "Temporary-1")):
            with pytest.raises(AwsError) as refused:
                await sign_in
            assert refused.value.message == "Temporary password has expired and must be reset by an administrator."

    @pytest.mark.parametrize("wrong", ["garbage" * 5, "late", "foreign"])
    async def test_a_session_that_is_not_good(self, server: TestServer, wrong: str) -> None:
        pool, client = await self.invited(server)
        session = (await server.sign_in(client, "anna", "Temporary-1"))["Session"]
        client = await server.client(pool) if wrong == "foreign" else client
        if wrong == "late":
            server.clock.advance(181)
        with pytest.raises(AwsError) as refused:
            await server.call(
                "RespondToAuthChallenge",
                ClientId=client,
                ChallengeName="NEW_PASSWORD_REQUIRED",
                Session=wrong if wrong.startswith("garbage") else session,
                ChallengeResponses={"USERNAME": "anna", "NEW_PASSWORD": PASSWORD},
            )
        late = "Invalid session for the user, session is expired."
        assert (refused.value.code, refused.value.message) == (
            "NotAuthorizedException",
            late if wrong == "late" else "Invalid session for the user.",
        )
