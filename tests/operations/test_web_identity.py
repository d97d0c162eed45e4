"""AssumeRoleWithWebIdentity: whose tokens count, as whom trust policies know them, and for which applications."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from cognomen.tokens.permissions import session_of
from tests.kit.aws_query import query, refused
from tests.kit.provider import Provider
from tests.kit.server import TestServer, settings_for

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Kim"


async def trust(server: TestServer, federated: str, condition: dict[str, Any] | None = None) -> None:
    """The role Kim, for whoever comes by this provider."""
    statement = {"Effect": "Allow", "Principal": {"Federated": federated}, "Action": "sts:AssumeRoleWithWebIdentity"}
    statement |= {"Condition": condition} if condition else {}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=document)


async def assume(server: TestServer, token: str, **more: str) -> Any:
    asked: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "app", "WebIdentityToken": token, **more}
    return await query(server, "sts", "AssumeRoleWithWebIdentity", **asked)


async def no(server: TestServer, token: str, **more: Any) -> tuple[str, str]:
    """The code and the text of a refusal."""
    asked: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "app", "WebIdentityToken": token, **more}
    return (await refused(server, "sts", "AssumeRoleWithWebIdentity", **asked))[1:]


class TestRegisteredUserPools:
    """A user pool as an OpenID Connect provider of the account, as AWS has it."""

    async def signed_in(self, server: TestServer, **pool: Any) -> tuple[str, str, str]:
        pool_id = await server.pool(**pool)
        client = await server.client(pool_id)
        await server.user(pool_id, "kim")
        return pool_id, client, (await server.sign_in(client, "kim"))["IdToken"]

    async def register(self, server: TestServer, url: str, *clients: str) -> str:
        made = await query(server, "iam", "CreateOpenIDConnectProvider", Url=url, ClientIDList=list(clients))
        return str(made["OpenIDConnectProviderArn"])

    @pytest.mark.parametrize(
        "url",
        [
            "https://cognito-idp.us-east-1.amazonaws.com/{}",
            "https://issuer-cognito-idp.us-east-1.amazonaws.com/{}",
            "http://localhost:2646/{}",
            "https://COGNITO-IDP.us-east-1.amazonaws.com/{}/",
        ],
    )
    async def test_by_any_of_its_names(self, server: TestServer, url: str) -> None:
        """A role that trusts the provider's ARN, with conditions by the provider's address, is assumed with the pool's id token."""
        pool, client, token = await self.signed_in(server)
        arn = await self.register(server, url.format(pool), client)
        name = arn.partition("oidc-provider/")[2]
        await trust(server, arn, {"StringEquals": {f"{name}:aud": client}, "StringLike": {f"{name}:sub": "*-*"}})
        made = await assume(server, token)
        assert (made["Audience"], made["Provider"]) == (client, f"http://localhost:2646/{pool}")
        assert made["Credentials"]["AccessKeyId"].startswith("ASIA")

    async def test_its_clients_are_those_that_are_registered(self, server: TestServer) -> None:
        """Another client's tokens are of another audience; one that is taken away loses the way in, and so does a provider."""
        pool, client, token = await self.signed_in(server)
        other = await server.client(pool)
        arn = await self.register(server, f"https://cognito-idp.us-east-1.amazonaws.com/{pool}", other)
        await trust(server, arn)
        assert await no(server, token) == ("InvalidIdentityToken", "Incorrect token audience")
        named: dict[str, Any] = {"OpenIDConnectProviderArn": arn}
        await query(server, "iam", "AddClientIDToOpenIDConnectProvider", **named, ClientID=client)
        assert (await assume(server, token))["Audience"] == client
        await query(server, "iam", "RemoveClientIDFromOpenIDConnectProvider", **named, ClientID=client)
        assert (await no(server, token))[0] == "InvalidIdentityToken"
        await query(server, "iam", "AddClientIDToOpenIDConnectProvider", **named, ClientID=client)
        await query(server, "iam", "DeleteOpenIDConnectProvider", **named)
        assert (await no(server, token))[0] == "AccessDenied"

    async def test_a_registered_pool_is_trusted_by_its_arn_alone(self, server: TestServer) -> None:
        """Whoever registers a pool says by which clients it is entered: its plain name, which knows no clients, is another principal."""
        pool, client, token = await self.signed_in(server)
        await trust(server, f"localhost:2646/{pool}")
        assert (await assume(server, token))["Audience"] == client
        await self.register(server, f"https://cognito-idp.us-east-1.amazonaws.com/{pool}", client)
        assert (await no(server, token))[0] == "AccessDenied"

    @pytest.mark.parametrize(
        "issuer",
        [
            "https://arn:aws:iam::000000000000:oidc-provider/idp.example.com",
            "https://cognito-identity.amazonaws.com",
            "https://accounts.google.com/",
            "https://WWW.amazon.com",
        ],
    )
    async def test_a_pool_is_nobody_else_by_the_name_of_its_issuer(self, server: TestServer, issuer: str) -> None:
        """Who may tag a user pool does not become another provider, which the account's roles trust."""
        await self.register(server, "https://idp.example.com", "app")
        _, _, token = await self.signed_in(server, UserPoolTags={"_issuer_": issuer})
        name = issuer.removeprefix("https://")
        await trust(server, name, {"StringLike": {f"{name}:aud": "*"}})
        assert (await no(server, token))[0] == "InvalidIdentityToken"

    async def test_a_pool_with_anothers_issuer_needs_its_own_client_there(self, server: TestServer) -> None:
        """The registered clients are the other provider's."""
        arn = await self.register(server, "https://idp.example.com", "app")
        _, _, token = await self.signed_in(server, UserPoolTags={"_issuer_": "https://idp.example.com"})
        await trust(server, arn)
        assert await no(server, token) == ("InvalidIdentityToken", "Incorrect token audience")


