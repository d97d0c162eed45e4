"""Push sync: devices of an identity are registered and told of changes that others made; Amazon SNS is moto's server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from moto.sns.models import sns_backends

from tests.kit.identity import Directory, identity
from tests.kit.receiver import Receiver
from tests.kit.server import TestServer
from tests.kit.sync import Device, pool_for_guests, put_as_developer, refused, sync

REGION = "us-east-1"
KEY = {"aws_access_key_id": "AKIDPUSHPUSHPUSHPUSH", "aws_secret_access_key": "the secret of the pushes"}
ROLE = "arn:aws:iam::123456789012:role/push"
TOKEN = "a" * 64


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """moto's server, whose services know nothing of us."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def settings(aws: str) -> dict[str, Any]:
    return {**KEY, "aws_endpoint_sns": aws, "aws_endpoint_sts": aws}


@pytest.fixture
def sns(aws: str) -> Any:
    return boto3.client("sns", endpoint_url=aws, region_name=REGION, **KEY)


def application(sns: Any, platform: str) -> str:
    made = sns.create_platform_application(Name=f"app-{uuid.uuid4()}", Platform=platform, Attributes={"PlatformCredential": "x"})
    return str(made["PlatformApplicationArn"])


def endpoints_of(server: TestServer) -> dict[str, str]:
    """Where the server finds services of AWS."""
    sns: Any = server.server.sync.push._sns
    return sns._aws.endpoints


async def pushing(server: TestServer, *arns: str) -> str:
    """An identity pool whose guests may push through these applications."""
    pool_id = await pool_for_guests(server)
    await configure(server, pool_id, *arns)
    await server.alone()
    return pool_id


async def configure(server: TestServer, pool_id: str, *arns: str) -> None:
    await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=pool_id, PushSync={"ApplicationArns": list(arns), "RoleArn": ROLE})


async def registered(device: Device, platform: str = "GCM", token: str = TOKEN) -> str:
    return str((await device.call("RegisterDevice", Platform=platform, Token=f"{device.who['IdentityId']} {token}"))["DeviceId"])


def messages(application_arn: str, token: str = TOKEN) -> list[dict[str, Any]]:
    """What SNS was given for the device with a token."""
    backend = sns_backends["123456789012"][REGION]
    found = [
        each for each in backend.platform_endpoints.values() if each.application.arn == application_arn and each.token.endswith(f" {token}")
    ]
    return [json.loads(text) for each in found for text in each.messages.values()]


async def told(server: TestServer, arn: str, token: str = TOKEN) -> list[dict[str, Any]]:
    """What the device was told from then on until now: its data."""
    await server.server.sync.push.deliver()
    return [json.loads(each["GCM"])["data"] for each in messages(arn, token)]


class TestConfiguration:
    async def test_is_kept_part_by_part(self, server: TestServer) -> None:
        """What is not named stays; what was set is answered."""
        pool_id = await pool_for_guests(server)
        assert await sync(server, "GetIdentityPoolConfiguration", IdentityPoolId=pool_id) == {"IdentityPoolId": pool_id}
        push = {"ApplicationArns": ["arn:aws:sns:us-east-1:123456789012:app/GCM/x"], "RoleArn": ROLE}
        streams = {"StreamName": "changes", "RoleArn": ROLE, "StreamingStatus": "ENABLED"}
        first = await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=pool_id, PushSync=push)
        assert first == {"IdentityPoolId": pool_id, "PushSync": push}
        both = {"IdentityPoolId": pool_id, "PushSync": push, "CognitoStreams": streams}
        assert await sync(server, "SetIdentityPoolConfiguration", IdentityPoolId=pool_id, CognitoStreams=streams) == both
        assert await sync(server, "GetIdentityPoolConfiguration", IdentityPoolId=pool_id) == both

    @pytest.mark.parametrize(
        ("streams", "text"),
        [
            ({"StreamingStatus": "ENABLED"}, "StreamName is needed for streaming to be ENABLED."),
            ({"StreamName": "../etc", "StreamingStatus": "ENABLED"}, "StreamName is not the name of a stream."),
            ({"StreamName": ".."}, "StreamName is not the name of a stream."),
        ],
    )
    async def test_bad_streams(self, server: TestServer, streams: dict[str, str], text: str) -> None:
        pool_id = await pool_for_guests(server)
        asked = {"IdentityPoolId": pool_id, "CognitoStreams": streams}
        assert await refused(server, "SetIdentityPoolConfiguration", None, **asked) == (400, "InvalidParameterException", text)

    async def test_is_for_developers_of_a_pool_that_is_there(self, server: TestServer) -> None:
        device = await Device.guest(server, await pool_for_guests(server, "*"))
        pool = {"IdentityPoolId": device.who["IdentityPoolId"]}
        other = {"IdentityPoolId": "us-east-1:00000000-0000-4000-8000-000000000000"}
        for operation in ("GetIdentityPoolConfiguration", "SetIdentityPoolConfiguration", "BulkPublish", "GetBulkPublishDetails"):
            assert (await refused(server, operation, device.headers, **pool))[1:] == (
                "NotAuthorizedException",
                "This operation can not be called with the credentials of an identity.",
            )
            assert (await refused(server, operation, None, **other))[1:] == (
                "ResourceNotFoundException",
                f"IdentityPool '{other['IdentityPoolId']}' not found.",
            )


