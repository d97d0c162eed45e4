"""Signing in and refreshing on a remembered device: the device's own proof, and the second factor that it stands for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.device import ALWAYS, ON_OPT_IN, Device, confirmed
from tests.kit.mfa import enrol, mfa_pool, set_mfa
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import claims, srp_client, srp_responses, srp_sign_in

INCORRECT = ("NotAuthorizedException", "Incorrect username or password.")
NO_DEVICE = ("ResourceNotFoundException", "Device does not exist.")
INVALID_TOKEN = ("NotAuthorizedException", "Invalid Refresh Token")
USED = ("NotAuthorizedException", "Invalid session for the user, session can only be used once.")
MADE_UP = "us-east-1_00000000-0000-4000-8000-000000000000"


async def remembering(server: TestServer, configuration: dict[str, bool] = ALWAYS, **members: Any) -> tuple[str, str]:
    pool = await server.pool(DeviceConfiguration=configuration)
    await server.user(pool, "anna")
    return pool, await server.client(pool, **members)


async def shown(server: TestServer, pool: str, device: Device) -> Any:
    return (await server.call("AdminGetDevice", UserPoolId=pool, Username="anna", DeviceKey=device.key))["Device"]


async def verify(server: TestServer, client: str, responses: dict[str, str]) -> Any:
    return await server.call(
        "RespondToAuthChallenge", ClientId=client, ChallengeName="DEVICE_PASSWORD_VERIFIER", ChallengeResponses=responses
    )


async def opened(server: TestServer, client: str, device: Device) -> dict[str, str]:
    """The right answer to DEVICE_PASSWORD_VERIFIER of a new sign-in."""
    srp = device.srp()
    asked = await device.open_srp(server, client, srp, await server.sign_in(client, "anna", DEVICE_KEY=device.key))
    return device.proof(server, srp, asked["ChallengeParameters"])


async def verifier_refusal(server: TestServer, client: str, responses: dict[str, str]) -> tuple[str, str]:
    members = {"ClientId": client, "ChallengeName": "DEVICE_PASSWORD_VERIFIER", "ChallengeResponses": responses}
    return await refusal(server, "RespondToAuthChallenge", **members)


class TestSignIn:
    async def test_a_remembered_device_proves_itself(self, server: TestServer) -> None:
        """Password, then DEVICE_SRP_AUTH, DEVICE_PASSWORD_VERIFIER; the tokens are of this device, and no new one is told."""
        pool, client = await remembering(server)
        device, _ = await confirmed(server, client)
        server.clock.advance(60)
        asked = await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        assert (asked["ChallengeName"], asked["ChallengeParameters"]) == (
            "DEVICE_SRP_AUTH",
            {"USERNAME": "anna", "DEVICE_KEY": device.key},
        )
        tokens = await device.prove(server, client, asked)
        assert ("NewDeviceMetadata" in tokens, claims(tokens["AccessToken"])["device_key"]) == (False, device.key)
        seen = await shown(server, pool, device)
        assert (seen["DeviceLastAuthenticatedDate"], seen["DeviceCreateDate"]) == (server.clock.now(), server.clock.now() - 60)

    async def test_functions_are_told_that_it_was_a_device(self, server: TestServer) -> None:
        """TokenGeneration_AuthenticateDevice (FIDELITY B.6.56)."""
        pool, client = await remembering(server)
        device, _ = await confirmed(server, client)
        tokens = server.functions.add("tokens", lambda event: {})
        await server.call("UpdateUserPool", UserPoolId=pool, DeviceConfiguration=ALWAYS, LambdaConfig={"PreTokenGeneration": tokens})
        await device.prove(server, client, await server.sign_in(client, "anna", DEVICE_KEY=device.key))
        assert [event["triggerSource"] for event in server.functions.events] == ["TokenGeneration_AuthenticateDevice"]

    async def test_after_srp_too(self, server: TestServer) -> None:
        """The key comes with the password's proof, or came with InitiateAuth."""
        pool, client = await remembering(server)
        device, _ = await confirmed(server, client)
        asked = await srp_sign_in(server, pool, client, "anna", DEVICE_KEY=device.key)
        assert "AccessToken" in await device.prove(server, client, asked)
        srp = srp_client(pool)
        begun = await server.call(
            "InitiateAuth",
            ClientId=client,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters={"USERNAME": "anna", "SRP_A": srp.srp_a, "DEVICE_KEY": device.key},
        )
        asked = await server.call(
            "RespondToAuthChallenge",
            ClientId=client,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses=srp_responses(server, srp, begun["ChallengeParameters"]),
        )
        assert asked["ChallengeName"] == "DEVICE_SRP_AUTH"
        assert "AccessToken" in await device.prove(server, client, asked)

    async def test_by_an_administrators_flow(self, server: TestServer) -> None:
        pool, client = await remembering(server)
        device, _ = await confirmed(server, client)
        ids = {"UserPoolId": pool, "ClientId": client}
        parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD, "DEVICE_KEY": device.key}
        asked = await server.call("AdminInitiateAuth", **ids, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters)
        srp = device.srp()
        responses = {"USERNAME": "anna", "DEVICE_KEY": device.key, "SRP_A": srp.srp_a}
        step = {"ChallengeName": "DEVICE_SRP_AUTH", "ChallengeResponses": responses, "Session": asked["Session"]}
        further = await server.call("AdminRespondToAuthChallenge", **ids, **step)
        proof = device.proof(server, srp, further["ChallengeParameters"])
        done = await server.call("AdminRespondToAuthChallenge", **ids, ChallengeName="DEVICE_PASSWORD_VERIFIER", ChallengeResponses=proof)
        assert claims(done["AuthenticationResult"]["AccessToken"])["device_key"] == device.key

    async def test_without_a_session_as_some_clients_answer(self, server: TestServer) -> None:
        """The device's challenge under way is kept here too; it is one challenge all the same, and ends with the sign-in."""
        _, client = await remembering(server)
        device, _ = await confirmed(server, client)
        asked = await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        one, two = device.srp(), device.srp()
        by_session = (await device.open_srp(server, client, one, asked))["ChallengeParameters"]
        by_device = (await device.open_srp(server, client, two, {}))["ChallengeParameters"]
        assert "AuthenticationResult" in await verify(server, client, device.proof(server, two, by_device))
        assert await verifier_refusal(server, client, device.proof(server, one, by_session)) == USED
        with pytest.raises(AwsError, match="Missing required parameter Session"):
            await device.open_srp(server, client, device.srp(), {})

    async def test_without_a_session_there_must_be_a_challenge(self, server: TestServer) -> None:
        """Not before a password was proved, not for another client, not late, not for nobody."""
        pool, client = await remembering(server)
        device, _ = await confirmed(server, client)
        for name in ("anna", "nobody"):
            with pytest.raises(AwsError, match="Missing required parameter Session"):
                await device.open_srp(server, client, device.srp(), {}, USERNAME=name)
        await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        with pytest.raises(AwsError, match=r"Invalid session for the user\."):
            await device.open_srp(server, await server.client(pool), device.srp(), {})
        server.clock.advance(181)
        with pytest.raises(AwsError, match="session is expired"):
            await device.open_srp(server, client, device.srp(), {})

    async def test_a_device_that_is_not_remembered_is_not_asked(self, server: TestServer) -> None:
        """Its sign-in goes on without a proof, and is told no new key; once it is remembered, it is asked."""
        _, client = await remembering(server, ON_OPT_IN)
        device, _ = await confirmed(server, client)
        tokens = await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        assert ("NewDeviceMetadata" in tokens, claims(tokens["AccessToken"])["device_key"]) == (False, device.key)
        await server.call(
            "UpdateDeviceStatus", AccessToken=tokens["AccessToken"], DeviceKey=device.key, DeviceRememberedStatus="remembered"
        )
        assert "AccessToken" in await device.prove(server, client, await server.sign_in(client, "anna", DEVICE_KEY=device.key))

    async def test_a_wrong_password_asks_no_device(self, server: TestServer) -> None:
        """The device proves nothing about the user, and its key tells nothing to whoever has no password."""
        _, client = await remembering(server)
        device, _ = await confirmed(server, client)
        for key in (device.key, MADE_UP):
            with pytest.raises(AwsError, match="Incorrect username or password"):
                await server.sign_in(client, "anna", "Wrong-Horse-9", DEVICE_KEY=key)


