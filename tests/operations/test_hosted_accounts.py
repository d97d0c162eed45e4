"""Accounts on the pages: sign-up and its code, a forgotten password and its code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.browser import Browser
from tests.kit.pages import Site, button
from tests.kit.server import PASSWORD, AwsError, TestServer

NEW = "Better-Horse-10"
MAIL = "ben@example.com"
BY_ADMIN: dict[str, Any] = {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}}


async def site(server: TestServer, pool: dict[str, Any], **client: Any) -> Site:
    made = Site(server)
    made.pool = await server.pool(**pool)
    await made.another(**client)
    return made


async def signed_up(app: Site) -> Any:
    """The page that asks for the code of the new user ben."""
    page = await app.browser.get(f"/{app.pool}/" + (await app.opened()).links["Create an account"])
    return await app.browser.submit(page, {"username": "ben", "password": PASSWORD, "attribute.email": MAIL})


class TestSignUp:
    @pytest.mark.parametrize("secret", [False, True])
    async def test_from_nobody_to_the_app(self, server: TestServer, secret: bool) -> None:
        """Sign-up, the code from the mail, back at the app; by a client with a secret too, which the pages prove themselves."""
        app = await site(server, {"AutoVerifiedAttributes": ["email"]}, GenerateSecret=secret)
        asked = await signed_up(app)
        assert asked.says("We sent a code to b***@e***.")
        wrong = await app.browser.submit(asked, {"code": "000000"})
        assert (wrong.status, wrong.alert) == (400, "Invalid verification code provided, please try again.")
        assert await app.user_of(await app.browser.submit(wrong, {"code": await server.code(MAIL)})) == "ben"

    async def test_a_late_code(self, server: TestServer) -> None:
        """Confirms the account, and the password is asked for: what stood for it was good for the client's three minutes."""
        app = await site(server, {"AutoVerifiedAttributes": ["email"]})
        asked = await signed_up(app)
        server.clock.advance(181)
        done = await app.browser.submit(asked, {"code": await server.code(MAIL)})
        assert done.says("Your account is confirmed. You can sign in now.")
        assert await app.user_of(await app.browser.submit(done, {"password": PASSWORD})) == "ben"

    async def test_a_form_in_anothers_name(self, server: TestServer) -> None:
        """What lets a new user in lets in nobody else, and neither does it in another browser, nor twice."""
        app = await site(server, {"AutoVerifiedAttributes": ["email"]})
        asked = await signed_up(app)
        code = await server.code(MAIL)
        assert (await app.browser.submit(asked, {"code": code, "username": "anna"})).status == 403
        other = await Browser(server).get(asked.url)
        assert (await app.browser.submit(asked, {"code": code, "_csrf": other.form.fields["_csrf"]})).status == 403
        assert (await app.browser.submit(asked, {"code": code})).away
        again = await app.browser.submit(asked, {"code": code})
        assert (again.away, again.alert) == ("", "User cannot be confirmed. Current status is CONFIRMED")

    async def test_where_a_second_factor_is_required(self, server: TestServer) -> None:
        """The code alone is not enough: the password is asked for, and then the factor."""
        app = await site(server, {"AutoVerifiedAttributes": ["email"]})
        await server.call(
            "SetUserPoolMfaConfig", UserPoolId=app.pool, MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": True}
        )
        done = await app.browser.submit(await signed_up(app), {"code": await server.code(MAIL)})
        assert done.says("Your account is confirmed. You can sign in now.")
        assert (await app.browser.submit(done, {"password": PASSWORD})).title == "Set up your authenticator app"

    async def test_a_function_that_refuses_the_sign_in(self, server: TestServer) -> None:
        """The account is confirmed all the same, and the page says why it goes no further."""

        def refuse(event: dict[str, Any]) -> None:
            raise RuntimeError("not today")

        triggers = {"PostAuthentication": server.functions.add("post", refuse)}
        app = await site(server, {"AutoVerifiedAttributes": ["email"], "LambdaConfig": triggers})
        done = await app.browser.submit(await signed_up(app), {"code": await server.code(MAIL)})
        assert (done.status, done.away, done.alert) == (400, "", "PostAuthentication failed with error not today.")
        assert (await server.call("AdminGetUser", UserPoolId=app.pool, Username="ben"))["UserStatus"] == "CONFIRMED"

    async def test_another_code(self, server: TestServer) -> None:
        app = await site(server, {"AutoVerifiedAttributes": ["email"]})
        asked = await signed_up(app)
        again = await app.browser.submit(asked, button=button(asked.form, "", "resendcode"))
        assert again.says("A new code is on its way.")
        assert len(await server.messages(MAIL)) == 2
        assert await app.user_of(await app.browser.submit(again, {"code": await server.code(MAIL)})) == "ben"

    async def test_fields_are_what_the_pool_requires(self, server: TestServer) -> None:
        """Its required attributes, and the addresses that it verifies; what the name itself is, is not asked twice."""
        schema = [{"Name": "given_name", "Required": True}, {"Name": "birthdate", "Required": True}]
        app = await site(server, {"Schema": schema, "UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email", "phone_number"]})
        page = await app.page("signup")
        names = [name for name in page.form.fields if not name.startswith("_")]
        assert names == ["username", "attribute.given_name", "attribute.birthdate", "attribute.phone_number", "password"]
        kinds = {name: page.form.kinds[name]["type"] for name in names}
        assert (kinds["username"], kinds["attribute.birthdate"], kinds["attribute.phone_number"]) == ("email", "date", "tel")

    @pytest.mark.parametrize(("verified", "required"), [(["email"], {"email"}), (["email", "phone_number"], set())])
    async def test_the_address_that_confirms(self, server: TestServer, verified: list[str], required: set[str]) -> None:
        """The browser asks for it, where there is but one; of two, either will do."""
        app = await site(server, {"AutoVerifiedAttributes": verified})
        kinds = (await app.page("signup")).form.kinds
        assert {name for name in verified if "required" in kinds[f"attribute.{name}"]} == required

    async def test_what_was_typed_stays(self, server: TestServer) -> None:
        """But for the password; the text is the operation's."""
        app = await site(server, {"AutoVerifiedAttributes": ["email"]})
        page = await app.page("signup")
        given = {"username": "ben", "attribute.email": "no mail", "password": PASSWORD}
        page = await app.browser.submit(page, given)
        assert (page.status, page.alert) == (400, "Invalid user attributes: user.email: Invalid email address format.")
        assert page.form.fields.items() >= {**given, "password": ""}.items()

    async def test_only_what_is_asked_is_taken(self, server: TestServer) -> None:
        """A form may carry more than the page has: none of it becomes an attribute."""
        app = await site(server, {"AutoVerifiedAttributes": ["email"]})
        page = await app.page("signup")
        more = {"attribute.nickname": "boss", "attribute.email_verified": "true", "attribute.custom:role": "admin"}
        await app.browser.submit(page, {"username": "ben", "password": PASSWORD, "attribute.email": MAIL, **more})
        user = await server.call("AdminGetUser", UserPoolId=app.pool, Username="ben")
        assert {each["Name"]: each["Value"] for each in user["UserAttributes"] if each["Name"] != "sub"} == {
            "email": MAIL,
            "email_verified": "false",
        }
        assert user["UserStatus"] == "UNCONFIRMED"

    async def test_a_function_confirms(self, server: TestServer) -> None:
        """Whoever needs no code is signed in at once."""
        app = await site(server, {"LambdaConfig": {"PreSignUp": server.functions.add("pre", lambda event: {"autoConfirmUser": True})}})
        page = await app.browser.submit(await app.page("signup"), {"username": "ben", "password": PASSWORD})
        assert await app.user_of(page) == "ben"

    async def test_nobody_verifies(self, server: TestServer) -> None:
        """A pool that sends no code: only an administrator can confirm, and the page says so."""
        app = await site(server, {})
        page = await app.browser.submit(await app.page("signup"), {"username": "ben", "password": PASSWORD})
        assert page.says("An administrator must confirm your account before you can sign in.")

    async def test_only_administrators_create_users(self, server: TestServer) -> None:
        """No link, no page, and a form that was made by hand is refused by the operation's rule."""
        app = await site(server, BY_ADMIN)
        login = await app.opened()
        assert "Create an account" not in login.links
        assert (await app.page("signup")).alert == "SignUp is not permitted for this user pool"
        fields = {**login.form.fields, "username": "ben", "password": PASSWORD}
        assert (await app.browser.post(login.url.replace("/login", "/signup"), fields)).status == 400
        with pytest.raises(AwsError, match="UserNotFoundException"):
            await server.call("AdminGetUser", UserPoolId=app.pool, Username="ben")

    async def test_terms(self, server: TestServer) -> None:
        app = await site(server, {})
        for name in ("terms-of-use", "privacy-policy"):
            links = {"cognito:default": f"https://app.example/{name}"}
            await server.call(
                "CreateTerms", UserPoolId=app.pool, ClientId=app.client, TermsName=name, TermsSource="LINK", Enforcement="NONE", Links=links
            )
        page = await app.page("signup")
        assert page.links["the terms of use"] == "https://app.example/terms-of-use"
        assert page.links["the privacy policy"] == "https://app.example/privacy-policy"