class TestBuiltInProviders:
    """Google, Facebook and Amazon, which STS knows without being told."""

    @pytest.fixture
    def provider(self) -> Iterator[Provider]:
        with Provider() as running:
            yield running

    @pytest.fixture
    async def social(self, provider: Provider, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
        urls = {"facebook_url": provider.url, "amazon_url": provider.url, "google_keys_url": f"{provider.url}/keys"}
        server = await TestServer(settings_for("", **urls), PreparedKeyMaker(signing_pairs)).start()
        yield server
        await server.stop()

    @pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
    async def test_google(self, social: TestServer, provider: Provider, issuer: str) -> None:
        """`aud` is the application that asked (azp), `oaud` the one that the token is for; a token of another application is of no use."""
        keys = {"accounts.google.com:aud": "phone", "accounts.google.com:oaud": "server", "accounts.google.com:sub": "user-1"}
        await trust(social, "accounts.google.com", {"StringEquals": keys})
        claims = provider.claims(social.clock.now(), iss=issuer, aud="server", azp="phone")
        made = await assume(social, provider.token(claims))
        assert (made["SubjectFromWebIdentityToken"], made["Audience"], made["Provider"]) == ("user-1", "phone", issuer)
        for wrong in ({"azp": "other"}, {"aud": "other"}, {"sub": "other"}, {"azp": ""}):
            assert await no(social, provider.token({**claims, **wrong})) == (
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            )
        thief = RSAKey.generate_key(2048, {"kid": "one"})
        assert (await no(social, provider.token(claims, key=thief)))[0] == "InvalidIdentityToken"
        late = provider.token({**claims, "exp": int(social.clock.now())})
        assert (await no(social, late))[0] == "ExpiredTokenException"

    async def test_google_without_azp(self, social: TestServer, provider: Provider) -> None:
        await trust(social, "accounts.google.com", {"StringEquals": {"accounts.google.com:aud": "web"}})
        token = provider.token(provider.claims(social.clock.now(), iss="https://accounts.google.com", aud="web"))
        assert (await assume(social, token))["Audience"] == "web"

    async def test_google_that_is_registered_besides(self, social: TestServer, provider: Provider) -> None:
        """A role may trust its ARN, for the registered clients; one that trusts the plain name is not lost."""
        asked: dict[str, Any] = {"Url": "https://accounts.google.com", "ClientIDList": ["web"]}
        arn = (await query(social, "iam", "CreateOpenIDConnectProvider", **asked))["OpenIDConnectProviderArn"]
        claims = provider.claims(social.clock.now(), iss="https://accounts.google.com", aud="web")
        await trust(social, arn)
        assert (await assume(social, provider.token(claims)))["Audience"] == "web"
        assert (await no(social, provider.token({**claims, "aud": "other"})))[0] == "AccessDenied"
        await query(social, "iam", "DeleteRole", RoleName="Kim")
        await trust(social, "accounts.google.com", {"StringEquals": {"accounts.google.com:aud": "other"}})
        assert (await assume(social, provider.token({**claims, "aud": "other"})))["Audience"] == "other"

    async def test_facebook(self, social: TestServer, provider: Provider) -> None:
        provider.answers |= {"/app": {"id": "123"}, "/me": {"id": "77", "name": "Kim"}}
        name = "graph.facebook.com"
        await trust(social, name, {"StringEquals": {f"{name}:app_id": "123", f"{name}:id": "77"}})
        made = await assume(social, "token", ProviderId=name)
        assert (made["SubjectFromWebIdentityToken"], made["Audience"], made["Provider"]) == ("77", "123", name)
        provider.answers["/app"] = {"id": "666"}
        assert (await no(social, "token", ProviderId=name))[0] == "AccessDenied"
        provider.answers.clear()
        assert (await no(social, "token", ProviderId=name))[0] == "InvalidIdentityToken"
        provider.answers["/app"] = {}
        assert (await no(social, "token", ProviderId=name))[0] == "InvalidIdentityToken"

    async def test_amazon(self, social: TestServer, provider: Provider) -> None:
        name, app = "www.amazon.com", "amzn1.application.1"
        provider.answers |= {
            "/auth/o2/tokeninfo": {"app_id": app, "aud": "amzn1.application-oa2-client.2", "user_id": "amzn1.account.K"},
            "/user/profile": {"user_id": "amzn1.account.K", "name": "Kim"},
        }
        await trust(social, name, {"StringEquals": {f"{name}:app_id": app, f"{name}:user_id": "amzn1.account.K"}})
        made = await assume(social, "Atza|x", ProviderId=name)
        assert (made["SubjectFromWebIdentityToken"], made["Audience"], made["Provider"]) == ("amzn1.account.K", app, name)
        provider.answers["/auth/o2/tokeninfo"]["app_id"] = "amzn1.application.3"
        assert (await no(social, "Atza|x", ProviderId=name))[0] == "AccessDenied"

    async def test_what_is_asked_of_whom(self, social: TestServer, provider: Provider) -> None:
        """An access token is judged by the provider that is named and by no other; id tokens name their own."""
        code, text = await no(social, "token", ProviderId="accounts.google.com")
        assert (code, text.startswith("ProviderId must be www.amazon.com or graph.facebook.com")) == ("ValidationError", True)
        assert (await no(social, "token"))[0] == "InvalidIdentityToken"
        assert provider.asked == []

    @pytest.mark.parametrize("name", ["accounts.google.com", "graph.facebook.com", "www.amazon.com"])
    async def test_a_role_for_everybody_is_none(self, social: TestServer, provider: Provider, name: str) -> None:
        """Any application's users could have it: such a trust policy is refused, and `*` does not mean them."""
        statement = {"Effect": "Allow", "Principal": {"Federated": name}, "Action": "sts:AssumeRoleWithWebIdentity"}
        asked = {"RoleName": "Kim", "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
        assert (await refused(social, "iam", "CreateRole", None, **asked))[1] == "MalformedPolicyDocument"
        everybody = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Principal": "*"}]})
        await query(social, "iam", "CreateRole", None, RoleName="Kim", AssumeRolePolicyDocument=everybody)
        provider.answers |= {
            "/app": {"id": "1"},
            "/me": {"id": "2"},
            "/auth/o2/tokeninfo": {"app_id": "1", "user_id": "2"},
            "/user/profile": {},
        }
        if name == "accounts.google.com":
            token = provider.token(provider.claims(social.clock.now(), iss=f"https://{name}"))
            assert (await no(social, token))[0] == "AccessDenied"
        else:
            assert (await no(social, "token", ProviderId=name))[0] == "AccessDenied"


class TestTags:
    """Principal tags in the token of a registered provider (id_session-tags.html)."""

    @pytest.fixture
    async def provider(self, server: TestServer) -> AsyncIterator[Provider]:
        with Provider() as running:
            asked: dict[str, Any] = {"Url": running.url, "ClientIDList": ["app"]}
            arn = (await query(server, "iam", "CreateOpenIDConnectProvider", **asked))["OpenIDConnectProviderArn"]
            actions = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:AssumeRole"]
            statements = [{"Effect": "Allow", "Principal": {"Federated": arn, "AWS": ACCOUNT}, "Action": actions}]
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            await query(server, "iam", "CreateRole", RoleName="Kim", AssumeRolePolicyDocument=document)
            yield running

    def token(self, server: TestServer, provider: Provider, tags: dict[str, Any], *transitive: str) -> str:
        said = {"principal_tags": {key: [value] for key, value in tags.items()}, "transitive_tag_keys": list(transitive)}
        return provider.token(provider.claims(server.clock.now(), **{"https://aws.amazon.com/tags": said}))

    async def test_they_are_the_sessions(self, server: TestServer, provider: Provider) -> None:
        made = await assume(server, self.token(server, provider, {"team": "red", "cost": "1"}, "team"))
        rooms, given = server.server.rooms, made["Credentials"]
        found = await session_of(rooms.store, rooms.sealer, rooms.clock, given["AccessKeyId"], given["SessionToken"])
        assert (found.tags, found.transitive) == ({"team": "red", "cost": "1"}, ["team"])

    @pytest.mark.parametrize(
        ("tags", "transitive"),
        [
            ({"aws:admin": "1"}, ()),
            ({"a": "x" * 257}, ()),
            ({f"k{n}": "1" for n in range(51)}, ()),
            ({"A": "1", "a": "2"}, ()),
            ({"a": "1"}, ("b",)),
        ],
    )
    async def test_what_no_session_has(
        self, server: TestServer, provider: Provider, tags: dict[str, str], transitive: tuple[str, ...]
    ) -> None:
        assert (await no(server, self.token(server, provider, tags, *transitive)))[0] == "InvalidIdentityToken"