class TestUnknownDevices:
    async def test_is_refused_with_the_text_that_clients_look_for(self, server: TestServer) -> None:
        """Another user's, another pool's, one of this user that was never confirmed, one that was forgotten, and what is no key."""
        pool, client = await remembering(server)
        await server.user(pool, "bea")
        _, other_client = await remembering(server)
        unconfirmed = (await server.sign_in(client, "anna"))["NewDeviceMetadata"]["DeviceKey"]
        forgotten, tokens = await confirmed(server, client)
        await server.call("ForgetDevice", AccessToken=tokens["AccessToken"], DeviceKey=forgotten.key)
        foreign = [(await confirmed(server, client, "bea"))[0].key, (await confirmed(server, other_client))[0].key]
        for key in (unconfirmed, forgotten.key, *foreign, MADE_UP, "x" * 5_000, "' OR 1=1 --"):
            parameters = {"USERNAME": "anna", "PASSWORD": PASSWORD, "DEVICE_KEY": key}
            members = {"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters}
            assert await refusal(server, "InitiateAuth", **members) == NO_DEVICE

    async def test_the_same_proof_goes_on_without_the_key(self, server: TestServer) -> None:
        """amazon-cognito-identity-js answers PASSWORD_VERIFIER again, key left out, after InitiateAuth has named it: a new device is told."""
        pool, client = await remembering(server)
        srp = srp_client(pool)
        parameters = {"USERNAME": "anna", "SRP_A": srp.srp_a, "DEVICE_KEY": MADE_UP}
        begun = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters=parameters)
        responses = srp_responses(server, srp, begun["ChallengeParameters"])
        members = {"ClientId": client, "ChallengeName": "PASSWORD_VERIFIER"}
        with_key = {**responses, "DEVICE_KEY": MADE_UP}
        assert await refusal(server, "RespondToAuthChallenge", **members, ChallengeResponses=with_key) == NO_DEVICE
        answer = await server.call("RespondToAuthChallenge", **members, ChallengeResponses={**responses, "DEVICE_KEY": None})
        assert "NewDeviceMetadata" in answer["AuthenticationResult"]


