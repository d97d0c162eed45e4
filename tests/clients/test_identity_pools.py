"""Unmodified clients and identity pools of a real process: boto3, the AWS CLI, the JavaScript SDK's fromCognitoIdentityPool, Amplify."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import boto3
import pytest

from tests.clients.conftest import App, refused
from tests.clients.node import JS
from tests.clients.test_iam_sts import aws
from tests.kit.identity import trust
from tests.kit.live import Live
from tests.kit.server import PASSWORD


class Setting:
    """An identity pool over the app's user pool, with a role for each kind, and kim."""

    def __init__(self, app: App) -> None:
        self.live, self.app = app.live, app
        self.admin = app.live.boto(service="cognito-identity")
        app.admin.admin_create_user(UserPoolId=app.pool_id, Username="kim", MessageAction="SUPPRESS")
        app.admin.admin_set_user_password(UserPoolId=app.pool_id, Username="kim", Password=PASSWORD, Permanent=True)
        self.name = f"cognito-idp.us-east-1.amazonaws.com/{app.pool_id}"
        made = self.admin.create_identity_pool(
            IdentityPoolName="shop",
            AllowUnauthenticatedIdentities=True,
            CognitoIdentityProviders=[{"ProviderName": self.name, "ClientId": app.client_id}],
        )
        self.pool_id = made["IdentityPoolId"]
        iam = app.live.boto(service="iam")
        arns = {
            kind: iam.create_role(RoleName=kind, AssumeRolePolicyDocument=trust(self.pool_id, kind))["Role"]["Arn"]
            for kind in ("authenticated", "unauthenticated")
        }
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cognito-idp:ListUserPools", "Resource": "*"}]}
        iam.put_role_policy(RoleName="authenticated", PolicyName="own", PolicyDocument=json.dumps(policy))
        self.admin.set_identity_pool_roles(IdentityPoolId=self.pool_id, Roles=arns)

    def logins(self) -> dict[str, str]:
        given = self.app.admin.initiate_auth(
            ClientId=self.app.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "kim", "PASSWORD": PASSWORD},
        )
        return {self.name: given["AuthenticationResult"]["IdToken"]}


@pytest.fixture(scope="module")
def setting(app: App) -> Setting:
    return Setting(app)


def session_of(live: Live, made: dict[str, Any]) -> Any:
    return boto3.Session(made["AccessKeyId"], made["SecretKey"], made["SessionToken"], region_name="us-east-1")


def test_boto3(setting: Setting) -> None:
    """The credentials sign the next client's requests, and its role decides."""
    logins = setting.logins()
    kim = setting.admin.get_id(IdentityPoolId=setting.pool_id, Logins=logins)["IdentityId"]
    made = setting.admin.get_credentials_for_identity(IdentityId=kim, Logins=logins)["Credentials"]
    assert 3500 < made["Expiration"].timestamp() - time.time() <= 3600
    mine = session_of(setting.live, made)
    arn = mine.client("sts", endpoint_url=setting.live.url).get_caller_identity()["Arn"]
    assert arn == "arn:aws:sts::000000000000:assumed-role/authenticated/CognitoIdentityCredentials"
    idp = mine.client("cognito-idp", endpoint_url=setting.live.url)
    assert len(idp.list_user_pools(MaxResults=1)["UserPools"]) == 1
    with refused("AccessDeniedException", "is not authorized to perform: cognito-idp:CreateUserPool"):
        idp.create_user_pool(PoolName="x")
    with refused("NotAuthorizedException", "is forbidden"):
        setting.admin.get_credentials_for_identity(IdentityId=kim)


def test_the_classic_flow(setting: Setting) -> None:
    logins = setting.logins()
    kim = setting.admin.get_id(IdentityPoolId=setting.pool_id, Logins=logins)["IdentityId"]
    token = setting.admin.get_open_id_token(IdentityId=kim, Logins=logins)["Token"]
    role = "arn:aws:iam::000000000000:role/authenticated"
    sts = setting.live.boto(service="sts")
    assumed = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="kim", WebIdentityToken=token)
    assert assumed["SubjectFromWebIdentityToken"] == kim


def test_the_aws_cli(setting: Setting) -> None:
    """What the guide types, and lists through the CLI's own paging."""
    logins = ",".join(f"{name}={token}" for name, token in setting.logins().items())
    named = ("--identity-pool-id", setting.pool_id)
    kim = aws(setting.live, "cognito-identity", "get-id", *named, "--logins", logins)["IdentityId"]
    made = aws(setting.live, "cognito-identity", "get-credentials-for-identity", "--identity-id", kim, "--logins", logins)
    assert (made["IdentityId"], made["Credentials"]["AccessKeyId"][:4]) == (kim, "ASIA")
    found = aws(setting.live, "cognito-identity", "list-identities", *named, "--max-results", "60")["Identities"]
    assert kim in [one["IdentityId"] for one in found]
    assert aws(setting.live, "cognito-identity", "describe-identity", "--identity-id", kim)["Logins"] == [setting.name]


def test_the_javascript_sdk_and_amplify(node: str, setting: Setting) -> None:
    """Both reach the same identity for a signed-in user; a guest has another; errors arrive under AWS's names."""
    command = [node, "identity.mjs", setting.live.url, setting.pool_id, setting.app.pool_id, setting.app.client_id, PASSWORD]
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    kim = setting.admin.get_id(IdentityPoolId=setting.pool_id, Logins=setting.logins())["IdentityId"]
    signed_in = [seen["sdk"], seen["amplify"]]
    assert [(one["identityId"], one["key"], one["token"]) for one in signed_in] == [(kim, "ASIA", True)] * 2
    guests = {seen["sdkGuest"]["identityId"], seen["amplifyGuest"]["identityId"]}
    assert (len(guests), kim in guests) == (2, False)
    assert seen["refused"] == {
        "name": "NotAuthorizedException",
        "message": "Token is not from a supported provider of this identity pool.",
    }
