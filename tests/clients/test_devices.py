"""Remembered devices with pycognito and amazon-cognito-identity-js as they come: the device proves itself, and no second factor is asked."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import jwt
import pyotp
import pytest
from pycognito.aws_srp import AWSSRP, generate_hash_device
from pycognito.exceptions import SoftwareTokenMFAChallengeException

from tests.clients.conftest import App, refused
from tests.clients.node import JS
from tests.kit.live import Live
from tests.kit.server import PASSWORD


def remembering(live: Live) -> App:
    """Devices are always remembered, and stand for the second factor, which users may set up."""
    app = App(live)
    app.admin.update_user_pool(
        UserPoolId=app.pool_id,
        AutoVerifiedAttributes=["email"],
        DeviceConfiguration={"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False},
    )
    app.admin.set_user_pool_mfa_config(UserPoolId=app.pool_id, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True})
    return app


@pytest.fixture(scope="module")
def devices(live: Live) -> App:
    return remembering(live)


def device_key(tokens: Any) -> str:
    claims = jwt.decode(tokens["AuthenticationResult"]["AccessToken"], options={"verify_signature": False})
    return str(claims["device_key"])


def test_pycognito(devices: App) -> None:
    """Its own SRP for password and device, answered without Sessions. (Its confirm_device posts to Amazon alone, so boto3 sends that one.)"""
    name, client = devices.user(), devices.live.anonymous()

    def srp(**device: str) -> Any:
        return AWSSRP(name, PASSWORD, devices.pool_id, devices.client_id, client=client, **device).authenticate_user()

    first = srp()
    new = first["AuthenticationResult"]["NewDeviceMetadata"]
    password, verifier = generate_hash_device(new["DeviceGroupKey"], new["DeviceKey"])
    token = first["AuthenticationResult"]["AccessToken"]
    confirmed = client.confirm_device(AccessToken=token, DeviceKey=new["DeviceKey"], DeviceSecretVerifierConfig=verifier)
    assert confirmed["UserConfirmationNecessary"] is False
    secret = client.associate_software_token(AccessToken=token)["SecretCode"]
    client.verify_software_token(AccessToken=token, UserCode=pyotp.TOTP(secret).at(int(time.time())))
    client.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    with pytest.raises(SoftwareTokenMFAChallengeException):
        srp()
    mine = {"device_key": new["DeviceKey"], "device_group_key": new["DeviceGroupKey"], "device_password": password}
    assert device_key(srp(**mine)) == new["DeviceKey"]
    with refused("NotAuthorizedException", "Incorrect username or password"):
        srp(**{**mine, "device_password": "another"})


def test_many_salts_and_secrets(devices: App) -> None:
    """Leading zeros and signs of salts, keys and hashes: SRP agrees for any device, not only for lucky ones."""
    client = devices.live.anonymous()
    for _ in range(8):
        name = devices.user()
        new = devices.sign_in(name)
        metadata: Any = new["NewDeviceMetadata"]
        password, verifier = generate_hash_device(metadata["DeviceGroupKey"], metadata["DeviceKey"])
        client.confirm_device(AccessToken=new["AccessToken"], DeviceKey=metadata["DeviceKey"], DeviceSecretVerifierConfig=verifier)
        device = {"device_key": metadata["DeviceKey"], "device_group_key": metadata["DeviceGroupKey"], "device_password": password}
        tokens = AWSSRP(name, PASSWORD, devices.pool_id, devices.client_id, client=client, **device).authenticate_user()
        assert device_key(tokens) == metadata["DeviceKey"]


@pytest.fixture(scope="module")
def seen(node: str, devices: App) -> dict[str, Any]:
    """js/devices.mjs, run once."""
    command = [node, "devices.mjs", devices.live.url, devices.pool_id, devices.client_id, PASSWORD, devices.user()]
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_identity_js_confirms_and_is_remembered(seen: dict[str, Any]) -> None:
    """The first sign-in confirms the device; the second proves it and asks no second factor, which another device is asked."""
    key = seen["first"]["key"]
    assert seen["first"]["confirmationNecessary"] is False
    assert seen["second"] == {"key": key, "prompt": None}
    assert seen["elsewhere"] == "totp"
    assert seen["refreshed"] == {"key": key, "valid": True}


def test_identity_js_shows_and_sets(seen: dict[str, Any]) -> None:
    """Listed, shown, remembered or not."""
    assert seen["listed"] == [seen["first"]["key"]]
    assert (seen["shown"]["device_status"], seen["shown"]["dev:device_remembered_status"]) == ("valid", "remembered")
    assert (seen["notRemembered"], seen["promptWhenNotRemembered"]) == ("SUCCESS", "totp")
    assert (seen["remembered"], seen["promptWhenRemembered"]) == ("SUCCESS", None)


def test_identity_js_is_told_of_a_forgotten_device(seen: dict[str, Any]) -> None:
    """`Device does not exist.` makes it drop what it keeps and go on as on a new device."""
    assert (seen["keptBefore"], seen["promptWhenForgotten"], seen["keptAfter"]) == (True, "totp", False)
