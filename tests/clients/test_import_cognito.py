"""A pool copied through the public API: from another server of ours, and from moto's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cognomen.cli import copying_hosted
from tests.clients.test_cli import refused, run
from tests.kit.live import Live

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:post"
AWS = {"AWS_ACCESS_KEY_ID": "AKIDANYTHING", "AWS_SECRET_ACCESS_KEY": "any secret"}


def fill(client: Any, users: int, *, secret: bool = True) -> str:
    """A pool with something of everything that is copied; its id."""
    pool = client.create_user_pool(
        PoolName="people",
        AliasAttributes=["email"],
        AutoVerifiedAttributes=["email"],
        Policies={"PasswordPolicy": {"MinimumLength": 11, "RequireNumbers": True}},
        Schema=[
            {"Name": "family_name", "AttributeDataType": "String", "Required": True, "Mutable": True},
            {
                "Name": "tier",
                "AttributeDataType": "String",
                "Mutable": True,
                "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "9"},
            },
        ],
        UserPoolTags={"team": "red"},
    )["UserPool"]["Id"]
    client.set_user_pool_mfa_config(UserPoolId=pool, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="OPTIONAL")
    for name in ("web", "backend"):
        client.create_user_pool_client(
            UserPoolId=pool,
            ClientName=name,
            GenerateSecret=secret and name == "backend",
            ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )
    for name in ("admins", "readers"):
        client.create_group(UserPoolId=pool, GroupName=name, Description=f"The {name}", Precedence=len(name))
    for n in range(users):
        values = {"email": f"user{n}@example.com", "email_verified": "true", "family_name": f"F{n}", "custom:tier": "gold"}
        attributes = [{"Name": name, "Value": value} for name, value in values.items()]
        client.admin_create_user(UserPoolId=pool, Username=f"user{n}", MessageAction="SUPPRESS", UserAttributes=attributes)
        if n % 2:
            client.admin_add_user_to_group(UserPoolId=pool, Username=f"user{n}", GroupName="admins")
    client.admin_disable_user(UserPoolId=pool, Username="user0")
    return str(pool)


def everything(client: Any, pool: str) -> dict[str, Any]:
    """What both sides must say alike."""
    described = client.describe_user_pool(UserPoolId=pool)["UserPool"]
    clients = [
        client.describe_user_pool_client(UserPoolId=pool, ClientId=each["ClientId"])["UserPoolClient"]
        for each in client.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"]
    ]
    groups = client.list_groups(UserPoolId=pool)["Groups"]
    users = [user for page in client.get_paginator("list_users").paginate(UserPoolId=pool) for user in page["Users"]]
    members = client.list_users_in_group(UserPoolId=pool, GroupName="admins", Limit=60)["Users"]
    return {
        "schema": {each["Name"]: each for each in described["SchemaAttributes"] if each["Name"].startswith("custom:") or each["Required"]},
        "pool": {name: described.get(name) for name in ("Name", "Policies", "AliasAttributes", "AutoVerifiedAttributes", "UserPoolTags")},
        "mfa": client.get_user_pool_mfa_config(UserPoolId=pool)["MfaConfiguration"],
        "clients": sorted(
            (each["ClientId"], each["ClientName"], each.get("ClientSecret"), sorted(each["ExplicitAuthFlows"])) for each in clients
        ),
        "groups": sorted((each["GroupName"], each["Description"], each["Precedence"]) for each in groups),
        "users": sorted(
            (user["Username"], user["Enabled"], sorted((item["Name"], item["Value"]) for item in user["Attributes"])) for user in users
        ),
        "admins": sorted(user["Username"] for user in members),
    }


SETTINGS = ("mfa_preferences", "risk_configurations", "log_configurations", "session_configurations")
NONE = dict.fromkeys((*SETTINGS, *copying_hosted.KINDS), 0)


def copied(folder: Path, pool: str, url: str, *options: str) -> Any:
    command = ("import", "cognito", "--user-pool-id", pool, "--endpoint-url", url, "--data", str(folder), "--json", *options)
    done = run(folder.parent, *command, **AWS)
    assert done.stderr == ""
    return {name: value for name, value in json.loads(done.stdout).items() if name != "NotCopied"}


def test_a_copy_says_what_its_source_says(tmp_path: Path) -> None:
    """Ids, secrets and subs as well. Twice adds nothing but who is new; users choose a password by a code."""
    with Live(tmp_path / "source") as source:
        theirs = source.boto()
        pool = fill(theirs, 65)
        target = tmp_path / "target"
        with Live(target):
            pass  # makes the master key
        counts = {"UserPoolId": pool, "clients": 2, "groups": 2, "memberships": 32, "refused": 0, "federated": 0, **NONE}
        assert copied(target, pool, source.url) == {**counts, "users": 65}
        attributes = [{"Name": "family_name", "Value": "New"}, {"Name": "email", "Value": "new@example.com"}]
        theirs.admin_create_user(UserPoolId=pool, Username="new", MessageAction="SUPPRESS", UserAttributes=attributes)
        assert copied(target, pool, source.url) == {**counts, "users": 1}
        with Live(target) as live:
            ours = live.boto()
            assert everything(ours, pool) == everything(theirs, pool)
            assert {user["UserStatus"] for user in ours.list_users(UserPoolId=pool)["Users"]} == {"RESET_REQUIRED"}
            assert ours.admin_get_user(UserPoolId=pool, Username="user3@example.com")["Username"] == "user3"
            web = next(
                each
                for each in ours.list_user_pool_clients(UserPoolId=pool, MaxResults=9)["UserPoolClients"]
                if each["ClientName"] == "web"
            )
            ours.forgot_password(ClientId=web["ClientId"], Username="user3")
            ours.confirm_forgot_password(
                ClientId=web["ClientId"], Username="user3", ConfirmationCode=live.code("user3@example.com"), Password="Correct-Horse-99"
            )
            assert ours.admin_get_user(UserPoolId=pool, Username="user3")["UserStatus"] == "CONFIRMED"


@pytest.fixture
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_copy_of_motos(tmp_path: Path, moto: str) -> None:
    """A server that is not ours, which leaves out and adds members of its own."""
    theirs = boto3.client(
        "cognito-idp", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="AKIDANYTHING", aws_secret_access_key="any secret"
    )
    pool = fill(theirs, 5, secret=False)  # those that moto makes have characters which no secret may have
    counts = copied(tmp_path / "target", pool, moto)
    assert counts == {"UserPoolId": pool, "clients": 2, "groups": 2, "users": 5, "memberships": 2, "refused": 0, "federated": 0, **NONE}
    with Live(tmp_path / "target") as live:
        ours, original = everything(live.boto(), pool), everything(theirs, pool)
        for part in ("groups", "users", "admins", "clients"):
            assert ours[part] == original[part]


def configured(client: Any) -> tuple[str, str]:
    """A pool with what has operations of its own beside the pool: threat protection, logs, sessions, triggers, second factors of users."""
    pool = client.create_user_pool(
        PoolName="people",
        UserPoolTier="PLUS",
        UserPoolAddOns={"AdvancedSecurityMode": "ENFORCED"},
        AutoVerifiedAttributes=["phone_number"],
        SmsConfiguration={"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"},
        LambdaConfig={"PostAuthentication": FUNCTION},
    )["UserPool"]["Id"]
    sms = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}}
    token = {"Enabled": True}
    client.set_user_pool_mfa_config(
        UserPoolId=pool, SmsMfaConfiguration=sms, SoftwareTokenMfaConfiguration=token, MfaConfiguration="OPTIONAL"
    )
    web = client.create_user_pool_client(UserPoolId=pool, ClientName="web")["UserPoolClient"]["ClientId"]
    action = {"CompromisedCredentialsRiskConfiguration": {"Actions": {"EventAction": "BLOCK"}}}
    client.set_risk_configuration(UserPoolId=pool, **action)
    client.set_risk_configuration(UserPoolId=pool, ClientId=web, RiskExceptionConfiguration={"BlockedIPRangeList": ["192.0.2.0/24"]})
    group = {"LogGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:people"}
    logs = {"LogLevel": "ERROR", "EventSource": "userNotification", "CloudWatchLogsConfiguration": group}
    client.set_log_delivery_configuration(UserPoolId=pool, LogConfigurations=[logs])
    client.set_user_pool_session_configuration(UserPoolId=pool, UserSessionTracking="ENABLED", TokenSession={"MaxPerUser": 3})
    for name in ("anna", "bob"):
        attributes = [{"Name": "phone_number", "Value": "+15550001234"}, {"Name": "phone_number_verified", "Value": "true"}]
        client.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS", UserAttributes=attributes)
    factor = {"Enabled": True, "PreferredMfa": True}
    client.admin_set_user_mfa_preference(UserPoolId=pool, Username="anna", SMSMfaSettings=factor)
    return str(pool), str(web)


def configuration(client: Any, pool: str, web: str) -> dict[str, Any]:
    def without_times(block: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in block.items() if name not in ("LastModifiedDate", "ResponseMetadata")}

    anna, bob = (client.admin_get_user(UserPoolId=pool, Username=name) for name in ("anna", "bob"))
    return {
        "risk": without_times(client.describe_risk_configuration(UserPoolId=pool)["RiskConfiguration"]),
        "risk of the client": without_times(client.describe_risk_configuration(UserPoolId=pool, ClientId=web)["RiskConfiguration"]),
        "logs": client.get_log_delivery_configuration(UserPoolId=pool)["LogDeliveryConfiguration"],
        "sessions": without_times(client.get_user_pool_session_configuration(UserPoolId=pool)),
        "factors": [(user.get("UserMFASettingList"), user.get("PreferredMfaSetting")) for user in (anna, bob)],
    }


@pytest.mark.parametrize("triggers", [True, False])
def test_its_configurations_come_along(tmp_path: Path, triggers: bool) -> None:
    """And stay as they are here, once they are; LambdaConfig comes where it is asked for."""
    with Live(tmp_path / "source") as source:
        theirs = source.boto()
        pool, web = configured(theirs)
        target = tmp_path / "target"
        with Live(target):
            pass
        counts = copied(target, pool, source.url, *(["--with-triggers"] if triggers else []))
        kinds = ("mfa_preferences", "risk_configurations", "log_configurations", "session_configurations")
        assert [counts[kind] for kind in kinds] == [1, 2, 1, 1]
        again = copied(target, pool, source.url)
        assert [again[kind] for kind in kinds] == [0, 0, 0, 0]
        with Live(target) as live:
            ours = live.boto()
            assert configuration(ours, pool, web) == configuration(theirs, pool, web)
            expected = {"PostAuthentication": FUNCTION} if triggers else {}
            assert ours.describe_user_pool(UserPoolId=pool)["UserPool"]["LambdaConfig"] == expected


def test_a_source_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    with Live(tmp_path / "source") as source:
        command = ("import", "cognito", "--endpoint-url", source.url, "--data", str(tmp_path / "target"))
        missing = refused(run(tmp_path, *command, "--user-pool-id", "us-east-1_Nowhere00", **AWS))
    assert missing.startswith("the pool to copy cannot be read: ")
    assert "User pool us-east-1_Nowhere00 does not exist." in missing
