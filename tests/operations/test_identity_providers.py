"""Identity providers of a pool: what each kind takes, what is shown of it, and who may name it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cognomen.api import idp
from cognomen.context import Context
from cognomen.userpools import identity_providers
from tests.kit.refusal import all_pages, refusal
from tests.kit.saml import Provider as SamlProvider
from tests.kit.server import TestServer
from tests.kit.upstream import OpenId

CREATE, UPDATE = "CreateIdentityProvider", "UpdateIdentityProvider"
INVALID = "InvalidParameterException"
CLIENT = {"client_id": "x", "client_secret": "y", "authorize_scopes": "email"}
GOOGLE: dict[str, Any] = {"ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": CLIENT}
METADATA = SamlProvider().metadata()
P8 = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
APPLE = {"client_id": "com.example", "team_id": "T", "key_id": "K", "private_key": P8.decode(), "authorize_scopes": "email name"}


@pytest.fixture
def there() -> Iterator[OpenId]:
    with OpenId() as provider:
        yield provider


def saml(**details: str) -> dict[str, Any]:
    return {"ProviderName": "Corp", "ProviderType": "SAML", "ProviderDetails": {"MetadataFile": METADATA, **details}}


async def shown(server: TestServer, pool: str, name: str) -> Any:
    return (await server.call("DescribeIdentityProvider", UserPoolId=pool, ProviderName=name))["IdentityProvider"]


class TestCreateIdentityProvider:
    async def test_openid_connect_is_discovered(self, server: TestServer, there: OpenId) -> None:
        """The answer has the addresses of the issuer's document, and what AWS fills in; DescribeIdentityProvider says the same."""
        pool, now = await server.pool(), server.clock.now()
        made = await server.call(
            CREATE,
            UserPoolId=pool,
            ProviderName="Okta",
            ProviderType="OIDC",
            ProviderDetails=there.details(),
            AttributeMapping={"email": "email"},
            IdpIdentifiers=["okta.example.com"],
            AcrMapping={"Level1": "urn:low"},
        )
        assert made["IdentityProvider"] == {
            "UserPoolId": pool,
            "ProviderName": "Okta",
            "ProviderType": "OIDC",
            "ProviderDetails": {
                **there.details(),
                "authorize_url": f"{there.url}/authorize",
                "token_url": f"{there.url}/token",
                "attributes_url": f"{there.url}/userinfo",
                "jwks_uri": f"{there.url}/keys",
                "attributes_url_add_attributes": "false",
            },
            "AttributeMapping": {"email": "email", "username": "sub"},
            "IdpIdentifiers": ["okta.example.com"],
            "AcrMapping": {"Level1": "urn:low"},
            "LastModifiedDate": now,
            "CreationDate": now,
        }
        assert await shown(server, pool, "Okta") == made["IdentityProvider"]

    async def test_what_is_shown_may_be_sent_back(self, server: TestServer) -> None:
        """As Terraform does: read-only keys are no error, and change nothing."""
        pool = await server.pool()
        first = (await server.call(CREATE, UserPoolId=pool, **GOOGLE))["IdentityProvider"]
        assert first["ProviderDetails"] == {
            **CLIENT,
            "attributes_url": "https://people.googleapis.com/v1/people/me?personFields=",
            "attributes_url_add_attributes": "true",
            "authorize_url": "https://accounts.google.com/o/oauth2/v2/auth",
            "oidc_issuer": "https://accounts.google.com",
            "token_request_method": "POST",
            "token_url": "https://www.googleapis.com/oauth2/v4/token",
        }
        again = {**first["ProviderDetails"], "token_url": "https://evil.example.com/token"}
        await server.call(UPDATE, UserPoolId=pool, ProviderName="Google", ProviderDetails=again)
        assert (await shown(server, pool, "Google"))["ProviderDetails"] == first["ProviderDetails"]

    @pytest.mark.parametrize(
        ("kind", "given", "subject", "filled"),
        [
            (
                "Facebook",
                {**CLIENT, "api_version": "v18.0"},
                "id",
                {
                    "attributes_url": "https://graph.facebook.com/v18.0/me?fields=",
                    "attributes_url_add_attributes": "true",
                    "authorize_url": "https://www.facebook.com/v18.0/dialog/oauth",
                    "token_request_method": "GET",
                    "token_url": "https://graph.facebook.com/v18.0/oauth/access_token",
                },
            ),
            (
                "LoginWithAmazon",
                CLIENT,
                "user_id",
                {
                    "attributes_url": "https://api.amazon.com/user/profile",
                    "attributes_url_add_attributes": "false",
                    "authorize_url": "https://www.amazon.com/ap/oa",
                    "token_request_method": "POST",
                    "token_url": "https://api.amazon.com/auth/o2/token",
                },
            ),
            (
                "SignInWithApple",
                APPLE,
                "sub",
                {
                    "attributes_url_add_attributes": "false",
                    "authorize_url": "https://appleid.apple.com/auth/authorize",
                    "oidc_issuer": "https://appleid.apple.com",
                    "token_request_method": "POST",
                    "token_url": "https://appleid.apple.com/auth/token",
                },
            ),
        ],
    )
    async def test_social_providers(
        self, server: TestServer, kind: str, given: dict[str, str], subject: str, filled: dict[str, str]
    ) -> None:
        """Each by its kind's name, with AWS's addresses; of Apple's key nothing is ever shown."""
        pool = await server.pool()
        made = await server.call(CREATE, UserPoolId=pool, ProviderName=kind, ProviderType=kind, ProviderDetails=given)
        kept = {name: value for name, value in given.items() if name != "private_key"}
        assert made["IdentityProvider"]["ProviderDetails"] == {**kept, **filled}
        assert made["IdentityProvider"]["AttributeMapping"] == {"username": subject}

    async def test_saml(self, server: TestServer) -> None:
        """The addresses of its metadata are shown, and the certificate for which it is to encrypt, where it is to."""
        pool = await server.pool()
        made = await server.call(CREATE, UserPoolId=pool, **saml(EncryptedResponses="true", IDPInit="true"))
        details = made["IdentityProvider"]["ProviderDetails"]
        certificate = x509.load_der_x509_certificate(base64.b64decode(details.pop("ActiveEncryptionCertificate")))
        assert certificate.not_valid_after_utc.year - certificate.not_valid_before_utc.year == 10
        assert details == {
            "MetadataFile": METADATA,
            "EncryptedResponses": "true",
            "IDPInit": "true",
            "SSORedirectBindingURI": "https://idp.example.com/SingleSignOnService/Redirect",
            "SLORedirectBindingURI": "https://idp.example.com/SingleLogoutService/Redirect",
        }
        assert made["IdentityProvider"]["AttributeMapping"] == {}

    @pytest.mark.parametrize(
        ("members", "text"),
        [
            ({**GOOGLE, "ProviderName": "MyGoogle"}, "Provider MyGoogle cannot be of type Google."),
            ({**saml(), "ProviderName": "Google"}, "Provider Google cannot be of type SAML."),
            ({**saml(), "ProviderName": "cognito"}, "Provider cognito cannot be of type SAML."),
            ({**GOOGLE, "ProviderDetails": {}}, "client_id, client_secret and authorize_scopes are all required idp details"),
            (
                {**GOOGLE, "ProviderDetails": {**CLIENT, "scope": "x"}},
                "ProviderDetails contains invalid keys for a provider of type Google: [scope]",
            ),
            ({**saml(), "ProviderDetails": {}}, "At least one of the MetadataURL or MetadataFile should be provided."),
            (saml(MetadataURL="https://x.example.com"), "Only one of the MetadataURL or MetadataFile should be provided."),
            (saml(IDPSignout="yes"), "The value of IDPSignout in ProviderDetails must be true or false."),
            (saml(RequestSigningAlgorithm="rsa-sha1"), "The value of RequestSigningAlgorithm in ProviderDetails must be rsa-sha256."),
            (
                {**saml(), "ProviderDetails": {"MetadataFile": "<x/>"}},
                "The provider's metadata cannot be used: the document is not metadata of SAML 2.0.",
            ),
            ({**saml(), "AcrMapping": {"Level1": "x"}}, "AcrMapping is only supported for providers of type OIDC."),
            ({**GOOGLE, "AttributeMapping": {"custom:x": "x"}}, "AttributeMapping contains invalid mapping: [custom:x]"),
            ({**GOOGLE, "AttributeMapping": {"username": "email"}}, "AttributeMapping contains invalid mapping: [username]"),
            ({**GOOGLE, "AttributeMapping": {"sub": "sub"}}, "AttributeMapping contains invalid mapping: [sub]"),
            (
                {"ProviderName": "SignInWithApple", "ProviderType": "SignInWithApple", "ProviderDetails": {**APPLE, "private_key": "x"}},
                "The value of private_key in ProviderDetails is not valid.",
            ),
            (
                {"ProviderName": "Okta", "ProviderType": "OIDC", "ProviderDetails": {**CLIENT, "authorize_scopes": "openid"}},
                "The following ProviderDetails are required: [oidc_issuer]",
            ),
        ],
    )
    async def test_what_is_refused(self, server: TestServer, members: dict[str, Any], text: str) -> None:
        """And then there is no provider."""
        pool = await server.pool()
        assert await refusal(server, CREATE, UserPoolId=pool, **members) == (INVALID, text)
        assert (await server.call("ListIdentityProviders", UserPoolId=pool))["Providers"] == []

    async def test_an_issuer_that_is_another(self, server: TestServer, there: OpenId) -> None:
        """A discovery document counts for the issuer that it names, and nothing is asked at addresses that are none."""
        pool = await server.pool()
        for issuer, text in (
            (f"{there.url}/other", "Unable to contact well-known endpoint: the identity provider refused the request."),
            ("http://10.0.0.1", "Unable to contact well-known endpoint: the identity provider is not at an https address."),
            ("javascript:x", "The value of oidc_issuer in ProviderDetails is not a valid URL."),
        ):
            members = {"ProviderName": "Okta", "ProviderType": "OIDC", "ProviderDetails": there.details(oidc_issuer=issuer)}
            assert await refusal(server, CREATE, UserPoolId=pool, **members) == (INVALID, text)

    async def test_names_and_identifiers_are_used_once(self, server: TestServer) -> None:
        """In a pool; of many who ask at once one wins."""
        pool, other = await server.pool(), await server.pool()
        asked = [server.call(CREATE, UserPoolId=pool, **saml(), IdpIdentifiers=["a.example.com"]) for _ in range(4)]
        made = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each).__name__ for each in made].count("AwsError") == 3
        duplicate = "DuplicateProviderException"
        assert await refusal(server, CREATE, UserPoolId=pool, **saml()) == (duplicate, "A provider with the name Corp already exists.")
        assert await refusal(server, CREATE, UserPoolId=pool, **{**saml(), "ProviderName": "Corp2"}, IdpIdentifiers=["A.example.com"]) == (
            duplicate,
            "One of the IdpIdentifiers belongs to another identity provider.",
        )
        await server.call(CREATE, UserPoolId=other, **saml(), IdpIdentifiers=["a.example.com"])


