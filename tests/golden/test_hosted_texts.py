"""The texts of domains, resource servers, branding and terms, each with where it comes from; as in `test_texts.py`, `ours` may become AWS's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.server import TestServer

INVALID, MISSING = "InvalidParameterException", "ResourceNotFoundException"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
BAD_CHARACTER = (
    "The domain name contains an invalid character. Domain names can only contain lower-case letters, numbers, and hyphens. Please enter"
    r" a different name that follows this format: ^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$"
)
NOT_A_CLASS = "CSS has a selector that is not one of the class names that can be customized"
ID = "11111111-2222-4333-8444-555555555555"

# (operation, members, code, text, source); UserPoolId is added, that of a pool with the domain `people`.
TEXTS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("DeleteUserPoolDomain", {"Domain": "none"}, INVALID, "No such domain or user pool exists.", "aws-amplify/amplify-cli, its e2e tests"),
    (
        "CreateUserPoolDomain",
        {"Domain": "newcognito"},
        INVALID,
        "Domain cannot contain reserved word: cognito",
        "aws-amplify/amplify-cli #3854",
    ),
    ("CreateUserPoolDomain", {"Domain": "auth.example.com"}, INVALID, BAD_CHARACTER, "mineiros-io/terraform-aws-cognito-user-pool #69"),
    (
        "CreateUserPoolDomain",
        {"Domain": "people", "CustomDomainConfig": {"CertificateArn": CERTIFICATE}},
        INVALID,
        "Custom domain is not a valid subdomain: it must be a fully qualified domain name.",
        "ours",
    ),
    (
        "CreateUserPoolDomain",
        {"Domain": "second"},
        INVALID,
        "User pool already has domain configured.",
        "aws-samples/websocket-chat-application #29",
    ),
    (
        "DeleteUserPool",
        {},
        INVALID,
        "User pool cannot be deleted. It has a domain configured that should be deleted first.",
        "hashicorp/terraform-provider-aws #16479",
    ),
    (
        "CreateUserPoolClient",
        {"ClientName": "a", "AllowedOAuthScopes": ["Cognito"]},
        "ScopeDoesNotExistException",
        "Invalid scope requested: Cognito",
        "awsdocs/aws-cloudformation-user-guide #564",
    ),
    (
        "CreateUserPoolClient",
        {"ClientName": "a", "AllowedOAuthFlows": ["code"]},
        "InvalidOAuthFlowException",
        "CallbackUrls can not be empty when code flow or implicit flow is selected",
        "cisagov/crossfeed #440",
    ),
    (
        "CreateUserPoolDomain",
        {"Domain": "a.example.com", "CustomDomainConfig": {"CertificateArn": "arn:aws:acm:eu-west-1:000000000000:certificate/1"}},
        INVALID,
        "CertificateArn must be the ARN of a certificate of AWS Certificate Manager in us-east-1.",
        "ours",
    ),
    ("SetUICustomization", {"CSS": "body {}"}, INVALID, f"{NOT_A_CLASS}: body", "ours"),
    ("SetUICustomization", {"ImageFile": "R0lGODlh"}, INVALID, "The logo image must be a PNG or JPEG file.", "ours"),
    ("DescribeManagedLoginBranding", {"ManagedLoginBrandingId": ID}, MISSING, "Managed login branding not found.", "ours"),
    ("DescribeTerms", {"TermsId": ID}, MISSING, "Terms not found.", "ours"),
    ("DescribeResourceServer", {"Identifier": "none"}, MISSING, "Resource server does not exist.", "ours"),
]


@pytest.mark.parametrize(("operation", "members", "code", "text", "source"), TEXTS)
async def test_text(server: TestServer, operation: str, members: dict[str, Any], code: str, text: str, source: str) -> None:
    """Word for word."""
    pool = await server.pool()
    await server.call("CreateUserPoolDomain", UserPoolId=pool, Domain="people")
    assert await refusal(server, operation, UserPoolId=pool, **members) == (code, text)
    assert source
