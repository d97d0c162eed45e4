"""Unmodified boto3 and the AWS CLI against roles, policies and STS of a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients.conftest import refused
from tests.kit.live import Live
from tests.kit.saml import ROLE, SESSION_NAME, Provider

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cognito-idp:ListUserPools", "Resource": "*"}]}


def aws(live: Live, *arguments: str) -> Any:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ENDPOINT_URL": live.url,
        "AWS_ACCESS_KEY_ID": "AKIDANYTHING",
        "AWS_SECRET_ACCESS_KEY": "any secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
    }
    command = [str(Path(sys.executable).parent / "aws"), *arguments, "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_boto3_assumes_a_role_and_works_within_it(live: Live) -> None:
    """Through paginators too; the role's credentials sign the next client's requests."""
    iam = live.boto(service="iam")
    role = iam.create_role(RoleName="Lists", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=[{"Key": "a", "Value": "b"}])["Role"]
    arn = iam.create_policy(PolicyName="Lists", PolicyDocument=json.dumps(POLICY))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="Lists", PolicyArn=arn)
    assert iam.get_role(RoleName="Lists")["Role"]["AssumeRolePolicyDocument"] == TRUST
    pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1})
    assert [one["RoleName"] for page in pages for one in page["Roles"]] == ["Lists"]
    given = live.boto(service="sts").assume_role(RoleArn=role["Arn"], RoleSessionName="kim")["Credentials"]
    session = {"aws_session_token": given["SessionToken"]}
    key = (given["AccessKeyId"], given["SecretAccessKey"])
    assert live.boto(key, "sts").get_caller_identity()["Account"] == "000000000000"
    import boto3

    mine = boto3.Session(*key, region_name="us-east-1", **session)
    arn = mine.client("sts", endpoint_url=live.url).get_caller_identity()["Arn"]
    assert arn == "arn:aws:sts::000000000000:assumed-role/Lists/kim"
    idp = mine.client("cognito-idp", endpoint_url=live.url)
    assert idp.list_user_pools(MaxResults=1)["ResponseMetadata"]["HTTPStatusCode"] == 200
    with refused("AccessDeniedException", "is not authorized to perform: cognito-idp:CreateUserPool"):
        idp.create_user_pool(PoolName="x")


def test_the_aws_cli(live: Live) -> None:
    """With AWS_ENDPOINT_URL and nothing else changed."""
    aws(live, "iam", "create-role", "--role-name", "Cli", "--assume-role-policy-document", json.dumps(TRUST))
    aws(live, "iam", "put-role-policy", "--role-name", "Cli", "--policy-name", "own", "--policy-document", json.dumps(POLICY))
    assert aws(live, "iam", "get-role-policy", "--role-name", "Cli", "--policy-name", "own")["PolicyDocument"] == POLICY
    named = ("--policy-source-arn", "arn:aws:iam::000000000000:role/Cli", "--action-names", "cognito-idp:ListUserPools", "s3:GetObject")
    found = aws(live, "iam", "simulate-principal-policy", *named)["EvaluationResults"]
    assert [one["EvalDecision"] for one in found] == ["allowed", "implicitDeny"]
    assert aws(live, "sts", "get-caller-identity")["Arn"] == "arn:aws:iam::000000000000:user/AKIDANYTHING"
    made = aws(live, "sts", "assume-role", "--role-arn", "arn:aws:iam::000000000000:role/Cli", "--role-session-name", "kim")
    assert made["Credentials"]["AccessKeyId"].startswith("ASIA")
    aws(live, "iam", "delete-role-policy", "--role-name", "Cli", "--policy-name", "own")
    aws(live, "iam", "delete-role", "--role-name", "Cli")


ASSUMING = {
    "Effect": "Allow",
    "Principal": {"Federated": "arn:aws:iam::000000000000:saml-provider/Corp"},
    "Action": "sts:AssumeRoleWithSAML",
}


def test_a_saml_provider_with_the_aws_cli_and_boto3(live: Live, tmp_path: Path) -> None:
    """The CLI registers it and assumes a role with a response; boto3 lists it and is refused the same response. Neither signs that request."""
    provider = Provider()
    document = tmp_path / "metadata.xml"
    document.write_text(provider.metadata())
    made = aws(live, "iam", "create-saml-provider", "--name", "Corp", "--saml-metadata-document", f"file://{document}")
    arn = made["SAMLProviderArn"]
    trust = json.dumps({"Version": "2012-10-17", "Statement": [ASSUMING]})
    role = aws(live, "iam", "create-role", "--role-name", "Staff", "--assume-role-policy-document", trust)["Role"]["Arn"]
    sent = provider.encoded(time.time(), attributes={ROLE: [f"{role},{arn}"], SESSION_NAME: ["kim"]})
    given = aws(live, "sts", "assume-role-with-saml", "--role-arn", role, "--principal-arn", arn, "--saml-assertion", sent)
    assert (given["Subject"], given["AssumedRoleUser"]["Arn"]) == ("kim", "arn:aws:sts::000000000000:assumed-role/Staff/kim")
    assert [one["Arn"] for one in live.boto(service="iam").list_saml_providers()["SAMLProviderList"]] == [arn]
    with pytest.raises(ClientError, match=r"InvalidIdentityToken.*The SAML assertion was used before"):
        live.boto(service="sts").assume_role_with_saml(RoleArn=role, PrincipalArn=arn, SAMLAssertion=sent)
    assert live.boto(service="iam").get_saml_provider(SAMLProviderArn=arn)["SAMLMetadataDocument"] == document.read_text()
    aws(live, "iam", "delete-saml-provider", "--saml-provider-arn", arn)
    assert aws(live, "iam", "list-saml-providers")["SAMLProviderList"] == []
