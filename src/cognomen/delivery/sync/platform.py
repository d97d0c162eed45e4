"""The port by which a device is told that a dataset changed, and what is told."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

import msgspec

from cognomen.storage.sync_devices import Device

SOURCE = "cognito-sync"


class NoPlatform(Exception):
    """The platform can not be reached as things are set up. The text says why, in one sentence without secrets."""


class BadToken(Exception):
    """The platform knows no such device."""


class NotNow(Exception):
    """Another try may help. The text says why, in one sentence without secrets."""


class Gone(Exception):
    """The device is not to be told any more: its app was removed, or its token replaced."""


class Told(msgspec.Struct, frozen=True):
    """`token` is open; it is in memory for as long as the call takes."""

    device: Device
    token: str
    data: dict[str, str]


class Platform(Protocol):
    """Both block: they are called in a thread."""

    def register(self, application: str, role: str, token: str) -> str:
        """The endpoint that stands for the token, empty where there is none. Raises NoPlatform, BadToken, NotNow."""
        ...

    def tell(self, told: Told, role: str) -> None:
        """Raises Gone, NotNow, NoPlatform."""
        ...

    def close(self) -> None: ...


def collapsed_by(told: Told) -> str:
    """64 characters, the same for all notices of a dataset: where a platform keeps several for a device that is away, the last one is enough."""
    return hashlib.sha256(f"{told.device.identity_id}/{told.data['datasetName']}".encode()).hexdigest()


def data_of(pool_id: str, identity_id: str, name: str, sync_count: int) -> dict[str, str]:
    """The keys that AWS documents; all are text, as Firebase and Amazon take no other."""
    return {
        "source": SOURCE,
        "identityPoolId": pool_id,
        "identityId": identity_id,
        "datasetName": name,
        "syncCount": str(sync_count),
    }


def payload_of(platform: str, data: dict[str, str]) -> dict[str, Any]:
    """What the platform carries: nothing that anybody sees. An iOS app finds the keys below `data`."""
    if platform.startswith("APNS"):
        return {"aps": {"content-available": 1}, "data": data}
    return {"data": data}
