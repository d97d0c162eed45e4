"""The texts that clients match on, each with where it comes from. Texts are wire: a change here is a change of the contract.

A source `B.5.51` is a line of FIDELITY: texts measured, captured or quoted in unrelated projects. `model` is AWS's service model, `ours`
a case of which AWS's words are not known: such a text may become AWS's as soon as somebody has read it.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer

ISSUE_8827 = "hashicorp/terraform-provider-aws #8827"
INVALID, DENIED, MISSING = "InvalidParameterException", "NotAuthorizedException", "ResourceNotFoundException"
BOTH_FACTORS = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SMS_OTP"]}}
SMS = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
TOTP = {"Enabled": True}
NO_MEMORY = "User pool is not configured to remember devices."
NO_FACTOR = "Invalid MFA Configuration given. SMS MFA, Email MFA, or Software Token MFA must be enabled."


def pair(name: str, value: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value}]


def rate(category: str) -> dict[str, Any]:
    return {"LimitClass": "API_CATEGORY", "Attributes": {"Category": category}}


def logs(**config: Any) -> dict[str, Any]:
    return {"UserPoolId": "{pool}", "LogConfigurations": [config]}


# (operation, members, code, text, source); `{pool}` and its like are filled from `world`.
TEXTS: list[tuple[str, dict[str, Any], str, str, str]] = [
    # what is not there
    ("DescribeUserPool", {"UserPoolId": "us-east-1_none"}, MISSING, "User pool us-east-1_none does not exist.", "B.2.28"),
    ("ListUsers", {"UserPoolId": "us-east-1_none"}, MISSING, "User pool us-east-1_none does not exist.", "B.2.28"),
    ("ListGroups", {"UserPoolId": "us-east-1_none"}, MISSING, "User pool us-east-1_none does not exist.", "B.2.28"),
    ("DescribeUserPoolClient", {"UserPoolId": "{pool}", "ClientId": "none"}, MISSING, "User pool client none does not exist.", "B.2.28"),
    ("AdminGetUser", {"UserPoolId": "{pool}", "Username": "none"}, "UserNotFoundException", "User does not exist.", "B.2.14"),
    ("GetGroup", {"UserPoolId": "{pool}", "GroupName": "none"}, MISSING, "Group not found.", "aws-amplify/amplify-cli #2214"),
    # request rates and logs
    ("GetProvisionedLimit", {"LimitDefinition": rate("None")}, MISSING, "The category None does not exist.", "ours"),
    (
        "UpdateProvisionedLimit",
        {"LimitDefinition": rate("UserList"), "RequestedLimitValue": 40},
        INVALID,
        "The limit of the category UserList is not adjustable.",
        "ours",
    ),
    (
        "SetLogDeliveryConfiguration",
        logs(EventSource="userNotification", LogLevel="ERROR"),
        INVALID,
        "The log configuration of userNotification must have exactly one destination.",
        "ours",
    ),
    (
        "SetLogDeliveryConfiguration",
        logs(EventSource="userAuthEvents", LogLevel="INFO", S3Configuration={"BucketArn": "arn:aws:s3:::exported"}),
        "FeatureUnavailableInTierException",
        "Exporting user activity logs is not available in this tier. Change the user pool to the Plus tier.",
        "ours",
    ),
    # what is there already
    (
        "CreateGroup",
        {"UserPoolId": "{pool}", "GroupName": "group"},
        "GroupExistsException",
        "A group with the name already exists.",
        "getmoto/moto, but for its full stop",
    ),
    ("AdminCreateUser", {"UserPoolId": "{pool}", "Username": "anna"}, "UsernameExistsException", "User account already exists", "B.4.40"),
    (
        "SignUp",
        {"ClientId": "{client}", "Username": "anna", "Password": PASSWORD},
        "UsernameExistsException",
        "User already exists",
        "B.4.40",
    ),
    (
        "AdminCreateUser",
        {"UserPoolId": "{alias}", "Username": "x", "UserAttributes": [*pair("email", "b@example.com"), *pair("email_verified", "true")]},
        "UsernameExistsException",
        "An account with the given email already exists.",
        "B.4.40",
    ),
    # names
    (
        "AdminCreateUser",
        {"UserPoolId": "{alias}", "Username": "x@example.com"},
        INVALID,
        "Username cannot be of email format, since user pool is configured for email alias.",
        "B.4.46",
    ),
    ("AdminCreateUser", {"UserPoolId": "{by_email}", "Username": "x"}, INVALID, "Username should be an email.", "B.4.46"),
    (
        "AdminCreateUser",
        {"UserPoolId": "{by_email}", "Username": "x@example.com", "UserAttributes": pair("email", "y@example.com")},
        INVALID,
        "User email should be empty or same as username, since username attribute is email",
        "B.4.46",
    ),
    # schema
    (
        "CreateUserPool",
        {"PoolName": "x", "Schema": [{"Name": "a", "AttributeDataType": "String", "Required": True}]},
        INVALID,
        "Required custom attributes are not supported currently.",
        "B.5.51",
    ),
    (
        "CreateUserPool",
        {"PoolName": "x", "Schema": [{"Name": "a"}]},
        INVALID,
        "Invalid AttributeDataType input, consider using the provided AttributeDataType enum.",
        "B.5.51",
    ),
    (
        "CreateUserPool",
        {"PoolName": "x", "Schema": [{"Name": "email", "AttributeDataType": "Number"}]},
        INVALID,
        "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute email",
        "B.5.51",
    ),
    (
        "CreateUserPool",
        {"PoolName": "x", "Schema": [{"Name": "a", "AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "2049"}}]},
        INVALID,
        "user.custom:a: String attributes cannot have a length of more than 2048",
        "B.5.51",
    ),
    (
        "AddCustomAttributes",
        {"UserPoolId": "{alias}", "CustomAttributes": [{"Name": "banana", "AttributeDataType": "String", "DeveloperOnlyAttribute": True}]},
        INVALID,
        "custom:banana: Existing attribute already has name dev:custom:banana.",
        "B.5.51",
    ),
    (
        "AdminCreateUser",
        {"UserPoolId": "{pool}", "Username": "x", "UserAttributes": pair("custom:foo", "x")},
        INVALID,
        "Invalid user attributes: user.custom:foo: Attribute does not exist in the schema.\n",
        "B.5.51",
    ),
    # a user's own attributes
    (
        "UpdateUserAttributes",
        {"AccessToken": "{token}", "UserAttributes": pair("email_verified", "true")},
        DENIED,
        "A client attempted to write unauthorized attribute",
        "B.5.52",
    ),
    (
        "GetUserAttributeVerificationCode",
        {"AccessToken": "{token}", "AttributeName": "name"},
        INVALID,
        "Invalid attribute name. Only phone_number and email can be verified.",
        "B.4.48",
    ),
    (
        "GetUserAttributeVerificationCode",
        {"AccessToken": "{token}", "AttributeName": "email"},
        INVALID,
        "User does not have a valid registered email address",
        "B.4.48",
    ),
    ("GetUserAttributeVerificationCode", {"AccessToken": "x", "AttributeName": "email"}, DENIED, "Invalid Access Token", "B.4.48"),
    (
        "VerifyUserAttribute",
        {"AccessToken": "{token}", "AttributeName": "email", "Code": "000000"},
        "ExpiredCodeException",
        "Invalid code provided, please request a code again.",
        "B.4.41",
    ),
    # ListUsers
    ("ListUsers", {"UserPoolId": "{pool}", "Filter": "email = x"}, INVALID, "Error while parsing filter.", "B.5.53"),
    ("ListUsers", {"UserPoolId": "{pool}", "Filter": 'custom:foo = "x"'}, INVALID, "Invalid search attribute: custom:foo", "B.5.53"),
    (
        "ListUsers",
        {"UserPoolId": "{pool}", "AttributesToGet": ["given_name"]},
        INVALID,
        "One or more requested attributes do not exist.",
        "aws/aws-sdk-js #2570",
    ),
    ("ListUsers", {"UserPoolId": "{pool}", "PaginationToken": "x"}, INVALID, "Invalid pagination token given.", "ours"),
    # pools
    (
        "UpdateUserPool",
        {"UserPoolId": "{pool}", "VerificationMessageTemplate": {"EmailMessageByLink": "Click {####}"}},
        INVALID,
        "The message is invalid.",
        "aws/aws-cli #8280, aws-amplify/amplify-cli #5907",
    ),
    (
        "UpdateUserPool",
        {"UserPoolId": "{pool}", "MfaConfiguration": "ON", "SmsConfiguration": SMS},
        INVALID,
        "Cannot turn MFA functionality ON, once the user pool has been created.",
        "B.9.71",
    ),
    (
        "UpdateUserPool",
        {
            "UserPoolId": "{pool}",
            "AdminCreateUserConfig": {"UnusedAccountValidityDays": 3},
            "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}},
        },
        INVALID,
        "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays",
        ISSUE_8827,
    ),
    (
        "CreateUserPool",
        {"PoolName": "x", "Policies": BOTH_FACTORS},
        INVALID,
        "SMS_OTP can not be configured as AuthFactor as user pool is missing valid SMS configuration",
        "B.9.70",
    ),
    # MFA
    (
        "SetUserPoolMfaConfig",
        {"UserPoolId": "{pool}", "SoftwareTokenMfaConfiguration": TOTP},
        INVALID,
        "Invalid MFA configuration given, can't turn off MFA and configure an MFA together",
        "B.9.70",
    ),
    ("SetUserPoolMfaConfig", {"UserPoolId": "{pool}", "MfaConfiguration": "OPTIONAL"}, INVALID, NO_FACTOR, "B.9.70"),
    (
        "SetUserPoolMfaConfig",
        {"UserPoolId": "{by_code}", "MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": TOTP},
        INVALID,
        "Only PASSWORD and WEB_AUTHN (if configured) can be enabled as an auth factor if MFA is enabled",
        "B.9.70",
    ),
    (
        "SetUserPoolMfaConfig",
        {"UserPoolId": "{pool}", "MfaConfiguration": "OPTIONAL", "EmailMfaConfiguration": {}},
        INVALID,
        "Cannot set EmailMfaConfiguration when user pool EmailConfiguration contains an EmailSendingAccount of COGNITO_DEFAULT",
        "B.9.70",
    ),
    (
        "SetUserPoolMfaConfig",
        {"UserPoolId": "{by_passkey}", "MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": TOTP},
        INVALID,
        "Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and WebAuthn is an allowed first auth factor",
        "B.9.70",
    ),
    # clients
    (
        "CreateUserPoolClient",
        {"UserPoolId": "{pool}", "ClientName": "x", "AccessTokenValidity": 25},
        INVALID,
        "Invalid range for token validity.",
        "B.9.72",
    ),
    # sessions
    (
        "AdminListUserSessions",
        {"UserPoolId": "{pool}", "Username": "anna"},
        "OperationNotEnabledException",
        "Session tracking is not enabled for this user pool.",
        "ours",
    ),
    (
        "AdminRevokeUserSession",
        {"UserPoolId": "{tracks}", "Username": "carl", "SessionId": f"tkn{'0' * 25}"},
        MISSING,
        "Session does not exist.",
        "ours",
    ),
    (
        "RevokeUserSession",
        {"AccessToken": "{carls_token}", "SessionId": "{carls_session}"},
        INVALID,
        "The current session cannot be revoked.",
        "ours",
    ),
    # devices
    ("AdminGetDevice", {"UserPoolId": "{pool}", "Username": "anna", "DeviceKey": "x_0"}, MISSING, "Device does not exist.", "A.5"),
    (
        "ConfirmDevice",
        {"AccessToken": "{dans_token}", "DeviceKey": "x_0"},
        INVALID,
        "Invalid device key given.",
        "aws-amplify/amplify-js #2087, boto/boto3 #4059",
    ),
    ("ConfirmDevice", {"AccessToken": "{token}", "DeviceKey": "x_0"}, "InvalidUserPoolConfigurationException", NO_MEMORY, "ours"),
    (
        "ConfirmDevice",
        {"AccessToken": "{dans_token}", "DeviceKey": "{dans_device}"},
        INVALID,
        "Invalid device secret verifier configuration given.",
        "ours",
    ),
    ("ForgetDevice", {"DeviceKey": "x_0"}, INVALID, "Missing required parameter AccessToken", "ours"),
    # the model's own violations
    (
        "CreateGroup",
        {"UserPoolId": "{pool}", "GroupName": ""},
        INVALID,
        (
            "2 validation errors detected: Value '' at 'groupName' failed to satisfy constraint: Member must have length greater than or equal to 1; "
            r"Value '' at 'groupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+"
        ),
        "model",
    ),
    (
        "ListGroups",
        {"UserPoolId": "{pool}", "Limit": 61},
        INVALID,
        "1 validation error detected: Value '61' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 60",
        "model",
    ),
]


@pytest.fixture
async def world(server: TestServer) -> dict[str, str]:
    """Pools of each kind, and Anna in one of them."""

    def first(*factors: str) -> dict[str, Any]:
        return {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", *factors]}}}

    banana = {"Name": "banana", "AttributeDataType": "String", "DeveloperOnlyAttribute": True}
    pool, alias = await server.pool(), await server.pool(AliasAttributes=["email"], Schema=[banana])
    client = await server.client(pool)
    await server.call("CreateGroup", UserPoolId=pool, GroupName="group")
    await server.user(pool, "anna")
    await server.user(alias, "ben", email="b@example.com", email_verified="true")
    return {
        **await sessions(server),
        **await devices(server),
        "pool": pool,
        "client": client,
        "alias": alias,
        "by_email": await server.pool(UsernameAttributes=["email"]),
        "by_code": await server.pool(**first("EMAIL_OTP")),
        "by_passkey": await server.pool(**first("WEB_AUTHN")),
        "token": (await server.sign_in(client, "anna"))["AccessToken"],
    }


async def devices(server: TestServer) -> dict[str, str]:
    """A pool that remembers devices, and Dan on one that he has not confirmed."""
    pool = await server.pool(DeviceConfiguration={"ChallengeRequiredOnNewDevice": True})
    await server.user(pool, "dan")
    tokens = await server.sign_in(await server.client(pool), "dan")
    return {"dans_token": tokens["AccessToken"], "dans_device": tokens["NewDeviceMetadata"]["DeviceKey"]}


async def sessions(server: TestServer) -> dict[str, str]:
    """A pool that tracks sessions, and Carl with one."""
    pool = await server.pool()
    await server.call("SetUserPoolSessionConfiguration", UserPoolId=pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 20})
    await server.user(pool, "carl")
    token = (await server.sign_in(await server.client(pool), "carl"))["AccessToken"]
    session = (await server.call("ListUserSessions", AccessToken=token))["Sessions"][0]["SessionId"]
    return {"tracks": pool, "carls_token": token, "carls_session": session}


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)  # no text depends on the database
@pytest.mark.parametrize(("operation", "members", "code", "text", "source"), TEXTS, ids=[f"{row[0]}-{row[3][:40]}" for row in TEXTS])
async def test_text(
    server: TestServer, world: dict[str, str], operation: str, members: dict[str, Any], code: str, text: str, source: str
) -> None:
    filled = {name: world[value[1:-1]] if isinstance(value, str) and value[:1] == "{" else value for name, value in members.items()}
    assert await refusal(server, operation, **filled) == (code, text)
    assert source
