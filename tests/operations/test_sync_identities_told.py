"""What others hear when identities are merged or deleted: the pool's stream (a file here), subscribed devices (Firebase's twin), event streams."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.kit.aws_query import query
from tests.kit.identity import ACCOUNT, identity, role, trust
from tests.kit.receiver import Receiver
from tests.kit.server import TestServer
from tests.kit.sync import Device, put_as_developer, sync
from tests.operations.test_sync_event_stream import Client
from tests.operations.test_sync_merges import Merging
from tests.operations.test_sync_push_direct import GCM, GOOD, Keys


@pytest.fixture
def firebase() -> Iterator[Receiver]:
    with Receiver(GOOD) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, firebase: Receiver) -> dict[str, Any]:
    account = {"project_id": "game-1", "client_email": "push@game-1.example", "token_uri": f"{firebase.url}/token"}
    file = tmp_path / "firebase.json"
    file.write_text(json.dumps({**account, "private_key": Keys.pem(rsa.generate_private_key(65537, 2048))}))
    (tmp_path / "streams").mkdir()
    return {
        "push_applications": {GCM: {"file": str(file), "url": firebase.url}},
        "sync_streams": "files",
        "sync_streams_folder": str(tmp_path / "streams"),
    }


@pytest.fixture
async def merging(server: TestServer) -> Merging:
    made = await Merging.made(server)
    await server.alone()
    streams = {"StreamName": "changes", "RoleArn": "arn:aws:iam::000000000000:role/x", "StreamingStatus": "ENABLED"}
    push = {"ApplicationArns": [GCM]}
    await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=made.pool_id, CognitoStreams=streams, PushSync=push)
    return made


async def streamed(merging: Merging, tmp_path: Path) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """Operation, identity, dataset, and keys with values."""
    await merging.server.server.sync.streams.deliver()
    file = tmp_path / "streams" / "changes.ndjson"
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [
        (
            each["operation"],
            each["identityId"],
            each["datasetName"],
            [(record["key"], record["value"]) for record in each["kinesisSyncRecords"]],
        )
        for each in found
    ]


async def test_a_merge_at_the_stream(merging: Merging, tmp_path: Path) -> None:
    """Each dataset is removed at the guest, and comes whole to the user: who keeps a copy by identity and dataset has what is there."""
    guest = await merging.guest()
    await guest.put("settings", color="red", size="1")
    await guest.put("gone", a="1")
    await guest.call("DeleteDataset", DatasetName="gone")
    await put_as_developer(merging.server, merging.user, color="blue")
    before = await streamed(merging, tmp_path)
    who = await merging.merge(guest)
    after = (await streamed(merging, tmp_path))[len(before) :]
    assert sorted(after) == [
        ("remove", who, "settings", []),
        ("replace", merging.user["IdentityId"], f"settings.{who}", [("color", "red"), ("size", "1")]),
    ]


async def test_a_merge_at_subscribed_devices(merging: Merging, firebase: Receiver) -> None:
    """Who subscribed to the dataset to which a merged one belongs is told to synchronise it, and learns its name there."""
    await put_as_developer(merging.server, merging.user, color="blue")
    phone, device_id = await phone_of_the_user(merging)
    await phone.call("SubscribeToDataset", DatasetName="settings", DeviceId=device_id)
    guest = await merging.guest()
    await guest.put("settings", color="red")
    await guest.put("unrelated", color="red")
    await merging.server.server.sync.push.deliver()
    firebase.received.clear()
    await merging.merge(guest)
    await merging.server.server.sync.push.deliver()
    told = [json.loads(each.body)["message"]["data"] for each in firebase.received if each.path.endswith("messages:send")]
    assert [(each["identityId"], each["datasetName"], each["syncCount"]) for each in told] == [
        (merging.user["IdentityId"], "settings", "1")
    ]


async def phone_of_the_user(merging: Merging) -> tuple[Device, str]:
    """A device of theirs, and its id."""
    server, pool_id = merging.server, merging.pool_id
    arn = await role(server, "users", trust(pool_id))
    statement = {"Effect": "Allow", "Action": "cognito-sync:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await query(server, "iam", "PutRolePolicy", RoleName="users", PolicyName="sync", PolicyDocument=document)
    guests = f"arn:aws:iam::{ACCOUNT}:role/guests"
    await identity(server, "SetIdentityPoolRoles", IdentityPoolId=pool_id, Roles={"authenticated": arn, "unauthenticated": guests})
    phone = await Device.of(server, pool_id, IdentityId=merging.user["IdentityId"], Logins=merging.logins)
    return phone, (await phone.call("RegisterDevice", Platform="GCM", Token="phone"))["DeviceId"]


async def test_a_merge_at_an_event_stream(merging: Merging) -> None:
    """At once, under the name that the merged dataset has now."""
    path = f"/identitypools/{merging.pool_id}/identities/{merging.user['IdentityId']}/events"
    client = Client(merging.server, path, {})
    assert await client.status() == 200
    guest = await merging.guest()
    await guest.put("settings", color="red")
    who = await merging.merge(guest)
    assert (await client.data())["datasetName"] == f"settings.{who}"
    await client.hang_up()


async def test_a_deleted_identity_at_the_stream(merging: Merging, tmp_path: Path) -> None:
    """What had not been delivered yet is not any more: it was to be deleted. Each dataset is removed, so that a copy of it can go, too."""
    guest = await merging.guest()
    await guest.put("settings", color="red")
    await streamed(merging, tmp_path)
    await guest.put("settings", color="a secret")
    await guest.put("games", level="7")
    who = guest.who["IdentityId"]
    await identity(merging.server, "DeleteIdentities", IdentityIdsToDelete=[who])
    assert sorted(await streamed(merging, tmp_path)) == [
        ("remove", who, "games", []),
        ("remove", who, "settings", []),
        ("replace", who, "settings", [("color", "red")]),
    ]