class TestDevices:
    async def test_another_device_is_told(self, server: TestServer, sns: Any) -> None:
        """Silently, with the keys that AWS documents; the one that made the change is not."""
        arn = application(sns, "GCM")
        device = await Device.guest(server, await pushing(server, arn))
        await device.put(a="1")
        phone, tablet = await registered(device, token="phone"), await registered(device, token="tablet")
        for each in (phone, tablet):
            await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=each)
        change = {"Op": "replace", "Key": "b", "Value": "2", "SyncCount": 0}
        await device.call(
            "UpdateRecords", DatasetName="settings", DeviceId=phone, SyncSessionToken=await device.token(), RecordPatches=[change]
        )
        data = {
            "source": "cognito-sync",
            "identityPoolId": device.who["IdentityPoolId"],
            "identityId": device.who["IdentityId"],
            "datasetName": "settings",
            "syncCount": "2",
        }
        assert await told(server, arn, "tablet") == [data]
        assert await told(server, arn, "phone") == []
        await put_as_developer(server, device.who, c="3")
        assert [each["syncCount"] for each in await told(server, arn, "phone")] == ["3"]

    async def test_apple_devices_hear_nothing_aloud(self, server: TestServer, sns: Any) -> None:
        """An app finds the same keys below `data`."""
        arn = application(sns, "APNS_SANDBOX")
        device = await Device.guest(server, await pushing(server, arn))
        await device.put(a="1")
        await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=await registered(device, "APNS_SANDBOX"))
        await device.call("DeleteDataset", DatasetName="settings")
        await server.server.sync.push.deliver()
        [message] = messages(arn)
        payload = json.loads(message["APNS_SANDBOX"])
        assert (payload["aps"], payload["data"]["syncCount"], message["default"]) == ({"content-available": 1}, "2", "")

    async def test_only_the_newest_count_waits(self, server: TestServer, sns: Any) -> None:
        arn = application(sns, "GCM")
        device = await Device.guest(server, await pushing(server, arn))
        await device.put(a="1")
        await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=await registered(device))
        for value in ("2", "3", "4"):
            await device.put(a=value)
        assert [each["syncCount"] for each in await told(server, arn)] == ["4"]

    async def test_whoever_unsubscribed_hears_nothing(self, server: TestServer, sns: Any) -> None:
        """Not even what waits; nor of datasets to which it never subscribed."""
        arn = application(sns, "GCM")
        device = await Device.guest(server, await pushing(server, arn))
        await device.put(a="1")
        who = await registered(device)
        await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=who)
        await device.put("games", a="1")
        await device.put(a="2")
        assert await device.call("UnsubscribeFromDataset", DatasetName="settings", DeviceId=who) == {}
        assert await device.call("UnsubscribeFromDataset", DatasetName="settings", DeviceId=who) == {}
        assert await told(server, arn) == []

    async def test_a_token_keeps_its_device(self, server: TestServer, sns: Any) -> None:
        """Registered again it has the same id; another identity's device is another."""
        device = await Device.guest(server, await pushing(server, application(sns, "GCM")))
        other = await Device.guest(server, device.who["IdentityPoolId"])
        first = await registered(device)
        assert (await registered(device), await registered(device, token="b"), await registered(other)).count(first) == 1

    async def test_a_disabled_endpoint_is_dropped_until_it_registers_again(self, server: TestServer, sns: Any) -> None:
        arn = application(sns, "GCM")
        device = await Device.guest(server, await pushing(server, arn))
        await device.put(a="1")
        who = await registered(device)
        await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=who)
        [endpoint] = sns.list_endpoints_by_platform_application(PlatformApplicationArn=arn)["Endpoints"]
        sns.set_endpoint_attributes(EndpointArn=endpoint["EndpointArn"], Attributes={"Enabled": "false"})
        await device.put(a="2")
        assert await told(server, arn) == []
        again = {"DatasetName": "settings", "DeviceId": who}
        assert (await device.refused("SubscribeToDataset", **again))[1:] == (
            "ResourceNotFoundException",
            "The device is not registered.",
        )
        await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=await registered(device))
        await device.put(a="3")
        assert [each["syncCount"] for each in await told(server, arn)] == ["3"]

    async def test_an_identity_has_a_hundred_devices(self, server: TestServer, sns: Any) -> None:
        """The first makes room for another."""
        device = await Device.guest(server, await pushing(server, application(sns, "GCM")))
        await device.put(a="1")
        ids = []
        for number in range(101):
            ids.append(await registered(device, token=f"t{number}"))
            server.clock.advance(1)
        gone = await device.refused("SubscribeToDataset", DatasetName="settings", DeviceId=ids[0])
        assert gone[1:] == ("ResourceNotFoundException", "The device is not registered.")
        await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=ids[1])


