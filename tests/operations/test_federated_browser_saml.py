"""A browser on its way through a SAML provider, whose answer is posted from its own site; and one whom the provider sends first."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.kit.oauth import CALLBACK, App, claims, sent_to
from tests.kit.saml_sign_in import Idp, request_of
from tests.kit.server import Reply, TestServer
from tests.kit.upstream import query_of

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def corp(server: TestServer, **details: str) -> tuple[App, Idp]:
    app = App(server)
    app.pool = await server.pool()
    idp = Idp(f"urn:amazon:cognito:sp:{app.pool}", attributes={"mail": ["kim@example.com"]})
    idp.now = server.clock.now()
    idp.said["recipient"] = f"http://localhost:2646/{app.pool}/saml2/idpresponse"
    await server.call(
        "CreateIdentityProvider",
        UserPoolId=app.pool,
        ProviderName="Corp",
        ProviderType="SAML",
        ProviderDetails={"MetadataFile": idp.metadata(), **details},
        AttributeMapping={"email": "mail"},
    )
    return await app.another(SupportedIdentityProviders=["COGNITO", "Corp"]), idp


async def post(app: App, form: dict[str, str], cookie: str = "", site: str = "cross-site") -> Reply:
    headers = {**FORM, "sec-fetch-site": site, **({"cookie": cookie} if cookie else {})}
    return await app.server.send("POST", f"/{app.pool}/saml2/idpresponse", urlencode(form).encode(), headers)


def cookie_of(reply: Reply) -> str:
    return reply.headers["set-cookie"].partition(";")[0]


async def test_there_and_back(server: TestServer) -> None:
    """From the provider's page by way of ours, which brings the cookie; the app has a code, and the id token names the identity."""
    app, idp = await corp(server)
    left = await app.authorize(identity_provider="Corp", state="mine")
    address = left.headers["location"]
    assert request_of(address).get("AssertionConsumerServiceURL") == idp.said["recipient"]
    form = idp.sign_in(address)
    page = await post(app, form)
    assert (page.status, form["SAMLResponse"] in page.body.decode()) == (200, True)
    # Browsers hold it against the redirect to the app, which nothing in this request names.
    assert "form-action" not in page.headers["content-security-policy"]
    target, query, _ = sent_to(await post(app, {**form, "again": "1"}, cookie_of(left), "same-origin"))
    assert (target, query["state"]) == (CALLBACK, "mine")
    said = claims((await app.exchange(query["code"])).json["id_token"])
    [identity] = said["identities"]
    assert (said["cognito:username"], said["email"], identity["providerType"]) == ("Corp_kim", "kim@example.com", "SAML")
    replayed = sent_to(await post(app, form, cookie_of(left), "same-origin"))[1]
    assert replayed["error_description"] == "Invalid SAML response received: the assertion was used before."


async def test_in_another_browser(server: TestServer) -> None:
    """Without the cookie of the browser that left the response is nobody's, though it is good."""
    app, idp = await corp(server)
    left = await app.authorize(identity_provider="Corp")
    form = idp.sign_in(left.headers["location"])
    assert (await post(app, {**form, "again": "1"}, "", "same-origin")).status == 400
    assert (await server.call("ListUsers", UserPoolId=app.pool))["Users"] == []


@pytest.mark.parametrize("begins", ["true", "false"])
async def test_whom_the_provider_sends_first(server: TestServer, begins: str) -> None:
    """RelayState is the authorization request; only where the provider may begin."""
    app, idp = await corp(server, IDPInit=begins)
    relay = urlencode({**app.request(), "identity_provider": "Corp"})
    form = idp.form(idp.response_to(None), relay)
    target, query, _ = sent_to(await post(app, form, "", "same-origin"))
    assert target == CALLBACK
    if begins == "true":
        assert claims((await app.exchange(query["code"])).json["id_token"])["cognito:username"] == "Corp_kim"
    else:
        assert query["error_description"] == "Invalid samlResponse or relayState from identity provider"


@pytest.mark.parametrize(
    "changed", [{"redirect_uri": "https://evil.example.com/"}, {"client_id": "another"}, {"identity_provider": ""}, {"response_type": "x"}]
)
async def test_a_relay_state_that_is_no_request(server: TestServer, changed: dict[str, Any]) -> None:
    """Nobody is signed in, and nothing is sent to an address that is not the client's."""
    app, idp = await corp(server, IDPInit="true")
    relay = urlencode({**app.request(), "identity_provider": "Corp", **changed})
    reply = await post(app, idp.form(idp.response_to(None), relay), "", "same-origin")
    assert reply.status == 400 or sent_to(reply)[0] == CALLBACK
    assert "code" not in (sent_to(reply)[1] if reply.status == 302 else {})
    assert (await server.call("ListUsers", UserPoolId=app.pool))["Users"] == []


async def test_the_state_is_not_the_apps(server: TestServer) -> None:
    """What the provider sees of the app's request is nothing."""
    app, _ = await corp(server)
    left = await app.authorize(identity_provider="Corp", state="the-apps-own", nonce="the-apps-nonce")
    address = left.headers["location"]
    assert "the-apps" not in address
    assert len(query_of(address)["RelayState"]) == 32
