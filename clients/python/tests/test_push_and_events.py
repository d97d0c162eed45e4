"""Pushes, events and waiting for a network, against a small service of the tests' own."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cognomen_sync import Callbacks, CognitoSync, Retry, SyncError, SyncEvent
from cognomen_sync.events import Lines

POOL, WHO = "us-east-1:p", "us-east-1:i"
EVENT = {"source": "cognito-sync", "identityPoolId": POOL, "identityId": WHO, "datasetName": "settings", "syncCount": 7}


class Stub(httpx.BaseTransport):
    """Grants credentials; everything of Sync goes to `sync`, with method, path and body."""

    def __init__(self, sync: Callable[[str, str, Any], httpx.Response]) -> None:
        self._sync = sync

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        target = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if target == "GetId":
            return httpx.Response(200, json={"IdentityId": WHO})
        if target:
            made = {"AccessKeyId": "a", "SecretKey": "s", "SessionToken": "t", "Expiration": time.time() + 3_600}
            return httpx.Response(200, json={"IdentityId": WHO, "Credentials": made})
        body = request.read()
        return self._sync(request.method, request.url.path, json.loads(body) if body else None)


def client(tmp_path: Path, sync: Callable[[str, str, Any], httpx.Response]) -> CognitoSync:
    return CognitoSync(POOL, path=tmp_path / "app.sqlite3", transport=Stub(sync), retry=Retry(total=1.0, first=0.0))


def wait_for(met: Callable[[], bool]) -> None:
    ends = time.monotonic() + 5
    while not met():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_subscriptions(tmp_path: Path) -> None:
    """The registered device is the one that is subscribed, all datasets at once too; without one there is an error."""
    asked: list[tuple[str, str, Any]] = []

    def sync(method: str, path: str, body: Any) -> httpx.Response:
        asked.append((method, path.removeprefix(f"/identitypools/{POOL}"), body))
        return httpx.Response(200, json={"DeviceId": "device"} if path.endswith("/device") else {})

    app = client(tmp_path, sync)
    dataset = app.open_dataset("settings")
    with pytest.raises(SyncError, match="not registered"):
        dataset.subscribe()
    dataset.put("a", "1")
    assert app.register_device("GCM", "token") == "device"
    dataset.subscribe()
    app.subscribe_all()
    dataset.unsubscribe()
    path = f"/identities/{WHO}/datasets/settings/subscriptions/device"
    registered = ("POST", f"/identity/{WHO}/device", {"Platform": "GCM", "Token": "token"})
    assert asked == [registered, ("POST", path, {}), ("POST", path, {}), ("DELETE", path, None)]


def test_events(tmp_path: Path) -> None:
    """Each is handed over once; when the stream ends or breaks it is opened again."""
    calls = itertools.count()
    opened: list[bool] = []
    seen: list[SyncEvent] = []

    def sync(method: str, path: str, body: Any) -> httpx.Response:
        number = next(calls)
        if number == 1:
            raise httpx.ReadError("broken")
        return httpx.Response(200, text=f": hello\n\nevent: sync\ndata: {json.dumps({**EVENT, 'syncCount': number})}\n\n")

    listening = client(tmp_path, sync).listen(seen.append, on_open=lambda: opened.append(True))
    wait_for(lambda: len(seen) > 1)
    listening.stop()
    assert [event.sync_count for event in seen[:2]] == [0, 2]
    assert (seen[0], len(opened) > 1) == (SyncEvent("settings", 0, WHO, POOL, "cognito-sync"), True)


def test_a_service_without_events(tmp_path: Path) -> None:
    """The refusal is told, and it is not asked for ever."""
    errors: list[Exception] = []
    refused = httpx.Response(404, json={"__type": "UnknownOperationException", "message": "none"})
    client(tmp_path, lambda method, path, body: refused).listen(lambda event: None, on_failure=errors.append)
    wait_for(lambda: bool(errors))
    assert [str(error) for error in errors] == ["UnknownOperationException: none"]


def test_lines() -> None:
    """Data over several lines; comments, other events and nonsense are passed over."""
    text = f"event: other\ndata: {{}}\n\nevent: sync\ndata: nonsense\n\n:\nevent:sync\ndata:{json.dumps(EVENT, indent=1).replace(chr(10), chr(10) + 'data: ')}\n\n"
    lines = Lines()
    found = [event for line in text.split("\n") if (event := lines.feed(line)) is not None]
    assert found == [SyncEvent("settings", 7, WHO, POOL, "cognito-sync")]


def test_synchronize_on_connectivity(tmp_path: Path) -> None:
    """Runs once the network is there and the condition is met; the last request counts."""
    online, wifi = threading.Event(), threading.Event()
    told: list[str] = []

    def sync(method: str, path: str, body: Any) -> httpx.Response:
        if not online.is_set():
            raise httpx.ConnectError("offline")
        return httpx.Response(200, json={"SyncSessionToken": "t", "DatasetSyncCount": 0, "DatasetExists": False})

    app = CognitoSync(POOL, path=tmp_path / "app.sqlite3", transport=Stub(sync), retry=Retry(total=0.02, first=0.01))
    dataset = app.open_dataset("settings")
    for name in ("first", "last"):
        dataset.synchronize_on_connectivity(
            Callbacks(on_success=lambda dataset, news, name=name: told.append(name), on_failure=lambda error: told.append(str(error))),  # type: ignore[misc]
            when=wifi.is_set,
            every=0.01,
        )
    wifi.set()
    time.sleep(0.1)
    assert told == []
    online.set()
    wait_for(lambda: bool(told))
    time.sleep(0.05)
    assert told == ["last"]