class TestRefused:
    async def test_a_platform_that_the_pool_has_not(self, server: TestServer, sns: Any) -> None:
        device = await Device.guest(server, await pushing(server, application(sns, "GCM")))
        for platform in ("APNS", "APNS_SANDBOX", "ADM"):
            assert await device.refused("RegisterDevice", Platform=platform, Token=TOKEN) == (
                400,
                "InvalidConfigurationException",
                f"The identity pool has no platform application for {platform}.",
            )

    async def test_an_application_that_is_not_there(self, server: TestServer) -> None:
        arn = f"arn:aws:sns:{REGION}:123456789012:app/GCM/none"
        device = await Device.guest(server, await pushing(server, arn))
        assert (await device.refused("RegisterDevice", Platform="GCM", Token=TOKEN))[1:] == (
            "InvalidConfigurationException",
            "The platform application can not be used: sns answered 404 NotFound",
        )

    @pytest.mark.parametrize("token", ["", " ", "a\nb", "x" * 4_097])
    async def test_a_token_that_is_none(self, server: TestServer, sns: Any, token: str) -> None:
        device = await Device.guest(server, await pushing(server, application(sns, "GCM")))
        assert (await device.refused("RegisterDevice", Platform="GCM", Token=token))[1:] == (
            "InvalidParameterException",
            "Token is not valid.",
        )

    async def test_developers_and_other_identities(self, server: TestServer, sns: Any) -> None:
        """A device is registered by its own identity; another's device can not be subscribed."""
        device = await Device.guest(server, await pushing(server, application(sns, "GCM")))
        other = await Device.guest(server, device.who["IdentityPoolId"])
        await device.put(a="1")
        await other.put(a="1")
        who = await registered(device)
        subscription = {"DatasetName": "settings", "DeviceId": who}
        calls = {
            "RegisterDevice": {"Platform": "GCM", "Token": TOKEN},
            "SubscribeToDataset": subscription,
            "UnsubscribeFromDataset": subscription,
        }
        for operation, members in calls.items():
            assert (await refused(server, operation, None, **device.who, **members))[1:] == (
                "NotAuthorizedException",
                "This operation can only be called with the credentials of an identity.",
            )
        assert (await other.refused("SubscribeToDataset", **subscription))[1:] == (
            "ResourceNotFoundException",
            "The device is not registered.",
        )
        missing = {**subscription, "DatasetName": "none"}
        assert (await device.refused("SubscribeToDataset", **missing))[1:] == ("ResourceNotFoundException", "Dataset 'none' not found.")

    async def test_a_push_service_that_is_down(self, server: TestServer, sns: Any) -> None:
        """The notice waits longer each time, and arrives when the service is there again; after a day it is dropped."""
        arn = application(sns, "GCM")
        device = await Device.guest(server, await pushing(server, arn))
        await device.put(a="1")
        await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=await registered(device))
        endpoints = endpoints_of(server)
        there = endpoints["sns"]
        with Receiver((503, b"")) as down:
            endpoints["sns"] = down.url
            await device.put(a="2")
            tries = []
            for _ in range(4):
                await server.server.sync.push.deliver()
                tries.append(len(down.received))
                server.clock.advance(2.5)
        assert tries == [1, 2, 3, 3]
        endpoints["sns"] = there
        server.clock.advance(300)
        assert [each["syncCount"] for each in await told(server, arn)] == ["2"]


async def test_devices_follow_a_merged_identity(server: TestServer, sns: Any) -> None:
    """They keep their ids and are told of what the identity that they became part of changes."""
    arn = application(sns, "GCM")
    pool_id = await pushing(server, arn)
    directory = await Directory.made(server)
    await identity(
        server,
        "UpdateIdentityPool",
        IdentityPoolId=pool_id,
        IdentityPoolName="test",
        AllowUnauthenticatedIdentities=True,
        CognitoIdentityProviders=[directory.provider()],
    )
    await directory.user("ada")
    logins = await directory.logins("ada")
    ada = (await identity(server, "GetId", IdentityPoolId=pool_id, Logins=logins))["IdentityId"]
    guest = await Device.guest(server, pool_id)
    await guest.put(a="1")
    who = {"IdentityPoolId": pool_id, "IdentityId": ada}
    await guest.call("SubscribeToDataset", DatasetName="settings", DeviceId=await registered(guest))
    await identity(server, "GetOpenIdToken", IdentityId=guest.who["IdentityId"], Logins=logins)
    await put_as_developer(server, who, a="2")
    assert [(each["identityId"], each["syncCount"]) for each in await told(server, arn)] == [(ada, "1")]


async def test_nothing_is_left_of_an_identity_that_is_deleted(server: TestServer, sns: Any) -> None:
    arn = application(sns, "GCM")
    device = await Device.guest(server, await pushing(server, arn))
    await device.put(a="1")
    await device.call("SubscribeToDataset", DatasetName="settings", DeviceId=await registered(device))
    await device.put(a="2")
    await identity(server, "DeleteIdentities", IdentityIdsToDelete=[device.who["IdentityId"]])
    assert await told(server, arn) == []
    for table in ("sync_devices", "sync_subscriptions", "sync_notices"):
        assert await server.store.engine.rows(f"SELECT 1 FROM {table}") == []
