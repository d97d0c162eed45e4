"""The model of several devices: what each was given to keep, and the machine that walks them at random. See test_model.py."""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from cognomen_sync import (
    AsyncCognitoSync,
    Callbacks,
    CognitoSync,
    Conflict,
    Refused,
    Retry,
    SyncError,
    adopt_merged,
    adopt_merged_async,
)
from tests.kit.sync import remove, replace, sync
from tests.kit.sync_client import URL, AsyncWire, Crash, CrashingFile, Wire, World

DATASETS = ["a", "a.b", "a.x:y"]
KEYS = ["k", "ünï/:"]
USERS = ["kim", "lee"]
LONG = "\U0001f388" * 1_000
NUMBERS = itertools.count()
FAULTS = ["none", "drop", "lose", "crash", "crash after", "edit", "file", "file after"]
CHOICES = ["remote", "local", "value", "cancel"]
WRITES = ("POST", "DELETE")
MERGED = r"(\.[\w-]+:[0-9a-f-]{36}(-\d+)?)?"


class Device:
    """One installation of the app. `expected` are values that were put here and not given up: each must reach the service. A value tells its dataset."""

    def __init__(self, model: Devices, number: int, user: str | None) -> None:
        self.model, self.world, self.number, self.user = model, model.world, number, user
        self.path = model.folder / f"{number}.sqlite3"
        self.expected: set[str] = set()
        self.kept: set[str] = set()
        self.closed: list[Any] = []
        self.open()

    def open(self) -> None:
        self.file = CrashingFile(self.path)
        given: dict[str, Any] = {
            "endpoint_url": URL,
            "logins": self.model.logins[self.user] if self.user else None,
            "path": self.file,
            "retry": Retry(first=0.0),
            "clock": self.world.server.clock.now,
        }
        if self.model.asynchronous:
            self.client: Any = AsyncCognitoSync(self.world.pool_id, transport=self.model.wire, **given)
        else:
            self.client = CognitoSync(self.world.pool_id, transport=Wire(self.model.wire), **given)

    def run(self, result: Any) -> Any:
        return self.world.loop.run_until_complete(result) if isinstance(result, Coroutine) else result

    def restart(self) -> None:
        """As after `kill -9`: nothing is closed, and the next process finds what lies in the file and its log."""
        self.closed.append(self.client)
        after = self.path.with_name(f"{self.number}-{next(NUMBERS)}.sqlite3")
        for end in ("", "-wal"):
            if (found := self.path.with_name(self.path.name + end)).exists():
                shutil.copy(found, after.with_name(after.name + end))
        self.path = after
        self.open()

    def close(self) -> None:
        for client in (*self.closed, self.client):
            self.run(client.close())

    def sign(self, user: str | None) -> None:
        """Out first, where another is to come."""
        if self.user not in (None, user):
            self.client.set_logins(None)
        self.user = user
        self.client.set_logins(self.model.logins[user] if user else None)

    # Edits

    def put(self, name: str, key: str) -> None:
        dataset = self.client.open_dataset(name)
        value = f"{name}|{self.number}-{next(NUMBERS)}"
        self.expected.discard(str(dataset.get(key)))
        self.model.owners[value] = self.client.identity_id
        dataset.put(key, value)
        self.expected.add(value)

    def remove(self, name: str, key: str) -> None:
        dataset = self.client.open_dataset(name)
        self.expected.discard(str(dataset.get(key)))
        dataset.remove(key)

    def delete(self, name: str) -> None:
        self.expected -= set(self.client.open_dataset(name).values())
        self.client.open_dataset(name).delete()

    # Synchronisation

    def callbacks(self, choice: str) -> Callbacks:
        def on_conflict(dataset: Any, conflicts: list[Conflict]) -> bool:
            for conflict in conflicts:
                self.resolve(dataset, conflict, choice)
            return choice != "cancel"

        def on_dataset_deleted(dataset: Any, name: str) -> bool:
            if choice == "local":
                self.kept.update(dataset.values())
                return False
            self.expected -= set(dataset.values())
            return True

        def on_datasets_merged(dataset: Any, names: list[str]) -> bool:
            for name in names:
                self.give_up_what_is_held(dataset, name)
                adopt_merged(dataset, [name])
            return True

        async def on_datasets_merged_async(dataset: Any, names: list[str]) -> bool:
            for name in names:
                self.give_up_what_is_held(dataset, name)
                await adopt_merged_async(dataset, [name])
            return True

        merged = on_datasets_merged_async if self.model.asynchronous else on_datasets_merged
        return Callbacks(on_conflict=on_conflict, on_dataset_deleted=on_dataset_deleted, on_datasets_merged=merged)

    def give_up_what_is_held(self, dataset: Any, name: str) -> None:
        """adopt_merged takes over only what the dataset lacks."""
        assert re.fullmatch(re.escape(dataset.name) + MERGED, name)
        held = dict(dataset)
        self.expected -= {value for key, value in self.client.open_dataset(name).items() if held.get(key, value) != value}

    def resolve(self, dataset: Any, conflict: Conflict, choice: str) -> None:
        assert dataset.name in DATASETS and conflict.local.value != conflict.remote.value
        local = conflict.local.value or ""
        if choice == "local":
            conflict.resolve_with_local()
            self.kept.add(local)
        elif choice == "value":
            conflict.resolve_with_value(f"{dataset.name}|{self.number}-{next(NUMBERS)}")
            self.model.owners[conflict.chosen or ""] = self.client.identity_id
            self.expected.discard(local)
            self.expected.add(conflict.chosen or "")
        elif choice == "remote":
            conflict.resolve_with_remote()
            self.expected.discard(local)

    def synchronize(self, name: str, choice: str, fault: str = "none", at: int = 0, key: str = "k") -> None:
        """The fault strikes at one of the requests that write; or, from 3 on, at one of them all."""
        count = itertools.count(3 if at >= 3 else 0)

        def strike(how: str) -> Callable[[httpx.Request], None]:
            def struck(request: httpx.Request) -> None:
                writes = request.method in WRITES and "/datasets/" in request.url.path
                if (writes or at >= 3) and next(count) == at:
                    if how == "crash":
                        raise Crash
                    if how == "edit":
                        self.put(name, key)
                    else:
                        raise httpx.ReadError("lost")

            return struck

        calm: Callable[[httpx.Request], None] = lambda request: None  # noqa: E731
        wire = self.model.wire
        wire.before = strike("lose" if fault == "drop" else fault) if fault in ("drop", "crash", "edit") else calm
        wire.after = strike("crash" if fault == "crash after" else "lose") if fault in ("lose", "crash after") else calm
        self.file.countdown, self.file.done = (at if fault.startswith("file") else -1), fault == "file after"
        try:
            self.run(self.client.open_dataset(name).synchronize(self.callbacks(choice)))
        except Crash:
            wire.before = wire.after = calm
            self.restart()
        except SyncError as error:
            if choice != "cancel" and not (self.model.may_be_full and self.is_full(error)):
                raise
        self.file.countdown = -1
        wire.before = wire.after = calm

    def is_full(self, error: SyncError) -> bool:
        """Merges that nobody looked at yet fill an identity, as any other datasets do; a new one is refused until they are adopted."""
        there = self.run(self.world.server.store.datasets.page(self.world.pool_id, self.client.identity_id, "", 100))
        return isinstance(error, Refused) and error.code == "LimitExceededException" and len(there) >= 20


