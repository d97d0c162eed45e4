"""Sign-in by SRP: the password proved and never sent."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tests.kit.server import AwsError, TestServer
from tests.kit.sign_in import WRONG, claims, srp_client, srp_responses, srp_sign_in


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
