"""Passkeys: registered, listed, deleted, and signed in with; and authenticators that lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.authenticator import Authenticator, decode, encode
from tests.kit.mfa import CONTACTS, OWN_SENDER, SMS, answer, wrong_code
from tests.kit.refusal import all_pages, refusal
from tests.kit.server import PASSWORD, AwsError, TestServer

FLOWS = ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
INCORRECT = ("NotAuthorizedException", "Incorrect username or password.")


async def passkey_pool(
    server: TestServer, *, allowed: tuple[str, ...] = ("PASSWORD", "WEB_AUTHN"), **configuration: str
) -> tuple[str, str]:
    """(pool, client) with a user."""
    pool = await server.pool(Policies={"SignInPolicy": {"AllowedFirstAuthFactors": list(allowed)}}, EmailConfiguration=OWN_SENDER, **SMS)
    given = {"RelyingPartyId": "example.com", "UserVerification": "preferred", **configuration}
    await server.call("SetUserPoolMfaConfig", UserPoolId=pool, WebAuthnConfiguration=given)
    await server.user(pool, "anna", **CONTACTS)
    return pool, await server.client(pool, ExplicitAuthFlows=FLOWS)


async def token_of(server: TestServer, client: str, username: str = "anna") -> str:
    return str((await server.sign_in(client, username))["AccessToken"])


async def register(server: TestServer, token: str, authenticator: Authenticator | None = None) -> Authenticator:
    authenticator = authenticator or Authenticator()
    options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
    await server.call("CompleteWebAuthnRegistration", AccessToken=token, Credential=authenticator.register(options))
    return authenticator


async def begin(server: TestServer, client: str, **parameters: str) -> Any:
    return await server.call(
        "InitiateAuth",
        ClientId=client,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": "anna", "PREFERRED_CHALLENGE": "WEB_AUTHN", **parameters},
    )


def options_of(asked: Any) -> dict[str, Any]:
    return dict(json.loads(asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]))


async def sign_in(server: TestServer, client: str, authenticator: Authenticator) -> Any:
    asked = await begin(server, client)
    assert asked["ChallengeName"] == "WEB_AUTHN"
    return await answer(server, client, asked, CREDENTIAL=json.dumps(authenticator.sign(options_of(asked))))


class TestRegistration:
    async def test_options_then_credential(self, server: TestServer) -> None:
        pool, client = await passkey_pool(server)
        token = await token_of(server, client)
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        sub = (await server.call("GetUser", AccessToken=token))["UserAttributes"][0]["Value"]
        assert options["rp"] == {"id": "example.com", "name": "example.com"}
        assert decode(options["user"]["id"]).decode() == sub and options["user"]["name"] == "anna"
        assert options["authenticatorSelection"]["userVerification"] == "preferred" and options["excludeCredentials"] == []
        authenticator = Authenticator()
        assert await server.call("CompleteWebAuthnRegistration", AccessToken=token, Credential=authenticator.register(options)) == {}
        [listed] = (await server.call("ListWebAuthnCredentials", AccessToken=token))["Credentials"]
        assert listed == {
            "CredentialId": encode(authenticator.credential_id),
            "FriendlyCredentialName": "Passkey",
            "RelyingPartyId": "example.com",
            "AuthenticatorAttachment": "platform",
            "AuthenticatorTransports": ["hybrid", "internal"],
            "CreatedAt": server.clock.now(),
        }
        again = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        assert [item["id"] for item in again["excludeCredentials"]] == [encode(authenticator.credential_id)]
        shown = await server.call("AdminGetUserAuthFactors", UserPoolId=pool, Username="anna")
        assert shown["ConfiguredUserAuthFactors"] == ["PASSWORD", "WEB_AUTHN"]

    async def test_pools_without_passkeys(self, server: TestServer) -> None:
        _, client = await passkey_pool(server, allowed=("PASSWORD",))
        token = await token_of(server, client)
        assert (await refusal(server, "StartWebAuthnRegistration", AccessToken=token))[0] == "WebAuthnNotEnabledException"
        pool = await server.pool(Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}})
        await server.user(pool, "anna")
        token = await token_of(server, await server.client(pool))
        assert (await refusal(server, "StartWebAuthnRegistration", AccessToken=token))[0] == "WebAuthnConfigurationMissingException"

    async def test_a_domain_stands_for_the_relying_party(self, server: TestServer) -> None:
        """A custom domain before the prefix, as AWS's CreateUserPoolDomain says; what is configured before both."""
        certificate = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
        pool = await server.pool(Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}})
        await server.user(pool, "anna")
        token = await token_of(server, await server.client(pool))
        seen = []
        custom = {"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": certificate}}
        given: list[dict[str, Any]] = [{"Domain": "people"}, custom]
        for members in given:
            await server.call("CreateUserPoolDomain", **{"UserPoolId": pool, **members})
            options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
            seen.append(options["rp"]["id"])
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, WebAuthnConfiguration={"RelyingPartyId": "example.com"})
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        assert [*seen, options["rp"]["id"]] == ["people.auth.localhost", "a.example.com", "example.com"]

    async def test_a_challenge_is_used_once(self, server: TestServer) -> None:
        _, client = await passkey_pool(server)
        token = await token_of(server, client)
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        await server.call("CompleteWebAuthnRegistration", AccessToken=token, Credential=Authenticator().register(options))
        code, _ = await refusal(server, "CompleteWebAuthnRegistration", AccessToken=token, Credential=Authenticator().register(options))
        assert code == "WebAuthnChallengeNotFoundException"

    async def test_a_challenge_of_another_user_client_or_time(self, server: TestServer) -> None:
        pool, client = await passkey_pool(server)
        token = await token_of(server, client)
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        credential = Authenticator().register(options)
        await server.user(pool, "bob")
        bobs = await token_of(server, client, "bob")
        elsewhere = await token_of(server, await server.client(pool))
        expected = {bobs: "WebAuthnChallengeNotFoundException", elsewhere: "WebAuthnClientMismatchException"}
        for of, code in expected.items():
            assert (await refusal(server, "CompleteWebAuthnRegistration", AccessToken=of, Credential=credential))[0] == code
        server.clock.advance(301)
        late, _ = await refusal(server, "CompleteWebAuthnRegistration", AccessToken=token, Credential=credential)
        assert late == "WebAuthnChallengeNotFoundException"
        assert (await server.call("ListWebAuthnCredentials", AccessToken=token))["Credentials"] == []

    @pytest.mark.parametrize(
        ("lie", "code"),
        [
            (lambda a: setattr(a, "origin", "https://evil.com"), "WebAuthnOriginNotAllowedException"),
            (lambda a: setattr(a, "origin", "https://example.com.evil.com"), "WebAuthnOriginNotAllowedException"),
            (lambda a: setattr(a, "origin", "https://evilexample.com"), "WebAuthnOriginNotAllowedException"),
            (lambda a: setattr(a, "origin", "http://example.com"), "WebAuthnOriginNotAllowedException"),
            (lambda a: setattr(a, "origin", "https://user@example.com"), "WebAuthnOriginNotAllowedException"),
            (lambda a: setattr(a, "relying_party_id", "evil.com"), "WebAuthnRelyingPartyMismatchException"),
        ],
    )
    async def test_authenticators_of_another_place(self, server: TestServer, lie: Callable[[Authenticator], None], code: str) -> None:
        _, client = await passkey_pool(server)
        token = await token_of(server, client)
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        authenticator = Authenticator()
        lie(authenticator)
        refused = await refusal(server, "CompleteWebAuthnRegistration", AccessToken=token, Credential=authenticator.register(options))
        assert refused[0] == code

    async def test_a_subdomain_may_speak_for_the_relying_party(self, server: TestServer) -> None:
        _, client = await passkey_pool(server)
        authenticator = await register(server, await token_of(server, client), Authenticator("https://login.example.com:8443"))
        assert "AccessToken" in await sign_in(server, client, authenticator)

    async def test_answers_that_are_none(self, server: TestServer) -> None:
        """Whatever is sent in a credential's place: the modelled error, and no passkey."""
        _, client = await passkey_pool(server)
        token = await token_of(server, client)
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        good = Authenticator().register(options)
        broken: list[Any] = [
            {},
            [],
            7,
            "x",
            {"response": 7},
            {**good, "id": 7},
            {**good, "response": {**good["response"], "clientDataJSON": "?"}},
            {**good, "response": {**good["response"], "attestationObject": encode(b"\xff" * 40)}},
            {**good, "response": {**good["response"], "attestationObject": "A" * 200_000}},
            Authenticator().register(options, kind="webauthn.get"),
        ]
        for credential in broken:
            code, _ = await refusal(server, "CompleteWebAuthnRegistration", AccessToken=token, Credential=credential)
            assert code in {"InvalidParameterException", "WebAuthnCredentialNotSupportedException"}
        assert (await server.call("ListWebAuthnCredentials", AccessToken=token))["Credentials"] == []

    async def test_user_verification_where_it_is_required(self, server: TestServer) -> None:
        _, client = await passkey_pool(server, UserVerification="required")
        token = await token_of(server, client)
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        unverified = Authenticator()
        unverified.verifies = False
        code, _ = await refusal(server, "CompleteWebAuthnRegistration", AccessToken=token, Credential=unverified.register(options))
        assert code == "WebAuthnCredentialNotSupportedException"

    async def test_the_same_passkey_twice(self, server: TestServer) -> None:
        pool, client = await passkey_pool(server)
        token = await token_of(server, client)
        authenticator = await register(server, token)
        await server.user(pool, "bob")
        bobs = await token_of(server, client, "bob")
        for of in (token, bobs):
            options = (await server.call("StartWebAuthnRegistration", AccessToken=of))["CredentialCreationOptions"]
            code, _ = await refusal(server, "CompleteWebAuthnRegistration", AccessToken=of, Credential=authenticator.register(options))
            assert code == "WebAuthnCredentialNotSupportedException"

    async def test_twenty_at_most_in_pages(self, server: TestServer) -> None:
        _, client = await passkey_pool(server)
        token = await token_of(server, client)
        for _ in range(20):
            await register(server, token)
        assert (await refusal(server, "StartWebAuthnRegistration", AccessToken=token))[0] == "LimitExceededException"
        pages = await all_pages(server, "ListWebAuthnCredentials", "Credentials", AccessToken=token, MaxResults=8)
        assert [len(page) for page in pages] == [8, 8, 4]
        assert len({item["CredentialId"] for page in pages for item in page}) == 20


