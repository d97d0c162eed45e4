"""Signing in on the pages: the password, the challenges after it, the account that is there already."""

from __future__ import annotations

import pytest

from tests.kit.mfa import CONTACTS, enrol, mfa_pool, totp_code
from tests.kit.oauth import CALLBACK, CHALLENGE, VERIFIER, sent_to
from tests.kit.pages import Site, button
from tests.kit.server import PASSWORD, TestServer

OIDC = {
    "client_id": "c",
    "client_secret": "s",
    "attributes_request_method": "GET",
    "oidc_issuer": "http://localhost:9",
    "authorize_scopes": "openid",
    "authorize_url": "http://localhost:9/a",
    "token_url": "http://localhost:9/t",
    "attributes_url": "http://localhost:9/u",
    "jwks_uri": "http://localhost:9/j",
}
NEW = "Better-Horse-10"


async def site(server: TestServer, pool: str, **client: object) -> Site:
    """A site of a pool that is there."""
    made = Site(server)
    made.pool = pool
    await made.another(**client)
    return made


class TestPassword:
    async def test_back_to_the_app(self, server: TestServer) -> None:
        """From the app's link to tokens: the state comes back, PKCE is proved, the client's secret is the app's alone."""
        app = await Site(server).made(GenerateSecret=True)
        page = await app.opened(state="s&=#", code_challenge=CHALLENGE, code_challenge_method="S256", nonce="n")
        assert (page.status, page.title, page.form.kinds["password"]["autocomplete"]) == (200, "Sign in to app", "current-password")
        page = await app.browser.submit(page, {"username": "anna", "password": PASSWORD})
        target, query, _ = sent_to(page.reply)
        assert (target, query["state"]) == (CALLBACK, "s&=#")
        assert (await app.exchange(query["code"], code_verifier=VERIFIER)).status == 200

    async def test_implicit(self, server: TestServer) -> None:
        app = await Site(server).made()
        _, _, fragment = sent_to((await app.sign_in(response_type="token", state="s")).reply)
        assert {"access_token", "id_token", "state"} <= fragment.keys()

    @pytest.mark.parametrize("username", ["anna", "nobody"])
    async def test_wrong(self, server: TestServer, username: str) -> None:
        """One text for a wrong password and for nobody, where users are hidden; the name stays in its field, the password does not."""
        app = await Site(server).made(PreventUserExistenceErrors="ENABLED")
        page = await app.sign_in(username, "Wrong-Horse-9")
        assert (page.status, page.alert) == (400, "Incorrect username or password.")
        assert (page.form.fields["username"], page.form.fields["password"]) == (username, "")
        assert "Wrong-Horse" not in page.reply.body.decode()

    async def test_left_out(self, server: TestServer) -> None:
        app = await Site(server).made()
        page = await app.sign_in("anna", "")
        assert (page.status, page.alert) == (400, "Please fill in every field.")

    async def test_lockout_is_that_of_the_api(self, server: TestServer) -> None:
        """Whoever guesses here is locked out there, and the other way round."""
        app = await Site(server).made()
        page = await app.opened()
        for _ in range(6):
            page = await app.browser.submit(page, {"username": "anna", "password": "Wrong-Horse-9"})
        assert page.alert == "Password attempts exceeded"
        assert (await app.browser.submit(page, {"username": "anna", "password": PASSWORD})).alert == "Password attempts exceeded"

    async def test_login_hint(self, server: TestServer) -> None:
        app = await Site(server).made()
        assert (await app.opened(login_hint="anna")).form.fields["username"] == "anna"

    @pytest.mark.parametrize(
        ("members", "label"),
        [
            ({}, "Username"),
            ({"UsernameAttributes": ["email"]}, "Email"),
            ({"UsernameAttributes": ["email", "phone_number"]}, "Email or phone number"),
            ({"AliasAttributes": ["email", "phone_number"]}, "Username or email or phone number"),
        ],
    )
    async def test_the_name_is_what_the_pool_calls_it(self, server: TestServer, members: dict[str, list[str]], label: str) -> None:
        app = await site(server, await server.pool(**members))
        assert label in (await app.opened()).words

    async def test_an_unconfirmed_user_is_asked_for_the_code(self, server: TestServer) -> None:
        pool = await server.pool(AutoVerifiedAttributes=["email"])
        app = await site(server, pool)
        email = [{"Name": "email", "Value": "ben@example.com"}]
        await server.call("SignUp", ClientId=app.client, Username="ben", Password=PASSWORD, UserAttributes=email)
        page = await app.sign_in("ben")
        assert (page.alert, page.form.fields["username"]) == ("User is not confirmed.", "ben")
        page = await app.browser.submit(page, {"code": await server.code("ben@example.com")})
        assert page.says("Your account is confirmed. You can sign in now.")
        assert await app.user_of(await app.browser.submit(page, {"password": PASSWORD})) == "ben"

    async def test_a_user_whom_an_administrator_reset(self, server: TestServer) -> None:
        app = await Site(server).made(user={"email": "anna@example.com", "email_verified": "true"})
        await server.call("AdminResetUserPassword", UserPoolId=app.pool, Username="anna")
        page = await app.sign_in()
        assert page.alert == "Password reset required for the user"
        page = await app.browser.submit(page, {"code": await server.code("anna@example.com"), "password": NEW})
        assert page.says("Your password is changed. You can sign in now.")
        assert await app.user_of(await app.browser.submit(page, {"password": NEW})) == "anna"


