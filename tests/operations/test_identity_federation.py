"""Logins of providers elsewhere: OpenID Connect providers that IAM registered, and those that judge their own tokens. The peers are real
servers on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from cognomen.kernel import base64url
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.aws_query import query
from tests.kit.aws_query import refused as query_refused
from tests.kit.identity import ACCOUNT, identity, identity_pool, refused, role
from tests.kit.provider import Provider, ec_key, unsigned
from tests.kit.server import TestServer, settings_for

UNVERIFIED = ("NotAuthorizedException", "Invalid login token. Couldn't verify signed token.")


def invalid(why: str) -> tuple[str, str]:
    return "NotAuthorizedException", f"Invalid login token. {why}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


async def registered(server: TestServer, provider: Provider, *clients: str) -> str:
    """An identity pool that trusts a provider."""
    made = await query(server, "iam", "CreateOpenIDConnectProvider", Url=provider.url, ClientIDList=list(clients or ("app",)))
    return await identity_pool(server, OpenIdConnectProviderARNs=[made["OpenIDConnectProviderArn"]])


async def get_id(server: TestServer, pool_id: str, **logins: str) -> Any:
    return (await identity(server, "GetId", IdentityPoolId=pool_id, Logins=logins))["IdentityId"]


class TestOpenIdConnect:
    async def test_one_identity_for_a_subject(self, server: TestServer, provider: Provider) -> None:
        """By any of the provider's algorithms and registered audiences; its keys are fetched once."""
        ec = ec_key()
        provider.publish(provider.key, ec)
        pool_id = await registered(server, provider, "app", "web")
        claims = provider.claims(server.clock.now())
        tokens = [
            provider.token(claims),
            provider.token({**claims, "aud": "web"}, alg="PS256"),
            provider.token(claims, key=ec, alg="ES256"),
        ]
        ids = {await get_id(server, pool_id, **{provider.name: token}) for token in tokens}
        assert (len(ids), provider.paths()) == (1, ["/.well-known/openid-configuration", "/keys"])
        other = provider.token({**claims, "sub": "user-2"})
        assert await get_id(server, pool_id, **{provider.name: other}) not in ids

    async def test_what_a_token_must_be(self, server: TestServer, provider: Provider) -> None:
        """Signed by the provider, from it, for us, and of now."""
        pool_id = await registered(server, provider)
        now = server.clock.now()
        good, thief = provider.claims(now), RSAKey.generate_key(2048, {"kid": "one"})
        symmetric = unsigned({"alg": "HS256", "kid": "one"}, good).rstrip(".")
        mac = hmac.digest(provider.key.as_pem(private=False), symmetric.encode(), hashlib.sha256)
        cases = [
            (provider.token(good, key=thief), UNVERIFIED),
            (f"{symmetric}.{base64url.encode(mac)}", UNVERIFIED),
            (unsigned({"alg": "none", "kid": "one"}, good, "x"), UNVERIFIED),
            (unsigned({"alg": "none", "kid": "one"}, good), invalid("Not a valid OpenId Connect identity token.")),
            (provider.token({**good, "iss": "http://127.0.0.1:1"}), invalid("Issuer doesn't match providerName")),
            (provider.token({**good, "iss": provider.url.replace("http:", "https:")}), None),
            (provider.token({**good, "aud": "other"}), invalid("Incorrect token audience.")),
            (provider.token({**good, "aud": ["app", "other"], "azp": "other"}), invalid("Incorrect token audience.")),
            (provider.token({key: value for key, value in good.items() if key != "aud"}), invalid("Missing a required claim: aud")),
            (provider.token({**good, "exp": int(now)}), invalid(f"Token expired: {int(now)} >= {int(now)}")),
            (provider.token({**good, "nbf": int(now) + 3600}), invalid("Token is not valid yet.")),
            (provider.token({**good, "sub": 7}), invalid("Not a valid OpenId Connect identity token.")),
            ("x" * 60, invalid("Not a valid OpenId Connect identity token.")),
        ]
        for token, expected in cases:
            found = await refused(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: token})
            assert found[0] == "NotAuthorizedException"
            assert expected in (found, None)
        assert (await identity(server, "ListIdentities", IdentityPoolId=pool_id, MaxResults=60))["Identities"] == []

    async def test_unknown_key_ids_do_not_make_a_storm(self, server: TestServer, provider: Provider) -> None:
        """Those who ask at once share one request, a miss is remembered for half a minute, and then a new key is found."""
        pool_id = await registered(server, provider)
        new = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
        token = provider.token(provider.claims(server.clock.now()), key=new)
        asks = [refused(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: token}) for _ in range(8)]
        assert set(await asyncio.gather(*asks)) == {UNVERIFIED}
        for _ in range(5):
            made_up = provider.token(provider.claims(server.clock.now()), key=RSAKey.generate_key(2048, {"kid": "made-up"}))
            assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: made_up}) == UNVERIFIED
        assert len(provider.asked) == 2
        provider.publish(provider.key, new)
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: token}) == UNVERIFIED
        server.clock.advance(31)
        assert await get_id(server, pool_id, **{provider.name: token})
        assert len(provider.asked) == 4

    async def test_slashes_at_an_issuers_end_do_not_make_a_storm(self, server: TestServer, provider: Provider) -> None:
        """One is no difference, more are another issuer; a provider's keys are fetched once, whoever asks and by which form."""
        pool_id = await registered(server, provider)
        tokens = [provider.token(provider.claims(server.clock.now(), iss=provider.url + "/" * number)) for number in range(5)]
        refusals = [await refused(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: token}) for token in tokens[2:]]
        assert refusals == [invalid("Issuer doesn't match providerName")] * 3
        asked: dict[str, Any] = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/None", "RoleSessionName": "app"}
        for token in tokens[2:]:
            issuer = provider.url + "/" * tokens.index(token)
            found = await query_refused(server, "sts", "AssumeRoleWithWebIdentity", **asked, WebIdentityToken=token)
            assert found == (400, "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}")
        assert provider.asked == []
        assert len({await get_id(server, pool_id, **{provider.name: token}) for token in tokens[:2]}) == 1
        for token in tokens[:2]:
            assert (await query_refused(server, "sts", "AssumeRoleWithWebIdentity", **asked, WebIdentityToken=token))[1] == "AccessDenied"
        assert len(provider.asked) == 2

    async def test_keys_that_are_known_outlive_their_source(self, server: TestServer, provider: Provider) -> None:
        """A provider that is away refuses nobody whose key is known; one that never answered cannot be asked, and is not asked again at once."""
        pool_id = await registered(server, provider)
        token = provider.token(provider.claims(server.clock.now(), exp=int(server.clock.now()) + 9000))
        good = await get_id(server, pool_id, **{provider.name: token})
        provider.answers.clear()
        server.clock.advance(3601)
        assert await get_id(server, pool_id, **{provider.name: token}) == good
        asked = len(provider.asked)
        for _ in range(5):  # nor is it asked by each request with a key id that nobody knows
            made_up = provider.token(provider.claims(server.clock.now()), key=RSAKey.generate_key(2048, {"kid": "made-up"}))
            assert (await refused(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: made_up}))[0] == UNVERIFIED[0]
        assert len(provider.asked) == asked
        with Provider() as silent:
            silent.answers.clear()
            other = await registered(server, silent)
            token = silent.token(silent.claims(server.clock.now()))
            for _ in range(3):
                found = await refused(server, "GetId", IdentityPoolId=other, Logins={silent.name: token})
                assert found == (UNVERIFIED[0], f"{UNVERIFIED[1]} The provider cannot be asked: it answered 404.")
            assert len(silent.asked) == 1

    async def test_a_discovery_document_of_another_issuer(self, server: TestServer, provider: Provider) -> None:
        provider.answers["/.well-known/openid-configuration"]["issuer"] = "https://accounts.example.com"
        pool_id = await registered(server, provider)
        token = provider.token(provider.claims(server.clock.now()))
        found = await refused(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: token})
        assert found[1].endswith("the discovery document is another issuer's.")

    async def test_a_provider_that_is_no_longer_registered(self, server: TestServer, provider: Provider) -> None:
        pool_id = await registered(server, provider)
        arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.name}"
        await query(server, "iam", "DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=arn)
        token = provider.token(provider.claims(server.clock.now()))
        no = ("NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
        assert await refused(server, "GetId", IdentityPoolId=pool_id, Logins={provider.name: token}) == no
        assert provider.asked == []

    async def test_a_role_is_assumed_with_its_token(self, server: TestServer, provider: Provider) -> None:
        """STS names the provider by its ARN, its audience and subject by its address; one that is not registered is not there."""
        token = provider.token(provider.claims(server.clock.now()))
        document = (
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated":'
            f' "arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.name}"}}, "Condition": {{"StringEquals": {{"{provider.name}:sub": "user-1"}}}}}}]}}'
        )
        asked: dict[str, Any] = {"RoleArn": await role(server, "Kim", document), "RoleSessionName": "app", "WebIdentityToken": token}
        no = await query_refused(server, "sts", "AssumeRoleWithWebIdentity", **asked)
        assert no == (400, "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {provider.url}")
        await registered(server, provider)
        made = await query(server, "sts", "AssumeRoleWithWebIdentity", **asked)
        assert (made["SubjectFromWebIdentityToken"], made["Audience"], made["Provider"]) == ("user-1", "app", provider.url)
        other = provider.token(provider.claims(server.clock.now(), sub="user-2"))
        assert (await query_refused(server, "sts", "AssumeRoleWithWebIdentity", **{**asked, "WebIdentityToken": other}))[
            1
        ] == "AccessDenied"
        forged = provider.token(provider.claims(server.clock.now()), key=RSAKey.generate_key(2048, {"kid": "one"}))
        found = await query_refused(server, "sts", "AssumeRoleWithWebIdentity", **{**asked, "WebIdentityToken": forged})
        assert found[1] == "InvalidIdentityToken"


class TestSocial:
    @pytest.fixture
    async def social(self, provider: Provider, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
        urls = dict.fromkeys(("facebook_url", "amazon_url", "twitter_url", "digits_url"), provider.url)
        keys = dict.fromkeys(("google_keys_url", "apple_keys_url"), f"{provider.url}/keys")
        server = await TestServer(settings_for("", **urls, **keys), PreparedKeyMaker(signing_pairs)).start()
        yield server
        await server.stop()

    @pytest.mark.parametrize(
        ("name", "issuer"), [("accounts.google.com", "https://accounts.google.com"), ("appleid.apple.com", "https://appleid.apple.com")]
    )
    async def test_id_tokens(self, social: TestServer, provider: Provider, name: str, issuer: str) -> None:
        """Google's and Apple's: their keys, their issuer, and the pool's application alone."""
        pool_id = await identity_pool(social, SupportedLoginProviders={name: "app"})
        claims = provider.claims(social.clock.now(), iss=issuer)
        assert await get_id(social, pool_id, **{name: provider.token(claims)})
        assert provider.paths() == ["/keys"]
        for wrong, why in (({"aud": "x"}, "Incorrect token audience."), ({"iss": provider.url}, "Issuer doesn't match providerName")):
            bad = provider.token({**claims, **wrong})
            assert await refused(social, "GetId", IdentityPoolId=pool_id, Logins={name: bad}) == invalid(why)

    async def test_google_as_a_registered_provider(self, social: TestServer, provider: Provider) -> None:
        """For apps on several platforms: each of its registered clients, under both names that Google gives itself."""
        arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/accounts.google.com"
        registration: dict[str, Any] = {"Url": "https://accounts.google.com", "ClientIDList": ["android", "ios"]}
        await query(social, "iam", "CreateOpenIDConnectProvider", **registration)
        pool_id = await identity_pool(social, OpenIdConnectProviderARNs=[arn])
        google = "accounts.google.com"
        claims = provider.claims(social.clock.now(), iss=f"https://{google}", aud="android")
        tokens = [provider.token({**claims, **more}) for more in ({}, {"aud": "ios"}, {"iss": google})]
        ids = {await get_id(social, pool_id, **{google: token}) for token in tokens}
        assert (len(ids), provider.paths()) == (1, ["/keys"])
        for wrong, why in (({"aud": "web"}, "Incorrect token audience."), ({"iss": provider.url}, "Issuer doesn't match providerName")):
            bad = provider.token({**claims, **wrong})
            assert await refused(social, "GetId", IdentityPoolId=pool_id, Logins={google: bad}) == invalid(why)
        without = await identity_pool(social, SupportedLoginProviders={"appleid.apple.com": "app"})
        no = ("NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
        assert await refused(social, "GetId", IdentityPoolId=without, Logins={google: tokens[0]}) == no

    async def test_facebook(self, social: TestServer, provider: Provider) -> None:
        """The token's own app and user are asked for; another app's token is refused, and no token stands in an address."""
        pool_id = await identity_pool(social, SupportedLoginProviders={"graph.facebook.com": "123"})
        provider.answers |= {"/app": {"id": "123"}, "/me": {"id": "77", "name": "Kim"}}
        one = await get_id(social, pool_id, **{"graph.facebook.com": "token"})
        assert await get_id(social, pool_id, **{"graph.facebook.com": "newer"}) == one
        assert [(path, headers["authorization"]) for path, headers in provider.asked[:2]] == [
            ("/app?fields=id", "Bearer token"),
            ("/me?fields=id,name,email", "Bearer token"),
        ]
        named = {"IdentityPoolId": pool_id, "Logins": {"graph.facebook.com": "token"}}
        provider.answers["/app"] = {"id": "666"}
        assert await refused(social, "GetId", **named) == invalid("The access token is for another application.")
        provider.answers.clear()
        assert await refused(social, "GetId", **named) == invalid("The provider does not accept the access token.")
        header = {"IdentityPoolId": pool_id, "Logins": {"graph.facebook.com": "a\r\nx-evil: 1"}}
        assert await refused(social, "GetId", **header) == invalid("The provider does not accept the access token.")

    async def test_amazon(self, social: TestServer, provider: Provider) -> None:
        pool_id = await identity_pool(social, SupportedLoginProviders={"www.amazon.com": "amzn1.application.1"})
        provider.answers |= {
            "/auth/o2/tokeninfo": {"app_id": "amzn1.application.1", "aud": "amzn1.application-oa2-client.2", "user_id": "amzn1.account.K"},
            "/user/profile": {"user_id": "amzn1.account.K", "name": "Kim"},
        }
        assert await get_id(social, pool_id, **{"www.amazon.com": "Atza|x"})
        provider.answers["/auth/o2/tokeninfo"]["app_id"] = "amzn1.application.3"
        named = {"IdentityPoolId": pool_id, "Logins": {"www.amazon.com": "Atza|x"}}
        assert await refused(social, "GetId", **named) == invalid("The access token is for another application.")

    @pytest.mark.parametrize(
        ("name", "path"), [("api.twitter.com", "/1.1/account/verify_credentials.json"), ("www.digits.com", "/1.1/sdk/account.json")]
    )
    async def test_twitter_and_digits(self, social: TestServer, provider: Provider, name: str, path: str) -> None:
        """The request is signed with both secrets (RFC 5849, 3.4.2), which stay here."""
        pool_id = await identity_pool(social, SupportedLoginProviders={name: "key;app-secret"})
        provider.answers[path] = {"id_str": "42"}
        assert await get_id(social, pool_id, **{name: "token;user-secret"})
        sent = provider.asked[0][1]["authorization"]
        fields = dict(part.strip().split("=", 1) for part in sent.removeprefix("OAuth ").split(","))
        fields = {key: value.strip('"') for key, value in fields.items()}
        signature = fields.pop("oauth_signature")
        assert (fields["oauth_consumer_key"], fields["oauth_token"], "secret" in sent) == ("key", "token", False)
        assert signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=") == _expected(f"{provider.url}{path}", fields)
        for bad in ("token", ";", "token;"):
            no = await refused(social, "GetId", IdentityPoolId=pool_id, Logins={name: bad})
            assert no == invalid("The provider does not accept the access token.")
        assert len(provider.asked) == 1


def _expected(url: str, fields: dict[str, str]) -> str:
    """RFC 5849, 3.4.1 and 3.4.2, written a second time."""
    from base64 import b64encode
    from urllib.parse import quote

    pairs = "&".join(f"{key}={value}" for key, value in sorted(fields.items()))
    base = "&".join(("GET", quote(url, safe=""), quote(pairs, safe="")))
    return b64encode(hmac.digest(b"app-secret&user-secret", base.encode(), hashlib.sha1)).decode()


async def test_production_asks_no_private_network(provider: Provider, signing_pairs: list[KeyPair]) -> None:
    """In serve, keys come from the public network by https: neither plain http nor an address of this machine is asked."""
    from cognomen.federation.connector import Expected, Refused, Unavailable
    from cognomen.federation.keys import RemoteKeys
    from cognomen.federation.oidc import OpenIdConnect

    connector = OpenIdConnect(RemoteKeys(public_only=True))
    expected = Expected(provider=provider.name, audiences=("app",), now=1_800_000_000.0)
    with pytest.raises(Refused, match="Issuer doesn't match providerName"):
        await connector.verify(provider.token(provider.claims(expected.now)), expected)
    secure = provider.claims(expected.now, iss=f"https://{provider.name}")
    with pytest.raises(Unavailable, match="it does not answer"):
        await connector.verify(provider.token(secure), expected)
    assert provider.asked == []