class TestDeletion:
    async def test_a_deleted_passkey_signs_nobody_in(self, server: TestServer) -> None:
        _, client = await passkey_pool(server)
        token = await token_of(server, client)
        kept, gone = await register(server, token), await register(server, token)
        asked = await begin(server, client)
        assert {item["id"] for item in options_of(asked)["allowCredentials"]} == {
            encode(kept.credential_id),
            encode(gone.credential_id),
        }
        await server.call("DeleteWebAuthnCredential", AccessToken=token, CredentialId=encode(gone.credential_id))
        assert await wrong_code(server, client, asked, CREDENTIAL=json.dumps(gone.sign(options_of(asked)))) == INCORRECT
        assert "AccessToken" in await sign_in(server, client, kept)

    async def test_anothers_passkey(self, server: TestServer) -> None:
        pool, client = await passkey_pool(server)
        authenticator = await register(server, await token_of(server, client))
        await server.user(pool, "bob")
        bobs = await token_of(server, client, "bob")
        for credential_id in (encode(authenticator.credential_id), "x"):
            code, _ = await refusal(server, "DeleteWebAuthnCredential", AccessToken=bobs, CredentialId=credential_id)
            assert code == "ResourceNotFoundException"
        assert "AccessToken" in await sign_in(server, client, authenticator)