class TestForgottenPassword:
    async def test_back_to_the_app(self, server: TestServer) -> None:
        app = await Site(server).made(user={"email": MAIL, "email_verified": "true"}, GenerateSecret=True)
        page = await app.browser.get(f"/{app.pool}/" + (await app.opened()).links["Forgot your password?"])
        asked = await app.browser.submit(page, {"username": "anna"})
        assert asked.says("If there is such an account, we sent a code to b***@e***.")
        weak = await app.browser.submit(asked, {"code": await server.code(MAIL), "password": "short"})
        assert weak.alert.startswith("Password did not conform with policy")
        assert weak.form.fields["username"] == "anna"
        done = await app.browser.submit(weak, {"code": await server.code(MAIL), "password": NEW})
        assert done.says("Your password is changed. You can sign in now.")
        assert await app.user_of(await app.browser.submit(done, {"password": NEW})) == "anna"

    async def test_another_code(self, server: TestServer) -> None:
        app = await Site(server).made(user={"email": MAIL, "email_verified": "true"})
        asked = await app.browser.submit(await app.page("forgotPassword"), {"username": "anna"})
        again = await app.browser.submit(asked, button=button(asked.form, "again"))
        assert again.says("A new code is on its way.")
        assert (await app.browser.submit(again, {"code": await server.code(MAIL), "password": NEW})).status == 200

    async def test_nobody_looks_like_somebody(self, server: TestServer) -> None:
        """Where users are hidden: the same page, and for a code the same text."""
        app = await Site(server).made(user={"email": MAIL, "email_verified": "true"}, PreventUserExistenceErrors="ENABLED")
        seen = []
        for name in ("anna", "nobody"):
            asked = await app.browser.submit(await app.page("forgotPassword"), {"username": name})
            wrong = await app.browser.submit(asked, {"code": "000000", "password": NEW})
            seen.append((asked.status, asked.title, list(asked.form.fields), wrong.status, wrong.alert))
        assert seen[0] == seen[1]

    async def test_only_administrators_reset(self, server: TestServer) -> None:
        app = await site(server, {"AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "admin_only"}]}})
        assert "Forgot your password?" not in (await app.opened()).links
        assert (await app.page("forgotPassword")).alert == "Contact administrator to reset password."
