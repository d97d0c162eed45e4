"""What does not get in through an OpenID Connect provider: answers that are forged, another's, of another sign-in, too large or never there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from cognomen.userpools.federation.sign_in import FederationError
from tests.kit.federation import Door, door
from tests.kit.provider import Raw, unsigned
from tests.kit.server import TestServer
from tests.kit.upstream import OpenId

FAILED = "Exception processing authorization code: "
ANOTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@pytest.fixture
def there(server: TestServer) -> Iterator[OpenId]:
    with OpenId() as provider:
        provider.now = server.clock.now()
        yield provider


async def okta(server: TestServer, there: OpenId) -> Door:
    return await door(server, "Okta", "OIDC", there.details(), mapping={"email": "email"})


async def nobody(at: Door, returned: dict[str, str], kept: dict[str, str], callback: str = "") -> str:
    """The text of what fails; nobody was made."""
    with pytest.raises(FederationError) as error:
        await at.arrive(returned, kept, callback)
    assert (await at.server.call("ListUsers", UserPoolId=at.pool_id))["Users"] == []
    return error.value.text


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({"nonce": "another"}, "the id token was not made for this sign-in"),
        ({"nonce": None}, "the id token was not made for this sign-in"),
        ({"aud": "another-client"}, "Incorrect token audience."),
        ({"aud": ["client-there", "other"], "azp": "other"}, "Incorrect token audience."),
        ({"iss": "https://evil.example.com"}, "the id token's issuer is not the identity provider's"),
        ({"exp": 1}, "Token expired: "),
        ({"iat": 9_999_999_999}, "Token is not valid yet."),
        ({"sub": None}, "Missing a required claim: sub"),
        ({"sub": "another-user"}, "the userinfo response is of another user"),
        ({"sub": 7}, "Not a valid OpenId Connect identity token."),
    ],
)
async def test_claims(server: TestServer, there: OpenId, spoil: dict[str, Any], reason: str) -> None:
    at = await okta(server, there)
    there.spoil = spoil
    left = await at.depart()
    assert (await nobody(at, there.authorize(left.url), left.kept)).startswith(FAILED + reason)


@pytest.mark.parametrize("forged", ["none", "hmac", "another key", "no token"])
async def test_signatures(server: TestServer, there: OpenId, forged: str) -> None:
    """Unsigned, signed with the public key as a secret, with another key of the same id, or not there at all."""
    at = await okta(server, there)
    signs = {
        "none": lambda claims: unsigned({"alg": "none"}, claims) + "x",
        "hmac": lambda claims: unsigned({"alg": "HS256", "kid": "one"}, claims, "AAAA"),
        "another key": lambda claims: there.token(claims, key=ANOTHER),
        "no token": lambda claims: 7,
    }
    there.sign = signs[forged]
    left = await at.depart()
    assert (await nobody(at, there.authorize(left.url), left.kept)).startswith(FAILED)


async def test_a_callback_of_another_sign_in(server: TestServer, there: OpenId) -> None:
    """A code of one browser with what another keeps: the state does not fit, nor, where it is copied, verifier and nonce."""
    at = await okta(server, there)
    mine, victims = await at.depart("mine"), await at.depart("victims")
    returned = there.authorize(mine.url)
    assert await nobody(at, returned, victims.kept) == "Invalid state from identity provider"
    assert await nobody(at, returned, {}) == "Invalid state from identity provider"
    assert await nobody(at, {"code": returned["code"]}, mine.kept) == "Invalid state from identity provider"
    swapped = {**returned, "state": "victims"}
    assert (await nobody(at, swapped, victims.kept)).startswith(FAILED)


async def test_a_code_is_good_once(server: TestServer, there: OpenId) -> None:
    at = await okta(server, there)
    left = await at.depart()
    returned = there.authorize(left.url)
    await at.arrive(returned, left.kept)
    with pytest.raises(FederationError, match="refused the request"):
        await at.arrive(returned, left.kept)


async def test_another_callback(server: TestServer, there: OpenId) -> None:
    """The code was asked for this address alone."""
    at = await okta(server, there)
    left = await at.depart()
    assert (await nobody(at, there.authorize(left.url), left.kept, "https://evil.example.com/")).startswith(FAILED)


@pytest.mark.parametrize(
    ("returned", "text", "code"),
    [
        ({"error": "access_denied", "error_description": "No\r\nthanks"}, "Nothanks", "access_denied"),
        ({"error": "access_denied"}, "access_denied", "access_denied"),
        ({"error": "<b>"}, "server_error", "server_error"),
        ({}, FAILED + "the identity provider sent no authorization code.", "server_error"),
        ({"code": "x" * 9000}, FAILED + "the identity provider sent no authorization code.", "server_error"),
    ],
)
async def test_errors_of_the_provider(server: TestServer, there: OpenId, returned: dict[str, str], text: str, code: str) -> None:
    """Its own words are passed on, without what could break a line."""
    at = await okta(server, there)
    left = await at.depart()
    with pytest.raises(FederationError) as error:
        await at.arrive({**returned, "state": "state-1"}, left.kept)
    assert (error.value.text, error.value.code) == (text, code)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/token", Raw(200, b'{"access_token": "x", "pad": "' + b"x" * 3_000_000 + b'"}')),
        ("/token", Raw(200, b"<html>")),
        ("/token", Raw(200, b"[" * 100_000)),
        ("/token", Raw(200, b'{"access_token": "a\\r\\nx: y", "id_token": "x"}')),
        ("/token", Raw(302, b"")),
        ("/token", Raw(500, b"{}")),
        ("/userinfo", Raw(200, b"\xff")),
        ("/userinfo", Raw(401, b"{}")),
        ("/keys", Raw(200, b'{"keys": 7}')),
    ],
)
async def test_answers_that_are_none(server: TestServer, there: OpenId, path: str, answer: Raw) -> None:
    """Fail in one clause; nothing of the answer is in the text."""
    at = await okta(server, there)
    there.answers[path] = answer
    left = await at.depart()
    text = await nobody(at, there.authorize(left.url), left.kept)
    assert text.startswith(FAILED)
    assert "xxx" not in text


async def test_a_provider_that_hangs(server: TestServer, there: OpenId) -> None:
    """Is not waited for longer than its seconds; others are answered meanwhile."""
    at = await okta(server, there)
    release = threading.Event()

    def hang(asked: Any) -> Any:
        release.wait(20)
        return {}

    there.answers["/token"] = hang
    left = await at.depart()
    try:
        assert await nobody(at, there.authorize(left.url), left.kept) == FAILED + "the identity provider does not answer."
    finally:
        release.set()


@pytest.mark.parametrize("named", ["https://evil.example.com", "", None])
async def test_an_answer_of_another_provider(server: TestServer, named: str | None) -> None:
    """Of a provider that names itself in its answers, others are refused before its code is sent anywhere (RFC 9207)."""
    with OpenId(authorization_response_iss_parameter_supported=True) as there:
        there.now = server.clock.now()
        at = await okta(server, there)
        left = await at.depart()
        returned = there.authorize(left.url)
        other = returned if named is None else {**returned, "iss": named}
        assert await nobody(at, other, left.kept) == FAILED + "the answer is of another identity provider."
        assert there.exchanged == []
        await at.arrive({**returned, "iss": there.url}, left.kept)


async def test_one_that_hangs_holds_up_its_own_users_alone(server: TestServer, there: OpenId) -> None:
    """However many come: others sign in meanwhile."""
    at, release = await okta(server, there), threading.Event()

    def hang(asked: Any) -> Any:
        release.wait(20)
        return {}

    with OpenId() as other:
        other.now = server.clock.now()
        elsewhere = await okta(server, other)
        there.answers["/token"] = hang
        left = [await at.depart() for _ in range(40)]
        waiting = [asyncio.create_task(at.arrive(there.authorize(one.url), one.kept)) for one in left]
        try:
            await asyncio.sleep(0.2)
            async with asyncio.timeout(3):
                await elsewhere.go(other.authorize)
        finally:
            release.set()
            await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_provider_of_another_pool(server: TestServer, there: OpenId) -> None:
    """What was begun in one pool does not end in another."""
    at, other = await okta(server, there), await okta(server, there)
    left = await at.depart()
    other.provider = "Ping"
    assert await nobody(other, there.authorize(left.url), left.kept) == "Identity provider Ping does not exist."


async def test_userinfo_by_post(server: TestServer, there: OpenId) -> None:
    at = await door(server, "Okta", "OIDC", there.details(attributes_request_method="POST"), mapping={"name": "name"})
    there.info = {"name": "Anna"}
    await at.go(there.authorize)
    assert (await at.shown("Okta_user-1"))["name"] == "Anna"


async def test_a_client_that_proves_itself_by_basic(server: TestServer) -> None:
    """Where the provider's document takes nothing else; without PKCE where it names none."""
    document = {"token_endpoint_auth_methods_supported": ["client_secret_basic"], "code_challenge_methods_supported": []}
    with OpenId(**document) as there:
        there.now = server.clock.now()
        at = await okta(server, there)
        left = await at.depart()
        assert "code_challenge" not in left.url
        await at.arrive(there.authorize(left.url), left.kept)
        assert there.exchanged[0].headers["authorization"].startswith("Basic ")
        assert "client_secret" not in there.exchanged[0].form


async def test_an_address_that_moved(server: TestServer, there: OpenId) -> None:
    """Its document is read again after six hours, and what it said before counts while it cannot be read."""
    at = await okta(server, there)
    document = there.answers.pop("/.well-known/openid-configuration")
    server.clock.advance(7 * 3600)
    there.now = server.clock.now()
    await at.go(there.authorize)
    there.answers["/.well-known/openid-configuration"] = {**document, "userinfo_endpoint": f"{there.url}/moved"}
    there.answers["/moved"] = there.answers.pop("/userinfo")
    server.clock.advance(301)
    there.now = server.clock.now()
    await at.go(there.authorize)
    assert "/moved" in there.paths()