class TestChallenges:
    async def test_authenticator_app(self, server: TestServer) -> None:
        """Asked after the password; a wrong code is asked again, the right one is taken once."""
        app = await site(server, await mfa_pool(server, "OPTIONAL", "totp"), ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
        await server.user(app.pool, "anna")
        secret = await enrol(server, (await server.sign_in(app.client, "anna"))["AccessToken"])
        chosen = {"Enabled": True, "PreferredMfa": True}
        await server.call("AdminSetUserMFAPreference", UserPoolId=app.pool, Username="anna", SoftwareTokenMfaSettings=chosen)
        asked = await app.sign_in()
        assert asked.says("Open Anna's phone and enter its current code.")
        assert asked.form.kinds["code"]["autocomplete"] == "one-time-code"
        wrong = await app.browser.submit(asked, {"code": "000000"})
        assert (wrong.status, wrong.alert) == (400, "Invalid code received for user")
        code = totp_code(server, secret)
        assert await app.user_of(await app.browser.submit(wrong, {"code": f"{code[:3]} {code[3:]}"})) == "anna"
        again = await app.browser.submit(asked, {"code": totp_code(server, secret)})
        assert (again.away, again.alert) == ("", "Invalid session for the user, session can only be used once.")

    @pytest.mark.parametrize(("kind", "to"), [("sms", "+15550001234"), ("email", "anna@example.com")])
    async def test_codes_that_are_sent(self, server: TestServer, kind: str, to: str) -> None:
        """To an address that the page does not show whole; once more where it is asked for, and then the first counts no more."""
        app = await site(server, await mfa_pool(server, "ON", kind))
        await server.user(app.pool, "anna", **CONTACTS, email_verified="true", phone_number_verified="true")
        asked = await app.sign_in()
        first = await server.code(to)
        assert asked.says("We sent a code to") and not asked.says(to)
        again = await app.browser.submit(asked, button=button(asked.form, "again"))
        assert (again.status, again.says("A new code is on its way.")) == (200, True)
        second = await server.code(to)
        if first != second:
            assert (await app.browser.submit(again, {"code": first})).status == 400
        late = await app.browser.submit(asked, {"code": first})
        assert late.away == ""
        assert await app.user_of(await app.browser.submit(again, {"code": second})) == "anna"

    async def test_choice(self, server: TestServer) -> None:
        app = await site(server, await mfa_pool(server, "ON", "sms", "email"))
        await server.user(app.pool, "anna", **CONTACTS, email_verified="true", phone_number_verified="true")
        asked = await app.sign_in()
        assert asked.says("How do you want to prove that it is you?")
        code = await app.browser.submit(asked, button=button(asked.form, "code", "EMAIL_OTP"))
        assert await app.user_of(await app.browser.submit(code, {"code": await server.code("anna@example.com")})) == "anna"

    async def test_set_up(self, server: TestServer) -> None:
        """The pool requires an app and the user has none: the page gives the key, and the code of the app ends the sign-in."""
        app = await site(server, await mfa_pool(server, "ON", "totp"))
        await server.user(app.pool, "anna")
        asked = await app.sign_in()
        secret = asked.links["Open my authenticator app"].partition("secret=")[2].partition("&")[0]
        assert asked.says(" ".join(secret[at : at + 4] for at in range(0, 52, 4)))
        wrong = await app.browser.submit(asked, {"code": "000000"})
        assert (wrong.alert, wrong.links == asked.links) == ("Code mismatch", True)
        assert await app.user_of(await app.browser.submit(wrong, {"code": totp_code(server, secret)})) == "anna"

    async def test_first_password(self, server: TestServer) -> None:
        """The user whom an administrator made chooses another, and fills in what the pool requires."""
        schema = [{"Name": "family_name", "Required": True}]
        app = await site(server, await server.pool(Schema=schema))
        await server.call("AdminCreateUser", UserPoolId=app.pool, Username="ben", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
        asked = await app.sign_in("ben")
        assert asked.form.kinds["password"]["autocomplete"] == "new-password"
        weak = await app.browser.submit(asked, {"password": "short", "attribute.family_name": "Bo"})
        assert (weak.status, weak.form.fields["attribute.family_name"]) == (400, "Bo")
        assert weak.alert.startswith("Password did not conform with policy")
        empty = await app.browser.submit(weak, {"password": NEW, "attribute.family_name": ""})
        assert empty.alert == "Invalid attributes given, family_name is missing"
        assert await app.user_of(await app.browser.submit(empty, {"password": NEW, "attribute.family_name": "Bo"})) == "ben"
        user = await server.call("AdminGetUser", UserPoolId=app.pool, Username="ben")
        assert {"Name": "family_name", "Value": "Bo"} in user["UserAttributes"]

    async def test_only_what_is_missing_can_be_given(self, server: TestServer) -> None:
        app = await Site(server).made()
        await server.call("AdminCreateUser", UserPoolId=app.pool, Username="ben", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
        asked = await app.sign_in("ben")
        assert await app.user_of(await app.browser.submit(asked, {"password": NEW, "attribute.nickname": "boss"})) == "ben"
        user = await server.call("AdminGetUser", UserPoolId=app.pool, Username="ben")
        assert [each["Name"] for each in user["UserAttributes"]] == ["sub"]


class TestWhoIsSignedIn:
    async def test_is_asked_whether_to_go_on(self, server: TestServer) -> None:
        """prompt=select_account: as the one who is there, or as another."""
        app = await Site(server).made()
        await app.sign_in()
        await app.another()
        page = await app.opened(prompt="select_account")
        assert page.says("You are signed in as anna@example.com.")
        other = await app.browser.get(f"/{app.pool}/" + page.links["Use another account"])
        assert "password" in other.form.fields
        assert await app.user_of(await app.browser.submit(page, button=button(page.form, "continue"))) == "anna"

    async def test_but_not_once_they_left(self, server: TestServer) -> None:
        app = await Site(server).made()
        await app.sign_in()
        page = await app.opened(prompt="select_account")
        await server.call("AdminDisableUser", UserPoolId=app.pool, Username="anna")
        after = await app.browser.submit(page, button=button(page.form, "continue"))
        assert (after.away, "password" in after.form.fields) == ("", True)

    async def test_prompt_login_asks_for_the_password(self, server: TestServer) -> None:
        app = await Site(server).made()
        await app.sign_in()
        page = await app.opened(prompt="login")
        assert "password" in page.form.fields
        after = await app.browser.submit(page, {"continue": ""})  # the other page's button
        assert (after.away, "password" in after.form.fields) == ("", True)

    async def test_a_second_client_asks_nothing(self, server: TestServer) -> None:
        app = await Site(server).made()
        await app.sign_in()
        await app.another()
        assert await app.user_of(await app.opened()) == "anna"


class TestProviders:
    async def test_have_buttons(self, server: TestServer) -> None:
        """The client's own, in its order, with the request's parameters; without the pool's own users no password is asked, nor taken."""
        app = await Site(server).made()
        await server.call("CreateIdentityProvider", UserPoolId=app.pool, ProviderName="Acme", ProviderType="OIDC", ProviderDetails=OIDC)
        await app.another(SupportedIdentityProviders=["COGNITO", "Acme"])
        page = await app.opened(state="x y")
        assert page.links["Continue with Acme"].startswith("oauth2/authorize?") and "state=x+y" in page.links["Continue with Acme"]
        assert page.links["Continue with Acme"].endswith("identity_provider=Acme")
        sent = await app.browser.get(f"/{app.pool}/" + page.links["Continue with Acme"])
        assert sent.away.startswith("http://localhost:9/a?")
        login = page.form
        await app.another(SupportedIdentityProviders=["Acme"])
        page = await app.page("login")
        assert (page.forms, "Create an account" in page.links) == ([], False)
        tried = await app.browser.post(page.url, {**login.fields, "username": "anna", "password": PASSWORD})
        assert (tried.away, tried.alert) == ("", "Login pages unavailable. Please contact an administrator.")

    async def test_a_client_without_any(self, server: TestServer) -> None:
        app = await Site(server).made(SupportedIdentityProviders=[])
        page = await app.opened()
        assert (page.status, page.alert) == (400, "Login pages unavailable. Please contact an administrator.")
