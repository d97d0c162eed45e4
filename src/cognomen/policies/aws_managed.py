"""Policies that AWS manages, those of them that speak of what is served here: Cognito, S3 and services behind the gateway, and what functions' roles
usually have. They are AWS's to change, nobody else's.

Documents, times and versions: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

import msgspec

from cognomen.policies import guest

PREFIX: Final = "arn:aws:iam::aws:policy/"


class AwsPolicy(msgspec.Struct, frozen=True):
    """`created_at` and `modified_at` in epoch seconds; `version` is the number of the only version that is kept."""

    name: str
    path: str
    description: str
    created_at: float
    modified_at: float
    version: int
    document: str

    @property
    def arn(self) -> str:
        return f"{PREFIX}{self.path[1:]}{self.name}"


def _policy(name: str, version: int, times: str, description: str, document: str, path: str = "/") -> AwsPolicy:
    created, modified = (datetime.strptime(time, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC).timestamp() for time in times.split())
    return AwsPolicy(name, path, description, created, modified, version, document)


def _allow(actions: str, resource: str = "*") -> str:
    return _document({"Effect": "Allow", "Action": actions.split(), "Resource": resource})


def _document(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


_POWER: Final = _document(
    {
        "Effect": "Allow",
        "Action": [
            "cognito-identity:*",
            "cognito-idp:*",
            "cognito-sync:*",
            "iam:ListRoles",
            "iam:ListOpenIdConnectProviders",
            "iam:GetRole",
            "iam:ListSAMLProviders",
            "iam:GetSAMLProvider",
            "kinesis:ListStreams",
            "lambda:GetPolicy",
            "lambda:ListFunctions",
            "sns:GetSMSSandboxAccountStatus",
            "sns:ListPlatformApplications",
            "ses:ListIdentities",
            "ses:GetIdentityVerificationAttributes",
            "mobiletargeting:GetApps",
            "acm:ListCertificates",
            "sms-voice:DescribeAccountAttributes",
        ],
        "Resource": "*",
    },
    {
        "Effect": "Allow",
        "Action": "iam:CreateServiceLinkedRole",
        "Resource": "*",
        "Condition": {"StringEquals": {"iam:AWSServiceName": ["cognito-idp.amazonaws.com", "email.cognito-idp.amazonaws.com"]}},
    },
    {
        "Effect": "Allow",
        "Action": ["iam:DeleteServiceLinkedRole", "iam:GetServiceLinkedRoleDeletionStatus"],
        "Resource": [
            "arn:aws:iam::*:role/aws-service-role/cognito-idp.amazonaws.com/AWSServiceRoleForAmazonCognitoIdp*",
            "arn:aws:iam::*:role/aws-service-role/email.cognito-idp.amazonaws.com/AWSServiceRoleForAmazonCognitoIdpEmail*",
        ],
    },
)
_READ: Final = (
    "cognito-identity:Describe* cognito-identity:Get* cognito-identity:List* cognito-idp:Describe* cognito-idp:AdminGet* cognito-idp:AdminList*"
    " cognito-idp:List* cognito-idp:Get* cognito-sync:Describe* cognito-sync:Get* cognito-sync:List* iam:ListOpenIdConnectProviders iam:ListRoles"
    " sns:ListPlatformApplications"
)
_DEVELOPER: Final = (
    "cognito-identity:GetOpenIdTokenForDeveloperIdentity cognito-identity:LookupDeveloperIdentity cognito-identity:MergeDeveloperIdentities"
    " cognito-identity:UnlinkDeveloperIdentity"
)
POLICIES: Final = (
    _policy(
        "AmazonAPIGatewayInvokeFullAccess",
        2,
        "2015-07-09T17:36 2018-12-18T18:25",
        "Provides full access to invoke APIs in Amazon API Gateway.",
        _allow("execute-api:Invoke execute-api:ManageConnections", "arn:aws:execute-api:*:*:*"),
    ),
    _policy(
        "AmazonCognitoDeveloperAuthenticatedIdentities",
        1,
        "2015-03-24T17:22 2015-03-24T17:22",
        "Provides access to Amazon Cognito APIs to support developer authenticated identities from your authentication backend.",
        _allow(_DEVELOPER),
    ),
    _policy(
        "AmazonCognitoPowerUser",
        9,
        "2015-03-24T17:14 2026-02-12T18:00",
        "Provides administrative access to existing Amazon Cognito resources. You will need AWS account admin privileges to create new Cognito"
        " resources.",
        _POWER,
    ),
    _policy(
        "AmazonCognitoReadOnly",
        4,
        "2015-03-24T17:06 2019-08-01T19:21",
        "Provides read only access to Amazon Cognito resources.",
        _allow(_READ),
    ),
    _policy(
        "AmazonCognitoUnAuthedIdentitiesSessionPolicy",
        3,
        "2023-07-19T23:04 2024-11-01T18:12",
        "What guests of identity pools may do at the most. Cognito adds it to their credentials: it need not be attached to a role.",
        guest.MANAGED,
    ),
    _policy(
        "AmazonS3FullAccess",
        2,
        "2015-02-06T18:40 2021-09-27T20:16",
        "Provides full access to all buckets via the AWS Management Console.",
        _allow("s3:* s3-object-lambda:*"),
    ),
    _policy(
        "AmazonS3ReadOnlyAccess",
        3,
        "2015-02-06T18:40 2023-08-10T21:31",
        "Provides read only access to all buckets via the AWS Management Console.",
        _allow("s3:Get* s3:List* s3:Describe* s3-object-lambda:Get* s3-object-lambda:List*"),
    ),
    _policy(
        "AWSLambdaBasicExecutionRole",
        1,
        "2015-04-09T15:03 2015-04-09T15:03",
        "Provides write permissions to CloudWatch Logs.",
        _allow("logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents"),
        "/service-role/",
    ),
)
