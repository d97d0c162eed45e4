"""What signing in and refreshing know of remembered devices: whether the pool has any, the names of a new one, and its verifier.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html
"""

from __future__ import annotations

import base64

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel import ids, srp
from cognomen.storage.devices import Device
from cognomen.storage.pools import Pool
from cognomen.storage.sessions import Session
from cognomen.storage.users import User

REMEMBERED, NOT_REMEMBERED = "remembered", "not_remembered"
_PURPOSE = "device verifier"
_LONGEST = 600  # base64 of a number of the group: 385 bytes are 516 characters


def remembers(pool: Pool) -> bool:
    """A value of any member of DeviceConfiguration switches remembering on."""
    configured = pool.settings.pool.device_configuration
    return configured is not None and (
        configured.challenge_required_on_new_device is not None or configured.device_only_remembered_on_user_prompt is not None
    )


def suppresses_mfa(pool: Pool) -> bool:
    configured = pool.settings.pool.device_configuration
    return configured is not None and configured.challenge_required_on_new_device is True


def asks_user(pool: Pool) -> bool:
    """Is a confirmed device remembered only once its user has said so?"""
    configured = pool.settings.pool.device_configuration
    return configured is not None and configured.device_only_remembered_on_user_prompt is True


def new(cx: Context, pool: Pool, user: User) -> idp.NewDeviceMetadataType:
    """A key for a device that signed in without one. Nothing is kept of it but in the session: the device exists once it is confirmed."""
    return idp.NewDeviceMetadataType(device_key=ids.device_key(pool.region), device_group_key=group_key(cx, pool.pool_id, user.sub))


def group_key(cx: Context, pool_id: str, sub: str) -> str:
    """SRP's name for all devices of a user, the same each time: `-` and 8 characters (FIDELITY A.4)."""
    return "-" + base64.urlsafe_b64encode(cx.sealer.mac("device group", pool_id.encode(), sub.encode())[:6]).decode()


async def fits(cx: Context, pool: Pool, session: Session, named: str | None) -> bool:
    """May a session be refreshed by a client that names this device? One that began on a device needs its key, and the device confirmed:
    Amazon Cognito refuses the refresh tokens of unconfirmed ones (aws-amplify/amplify-android #2506)."""
    if session.device_key is None or not remembers(pool):
        return True
    return named == session.device_key and await cx.store.devices.get(session.pool_id, session.sub, session.device_key) is not None


def seal(cx: Context, pool_id: str, sub: str, device_key: str, given: idp.DeviceSecretVerifierConfigType | None) -> bytes:
    """Salt and verifier of a device's secret, sealed to it. Raises InvalidParameterException for what proves nothing."""
    asked = given or idp.DeviceSecretVerifierConfigType()
    try:
        verifier = srp.read_verifier(_decoded(asked.salt), _decoded(asked.password_verifier))
    except ValueError as cause:
        raise errors.InvalidParameterException("Invalid device secret verifier configuration given.") from cause
    return cx.sealer.seal(_PURPOSE, bytes([len(verifier.salt)]) + verifier.salt + verifier.value, _bound(pool_id, sub, device_key))


def _decoded(text: str | None) -> bytes:
    if not text or len(text) > _LONGEST:
        raise ValueError("missing, or longer than any number of the group")
    return base64.b64decode(text, validate=True)


def verifier_of(cx: Context, device: Device) -> srp.Verifier:
    clear = cx.sealer.open(_PURPOSE, device.verifier, _bound(device.pool_id, device.sub, device.device_key))
    return srp.Verifier(clear[1 : 1 + clear[0]], clear[1 + clear[0] :])


def _bound(pool_id: str, sub: str, device_key: str) -> bytes:
    return f"{pool_id}/{sub}/{device_key}".encode()


def missing() -> errors.ResourceNotFoundException:
    """Clients find `device` in this text, forget what they keep of theirs and go on without (amazon-cognito-identity-js, Amplify)."""
    return errors.ResourceNotFoundException("Device does not exist.")
