"""boto3, the AWS CLI and cognomen-sync against Cognito Sync of `serve`, where every signature is checked: colons in paths, odd names and all."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cognomen_sync import AsyncCognitoSync, Callbacks, CognitoSync, Refused, local_wins
from tests.kit.identity import trust
from tests.kit.live import REGION, Live

OWN = f"arn:aws:cognito-sync:{REGION}:*:identitypool/${{cognito-identity.amazonaws.com:aud}}/identity/${{cognito-identity.amazonaws.com:sub}}*"


class Setting:
    """An identity pool whose guests may use their own datasets."""

    def __init__(self, live: Live) -> None:
        made = live.command("keys", "create", "--name", "admin", "--policy", "admin")
        self.live, self.key = live, (str(made["AccessKeyId"]), str(made["SecretAccessKey"]))
        self.identity = live.boto(self.key, "cognito-identity")
        self.pool_id = str(self.identity.create_identity_pool(IdentityPoolName="x", AllowUnauthenticatedIdentities=True)["IdentityPoolId"])
        iam = live.boto(self.key, "iam")
        arn = iam.create_role(RoleName="guests", AssumeRolePolicyDocument=trust(self.pool_id, "unauthenticated"))["Role"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cognito-sync:*", "Resource": OWN}]}
        iam.put_role_policy(RoleName="guests", PolicyName="sync", PolicyDocument=json.dumps(policy))
        self.identity.set_identity_pool_roles(IdentityPoolId=self.pool_id, Roles={"unauthenticated": arn})

    def guest(self) -> tuple[dict[str, str], Any]:
        """Who they are, and boto3 with their credentials."""
        who = self.identity.get_id(IdentityPoolId=self.pool_id)["IdentityId"]
        made = self.identity.get_credentials_for_identity(IdentityId=who)["Credentials"]
        session = boto3.Session(made["AccessKeyId"], made["SecretKey"], made["SessionToken"], region_name=REGION)
        client = session.client("cognito-sync", endpoint_url=self.live.url)
        return {"IdentityPoolId": self.pool_id, "IdentityId": who}, client


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with Live(tmp_path_factory.mktemp("sync") / "data", "serve") as running:
        yield Setting(running)


def test_boto3(setting: Setting) -> None:
    """A guest reads and writes their own data, and nobody else's."""
    who, mine = setting.guest()
    one = {**who, "DatasetName": "a.b:c_d-1"}
    token = mine.list_records(**one)["SyncSessionToken"]
    patch = {"Op": "replace", "Key": "ünï/: +%", "Value": "1", "SyncCount": 0}
    mine.update_records(**one, SyncSessionToken=token, RecordPatches=[patch])
    listed = mine.list_records(**one, LastSyncCount=0, MaxResults=1)
    assert [(each["Key"], each["Value"], each["SyncCount"]) for each in listed["Records"]] == [("ünï/: +%", "1", 1)]
    other, _ = setting.guest()
    with pytest.raises(ClientError, match="AccessDeniedException"):  # of every AWS service, in no service's model
        mine.list_records(**other, DatasetName="a")
    assert mine.delete_dataset(**one)["Dataset"]["NumRecords"] == 1
    assert mine.list_datasets(**who)["Datasets"] == []


def test_aws_cli(setting: Setting) -> None:
    """As a developer types it, with options from its help."""
    who, mine = setting.guest()
    token = mine.list_records(**who, DatasetName="settings")["SyncSessionToken"]
    named = ["--identity-pool-id", setting.pool_id, "--identity-id", who["IdentityId"], "--dataset-name", "settings"]
    patches = "Op=replace,Key=color,Value=blue,SyncCount=0"
    cli(setting, "update-records", *named, "--sync-session-token", token, "--record-patches", patches)
    listed = cli(setting, "list-records", *named)
    assert [(each["Key"], each["Value"]) for each in listed["Records"]] == [("color", "blue")]
    assert cli(setting, "describe-dataset", *named)["Dataset"]["DataStorage"] == 9


def cli(setting: Setting, *arguments: str) -> Any:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ENDPOINT_URL": setting.live.url,
        "AWS_ACCESS_KEY_ID": setting.key[0],
        "AWS_SECRET_ACCESS_KEY": setting.key[1],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_PAGER": "",
    }
    command = [str(Path(sys.executable).parent / "aws"), "cognito-sync", *arguments, "--output", "json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_cognomen_sync(setting: Setting, tmp_path: Path) -> None:
    """Blocking and asyncio, over real sockets with real signatures, on one file."""
    with CognitoSync(setting.pool_id, endpoint_url=setting.live.url, path=tmp_path / "app.sqlite3") as client:
        dataset = client.open_dataset("a.b:c_d-1")
        dataset.put_all({"ünï/: +%": "\u2028\U0001f600", "b": "1"})
        assert dataset.synchronize()
        found = setting.live.boto(setting.key, "cognito-sync").list_records(
            IdentityPoolId=setting.pool_id, IdentityId=client.identity_id, DatasetName="a.b:c_d-1"
        )
        assert {each["Key"]: each["Value"] for each in found["Records"]} == dict(dataset)
    async with AsyncCognitoSync(setting.pool_id, endpoint_url=setting.live.url, path=tmp_path / "app.sqlite3") as again:
        same = again.open_dataset("a.b:c_d-1")
        same.put("b", "2")
        await same.synchronize(Callbacks(on_conflict=local_wins))
        assert (same["b"], same.last_sync_count, same.is_changed) == ("2", 2, False)


def test_a_clock_that_is_wrong(setting: Setting, tmp_path: Path) -> None:
    """By hours: the answer's date is believed, and the request signed anew."""
    with CognitoSync(
        setting.pool_id, endpoint_url=setting.live.url, path=tmp_path / "app.sqlite3", clock=lambda: time.time() - 7_200
    ) as client:
        dataset = client.open_dataset("settings")
        dataset.put("a", "1")
        assert (dataset.synchronize(), dataset.is_changed) == (True, False)


def test_a_pool_that_is_not_there(setting: Setting, tmp_path: Path) -> None:
    """The service's own words."""
    pool = f"{REGION}:00000000-0000-0000-0000-000000000000"
    with CognitoSync(pool, endpoint_url=setting.live.url, path=tmp_path / "app.sqlite3") as client, pytest.raises(Refused) as error:
        client.open_dataset("settings").synchronize()
    assert error.value.code == "ResourceNotFoundException"


def test_listening(setting: Setting, tmp_path: Path) -> None:
    """To what others change: a device that has an id is not told of its own changes."""
    path = tmp_path / "app.sqlite3"
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    opened = threading.Event()
    with (
        CognitoSync(setting.pool_id, endpoint_url=setting.live.url, path=path, device_id="phone/ä") as one,
        CognitoSync(setting.pool_id, endpoint_url=setting.live.url, path=path, device_id="tablet") as two,
    ):
        one.open_dataset("first").synchronize()
        listening = one.listen(lambda event: told.put(event.dataset_name), on_open=opened.set)
        assert opened.wait(10)
        for client, name in ((one, "mine"), (two, "theirs")):
            client.open_dataset(name).put("a", "1")
            client.open_dataset(name).synchronize()
        assert told.get(timeout=10) == "theirs"
        assert (told.empty(), listening.error) == (True, None)
        listening.stop()
