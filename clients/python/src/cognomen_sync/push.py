"""Silent pushes: this device is made known to the service, which then tells it when another one changed a dataset.

https://docs.aws.amazon.com/cognito/latest/developerguide/push-sync.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from cognomen_sync.errors import SyncError
from cognomen_sync.local import LocalFile
from cognomen_sync.service import Later, Tries
from cognomen_sync.session import Session
from cognomen_sync.steps import Steps

Platform = Literal["APNS", "APNS_SANDBOX", "GCM", "ADM"]


def register(session: Session, file: LocalFile, tries: Tries, platform: Platform, token: str) -> Steps[str]:
    """The device's id at the service, which the file keeps. Raises SyncError."""
    who = (yield from session.ready()).identity_id
    answer = yield from _called(session, tries, "POST", ("identity", who, "device"), {"Platform": platform, "Token": token})
    device_id = str(answer["DeviceId"])
    file.remember_device(who, device_id)
    return device_id


def subscribe(session: Session, file: LocalFile, tries: Tries, name: str) -> Steps[None]:
    """Raises SyncError, also where no device was registered."""
    yield from _subscription(session, file, tries, "POST", name)


def unsubscribe(session: Session, file: LocalFile, tries: Tries, name: str) -> Steps[None]:
    yield from _subscription(session, file, tries, "DELETE", name)


def _subscription(session: Session, file: LocalFile, tries: Tries, method: str, name: str) -> Steps[None]:
    who = (yield from session.ready()).identity_id
    device_id = file.device(who)
    if device_id is None:
        raise SyncError("This device is not registered: register_device() comes first.")
    path = ("identities", who, "datasets", name, "subscriptions", device_id)
    yield from _called(session, tries, method, path, {} if method == "POST" else None)


def _called(session: Session, tries: Tries, method: str, path: tuple[str, ...], body: Mapping[str, Any] | None) -> Steps[dict[str, Any]]:
    """Each of these may be repeated."""
    while True:
        credentials = yield from session.ready()
        try:
            return (yield from session.call(credentials, method, path, body=body))
        except Later as cause:
            yield from tries.pause(cause)