class TestOthers:
    async def test_secrets_are_sealed(self, server: TestServer) -> None:
        """What lies in the database holds neither a client's secret nor Apple's key."""
        pool = await server.pool()
        await server.call(CREATE, UserPoolId=pool, **{**GOOGLE, "ProviderDetails": {**CLIENT, "client_secret": "very-secret"}})
        await server.call(CREATE, UserPoolId=pool, ProviderName="SignInWithApple", ProviderType="SignInWithApple", ProviderDetails=APPLE)
        rows = await server.store.engine.rows("SELECT body, secrets FROM identity_providers")
        assert len(rows) == 2
        assert not any(secret in body.encode() + sealed for body, sealed in rows for secret in (b"very-secret", P8[40:60]))

    async def test_found_by_identifier(self, server: TestServer) -> None:
        """In any case, in its own pool."""
        pool, other = await server.pool(), await server.pool()
        made = await server.call(CREATE, UserPoolId=pool, **saml(), IdpIdentifiers=["Example.com"])
        found = await server.call("GetIdentityProviderByIdentifier", UserPoolId=pool, IdpIdentifier="EXAMPLE.com")
        assert found == made
        missing = ("ResourceNotFoundException", "Identity provider with the identifier example.com does not exist.")
        assert await refusal(server, "GetIdentityProviderByIdentifier", UserPoolId=other, IdpIdentifier="example.com") == missing

    async def test_listed_in_pages(self, server: TestServer) -> None:
        pool, now = await server.pool(), server.clock.now()
        for name in ("Corp1", "Corp2", "Corp3"):
            await server.call(CREATE, UserPoolId=pool, **{**saml(), "ProviderName": name})
        pages = await all_pages(server, "ListIdentityProviders", "Providers", UserPoolId=pool, MaxResults=2)
        dates = {"LastModifiedDate": now, "CreationDate": now}
        assert pages == [
            [{"ProviderName": name, "ProviderType": "SAML", **dates} for name in ("Corp1", "Corp2")],
            [{"ProviderName": "Corp3", "ProviderType": "SAML", **dates}],
        ]

    async def test_an_update_keeps_what_it_does_not_name(self, server: TestServer) -> None:
        pool = await server.pool()
        made = (await server.call(CREATE, UserPoolId=pool, **saml(), IdpIdentifiers=["a"]))["IdentityProvider"]
        server.clock.advance(5)
        members = {"UserPoolId": pool, "ProviderName": "Corp"}
        after = await server.call(UPDATE, **members, AttributeMapping={"email": "mail"})
        assert after["IdentityProvider"] == {**made, "AttributeMapping": {"email": "mail"}, "LastModifiedDate": server.clock.now()}
        after = await server.call(UPDATE, **members, IdpIdentifiers=[])
        assert after["IdentityProvider"]["IdpIdentifiers"] == []
        assert (await refusal(server, UPDATE, **members, ProviderDetails={"IDPInit": "true"}))[0] == INVALID
        assert await shown(server, pool, "Corp") == after["IdentityProvider"]

    async def test_a_deleted_provider(self, server: TestServer) -> None:
        """Is gone from the clients that named it, and from every operation."""
        pool = await server.pool()
        await server.call(CREATE, UserPoolId=pool, **GOOGLE)
        client = await server.client(pool, SupportedIdentityProviders=["COGNITO", "Google"])
        await server.call("DeleteIdentityProvider", UserPoolId=pool, ProviderName="Google")
        described = await server.call("DescribeUserPoolClient", UserPoolId=pool, ClientId=client)
        assert described["UserPoolClient"]["SupportedIdentityProviders"] == ["COGNITO"]
        missing = ("ResourceNotFoundException", "Identity provider Google does not exist.")
        for operation in ("DescribeIdentityProvider", UPDATE, "DeleteIdentityProvider"):
            assert await refusal(server, operation, UserPoolId=pool, ProviderName="Google") == missing

    async def test_a_client_names_what_is_there(self, server: TestServer) -> None:
        """At CreateUserPoolClient and UpdateUserPoolClient; another pool's provider is none."""
        pool, other = await server.pool(), await server.pool()
        await server.call(CREATE, UserPoolId=other, **GOOGLE)
        client = await server.client(pool, SupportedIdentityProviders=["COGNITO"])
        refused = (INVALID, f"The provider Google does not exist for User Pool {pool}.")
        members = {"UserPoolId": pool, "SupportedIdentityProviders": ["COGNITO", "Google"]}
        assert await refusal(server, "CreateUserPoolClient", **members, ClientName="x") == refused
        assert await refusal(server, "UpdateUserPoolClient", **members, ClientId=client) == refused

    async def test_the_signing_certificate(self, server: TestServer) -> None:
        """One for each pool, made when it is first asked for, also where many ask at once."""
        pool, other = await server.pool(), await server.pool()
        asked = [server.call("GetSigningCertificate", UserPoolId=pool) for _ in range(3)]
        found = {each["Certificate"] for each in await asyncio.gather(*asked)}
        assert len(found) == 1
        certificate = x509.load_der_x509_certificate(base64.b64decode(found.pop()))
        assert certificate.subject.rfc4514_string() == f"CN={pool}"
        assert (await server.call("GetSigningCertificate", UserPoolId=other))["Certificate"] not in found

    async def test_a_pool_that_is_gone(self, server: TestServer) -> None:
        """Takes its providers along; none of the operations knows it."""
        pool = await server.pool()
        await server.call(CREATE, UserPoolId=pool, **saml(EncryptedResponses="true"), IdpIdentifiers=["a"])
        await server.call("DeleteUserPool", UserPoolId=pool)
        for _ in range(500):
            if not await server.store.pools.condemned():
                break
            await asyncio.sleep(0.01)
        for table in ("identity_providers", "idp_identifiers", "federation_keys"):
            assert await server.store.engine.rows(f"SELECT name FROM {table}") == []
        gone = ("ResourceNotFoundException", f"User pool {pool} does not exist.")
        for operation in ("ListIdentityProviders", "GetSigningCertificate"):
            assert await refusal(server, operation, UserPoolId=pool) == gone


