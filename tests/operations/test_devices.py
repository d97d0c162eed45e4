"""Remembered devices: told, confirmed, shown, remembered or not, forgotten."""

from __future__ import annotations

import asyncio
import base64
import re
from typing import Any

import pytest

from tests.kit.device import ALWAYS, ON_OPT_IN, Device, confirmed
from tests.kit.refusal import all_pages, refusal
from tests.kit.server import AwsError, TestServer
from tests.kit.sign_in import claims
from tests.kit.srp_client import PRIME

NO_DEVICE = ("ResourceNotFoundException", "Device does not exist.")
BAD_VERIFIER = ("InvalidParameterException", "Invalid device secret verifier configuration given.")


async def remembering(server: TestServer, configuration: dict[str, bool] = ALWAYS, **members: Any) -> tuple[str, str]:
    pool = await server.pool(DeviceConfiguration=configuration)
    await server.user(pool, "anna")
    return pool, await server.client(pool, **members)


async def attributes(server: TestServer, pool: str, key: str) -> dict[str, str]:
    device = (await server.call("AdminGetDevice", UserPoolId=pool, Username="anna", DeviceKey=key))["Device"]
    return {item["Name"]: item["Value"] for item in device["DeviceAttributes"]}


class TestNewDevice:
    async def test_is_told_at_each_sign_in_without_one(self, server: TestServer) -> None:
        """Another key each time, one group key; the access token names the device, the id token does not."""
        pool, client = await remembering(server)
        one, two = await server.sign_in(client, "anna"), await server.sign_in(client, "anna")
        key = one["NewDeviceMetadata"]["DeviceKey"]
        assert re.fullmatch(r"us-east-1_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key)
        assert re.fullmatch(r"-[\w-]{8}", one["NewDeviceMetadata"]["DeviceGroupKey"])
        assert two["NewDeviceMetadata"]["DeviceKey"] != key
        assert two["NewDeviceMetadata"]["DeviceGroupKey"] == one["NewDeviceMetadata"]["DeviceGroupKey"]
        assert (claims(one["AccessToken"])["device_key"], "device_key" in claims(one["IdToken"])) == (key, False)
        assert (await server.call("AdminListDevices", UserPoolId=pool, Username="anna"))["Devices"] == []

    @pytest.mark.parametrize("configuration", [None, {}])
    async def test_only_where_the_pool_remembers(self, server: TestServer, configuration: Any) -> None:
        """Neither without DeviceConfiguration nor with an empty one; there no device can be confirmed."""
        pool = await server.pool(**({} if configuration is None else {"DeviceConfiguration": configuration}))
        await server.user(pool, "anna")
        client = await server.client(pool)
        tokens = await server.sign_in(client, "anna", DEVICE_KEY="us-east-1_00000000-0000-4000-8000-000000000000")
        assert ("NewDeviceMetadata" in tokens, "device_key" in claims(tokens["AccessToken"])) == (False, False)
        assert await refusal(server, "ConfirmDevice", AccessToken=tokens["AccessToken"], DeviceKey="us-east-1_00") == (
            "InvalidUserPoolConfigurationException",
            "User pool is not configured to remember devices.",
        )


class TestConfirmDevice:
    @pytest.mark.parametrize(("configuration", "status"), [(ALWAYS, "remembered"), (ON_OPT_IN, "not_remembered")])
    async def test_makes_the_device(self, server: TestServer, configuration: dict[str, bool], status: str) -> None:
        """Remembered at once, or once the user has said so."""
        pool, client = await remembering(server, configuration)
        tokens = await server.sign_in(client, "anna")
        device = Device(tokens["NewDeviceMetadata"])
        assert await device.confirm(server, tokens) == {"UserConfirmationNecessary": configuration is ON_OPT_IN}
        shown = (await server.call("GetDevice", AccessToken=tokens["AccessToken"], DeviceKey=device.key))["Device"]
        now = server.clock.now()
        arn = f"arn:aws:cognito-idp:us-east-1:000000000000:owner/anna.{pool}/device/{device.key}"
        expected = {
            "device_status": "valid",
            "device_name": "Anna's phone",
            "dev:device_arn": arn,
            "dev:device_owner": f"anna.{pool}",
            "last_ip_used": "127.0.0.1",
            "dev:device_remembered_status": status,
            "dev:device_sdk": "aws-sdk",
        }
        assert shown == {
            "DeviceKey": device.key,
            "DeviceAttributes": [{"Name": name, "Value": value} for name, value in expected.items()],
            "DeviceCreateDate": now,
            "DeviceLastModifiedDate": now,
            "DeviceLastAuthenticatedDate": now,
        }

    async def test_of_this_sign_in_only(self, server: TestServer) -> None:
        """Neither another sign-in's key, nor another user's, nor one that was never told."""
        pool, client = await remembering(server)
        await server.user(pool, "bea")
        tokens = await server.sign_in(client, "anna")
        foreign = [(await server.sign_in(client, name))["NewDeviceMetadata"]["DeviceKey"] for name in ("anna", "bea")]
        for key in (*foreign, "us-east-1_00000000-0000-4000-8000-000000000000"):
            members = {"AccessToken": tokens["AccessToken"], "DeviceKey": key}
            verifier = Device(tokens["NewDeviceMetadata"]).verifier()
            assert await refusal(server, "ConfirmDevice", **members, DeviceSecretVerifierConfig=verifier) == (
                "InvalidParameterException",
                "Invalid device key given.",
            )
        assert (await server.call("AdminListDevices", UserPoolId=pool, Username="anna"))["Devices"] == []

    async def test_once(self, server: TestServer) -> None:
        """The verifier of a confirmed device cannot be replaced, not by two at one moment either."""
        _, client = await remembering(server)
        tokens = await server.sign_in(client, "anna")
        device = Device(tokens["NewDeviceMetadata"])
        outcomes = await asyncio.gather(*(device.confirm(server, tokens) for _ in range(4)), return_exceptions=True)
        refused = [(outcome.code, outcome.message) for outcome in outcomes if isinstance(outcome, AwsError)]
        assert refused == [("DeviceKeyExistsException", "Device already exists.")] * 3

    @pytest.mark.parametrize(
        "verifier",
        [
            pytest.param(b"\0", id="0"),
            pytest.param(b"\1", id="1"),
            pytest.param((PRIME - 1).to_bytes(384, "big"), id="N-1"),
            pytest.param(PRIME.to_bytes(384, "big"), id="N"),
            pytest.param((PRIME + 2).to_bytes(384, "big"), id="N+2"),
            pytest.param(b"\0" * 2 + b"\2" * 384, id="too long"),
            pytest.param(b"\2" * 90_000, id="huge"),
            pytest.param(b"", id="empty"),
        ],
    )
    async def test_a_verifier_that_proves_nothing(self, server: TestServer, verifier: bytes) -> None:
        """From such a verifier anyone would find the shared secret, or nobody."""
        pool, client = await remembering(server)
        tokens = await server.sign_in(client, "anna")
        given = {"PasswordVerifier": base64.b64encode(verifier).decode(), "Salt": "AQID"}
        key = tokens["NewDeviceMetadata"]["DeviceKey"]
        members = {"AccessToken": tokens["AccessToken"], "DeviceKey": key}
        assert await refusal(server, "ConfirmDevice", **members, DeviceSecretVerifierConfig=given) == BAD_VERIFIER
        assert (await server.call("AdminListDevices", UserPoolId=pool, Username="anna"))["Devices"] == []

    @pytest.mark.parametrize(
        "given",
        [
            None,
            {},
            {"PasswordVerifier": "AgID"},
            {"Salt": "AgID"},
            {"PasswordVerifier": "AgID", "Salt": "AAAA"},
            {"PasswordVerifier": "AgID", "Salt": base64.b64encode(b"x" * 65).decode()},
            {"PasswordVerifier": "AgI", "Salt": "AgID"},
            {"PasswordVerifier": "Ag ID", "Salt": "AgID"},
            {"PasswordVerifier": "AgID", "Salt": "-_-_"},
            {"PasswordVerifier": "ÄÖÜß", "Salt": "AgID"},
        ],
    )
    async def test_what_is_no_verifier(self, server: TestServer, given: Any) -> None:
        """Missing halves, salts of no use, base64 that is none."""
        _, client = await remembering(server)
        tokens = await server.sign_in(client, "anna")
        members = {"AccessToken": tokens["AccessToken"], "DeviceKey": tokens["NewDeviceMetadata"]["DeviceKey"]}
        config = {} if given is None else {"DeviceSecretVerifierConfig": given}
        assert await refusal(server, "ConfirmDevice", **members, **config) == BAD_VERIFIER

    async def test_only_a_sealed_verifier_is_stored(self, server: TestServer) -> None:
        pool, client = await remembering(server)
        tokens = await server.sign_in(client, "anna")
        device = Device(tokens["NewDeviceMetadata"])
        given = device.verifier()
        await server.call("ConfirmDevice", AccessToken=tokens["AccessToken"], DeviceKey=device.key, DeviceSecretVerifierConfig=given)
        row = await server.store.engine.row("SELECT verifier FROM devices WHERE pool_id = $1", pool)
        assert base64.b64decode(given["PasswordVerifier"]).lstrip(b"\0")[:32] not in bytes(row[0])


class TestListing:
    async def test_pages(self, server: TestServer) -> None:
        """By key, for the user and for an administrator; a page token of another list is refused."""
        pool, client = await remembering(server)
        devices = [await confirmed(server, client) for _ in range(5)]
        keys = sorted(device.key for device, _ in devices)
        token = devices[0][1]["AccessToken"]
        for operation, members in (
            ("ListDevices", {"AccessToken": token}),
            ("AdminListDevices", {"UserPoolId": pool, "Username": "anna"}),
        ):
            pages = await all_pages(server, operation, "Devices", "PaginationToken", Limit=2, **members)
            assert [[device["DeviceKey"] for device in page] for page in pages] == [keys[:2], keys[2:4], keys[4:]]
            assert len((await server.call(operation, Limit=0, **members))["Devices"]) == 5
        foreign = (await server.call("AdminListDevices", UserPoolId=pool, Username="anna", Limit=1))["PaginationToken"]
        assert await refusal(server, "ListDevices", AccessToken=token, PaginationToken=foreign) == (
            "InvalidParameterException",
            "Invalid pagination token given.",
        )

    async def test_shows_no_other_users(self, server: TestServer) -> None:
        pool, client = await remembering(server)
        await server.user(pool, "bea")
        await confirmed(server, client, "bea")
        _, tokens = await confirmed(server, client)
        assert len((await server.call("ListDevices", AccessToken=tokens["AccessToken"]))["Devices"]) == 1

    async def test_of_a_user_who_is_not_there(self, server: TestServer) -> None:
        """Where the model has no UserNotFoundException, the error is the one it has for what is missing."""
        pool, _ = await remembering(server)
        members = {"UserPoolId": pool, "Username": "nobody"}
        key = {"DeviceKey": "us-east-1_00"}
        for operation, more in (("AdminListDevices", {}), ("AdminGetDevice", key)):
            assert await refusal(server, operation, **members, **more) == ("ResourceNotFoundException", "User does not exist.")
        for operation in ("AdminForgetDevice", "AdminUpdateDeviceStatus"):
            assert await refusal(server, operation, **members, **key) == ("UserNotFoundException", "User does not exist.")

    async def test_the_devices_of_a_deleted_user_are_gone(self, server: TestServer) -> None:
        pool, client = await remembering(server)
        await confirmed(server, client)
        await server.call("AdminDeleteUser", UserPoolId=pool, Username="anna")
        assert await server.store.engine.rows("SELECT 1 FROM devices WHERE pool_id = $1", pool) == []


class TestStatus:
    async def test_is_set_by_user_and_administrator(self, server: TestServer) -> None:
        pool, client = await remembering(server, ON_OPT_IN)
        device, tokens = await confirmed(server, client)
        by_user = {"AccessToken": tokens["AccessToken"], "DeviceKey": device.key}
        by_admin = {"UserPoolId": pool, "Username": "anna", "DeviceKey": device.key}
        server.clock.advance(5)
        for operation, members, status in (
            ("UpdateDeviceStatus", by_user, "remembered"),
            ("AdminUpdateDeviceStatus", by_admin, "not_remembered"),
            ("UpdateDeviceStatus", by_user, "remembered"),
        ):
            assert await server.call(operation, **members, DeviceRememberedStatus=status) == {}
            assert (await attributes(server, pool, device.key))["dev:device_remembered_status"] == status
        await server.call("UpdateDeviceStatus", **by_user)
        shown = (await server.call("AdminGetDevice", **by_admin))["Device"]
        assert (shown["DeviceLastModifiedDate"], shown["DeviceCreateDate"]) == (server.clock.now(), server.clock.now() - 5)
        assert (await attributes(server, pool, device.key))["dev:device_remembered_status"] == "remembered"
        code, _ = await refusal(server, "UpdateDeviceStatus", **by_user, DeviceRememberedStatus="valid")
        assert code == "InvalidParameterException"


class TestForgetting:
    @pytest.mark.parametrize("by_admin", [False, True])
    async def test_the_device_is_gone_and_cannot_refresh(self, server: TestServer, by_admin: bool) -> None:
        """The session that asked keeps its access token, any other on the device loses both; one on another device goes on."""
        pool, client = await remembering(server)
        device, tokens = await confirmed(server, client)
        other, others = await confirmed(server, client)
        second = await device.prove(server, client, await server.sign_in(client, "anna", DEVICE_KEY=device.key))
        if by_admin:
            await server.call("AdminForgetDevice", UserPoolId=pool, Username="anna", DeviceKey=device.key)
        else:
            await server.call("ForgetDevice", AccessToken=tokens["AccessToken"], DeviceKey=device.key)
            await server.call("GetUser", AccessToken=tokens["AccessToken"])
        for each in (second, *([tokens] if by_admin else [])):
            assert await refusal(server, "GetUser", AccessToken=each["AccessToken"]) == (
                "NotAuthorizedException",
                "Access Token has been revoked",
            )
        for each in (tokens, second):
            members = {"ClientId": client, "RefreshToken": each["RefreshToken"], "DeviceKey": device.key}
            assert await refusal(server, "GetTokensFromRefreshToken", **members) == ("NotAuthorizedException", "Invalid Refresh Token")
        await server.call("GetTokensFromRefreshToken", ClientId=client, RefreshToken=others["RefreshToken"], DeviceKey=other.key)
        listed = (await server.call("AdminListDevices", UserPoolId=pool, Username="anna"))["Devices"]
        assert [each["DeviceKey"] for each in listed] == [other.key]


class TestWhoseDevice:
    async def test_another_users_or_pools_is_not_there(self, server: TestServer) -> None:
        """For every operation that names one, and it stays as it is."""
        pool, client = await remembering(server)
        await server.user(pool, "bea")
        elsewhere, other_client = await remembering(server)
        theirs = [(await confirmed(server, client, "bea"))[0], (await confirmed(server, other_client))[0]]
        token = (await server.sign_in(client, "anna"))["AccessToken"]
        made_up = "us-east-1_00000000-0000-4000-8000-000000000000"
        for key in (theirs[0].key, theirs[1].key, made_up):
            for operation in ("GetDevice", "ForgetDevice", "UpdateDeviceStatus"):
                assert await refusal(server, operation, AccessToken=token, DeviceKey=key) == NO_DEVICE
            for operation in ("AdminGetDevice", "AdminForgetDevice", "AdminUpdateDeviceStatus"):
                assert await refusal(server, operation, UserPoolId=pool, Username="anna", DeviceKey=key) == NO_DEVICE
        await server.call("AdminGetDevice", UserPoolId=pool, Username="bea", DeviceKey=theirs[0].key)
        await server.call("AdminGetDevice", UserPoolId=elsewhere, Username="anna", DeviceKey=theirs[1].key)

    @pytest.mark.parametrize("operation", ["GetDevice", "ForgetDevice"])
    async def test_a_token_is_needed_where_the_model_requires_none(self, server: TestServer, operation: str) -> None:
        assert await refusal(server, operation, DeviceKey="us-east-1_00") == (
            "InvalidParameterException",
            "Missing required parameter AccessToken",
        )
        assert await refusal(server, operation, DeviceKey="us-east-1_00", AccessToken="a.b.c") == (
            "NotAuthorizedException",
            "Invalid Access Token",
        )

    @pytest.mark.parametrize("key", ["", "x", "us-east-1_XYZ", "us-east-1_" + "0" * 60])
    async def test_what_is_no_key(self, server: TestServer, key: str) -> None:
        """The service model refuses it."""
        pool, _ = await remembering(server)
        code, text = await refusal(server, "AdminGetDevice", UserPoolId=pool, Username="anna", DeviceKey=key)
        assert (code, "deviceKey" in text) == ("InvalidParameterException", True)
