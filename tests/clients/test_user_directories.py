"""A live pool as the directory of another: a server of ours and moto's stand for Amazon, asked through the public API."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import boto3
import pyotp
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from tests.clients.test_cli import run
from tests.kit.live import REGION, Live
from tests.kit.server import PASSWORD

AWS = {"AWS_ACCESS_KEY_ID": "AKIDANYTHING", "AWS_SECRET_ACCESS_KEY": "any secret"}
FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


def old_pool(client: Any, **members: Any) -> tuple[str, str, str]:
    """The pool that users leave: its id, a client and the client's secret."""
    pool = client.create_user_pool(PoolName="old", AutoVerifiedAttributes=["email"], **members)["UserPool"]["Id"]
    made = client.create_user_pool_client(UserPoolId=pool, ClientName="web", GenerateSecret=True, ExplicitAuthFlows=FLOWS)["UserPoolClient"]
    return str(pool), str(made["ClientId"]), str(made["ClientSecret"])


def person(client: Any, pool: str, username: str, *, permanent: bool = True) -> str:
    attributes = [{"Name": "email", "Value": f"{username}@example.com"}, {"Name": "email_verified", "Value": "true"}]
    made = client.admin_create_user(UserPoolId=pool, Username=username, MessageAction="SUPPRESS", UserAttributes=attributes)["User"]
    client.admin_set_user_password(UserPoolId=pool, Username=username, Password=PASSWORD, Permanent=permanent)
    return next(str(item["Value"]) for item in made["Attributes"] if item["Name"] == "sub")


def directory(url: str, pool: str, client: str, secret: str) -> dict[str, str]:
    row = {"user_pool_id": pool, "client_id": client, "client_secret": secret, "endpoint_url": url}
    return {"COGNOMEN_USER_DIRECTORIES": json.dumps({"old": row}), **AWS}


def new_pool(client: Any) -> tuple[str, str]:
    config = {"UserMigration": f"arn:aws:lambda:{REGION}:000000000000:function:old"}
    pool = client.create_user_pool(PoolName="new", LambdaConfig=config)["UserPool"]["Id"]
    app = client.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=FLOWS)["UserPoolClient"]["ClientId"]
    return str(pool), str(app)


def sign_in(client: Any, app: str, username: str, password: str = PASSWORD, **more: str) -> Any:
    return client.initiate_auth(
        ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": username, "PASSWORD": password, **more}
    )


def refused(client: Any, app: str, username: str, password: str = PASSWORD) -> str:
    with pytest.raises(ClientError) as error:
        sign_in(client, app, username, password)
    return str(error.value.response["Error"]["Code"])


def add_software_token(client: Any, app: str, secret_hash: str, username: str) -> None:
    token = sign_in(client, app, username, SECRET_HASH=secret_hash)["AuthenticationResult"]["AccessToken"]
    secret = client.associate_software_token(AccessToken=token)["SecretCode"]
    client.verify_software_token(AccessToken=token, UserCode=pyotp.TOTP(secret).now())
    client.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})


def secret_hash(app: str, secret: str, username: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), f"{username}{app}".encode(), hashlib.sha256)).decode()


def test_users_come_over_one_by_one(tmp_path: Path) -> None:
    """With their sub and attributes, whether the old pool asks for a second factor or for a new password; nobody with a wrong one."""
    with Live(tmp_path / "old") as old:
        theirs = old.boto()
        source, app_there, secret = old_pool(theirs)
        theirs.set_user_pool_mfa_config(UserPoolId=source, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="OPTIONAL")
        subs = {name: person(theirs, source, name, permanent=name != "temporary") for name in ("plain", "temporary", "careful")}
        add_software_token(theirs, app_there, secret_hash(app_there, secret, "careful"), "careful")
        with Live(tmp_path / "new", environment=directory(old.url, source, app_there, secret)) as new:
            ours = new.boto()
            pool, app = new_pool(ours)
            assert refused(ours, app, "plain", "Wrong-Horse-99!") == "UserNotFoundException"
            assert refused(ours, app, "nobody") == "UserNotFoundException"
            assert "AccessToken" in sign_in(ours, app, "plain")["AuthenticationResult"]
            assert "AccessToken" in sign_in(ours, app, "careful")["AuthenticationResult"]
            assert sign_in(ours, app, "temporary")["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
            found = {user["Username"]: user for user in ours.list_users(UserPoolId=pool)["Users"]}
            assert {name: {item["Name"]: item["Value"] for item in user["Attributes"]} for name, user in found.items()} == {
                name: {"sub": sub, "email": f"{name}@example.com", "email_verified": "true"} for name, sub in subs.items()
            }
            theirs.admin_delete_user(UserPoolId=source, Username="plain")
            assert "AccessToken" in sign_in(ours, app, "plain")["AuthenticationResult"]
            assert PASSWORD not in new.stderr


def test_a_copied_pool_keeps_its_passwords(tmp_path: Path) -> None:
    """`cognomen import cognito --passwords-from`: the same ids, the same client and secret, the password of before."""
    with Live(tmp_path / "old") as old:
        theirs = old.boto()
        source, app, secret = old_pool(theirs)
        sub = person(theirs, source, "anna")
        target = tmp_path / "new"
        with Live(target):
            pass  # makes the master key
        settings = directory(old.url, source, app, secret)
        command = ("import", "cognito", "--user-pool-id", source, "--endpoint-url", old.url, "--data", str(target), "--json")
        done = run(tmp_path, *command, "--passwords-from", "none", **settings)
        assert (done.returncode != 0, "user_directories has no row none" in done.stderr) == (True, True)
        assert run(tmp_path, *command, "--passwords-from", "old", **settings).stderr == ""
        with Live(target, environment=settings) as new:
            ours, proof = new.boto(), secret_hash(app, secret, "anna")
            assert ours.admin_get_user(UserPoolId=source, Username="anna")["UserStatus"] == "RESET_REQUIRED"
            with pytest.raises(ClientError, match="Incorrect username or password"):
                sign_in(ours, app, "anna", "Wrong-Horse-99!", SECRET_HASH=proof)
            tokens = sign_in(ours, app, "anna", SECRET_HASH=proof)["AuthenticationResult"]
            mine = ours.get_user(AccessToken=tokens["AccessToken"])["UserAttributes"]
            assert next(item["Value"] for item in mine if item["Name"] == "sub") == sub


def test_another_servers_pool(tmp_path: Path) -> None:
    """moto's, which is not ours."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    try:
        url = "http://{}:{}".format(*moto.get_host_and_port())
        theirs = boto3.client(
            "cognito-idp", endpoint_url=url, region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any secret"
        )
        source, app_there, secret = old_pool(theirs)
        sub = person(theirs, source, "anna")
        with Live(tmp_path / "new", environment=directory(url, source, app_there, secret)) as new:
            ours = new.boto()
            pool, app = new_pool(ours)
            assert refused(ours, app, "anna", "Wrong-Horse-99!") == "UserNotFoundException"
            assert "AccessToken" in sign_in(ours, app, "anna")["AuthenticationResult"]
            attributes = {item["Name"]: item["Value"] for item in ours.admin_get_user(UserPoolId=pool, Username="anna")["UserAttributes"]}
            assert (attributes["sub"], attributes["email"]) == (sub, "anna@example.com")
    finally:
        moto.stop()
