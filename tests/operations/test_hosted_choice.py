"""Signing in on the pages without a password: codes and passkeys as first factors, where the client and the pool allow them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.kit.authenticator import Authenticator
from tests.kit.mfa import SMS
from tests.kit.pages import Site, button
from tests.kit.server import PASSWORD, TestServer

MAIL, PHONE = "anna@example.com", "+15550001234"


async def site(server: TestServer, *factors: str, **client: Any) -> Site:
    app = Site(server)
    policies = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", *factors]}}
    app.pool = await server.pool(Policies=policies, **SMS)
    await app.another(**{"ExplicitAuthFlows": ["ALLOW_USER_AUTH"], "PreventUserExistenceErrors": "ENABLED", **client})
    await server.user(app.pool, "anna", email=MAIL, email_verified="true", phone_number=PHONE, phone_number_verified="true")
    return app


async def chosen(app: Site, username: str = "anna") -> Any:
    page = await app.opened()
    return await app.browser.submit(page, {"username": username}, button=button(page.form, "choose"))


class TestCodes:
    async def test_the_only_way_is_taken(self, server: TestServer) -> None:
        """A code by mail, at once; and another, where it is asked for."""
        app = await site(server, "EMAIL_OTP")
        asked = await chosen(app)
        assert asked.says("We sent a code to a***@e***.")
        again = await app.browser.submit(asked, button=button(asked.form, "again"))
        assert again.says("A new code is on its way.")
        assert await app.user_of(await app.browser.submit(again, {"code": await server.code(MAIL)})) == "anna"

    @pytest.mark.parametrize(("way", "to"), [("EMAIL_OTP", MAIL), ("SMS_OTP", PHONE)])
    async def test_of_several_one_is_chosen(self, server: TestServer, way: str, to: str) -> None:
        app = await site(server, "EMAIL_OTP", "SMS_OTP")
        asked = await app.browser.submit(page := await chosen(app), button=button(page.form, "code", way))
        assert await app.user_of(await app.browser.submit(asked, {"code": await server.code(to)})) == "anna"

    async def test_nobody_looks_like_somebody(self, server: TestServer) -> None:
        """Where users are hidden: asked for a code as well, which never comes."""
        app = await site(server, "EMAIL_OTP")
        asked = await chosen(app, "nobody")
        wrong = await app.browser.submit(asked, {"code": "00000000"})
        assert (asked.status, wrong.status, wrong.alert) == (200, 400, "Invalid code or auth state for the user.")
        assert await server.messages() == []

    async def test_not_offered(self, server: TestServer) -> None:
        """A pool of passwords alone, or a client that does not allow the flow: no button, and a form made by hand asks for the password."""
        for app in (await site(server), await site(server, "EMAIL_OTP", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])):
            page = await app.opened()
            assert "choose" not in page.form.buttons
            forced = await app.browser.submit(page, {"username": "anna", "choose": "1"})
            assert (forced.status, forced.alert) == (400, "Please fill in every field.")
        assert await server.messages() == []

    async def test_a_user_with_a_password_alone(self, server: TestServer) -> None:
        app = await site(server, "WEB_AUTHN")
        page = await chosen(app)
        assert (page.alert, page.form.fields["username"]) == (
            "There is no other way to sign in. Please enter your password.",
            "anna",
        )
        assert await app.user_of(await app.browser.submit(page, {"password": PASSWORD})) == "anna"

    async def test_the_second_factor_follows(self, server: TestServer) -> None:
        """Whoever has one is not let in by a code alone: the password is asked for."""
        app = await site(server, "EMAIL_OTP")
        sms: dict[str, Any] = {"SmsMfaConfiguration": SMS}
        await server.call("SetUserPoolMfaConfig", UserPoolId=app.pool, MfaConfiguration="OPTIONAL", **sms)
        preferred = {"Enabled": True, "PreferredMfa": True}
        await server.call("AdminSetUserMFAPreference", UserPoolId=app.pool, Username="anna", SMSMfaSettings=preferred)
        assert (await chosen(app)).alert == "There is no other way to sign in. Please enter your password."


class TestPasskeys:
    async def test_options_are_in_the_page(self, server: TestServer) -> None:
        """For our script, as data; what is no signature is refused, and the page asks again."""
        app = await site(server, "WEB_AUTHN", ExplicitAuthFlows=["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"])
        await server.call("SetUserPoolMfaConfig", UserPoolId=app.pool, WebAuthnConfiguration={"RelyingPartyId": "localhost"})
        token = (await server.sign_in(app.client, "anna"))["AccessToken"]
        options = (await server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
        key = Authenticator("http://localhost:2646", "localhost")
        await server.call("CompleteWebAuthnRegistration", AccessToken=token, Credential=key.register(options))
        page = await chosen(app)
        assert page.title == "Sign in with your passkey"
        asked = json.loads(page.form.data["options"])
        assert asked["rpId"] == "localhost"
        wrong = await app.browser.submit(page, {"code": "{}"})
        assert (wrong.away, wrong.alert) == ("", "Incorrect username or password.")
        page = await chosen(app)
        credential = key.sign(json.loads(page.form.data["options"]))
        assert await app.user_of(await app.browser.submit(page, {"code": json.dumps(credential)})) == "anna"