class Devices(RuleBasedStateMachine):
    """Two devices of kim's, a guest's, and whoever they become."""

    world: World
    asynchronous = False
    churns = 1
    may_be_full = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.wire = AsyncWire(self.world)
        self.owners: dict[str, str | None] = {}
        self.names = {user: f"{user}-{next(NUMBERS)}" for user in USERS}
        self.given: dict[str, dict[str, str]] = {}
        for user, name in self.names.items():
            self.world.loop.run_until_complete(self.world.directory.user(name))
            self.given[user] = self.world.loop.run_until_complete(self.world.directory.logins(name))
        self.logins = {user: self.given[user] for user in USERS}
        self.left = self.churns
        self.devices = [Device(self, number, "kim" if number < 2 else None) for number in range(3)]

    device = st.integers(0, 2)
    dataset = st.sampled_from(DATASETS)
    key = st.sampled_from(KEYS)

    @rule(number=device, name=dataset, key=key)
    def put(self, number: int, name: str, key: str) -> None:
        self.devices[number].put(name, key)

    @rule(number=device, name=dataset, key=key)
    def remove(self, number: int, name: str, key: str) -> None:
        self.devices[number].remove(name, key)

    @rule(number=device, name=dataset, keys=st.lists(key, min_size=1, max_size=3), fault=st.sampled_from(FAULTS), at=st.integers(0, 1))
    def work(self, number: int, name: str, keys: list[str], fault: str, at: int) -> None:
        """As people do: edit, synchronise with bad luck, go on editing, synchronise."""
        device = self.devices[number]
        for key in keys:
            device.put(name, key)
        device.synchronize(name, "local", fault, at, keys[0])
        device.put(name, keys[-1])
        device.synchronize(name, "remote")

    @rule(number=device, name=dataset, choice=st.sampled_from(CHOICES), fault=st.sampled_from(FAULTS), at=st.integers(0, 12), key=key)
    def synchronize(self, number: int, name: str, choice: str, fault: str, at: int, key: str) -> None:
        self.devices[number].synchronize(name, choice, fault, at, key)

    @rule(number=device, name=dataset)
    def delete(self, number: int, name: str) -> None:
        self.devices[number].delete(name)

    @rule(number=device)
    def restart(self, number: int) -> None:
        self.devices[number].restart()

    @rule(number=device, user=st.sampled_from(USERS))
    def sign_in(self, number: int, user: str) -> None:
        self.devices[number].sign(user)

    @rule(number=device)
    def sign_out(self, number: int) -> None:
        self.devices[number].sign(None)

    @rule(number=device, name=dataset, key=key, user=st.sampled_from(USERS), at=st.integers(3, 6), unsent=st.booleans())
    def vanish(self, number: int, name: str, key: str, user: str, at: int, unsent: bool) -> None:
        """A guest signs in, the app dies before it hears of it, and the guest goes away."""
        device = self.devices[number]
        device.sign(None)
        device.put(name, key)
        device.synchronize(name, "local")
        if unsent:
            device.put(name, key)
        device.sign(user)
        device.synchronize(name, "local", "crash after", at)
        device.sign(None)
        device.synchronize(name, "local")

    @precondition(lambda self: self.left > 0)
    @rule(number=device, name=dataset)
    def churn(self, number: int, name: str) -> None:
        """Another client puts and removes so much that the service forgets older removals."""
        self.left -= 1
        self.devices[number].synchronize(name, "local")
        who = {"IdentityPoolId": self.world.pool_id, "IdentityId": self.devices[number].client.identity_id, "DatasetName": name}

        async def update(patches: list[dict[str, Any]]) -> int:
            token = (await sync(self.world.server, "ListRecords", **who))["SyncSessionToken"]
            answer = await sync(self.world.server, "UpdateRecords", SyncSessionToken=token, RecordPatches=patches, **who)
            return int(answer["Records"][0]["SyncCount"])

        for turn in range(2):
            keys = [f"{turn}-{each:03}{LONG}" for each in range(200)]
            count = self.world.loop.run_until_complete(update([replace(key, "") for key in keys]))
            self.world.loop.run_until_complete(update([remove(key, count) for key in keys]))

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            for device in self.devices:
                device.close()
            shutil.rmtree(self.folder)

    # What must hold in the end

    def settle(self) -> None:
        held: dict[str, list[dict[str, dict[str, str]]]] = {}
        ids: dict[str, set[str | None]] = defaultdict(set)
        for user in USERS:
            for device in self.devices:
                device.sign(user)
                for name in DATASETS:
                    device.synchronize(name, "remote")
        self.may_be_full = False
        for turn in range(3):
            for user in USERS:
                held[user] = []
                for device in self.devices if turn < 2 else [*self.devices, self.fresh()]:
                    device.sign(user)
                    for name in DATASETS:
                        device.synchronize(name, "remote")
                for device in self.devices:
                    device.sign(user)
                    for name in DATASETS:
                        device.synchronize(name, "remote")
                    held[user].append({name: dict(device.client.open_dataset(name)) for name in DATASETS})
                    assert not any(device.client.open_dataset(name).is_changed for name in DATASETS)
                    ids[user].add(device.client.identity_id)
        for user in USERS:
            assert held[user] == [held[user][0]] * len(held[user])
            [identity_id] = ids[user]
            there = self.world.loop.run_until_complete(self.world.server.store.datasets.page(self.world.pool_id, identity_id, "", 100))
            assert {each.name for each in there} <= set(DATASETS)
            others = set().union(*(ids[other] for other in USERS if other != user))
            for name, values in held[user][0].items():
                assert {value.partition("|")[0] for value in values.values()} <= {name}, "moved into another dataset"
                assert {self.owners[value] for value in values.values()} & others == set(), "another user's"
        self.check_applied()

    def fresh(self) -> Device:
        self.devices.append(Device(self, len(self.devices), None))
        return self.devices[-1]

    def check_applied(self) -> None:
        stored: set[str] = set()
        for path, body in self.wire.applied:
            name = path.rpartition("/")[2]
            for patch in body.get("RecordPatches", ()):
                if value := patch.get("Value"):
                    stored.add(value)
                    assert re.fullmatch(re.escape(value.partition("|")[0]) + MERGED, name), "stored in another dataset"
        assert [value for device in self.devices for value in device.expected if value not in stored] == []
        assert self.repeated() == []

    def repeated(self) -> list[str]:
        """Values stored twice in a dataset although no callback kept them, and nobody removed the key between."""
        seen: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        found = []
        kept = set().union(*(device.kept for device in self.devices))
        for path, body in self.wire.applied:
            if not body:
                seen[path].clear()
            for patch in body.get("RecordPatches", ()):
                before = seen[path][patch["Key"]]
                if patch["Op"] == "remove":
                    before.clear()
                elif patch["Value"] and patch["Value"] in before - kept:
                    found.append(patch["Value"])
                else:
                    before.add(patch["Value"])
        return found
