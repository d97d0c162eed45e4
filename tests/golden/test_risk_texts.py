"""The texts of threat protection, each with where it comes from; see test_texts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer

INVALID, DENIED, MISSING = "InvalidParameterException", "NotAuthorizedException", "ResourceNotFoundException"
OFF = "UserPoolAddOnNotEnabledException"
RISK_APP = "an app's published list of what live Cognito answered it (useAuthLogic.ts, getNotAuthorizedExceptionIssue)"


def signing_in(pool: str, client: str, username: str, address: str) -> dict[str, Any]:
    return {
        "UserPoolId": pool,
        "ClientId": client,
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": username, "PASSWORD": PASSWORD},
        "ContextData": {"IpAddress": address, "ServerName": "x", "ServerPath": "/", "HttpHeaders": []},
    }


TEXTS: list[tuple[str, dict[str, Any], str, str, str]] = [
    # threat protection
    (
        "AdminInitiateAuth",
        signing_in("{plus}", "{plus_client}", "anna", "8.8.8.8"),
        DENIED,
        "Unable to login because of security reasons.",
        RISK_APP,
    ),
    (
        "AdminInitiateAuth",
        signing_in("{plus}", "{plus_client}", "anna", "192.0.2.1"),
        DENIED,
        "Request not allowed due to security reasons.",
        RISK_APP,
    ),
    (
        "SignUp",
        {"ClientId": "{plus_client}", "Username": "ben", "Password": "sunshine"},
        "InvalidPasswordException",
        "Provided password cannot be used for security reasons.",
        RISK_APP,
    ),
    (
        "AdminListUserAuthEvents",
        {"UserPoolId": "{pool}", "Username": "anna"},
        OFF,
        "User pool add-ons are not enabled.",
        "ours, after the model",
    ),
    (
        "SetRiskConfiguration",
        {"UserPoolId": "{pool}", "RiskExceptionConfiguration": {}},
        OFF,
        "Threat protection is not available in this tier. Change the user pool to the Plus tier.",
        "ours",
    ),
    (
        "SetRiskConfiguration",
        {"UserPoolId": "{plus}", "RiskExceptionConfiguration": {"BlockedIPRangeList": ["x"]}},
        INVALID,
        "Invalid IP range x: it must be in CIDR notation.",
        "ours",
    ),
    (
        "AdminUpdateAuthEventFeedback",
        {"UserPoolId": "{plus}", "Username": "anna", "EventId": "none", "FeedbackValue": "Valid"},
        MISSING,
        "Auth event does not exist.",
        "ours",
    ),
    (
        "UpdateAuthEventFeedback",
        {"UserPoolId": "{plus}", "Username": "anna", "EventId": "x", "FeedbackToken": "x", "FeedbackValue": "Valid"},
        DENIED,
        "Invalid feedback token.",
        "ours",
    ),
]


@pytest.fixture
async def world(server: TestServer) -> dict[str, str]:
    """A pool without threat protection and one with it, in which Anna is known in one place."""
    pool = await server.pool()
    plus = await server.pool(UserPoolTier="PLUS", UserPoolAddOns={"AdvancedSecurityMode": "ENFORCED"}, Policies={"PasswordPolicy": {}})
    plus_client = await server.client(plus)
    await server.user(plus, "anna")
    await server.user(plus, "eve")
    for username, address in (("anna", "198.51.100.7"), ("eve", "203.0.113.9")):  # each from a place of her own
        await server.call("AdminInitiateAuth", **signing_in(plus, plus_client, username, address))
    blocked = {"BlockedIPRangeList": ["192.0.2.0/24"]}
    await server.call("SetRiskConfiguration", UserPoolId=plus, RiskExceptionConfiguration=blocked)
    return {"pool": pool, "plus": plus, "plus_client": plus_client}


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)  # no text depends on the database
@pytest.mark.parametrize(("operation", "members", "code", "text", "source"), TEXTS, ids=[f"{row[0]}-{row[3][:40]}" for row in TEXTS])
async def test_text(
    server: TestServer, world: dict[str, str], operation: str, members: dict[str, Any], code: str, text: str, source: str
) -> None:
    filled = {name: world[value[1:-1]] if isinstance(value, str) and value[:1] == "{" else value for name, value in members.items()}
    assert await refusal(server, operation, **filled) == (code, text)
    assert source