class TestHostileProofs:
    async def test_a_proof_serves_once(self, server: TestServer) -> None:
        """Replayed later or at the same moment: one sign-in comes of it."""
        _, client = await remembering(server)
        device, _ = await confirmed(server, client)
        proof = await opened(server, client, device)
        outcomes = await asyncio.gather(*(verify(server, client, proof) for _ in range(4)), return_exceptions=True)
        assert sum(isinstance(outcome, dict) for outcome in outcomes) == 1
        assert {(each.code, each.message) for each in outcomes if isinstance(each, AwsError)} == {USED}
        assert await verifier_refusal(server, client, proof) == USED

    async def test_a_session_serves_once(self, server: TestServer) -> None:
        _, client = await remembering(server)
        device, _ = await confirmed(server, client)
        asked = await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        await device.open_srp(server, client, device.srp(), asked)
        with pytest.raises(AwsError, match="can only be used once"):
            await device.open_srp(server, client, device.srp(), asked)

    async def test_a_wrong_signature_counts_as_a_wrong_password(self, server: TestServer) -> None:
        """It spends the exchange, so that there is one guess for each right password; and the fifth failure locks."""
        _, client = await remembering(server)
        device, _ = await confirmed(server, client)
        thief = Device({"DeviceKey": device.key, "DeviceGroupKey": device.group})
        assert await verifier_refusal(server, client, await opened(server, client, thief)) == INCORRECT
        right = await opened(server, client, device)
        for _ in range(4):
            with pytest.raises(AwsError, match="Incorrect username or password"):
                await server.sign_in(client, "anna", "Wrong-Horse-9")
        assert await verifier_refusal(server, client, {**right, "PASSWORD_CLAIM_SIGNATURE": "AAAA"}) == INCORRECT
        assert await verifier_refusal(server, client, right) == ("NotAuthorizedException", "Password attempts exceeded")
        server.clock.advance(2)
        assert await verifier_refusal(server, client, right) == USED

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PASSWORD_CLAIM_SIGNATURE", "no base64"),
            ("PASSWORD_CLAIM_SIGNATURE", "A" * 100_000),
            ("PASSWORD_CLAIM_SECRET_BLOCK", "AAAA"),
            ("PASSWORD_CLAIM_SECRET_BLOCK", "ÄÖ"),
            ("TIMESTAMP", "yesterday"),
        ],
    )
    async def test_malformed_ones(self, server: TestServer, name: str, value: str) -> None:
        _, client = await remembering(server)
        device, _ = await confirmed(server, client)
        assert await verifier_refusal(server, client, {**await opened(server, client, device), name: value}) == INCORRECT

    async def test_a_block_fits_its_challenge_device_client_and_time(self, server: TestServer) -> None:
        """A password's SECRET_BLOCK, another device's key, another client, late: none is taken."""
        pool, client = await remembering(server)
        device, other = (await confirmed(server, client))[0], (await confirmed(server, client))[0]
        proof = await opened(server, client, device)
        assert await verifier_refusal(server, client, {**proof, "DEVICE_KEY": other.key}) == NO_DEVICE
        assert await verifier_refusal(server, await server.client(pool), proof) == INCORRECT
        srp = srp_client(pool)
        parameters = {"USERNAME": "anna", "SRP_A": srp.srp_a}
        begun = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters=parameters)
        crossed = {**proof, "PASSWORD_CLAIM_SECRET_BLOCK": begun["ChallengeParameters"]["SECRET_BLOCK"]}
        assert await verifier_refusal(server, client, crossed) == INCORRECT
        members = {"ClientId": client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": proof}
        assert await refusal(server, "RespondToAuthChallenge", **members) == INCORRECT
        server.clock.advance(181)
        assert await verifier_refusal(server, client, proof) == (
            "NotAuthorizedException",
            "Invalid session for the user, session is expired.",
        )

    @pytest.mark.parametrize("change", ["forgotten", "not remembered"])
    async def test_a_device_that_is_none_any_more(self, server: TestServer, change: str) -> None:
        """Between its challenge and its proof."""
        pool, client = await remembering(server)
        device, _ = await confirmed(server, client)
        asked = await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        proof = await opened(server, client, device)
        members = {"UserPoolId": pool, "Username": "anna", "DeviceKey": device.key}
        if change == "forgotten":
            await server.call("AdminForgetDevice", **members)
        else:
            await server.call("AdminUpdateDeviceStatus", **members, DeviceRememberedStatus="not_remembered")
        assert await verifier_refusal(server, client, proof) == NO_DEVICE
        with pytest.raises(AwsError, match=r"Device does not exist\."):
            await device.open_srp(server, client, device.srp(), asked)

    @pytest.mark.parametrize("srp_a", ["", "0", "xyz", "F" * 801])
    async def test_a_bad_public_value(self, server: TestServer, srp_a: str) -> None:
        _, client = await remembering(server)
        device, _ = await confirmed(server, client)
        asked = await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        with pytest.raises(AwsError) as refused:
            await device.open_srp(server, client, device.srp(), asked, SRP_A=srp_a)
        assert refused.value.code == "InvalidParameterException"


class TestSecondFactor:
    async def user_with_app(self, server: TestServer, configuration: dict[str, bool]) -> tuple[str, str, Device]:
        """Anna with an authenticator app that she must use, and a remembered device."""
        pool = await mfa_pool(server, "OPTIONAL", "totp", DeviceConfiguration=configuration)
        await server.user(pool, "anna")
        client = await server.client(pool)
        device, tokens = await confirmed(server, client)
        await enrol(server, tokens["AccessToken"])
        await set_mfa(server, pool, "ON", "totp")
        return pool, client, device

    async def test_is_suppressed_by_a_proved_device_only(self, server: TestServer) -> None:
        """The key alone, without the proof, suppresses nothing: whoever only knows it must pass the second factor."""
        _, client, device = await self.user_with_app(server, ALWAYS)
        assert (await server.sign_in(client, "anna"))["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        asked = await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        assert asked["ChallengeName"] == "DEVICE_SRP_AUTH"
        assert "AccessToken" in await device.prove(server, client, asked)

    async def test_is_asked_where_the_pool_does_not_trust_devices(self, server: TestServer) -> None:
        """ChallengeRequiredOnNewDevice false: the device proves itself, and the second factor follows."""
        _, client, device = await self.user_with_app(server, {"ChallengeRequiredOnNewDevice": False})
        asked = await server.sign_in(client, "anna", DEVICE_KEY=device.key)
        assert (await device.prove(server, client, asked))["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

    async def test_is_asked_on_a_device_that_is_not_remembered(self, server: TestServer) -> None:
        pool, client, device = await self.user_with_app(server, ALWAYS)
        members = {"UserPoolId": pool, "Username": "anna", "DeviceKey": device.key, "DeviceRememberedStatus": "not_remembered"}
        await server.call("AdminUpdateDeviceStatus", **members)
        assert (await server.sign_in(client, "anna", DEVICE_KEY=device.key))["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


class TestRefresh:
    async def refresh(self, server: TestServer, client: str, tokens: Any, key: str | None, flow: str) -> Any:
        if flow == "GetTokensFromRefreshToken":
            named = {"DeviceKey": key} if key else {}
            return await server.call(flow, ClientId=client, RefreshToken=tokens["RefreshToken"], **named)
        parameters = {"REFRESH_TOKEN": tokens["RefreshToken"], **({"DEVICE_KEY": key} if key else {})}
        return await server.call("InitiateAuth", ClientId=client, AuthFlow=flow, AuthParameters=parameters)

    @pytest.mark.parametrize("flow", ["REFRESH_TOKEN_AUTH", "GetTokensFromRefreshToken"])
    async def test_needs_the_key_of_its_confirmed_device(self, server: TestServer, flow: str) -> None:
        """Without it, with another of the same user, or before the device is confirmed: Invalid Refresh Token."""
        _, client = await remembering(server)
        tokens = await server.sign_in(client, "anna")
        device = Device(tokens["NewDeviceMetadata"])
        other, _ = await confirmed(server, client)
        for key in (None, device.key, other.key):
            with pytest.raises(AwsError) as refused:
                await self.refresh(server, client, tokens, key, flow)
            assert (refused.value.code, refused.value.message) == INVALID_TOKEN
        await device.confirm(server, tokens)
        renewed = (await self.refresh(server, client, tokens, device.key, flow))["AuthenticationResult"]
        assert (claims(renewed["AccessToken"])["device_key"], "NewDeviceMetadata" in renewed) == (device.key, False)
        for key in (None, other.key):
            with pytest.raises(AwsError) as refused:
                await self.refresh(server, client, tokens, key, flow)
            assert (refused.value.code, refused.value.message) == INVALID_TOKEN

    async def test_of_before_and_after_remembering(self, server: TestServer) -> None:
        """A session of before needs no device, nor does any once the pool remembers none."""
        pool = await server.pool()
        await server.user(pool, "anna")
        client = await server.client(pool)
        before = await server.sign_in(client, "anna")
        await server.call("UpdateUserPool", UserPoolId=pool, DeviceConfiguration=ALWAYS)
        await self.refresh(server, client, before, None, "REFRESH_TOKEN_AUTH")
        bound = await server.sign_in(client, "anna")
        await server.call("UpdateUserPool", UserPoolId=pool)
        await self.refresh(server, client, bound, None, "REFRESH_TOKEN_AUTH")
