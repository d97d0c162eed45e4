"""Several devices, one user: random edits, deletions, merges, crashes and lost answers. In the end all hold the same, and no write is lost that
nobody gave up."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from cognomen_sync import Callbacks, CognitoSync, Conflict, Dataset, Retry, SyncError, adopt_merged
from tests.kit.server import TestServer, settings_for
from tests.kit.sync_client import URL, Crash, CrashingFile, Wire, World

KEYS = ["a", "b", "ünï/:"]
NUMBERS = itertools.count()
FAULTS = ["none", "drop", "lose", "crash", "crash after", "edit", "file", "file after"]
WRITES = ("POST", "DELETE")


@pytest.fixture(scope="module")
def world(signing_pairs: list[KeyPair]) -> Iterator[World]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(TestServer(settings_for(""), PreparedKeyMaker(signing_pairs)).start())
    yield loop.run_until_complete(World.made(server))
    loop.run_until_complete(server.stop())
    loop.close()


class Device:
    """One installation of the app. `latest` is the last value of each key that was put here and not given up."""

    def __init__(self, world: World, folder: Path, number: int, user: str | None, wire: Wire) -> None:
        self.world, self.number, self.user, self.wire = world, number, user, wire
        self.path = folder / f"{number}.sqlite3"
        self.latest: dict[str, str] = {}
        self.kept: set[str] = set()
        self.open()

    def open(self) -> None:
        self.file = CrashingFile(self.path)
        self.client = CognitoSync(
            self.world.pool_id,
            endpoint_url=URL,
            logins=self.logins if self.user else None,
            path=self.file,
            transport=self.wire,
            retry=Retry(first=0.0),
            clock=self.world.server.clock.now,
        )
        self.dataset: Dataset = self.client.open_dataset("settings")

    def restart(self) -> None:
        self.file.countdown = -1
        self.client.close()
        self.open()

    def logins(self) -> dict[str, str]:
        assert self.user is not None
        return self.world.loop.run_until_complete(self.world.directory.logins(self.user))

    def put(self, key: str) -> None:
        value = f"{self.number}-{next(NUMBERS)}"
        self.dataset.put(key, value)
        self.latest[key] = value

    def callbacks(self, choice: str) -> Callbacks:
        def on_conflict(dataset: Dataset, conflicts: list[Conflict]) -> bool:
            for conflict in conflicts:
                self.resolve(conflict, choice, its_own=dataset is self.dataset)
            return choice != "cancel"

        def on_dataset_deleted(dataset: Dataset, name: str) -> bool:
            if choice == "local":
                self.kept.update(dataset.values())
                return False
            self.latest.clear()
            return True

        def on_datasets_merged(dataset: Dataset, names: list[str]) -> bool:
            self.latest = {key: value for key, value in self.latest.items() if dataset.get(key) == value}  # the rest is adopt_merged's
            return adopt_merged(dataset, names)

        return Callbacks(on_conflict=on_conflict, on_dataset_deleted=on_dataset_deleted, on_datasets_merged=on_datasets_merged)

    def resolve(self, conflict: Conflict, choice: str, *, its_own: bool) -> None:
        assert its_own and conflict.local.value != conflict.remote.value
        if choice == "local":
            conflict.resolve_with_local()
            self.kept.add(conflict.local.value or "")
        elif choice == "value":
            conflict.resolve_with_value(f"{self.number}-{next(NUMBERS)}")
            self.latest[conflict.key] = conflict.chosen or ""
        elif choice == "remote":
            conflict.resolve_with_remote()
            self.latest.pop(conflict.key, None)

    def synchronize(self, choice: str, fault: str = "none", at: int = 0, key: str = "a") -> None:
        """The fault strikes at one of the requests that write; or, from 3 on, at one of them all."""
        count = itertools.count(3 if at >= 3 else 0)

        def strike(how: str) -> Callable[[httpx.Request], None]:
            def struck(request: httpx.Request) -> None:
                writes = request.method in WRITES and "/datasets/" in request.url.path
                if (writes or at >= 3) and next(count) == at:
                    if how == "crash":
                        raise Crash
                    if how == "edit":
                        self.put(key)
                    else:
                        raise httpx.ReadError("lost")

            return struck

        calm: Callable[[httpx.Request], None] = lambda request: None  # noqa: E731
        self.wire.before = strike("lose" if fault == "drop" else fault) if fault in ("drop", "crash", "edit") else calm
        self.wire.after = strike("crash" if fault == "crash after" else "lose") if fault in ("lose", "crash after") else calm
        self.file.countdown, self.file.done = (at if fault.startswith("file") else -1), fault == "file after"
        try:
            self.dataset.synchronize(self.callbacks(choice))
        except Crash:
            self.restart()
        except SyncError:
            assert choice == "cancel"
        self.file.countdown = -1
        self.wire.before = self.wire.after = calm


class Devices(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.user = f"user-{next(NUMBERS)}"
        self.world.loop.run_until_complete(self.world.directory.user(self.user))
        self.wire = Wire(self.world)
        self.devices = [Device(self.world, self.folder, number, self.user if number < 2 else None, self.wire) for number in range(3)]

    @rule(number=st.integers(0, 2), key=st.sampled_from(KEYS))
    def put(self, number: int, key: str) -> None:
        self.devices[number].put(key)

    @rule(number=st.integers(0, 2), key=st.sampled_from(KEYS))
    def remove(self, number: int, key: str) -> None:
        self.devices[number].dataset.remove(key)
        self.devices[number].latest.pop(key, None)

    @rule(number=st.integers(0, 2), keys=st.lists(st.sampled_from(KEYS), min_size=1), fault=st.sampled_from(FAULTS), at=st.integers(0, 1))
    def work(self, number: int, keys: list[str], fault: str, at: int) -> None:
        """As people do: edit, synchronise with bad luck, go on editing, synchronise."""
        device = self.devices[number]
        for key in keys:
            device.put(key)
        device.synchronize("local", fault, at, keys[0])
        device.put(keys[-1])
        device.synchronize("remote")

    @rule(
        number=st.integers(0, 2),
        choice=st.sampled_from(["remote", "local", "value", "cancel"]),
        fault=st.sampled_from(FAULTS),
        at=st.integers(0, 7),
        key=st.sampled_from(KEYS),
    )
    def synchronize(self, number: int, choice: str, fault: str, at: int, key: str) -> None:
        self.devices[number].synchronize(choice, fault, at, key)

    @rule(number=st.integers(0, 2))
    def delete(self, number: int) -> None:
        self.devices[number].dataset.delete()
        self.devices[number].latest.clear()

    @rule(number=st.integers(0, 2))
    def restart(self, number: int) -> None:
        self.devices[number].restart()

    @rule()
    def sign_in(self) -> None:
        guest = self.devices[2]
        guest.user = self.user
        guest.client.set_logins(guest.logins)

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            for device in self.devices:
                device.client.close()
            shutil.rmtree(self.folder)

    def settle(self) -> None:
        self.sign_in()
        for _ in range(4):
            for device in self.devices:
                device.synchronize("remote")
        held = [dict(device.dataset) for device in self.devices]
        assert held == [held[0]] * 3
        assert [device.dataset.is_changed for device in self.devices] == [False] * 3
        fresh = Device(self.world, self.folder, 3, self.user, self.wire)
        self.devices.append(fresh)
        fresh.synchronize("remote")
        assert dict(fresh.dataset) == held[0]
        stored = self.applied()
        assert [value for device in self.devices for value in device.latest.values() if value not in stored] == []
        assert self.repeated() == []

    def applied(self) -> set[Any]:
        return {patch.get("Value") for _, body in self.wire.applied for patch in body["RecordPatches"]}

    def repeated(self) -> list[str]:
        """Values stored twice in a dataset although no callback kept them, and nobody removed the key between."""
        seen: dict[tuple[str, str], set[str]] = defaultdict(set)
        found = []
        kept = set().union(*(device.kept for device in self.devices))
        for path, body in self.wire.applied:
            for patch in body["RecordPatches"]:
                before = seen[path, patch["Key"]]
                if patch["Op"] == "remove":
                    before.clear()
                elif patch["Value"] in before - kept:
                    found.append(patch["Value"])
                else:
                    before.add(patch["Value"])
        return found


def run(world: World, examples: int, steps: int) -> None:
    class Here(Devices):
        pass

    Here.world = world
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_devices_converge_and_no_write_is_lost(world: World) -> None:
    """Whatever happens between any two steps: the same data everywhere in the end, and every write stored that was not given up."""
    run(world, 100, 30)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_devices_converge_in_long_walks(world: World) -> None:
    """The same for longer lives."""
    run(world, 600, 60)