class TestPut:
    async def test_what_another_pool_showed(self, server: TestServer, there: OpenId) -> None:
        """Is put as it was shown, whether its address answers or not; put again it is replaced, under its date."""
        pool, other = await server.pool(), await server.pool()
        made = await server.call(
            CREATE, UserPoolId=other, ProviderName="Okta", ProviderType="OIDC", ProviderDetails=there.details(), IdpIdentifiers=["a"]
        )
        cx = Context(server.server.rooms)
        copied = {**made["IdentityProvider"], "UserPoolId": pool}
        there.answers.clear()
        for name in ("x", "y"):
            given = msgspec.convert({**copied, "AttributeMapping": {"name": name}}, idp.IdentityProviderType)
            await identity_providers.put(cx, await server.store.pools.get(pool), given)
            server.clock.advance(1)
        mapping = {"name": "y", "username": "sub"}
        assert await shown(server, pool, "Okta") == {**copied, "AttributeMapping": mapping, "LastModifiedDate": server.clock.now() - 1}

    async def test_what_another_pool_showed_of_saml(self, server: TestServer) -> None:
        """With its metadata; of the certificates this pool has its own."""
        pool, other = await server.pool(), await server.pool()
        made = (await server.call(CREATE, UserPoolId=other, **saml(EncryptedResponses="true")))["IdentityProvider"]
        await identity_providers.put(
            Context(server.server.rooms), await server.store.pools.get(pool), msgspec.convert(made, idp.IdentityProviderType)
        )
        copied = await shown(server, pool, "Corp")
        assert copied["ProviderDetails"].keys() == made["ProviderDetails"].keys()
        name = "ActiveEncryptionCertificate"
        assert copied["ProviderDetails"].pop(name) != made["ProviderDetails"].pop(name)
        assert copied["ProviderDetails"] == made["ProviderDetails"]
