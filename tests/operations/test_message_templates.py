"""Templates of messages: what AWS's model refuses, what it lets through and AWS refuses all the same, and their lengths."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import TestServer

INVALID = "InvalidParameterException"
BAD = (INVALID, "The message is invalid.")
PASSWORDLESS = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}


def by_link(text: str) -> dict[str, Any]:
    return {"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": text}}


def invitation(**texts: str) -> dict[str, Any]:
    return {"AdminCreateUserConfig": {"InviteMessageTemplate": texts}}


REFUSED = [
    by_link("Click {####}"),
    by_link("Click {## ##}"),
    invitation(EmailMessage="Welcome {username}"),
    invitation(EmailMessage="Your password is {####}"),
    invitation(SMSMessage="Welcome {username}"),
    {**invitation(SMSMessage="Welcome, whoever you are"), "Policies": PASSWORDLESS},
]
TAKEN = [
    by_link("{##Click here##}"),
    by_link("{####} or {##Click##}"),
    invitation(EmailMessage="{username}: {####}", SMSMessage="{username} {####}"),
    {**invitation(EmailMessage="Welcome {username}", SMSMessage="Welcome {username}"), "Policies": PASSWORDLESS},
    {
        "SmsVerificationMessage": "{####}" + "ß" * 134,
        "EmailVerificationMessage": "{####}" + "ß" * 19_994,
        "EmailVerificationSubject": "ß" * 140,
    },
]


@pytest.mark.parametrize("members", REFUSED)
async def test_refused(server: TestServer, members: dict[str, Any]) -> None:
    """By CreateUserPool, and by UpdateUserPool, which then changes nothing."""
    assert await refusal(server, "CreateUserPool", PoolName="test", **members) == BAD
    pool = await server.pool()
    before = await server.call("DescribeUserPool", UserPoolId=pool)
    assert await refusal(server, "UpdateUserPool", UserPoolId=pool, **members) == BAD
    assert await server.call("DescribeUserPool", UserPoolId=pool) == before


@pytest.mark.parametrize("members", TAKEN)
async def test_taken(server: TestServer, members: dict[str, Any]) -> None:
    """And shown as it was given."""
    shown = (await server.call("DescribeUserPool", UserPoolId=await server.pool(**members)))["UserPool"]
    for name in set(members) - {"Policies"}:
        given = members[name]
        assert {**shown[name], **given} == shown[name] if isinstance(given, dict) else shown[name] == given


@pytest.mark.parametrize(
    ("members", "constraint"),
    [
        ({"SmsVerificationMessage": "no place"}, "Member must satisfy regular expression pattern: .*\\{####\\}.*"),
        ({"SmsAuthenticationMessage": "no place"}, "Member must satisfy regular expression pattern: .*\\{####\\}.*"),
        ({"SmsVerificationMessage": "{####}" + "ß" * 135}, "Member must have length less than or equal to 140"),
        ({"EmailVerificationSubject": "ß" * 141}, "Member must have length less than or equal to 140"),
        ({"EmailVerificationMessage": "{####}" + "ß" * 19_995}, "Member must have length less than or equal to 20000"),
        (invitation(SMSMessage="{username} {####}" + "ß" * 124), "Member must have length less than or equal to 140"),
    ],
)
async def test_the_models_bounds(server: TestServer, members: dict[str, Any], constraint: str) -> None:
    code, text = await refusal(server, "CreateUserPool", PoolName="test", **members)
    assert (code, text.startswith("1 validation error detected: "), text.endswith(constraint)) == (INVALID, True, True)


@pytest.mark.parametrize(
    "members",
    [
        {"SmsMfaConfiguration": {"SmsAuthenticationMessage": "no place"}},
        {"EmailMfaConfiguration": {"Message": "no place"}},
    ],
)
async def test_messages_of_second_factors(server: TestServer, members: dict[str, Any]) -> None:
    code, text = await refusal(server, "SetUserPoolMfaConfig", UserPoolId=await server.pool(), MfaConfiguration="OPTIONAL", **members)
    assert (code, "{####}" in text.replace("\\", "")) == (INVALID, True)