class TestSignIn:
    async def test_offered_once_there_is_one(self, server: TestServer) -> None:
        _, client = await passkey_pool(server)
        assert (await begin(server, client))["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
        await register(server, await token_of(server, client))
        asked = await server.call("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": "anna"})
        assert asked["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "WEB_AUTHN"]
        chosen = await answer(server, client, asked, ANSWER="WEB_AUTHN")
        assert chosen["ChallengeName"] == "WEB_AUTHN" and options_of(chosen)["rpId"] == "example.com"

    async def test_counters(self, server: TestServer) -> None:
        """The counter goes on with each use; one that stands still or goes back is a copied key. One that never counts is fine."""
        _, client = await passkey_pool(server)
        authenticator = await register(server, await token_of(server, client))
        for _ in range(3):
            assert "AccessToken" in await sign_in(server, client, authenticator)
        authenticator.count = 1
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await sign_in(server, client, authenticator)
        silent = Authenticator()
        silent.counts = False
        await register(server, await token_of(server, client), silent)
        for _ in range(2):
            assert "AccessToken" in await sign_in(server, client, silent)

    @pytest.mark.parametrize(
        "lie",
        [
            lambda a: setattr(a, "origin", "https://evil.com"),
            lambda a: setattr(a, "relying_party_id", "evil.com"),
            lambda a: setattr(a, "key", Authenticator().key),
            lambda a: setattr(a, "credential_id", b"another"),
        ],
    )
    async def test_authenticators_that_lie(self, server: TestServer, lie: Callable[[Authenticator], None]) -> None:
        _, client = await passkey_pool(server)
        authenticator = await register(server, await token_of(server, client))
        lie(authenticator)
        with pytest.raises(AwsError) as refused:
            await sign_in(server, client, authenticator)
        assert (refused.value.code, refused.value.message) == INCORRECT

    async def test_challenges_of_other_sign_ins(self, server: TestServer) -> None:
        """An assertion answers its own session's challenge, once."""
        _, client = await passkey_pool(server)
        authenticator = await register(server, await token_of(server, client))
        first, second = await begin(server, client), await begin(server, client)
        assertion = json.dumps(authenticator.sign(options_of(first)))
        assert await wrong_code(server, client, second, CREDENTIAL=assertion) == INCORRECT
        assert "AccessToken" in await answer(server, client, first, CREDENTIAL=assertion)
        assert (await wrong_code(server, client, first, CREDENTIAL=assertion))[0] == "NotAuthorizedException"
        registration = json.dumps(authenticator.register(options_of(second)))
        assert await wrong_code(server, client, second, CREDENTIAL=registration) == INCORRECT

    async def test_anothers_passkey(self, server: TestServer) -> None:
        pool, client = await passkey_pool(server)
        await register(server, await token_of(server, client))
        await server.user(pool, "bob")
        bobs = await register(server, await token_of(server, client, "bob"))
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await sign_in(server, client, bobs)

    async def test_answers_that_are_none(self, server: TestServer) -> None:
        _, client = await passkey_pool(server)
        await register(server, await token_of(server, client))
        asked = await begin(server, client)
        for text in ("{}", "[]", "7", "x", '{"response": {}}', "[" * 10_000, "{" * 20_000):
            assert await wrong_code(server, client, asked, CREDENTIAL=text) == INCORRECT


class TestAsBothFactors:
    """A passkey with user verification satisfies MFA, where pool and user say so."""

    async def mfa_pool(self, server: TestServer, factor: str) -> tuple[str, str, Authenticator]:
        pool, client = await passkey_pool(server, FactorConfiguration=factor)
        authenticator = await register(server, await token_of(server, client))
        mfa: dict[str, Any] = {"MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": SMS}
        passkeys = {"RelyingPartyId": "example.com", "UserVerification": "preferred", "FactorConfiguration": factor}
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, WebAuthnConfiguration=passkeys, **mfa)
        await server.call("AdminSetUserMFAPreference", UserPoolId=pool, Username="anna", SMSMfaSettings={"Enabled": True})
        return pool, client, authenticator

    async def test_a_single_factor_is_not_offered_beside_mfa(self, server: TestServer) -> None:
        pool, client, _ = await self.mfa_pool(server, "SINGLE_FACTOR")
        assert (await begin(server, client))["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
        assert (
            await refusal(server, "AdminSetUserMFAPreference", UserPoolId=pool, Username="anna", WebAuthnMfaSettings={"Enabled": True})
        )[0] == "InvalidParameterException"

    async def test_both_in_one(self, server: TestServer) -> None:
        pool, client, authenticator = await self.mfa_pool(server, "MULTI_FACTOR_WITH_USER_VERIFICATION")
        assert (await begin(server, client))["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD"]
        await server.call("AdminSetUserMFAPreference", UserPoolId=pool, Username="anna", WebAuthnMfaSettings={"Enabled": True})
        assert "AccessToken" in await sign_in(server, client, authenticator)
        authenticator.verifies = False
        with pytest.raises(AwsError, match="Incorrect username or password"):
            await sign_in(server, client, authenticator)
        asked = await server.sign_in(client, "anna", PASSWORD)
        assert asked["ChallengeName"] == "SMS_MFA", "the password still needs a second factor"


async def test_passkeys_go_with_their_user(server: TestServer) -> None:
    pool, client = await passkey_pool(server)
    authenticator = await register(server, await token_of(server, client))
    orphan = await token_of(server, client)
    await server.call("AdminDeleteUser", UserPoolId=pool, Username="anna")
    gone = ("NotAuthorizedException", "Access Token has been revoked")
    for operation, members in (
        ("ListWebAuthnCredentials", {}),
        ("StartWebAuthnRegistration", {}),
        ("DeleteWebAuthnCredential", {"CredentialId": "x"}),
    ):
        assert await refusal(server, operation, AccessToken=orphan, **members) == gone
    await server.user(pool, "anna", **CONTACTS)
    token = await token_of(server, client)
    assert (await server.call("ListWebAuthnCredentials", AccessToken=token))["Credentials"] == []
    await register(server, token, authenticator)
    assert "AccessToken" in await sign_in(server, client, authenticator)
