"""The texts of identity pools that clients match on, each with where it comes from. `ours`: AWS's words are not known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.identity import Directory, identity, identity_pool, refused
from tests.kit.server import TestServer

DENIED, MISSING, INVALID = "NotAuthorizedException", "ResourceNotFoundException", "InvalidParameterException"
ABSENT = "us-east-1:00000000-0000-4000-8000-000000000000"
POOL, GUESTLESS, USER, GUEST = (
    {"IdentityPoolId": "{pool}"},
    {"IdentityPoolId": "{closed}"},
    {"IdentityId": "{user}"},
    {"IdentityId": "{guest}"},
)

# (operation, members, code, text, source); `{pool}` and its like are filled from `world`.
TEXTS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("GetId", {"IdentityPoolId": ABSENT}, MISSING, f"IdentityPool '{ABSENT}' not found.", "B.10.76, amplify-js #13650"),
    ("GetOpenIdToken", {"IdentityId": ABSENT}, MISSING, f"Identity '{ABSENT}' not found.", "by the one of pools"),
    ("GetId", GUESTLESS, DENIED, "Unauthenticated access is not supported for this identity pool.", "B.10.76, amplify-js #1089"),
    (
        "GetId",
        {**POOL, "Logins": {"graph.facebook.com": "x"}},
        DENIED,
        "Token is not from a supported provider of this identity pool.",
        "B.10.76, amazon-cognito-identity-js #371",
    ),
    (
        "GetId",
        {**POOL, "Logins": {"cognito-identity.amazonaws.com": "x"}},
        DENIED,
        "Invalid login token. Can't pass in a Cognito token.",
        "captured in a public project's notes",
    ),
    (
        "GetId",
        {**POOL, "Logins": {"{name}": "{access}"}},
        DENIED,
        "Invalid login token. Missing a required claim: aud",
        "amazon-cognito-identity-js #12",
    ),
    (
        "GetId",
        {**POOL, "Logins": {"{name}x": "{token}"}},
        DENIED,
        "Invalid login token. Issuer doesn't match providerName",
        "amazon-cognito-identity-js #40",
    ),
    (
        "GetId",
        {**POOL, "Logins": {"{name}": "{token}AAAA"}},
        DENIED,
        "Invalid login token. Couldn't verify signed token.",
        "amazon-cognito-identity-js #91",
    ),
    (
        "GetId",
        {**POOL, "Logins": {"{name}": "x"}},
        DENIED,
        "Invalid login token. Not a valid OpenId Connect identity token.",
        "ours",
    ),
    (
        "UnlinkIdentity",
        {**USER, "Logins": {}, "LoginsToRemove": []},
        DENIED,
        "Logins don't match. Please include at least one valid login for this identity or identity pool.",
        "B.10.76, amazon-cognito-identity-js #68",
    ),
    ("GetOpenIdToken", USER, DENIED, "Access to Identity '{user}' is forbidden.", "known of AWS's clients"),
    (
        "GetCredentialsForIdentity",
        GUEST,
        "InvalidIdentityPoolConfigurationException",
        "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
        "B.10.76",
    ),
    (
        "GetCredentialsForIdentity",
        {**GUEST, "CustomRoleArn": "arn:aws:iam::000000000000:role/x"},
        DENIED,
        "Access to Role 'arn:aws:iam::000000000000:role/x' is forbidden.",
        "aws-cognito-angular-quickstart #35",
    ),
    (
        "GetOpenIdToken",
        {"IdentityId": "{enhanced}"},
        INVALID,
        "Basic (classic) flow is not enabled, please use enhanced flow.",
        "aws-cli #7652",
    ),
    (
        "LookupDeveloperIdentity",
        {**POOL, "DeveloperUserIdentifier": "x"},
        INVALID,
        "The developer provider is not configured for this identity pool.",
        "ours",
    ),
]


@pytest.mark.parametrize(("operation", "members", "code", "text", "source"), TEXTS)
async def test_texts(server: TestServer, operation: str, members: dict[str, Any], code: str, text: str, source: str) -> None:
    """Code and text as AWS gives them."""
    world = await _world(server)
    assert await refused(server, operation, **_filled(members, world)) == (code, text.format(**world)), source


async def _world(server: TestServer) -> dict[str, str]:
    directory = await Directory.made(server)
    await directory.user("kim")
    pool = await identity_pool(server, CognitoIdentityProviders=[directory.provider()])
    tokens = await server.sign_in(directory.client, "kim")
    logins = {directory.name: tokens["IdToken"]}
    enhanced = await identity_pool(server, AllowClassicFlow=False)
    return {
        "pool": pool,
        "closed": await identity_pool(server, AllowUnauthenticatedIdentities=False),
        "name": directory.name,
        "token": tokens["IdToken"],
        "access": tokens["AccessToken"],
        "user": (await identity(server, "GetId", IdentityPoolId=pool, Logins=logins))["IdentityId"],
        "guest": (await identity(server, "GetId", IdentityPoolId=pool))["IdentityId"],
        "enhanced": (await identity(server, "GetId", IdentityPoolId=enhanced))["IdentityId"],
    }


def _filled(value: Any, world: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {_filled(key, world): _filled(item, world) for key, item in value.items()}
    return value.format(**world) if isinstance(value, str) else value
