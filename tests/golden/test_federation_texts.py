"""The texts of identity providers and of sign-in through them, each with where it is from; `ours` is a case of which AWS's words are not known.

Those of a sign-in reach an app as `error_description`.
"""

from __future__ import annotations

from typing import Any

import pytest

from cognomen.userpools.federation.failure import FederationError
from tests.kit.federation import door
from tests.kit.refusal import refusal
from tests.kit.server import TestServer
from tests.kit.upstream import OpenId

INVALID, MISSING, DUPLICATE = "InvalidParameterException", "ResourceNotFoundException", "DuplicateProviderException"
CLIENT = {"client_id": "x", "client_secret": "y", "authorize_scopes": "email"}
CREATE, LINK = "CreateIdentityProvider", "AdminLinkProviderForUser"


def provider(name: str, kind: str, details: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"UserPoolId": "{pool}", "ProviderName": name, "ProviderType": kind, "ProviderDetails": details, **more}


def who(name: str, value: str, attribute: str = "Cognito_Subject") -> dict[str, str]:
    return {"ProviderName": name, "ProviderAttributeName": attribute, "ProviderAttributeValue": value}


def link(source: dict[str, str]) -> dict[str, Any]:
    return {"UserPoolId": "{pool}", "DestinationUser": who("Cognito", "anna"), "SourceUser": source}


# (operation, members, code, text, source); `{pool}` is a pool with the provider Google, the user anna and, of her, the link google-1.
TEXTS: list[tuple[str, dict[str, Any], str, str, str]] = [
    (CREATE, provider("Mine", "Google", CLIENT), INVALID, "Provider Mine cannot be of type Google.", "aws/aws-cli #3179"),
    (
        CREATE,
        provider("LoginWithAmazon", "LoginWithAmazon", {}),
        INVALID,
        "client_id, client_secret and authorize_scopes are all required idp details",
        "aws-amplify/amplify-cli #8266",
    ),
    (
        CREATE,
        provider("Corp", "SAML", {}),
        INVALID,
        "At least one of the MetadataURL or MetadataFile should be provided.",
        "hashicorp/terraform-provider-aws #4815",
    ),
    (
        CREATE,
        provider("Facebook", "Facebook", CLIENT, AttributeMapping={"custom:x": "x"}),
        INVALID,
        "AttributeMapping contains invalid mapping: [custom:x]",
        "aws/aws-cli #9729",
    ),
    (
        "CreateUserPoolClient",
        {"UserPoolId": "{pool}", "ClientName": "x", "SupportedIdentityProviders": ["Okta"]},
        INVALID,
        "The provider Okta does not exist for User Pool {pool}.",
        "lgallard/terraform-aws-cognito-user-pool #71",
    ),
    (CREATE, provider("Google", "Google", CLIENT), DUPLICATE, "A provider with the name Google already exists.", "ours"),
    ("DescribeIdentityProvider", {"UserPoolId": "{pool}", "ProviderName": "x"}, MISSING, "Identity provider x does not exist.", "ours"),
    (
        LINK,
        link(who("Cognito", "bob")),
        INVALID,
        "Invalid SourceUser: Cognito users with a username/password may not be passed in as a SourceUser, only as a DestinationUser",
        "boto/boto3 #4163",
    ),
    (
        LINK,
        {**link(who("Google", "google-1")), "DestinationUser": who("Cognito", "bob")},
        "AliasExistsException",
        "The SourceUser is already linked to another user.",
        "ours; the code is B.9.74",
    ),
]

CAPTURED = "redirects to apps' callbacks, as public repositories keep them (error_description=…&error=invalid_request)"
# (the pool, what the provider says, the text, source)
ARRIVALS: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (
        {"Schema": [{"Name": "name", "Required": True}]},
        {},
        "attributes required: [name]",
        CAPTURED,
    ),
    ({}, {"sub": "taken"}, "Already found an entry for username Okta_taken", CAPTURED),
    ({}, {"email": "x"}, "Invalid user attributes: email: Invalid email address format.\n", "amazon-cognito-auth-js #48, #159: the form"),
]


@pytest.mark.parametrize(("operation", "members", "code", "text", "source"), TEXTS, ids=[f"{row[0]}-{row[3][:30]}" for row in TEXTS])
async def test_texts(server: TestServer, operation: str, members: dict[str, Any], code: str, text: str, source: str) -> None:
    pool = await server.pool()
    for name in ("anna", "bob"):
        await server.user(pool, name)
    made = {**provider("Google", "Google", CLIENT), "UserPoolId": pool}
    await server.call(CREATE, **made)
    await server.call(LINK, **{**link(who("Google", "google-1")), "UserPoolId": pool})
    assert await refusal(server, operation, **{**members, "UserPoolId": pool}) == (code, text.replace("{pool}", pool))
    assert source


@pytest.mark.parametrize(("pool", "person", "text", "source"), ARRIVALS)
async def test_arrivals(server: TestServer, pool: dict[str, Any], person: dict[str, Any], text: str, source: str) -> None:
    with OpenId() as there:
        there.now = server.clock.now()
        there.person |= person
        at = await door(server, "Okta", "OIDC", there.details(), mapping={"email": "email"}, **pool)
        await server.user(at.pool_id, "Okta_taken")
        with pytest.raises(FederationError) as refused:
            await at.go(there.authorize)
    assert (refused.value.text, refused.value.code, bool(source)) == (text, "invalid_request", True)
