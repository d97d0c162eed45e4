"""The ARNs and regions by which a pool has AWS's services called for it: what they may not be, in every operation that takes them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.functions import arn
from tests.kit.refusal import refusal
from tests.kit.server import TestServer

KEY = "arn:aws:kms:us-east-1:000000000000:key/1"
ROLE = "arn:aws:iam::000000000000:role/sms"
FUNCTIONS = [
    "arn:aws:lambda:@evil.example/:000000000000:function:f",
    "arn:aws:lambda:evil.example:000000000000:function:f",
    "arn:aws:lambda::000000000000:function:f",
    "arn:aws:sqs:us-east-1:000000000000:function:f",
    "arn:aws:lambda:us-east-1:000000000000:layer:f",
    "arn:aws:s3:us-east-1:000000000000:anything-else",
]


def lambda_config(member: str, named: str) -> dict[str, Any]:
    if member in ("CustomEmailSender", "CustomSMSSender"):
        return {member: {"LambdaVersion": "V1_0", "LambdaArn": named}, "KMSKeyID": KEY}
    if member in ("InboundFederation", "PreTokenGenerationConfig"):
        return {member: {"LambdaVersion": "V1_0", "LambdaArn": named}}
    return {member: named}


async def refused_everywhere(server: TestServer, text: str, **members: Any) -> None:
    expected = ("InvalidParameterException", text)
    assert await refusal(server, "CreateUserPool", PoolName="test", **members) == expected
    assert await refusal(server, "UpdateUserPool", UserPoolId=await server.pool(), **members) == expected


@pytest.mark.parametrize("member", ["PreSignUp", "UserMigration", "CustomEmailSender", "PreTokenGenerationConfig", "InboundFederation"])
@pytest.mark.parametrize("named", FUNCTIONS)
async def test_a_trigger_is_a_lambda_function_in_a_region(server: TestServer, member: str, named: str) -> None:
    """Its ARN's region is the host that is asked."""
    text = f'"{named}" is not the ARN of a Lambda function.'
    await refused_everywhere(server, text, LambdaConfig=lambda_config(member, named))


@pytest.mark.parametrize("key", ["arn:aws:kms:evil.example/:000000000000:key/1", "arn:aws:lambda:us-east-1:000000000000:function:f"])
async def test_a_key_is_of_kms_in_a_region(server: TestServer, key: str) -> None:
    config = {**lambda_config("CustomEmailSender", arn("f")), "KMSKeyID": key}
    await refused_everywhere(server, f'"{key}" is not the ARN of a KMS key.', LambdaConfig=config)


@pytest.mark.parametrize("region", ["@evil.example/", "evil.example", "us-east-1.evil.example"])
async def test_texts_leave_by_a_region(server: TestServer, region: str) -> None:
    sms = {"SnsCallerArn": ROLE, "SnsRegion": region}
    await refused_everywhere(server, "SnsRegion must be the name of an AWS Region.", SmsConfiguration=sms)
    found = await refusal(
        server,
        "SetUserPoolMfaConfig",
        UserPoolId=await server.pool(),
        MfaConfiguration="OPTIONAL",
        SmsMfaConfiguration={"SmsConfiguration": sms},
    )
    assert found == ("InvalidParameterException", "SnsRegion must be the name of an AWS Region.")


@pytest.mark.parametrize(
    ("sms", "text"),
    [
        (
            {"SnsCallerArn": ROLE, "EumsSms": {"CallerArn": ROLE}},
            "SmsConfiguration must have either SnsCallerArn or EumsSms, not both.",
        ),
        ({"EumsSms": {"CallerArn": ROLE, "Region": "eu-west-1"}}, "The Region of EumsSms must be the Region of the user pool."),
    ],
)
async def test_end_user_messaging_stands_alone_in_the_pools_region(server: TestServer, sms: dict[str, Any], text: str) -> None:
    """ "provide either the Amazon SNS configuration (SnsCallerArn) or this configuration, but not both"; the texts are ours."""
    await refused_everywhere(server, text, SmsConfiguration=sms)
    members = {"UserPoolId": await server.pool(), "MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": {"SmsConfiguration": sms}}
    assert await refusal(server, "SetUserPoolMfaConfig", **members) == ("InvalidParameterException", text)


async def test_end_user_messaging_is_a_configuration_of_texts(server: TestServer) -> None:
    eums = {"EumsSms": {"CallerArn": ROLE, "Region": "us-east-1", "OriginationIdentity": "+15550000000"}}
    pool = await server.pool(SmsConfiguration=eums, MfaConfiguration="OPTIONAL")
    assert (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["SmsConfiguration"] == eums


@pytest.mark.parametrize(
    "source", ["arn:aws:ses:@evil.example/:000000000000:identity/a", "arn:aws:sns:us-east-1:000000000000:identity/a@example.com"]
)
async def test_mails_leave_by_an_identity_in_a_region(server: TestServer, source: str) -> None:
    email = {"EmailSendingAccount": "DEVELOPER", "SourceArn": source}
    await refused_everywhere(server, "SourceArn must be the ARN of an Amazon SES identity.", EmailConfiguration=email)


async def test_other_partitions_are_no_other_hosts(server: TestServer) -> None:
    """China and the American government's clouds have partitions of their own."""
    config = {"PreSignUp": "arn:aws-cn:lambda:cn-north-1:000000000000:function:f:PROD", "UserMigration": arn("f")}
    pool = await server.pool(
        LambdaConfig=config, EmailConfiguration={"SourceArn": "arn:aws-us-gov:ses:us-gov-west-1:000000000000:identity/a"}
    )
    assert (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["LambdaConfig"] == config
