"""Passkeys in a real browser: headless Chromium with its virtual authenticator, against a live server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import CDPSession, Page, expect, sync_playwright

from tests.kit.live import Live
from tests.kit.server import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]

# What an application's page does, by the browser's own functions.
CALL = """async ([operation, body]) => {
  const answer = await fetch("/", {method: "POST", body: JSON.stringify(body), headers: {
    "content-type": "application/x-amz-json-1.1", "x-amz-target": `AWSCognitoIdentityProviderService.${operation}`}});
  return await answer.json();
}"""
REGISTER = """async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({publicKey})).toJSON();
}"""
ASSERT = """async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({publicKey})).toJSON();
}"""


@pytest.fixture(scope="module")
def page(live: Live) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.goto(f"http://localhost:{live.port}/")
        yield page
        browser.close()


@pytest.fixture
def devtools(page: Page) -> Iterator[CDPSession]:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    yield session
    session.send("WebAuthn.disable")


def authenticator(devtools: CDPSession, **options: Any) -> str:
    settings = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    answered = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**settings, "automaticPresenceSimulation": True, **options}})
    return str(answered["authenticatorId"])


def call(page: Page, operation: str, **members: Any) -> Any:
    answered = page.evaluate(CALL, [operation, members])
    assert "__type" not in answered, answered
    return answered


def passkey_app(live: Live, **configuration: str) -> tuple[str, str, str]:
    """(pool, client, access token of the user anna)"""
    admin = live.boto()
    pool = admin.create_user_pool(PoolName="passkeys", Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}})[
        "UserPool"
    ]["Id"]
    admin.set_user_pool_mfa_config(UserPoolId=pool, WebAuthnConfiguration={"RelyingPartyId": "localhost", **configuration})
    flows = ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"]
    client = admin.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=flows)["UserPoolClient"]["ClientId"]
    admin.admin_create_user(UserPoolId=pool, Username="anna", MessageAction="SUPPRESS")
    admin.admin_set_user_password(UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=True)
    answered = admin.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "anna", "PASSWORD": PASSWORD}
    )
    return pool, client, answered["AuthenticationResult"]["AccessToken"]


def register(page: Page, token: str) -> None:
    options = call(page, "StartWebAuthnRegistration", AccessToken=token)["CredentialCreationOptions"]
    call(page, "CompleteWebAuthnRegistration", AccessToken=token, Credential=page.evaluate(REGISTER, options))


def sign_in(page: Page, client: str) -> Any:
    asked = call(
        page,
        "InitiateAuth",
        ClientId=client,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": "anna", "PREFERRED_CHALLENGE": "WEB_AUTHN"},
    )
    assertion = page.evaluate(ASSERT, json.loads(asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"]))
    return call(
        page,
        "RespondToAuthChallenge",
        ClientId=client,
        ChallengeName="WEB_AUTHN",
        Session=asked["Session"],
        ChallengeResponses={"USERNAME": "anna", "CREDENTIAL": json.dumps(assertion)},
    )["AuthenticationResult"]


def test_registers_and_signs_in(live: Live, page: Page, devtools: CDPSession) -> None:
    """A passkey of the browser's own authenticator, user verified; the counter that it keeps goes on."""
    _, client, token = passkey_app(live, UserVerification="required")
    key = authenticator(devtools)
    register(page, token)
    [listed] = call(page, "ListWebAuthnCredentials", AccessToken=token)["Credentials"]
    assert (listed["RelyingPartyId"], listed["AuthenticatorAttachment"], listed["AuthenticatorTransports"]) == (
        "localhost",
        "platform",
        ["internal"],
    )
    for _ in range(2):
        result = sign_in(page, client)
        assert call(page, "GetUser", AccessToken=result["AccessToken"])["Username"] == "anna"
    [kept] = devtools.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]
    assert kept["signCount"] >= 3


def test_a_security_key_beside_a_platform_key(live: Live, page: Page, devtools: CDPSession) -> None:
    """Several passkeys of one user: the second is made on another authenticator, since the first is excluded there."""
    _, client, token = passkey_app(live, UserVerification="preferred")
    first = authenticator(devtools)
    register(page, token)
    devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": first})
    authenticator(devtools, transport="usb")
    register(page, token)
    names = [item["FriendlyCredentialName"] for item in call(page, "ListWebAuthnCredentials", AccessToken=token)["Credentials"]]
    assert sorted(names) == ["Passkey on this device", "Security key"]
    assert "AccessToken" in sign_in(page, client)


def test_on_the_sign_in_page(live: Live, page: Page, devtools: CDPSession) -> None:
    """The pool's own page asks for the passkey, and goes back to the app with a code. Without one it says so and stays."""
    pool, client, token = passkey_app(live, UserVerification="required")
    key = authenticator(devtools)
    register(page, token)
    back = f"http://localhost:{live.port}/health"
    live.boto().update_user_pool_client(
        UserPoolId=pool,
        ClientId=client,
        ExplicitAuthFlows=["ALLOW_USER_AUTH"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid"],
        CallbackURLs=[back],
        SupportedIdentityProviders=["COGNITO"],
    )
    asked = urlencode({"client_id": client, "response_type": "code", "redirect_uri": back})
    page.goto(f"http://localhost:{live.port}/{pool}/oauth2/authorize?{asked}")
    page.get_by_label("Username").fill("anna")
    page.get_by_role("button", name="Sign in without a password").click()
    devtools.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
    page.get_by_role("button", name="Use my passkey").click()
    expect(page.get_by_role("alert")).to_have_text("There was no passkey. Try again, or go back and sign in in another way.")
    devtools.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": True})
    page.get_by_role("button", name="Use my passkey").click()
    page.wait_for_url(f"{back}?code=*")
