"""What one synchronisation does, and what is left when it is disturbed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cognomen_sync import (
    AsyncCognitoSync,
    AsyncDataset,
    Callbacks,
    Cancelled,
    Conflict,
    Record,
    SyncError,
    Unreachable,
    last_writer_wins,
    local_wins,
)
from tests.kit.sync_client import AsyncWire
from tests.sync_client.conftest import Devices

CALM: Callable[[httpx.Request], None] = lambda request: None  # noqa: E731


def wire_of(client: AsyncCognitoSync, devices: Devices) -> AsyncWire:
    return devices.wires[devices.made.index(client)]


def once(method: str, act: Callable[[], None]) -> Callable[[httpx.Request], None]:
    """At the first request with this method on a dataset."""
    done: list[bool] = []

    def hook(request: httpx.Request) -> None:
        if request.method == method and "/datasets/" in request.url.path and not done:
            done.append(True)
            act()

    return hook


def lost() -> None:
    raise httpx.ReadError("lost")


def never(*arguments: Any) -> bool:
    raise AssertionError(f"not to be asked: {arguments}")


NOBODY = Callbacks(on_conflict=never, on_dataset_deleted=never, on_datasets_merged=never)


async def test_what_one_puts_the_other_gets(devices: Devices) -> None:
    """Values, removals and odd texts arrive; the callback is told what others changed, and only that."""
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    one.put_all({"color": "blue", "ünï/: +%": "\u2028\U0001f600", "gone": "x", "empty": ""})
    assert await one.synchronize(NOBODY) and not one.is_changed
    told: list[list[Record]] = []
    await two.synchronize(Callbacks(on_success=lambda dataset, news: told.append(news)))
    assert dict(two) == {"color": "blue", "ünï/: +%": "\u2028\U0001f600", "gone": "x", "empty": ""}
    two.remove("gone")
    await two.synchronize(Callbacks(on_success=lambda dataset, news: told.append(news)))
    await one.synchronize(Callbacks(on_success=lambda dataset, news: told.append(news)))
    assert [sorted((record.key, record.value) for record in news) for news in told] == [
        sorted(two.items() | {("gone", "x")}),
        [],
        [("gone", None)],
    ]
    assert (dict(one), one.last_sync_count) == (dict(two), 2)


async def test_two_requests_are_enough(devices: Devices) -> None:
    """One to pull, one to push; without a change, the first alone."""
    client = devices()
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    await dataset.synchronize()
    await dataset.synchronize()
    assert wire_of(client, devices).asked == ["GetId", "GetCredentialsForIdentity", "GET", "POST", "GET"]


@pytest.mark.parametrize(
    ("choice", "value"),
    [("default", "theirs"), ("remote", "theirs"), ("local", "mine"), ("value", "both"), ("untouched", "theirs"), ("removed", None)],
)
async def test_conflicts(devices: Devices, choice: str, value: str | None) -> None:
    """Both versions are shown; what was chosen is what everybody has then. Without a callback the remote record wins."""
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    one.put("a", "first")
    await one.synchronize()
    await two.synchronize()
    one.put("a", "theirs")
    two.put_all({"a": "mine", "b": "new"})
    await one.synchronize()
    seen: list[tuple[str, str | None, str | None]] = []

    def asked(dataset: AsyncDataset, conflicts: list[Conflict]) -> bool:
        seen.extend((each.key, each.local.value, each.remote.value) for each in conflicts)
        for each in conflicts:
            if choice == "remote":
                each.resolve_with_remote()
            elif choice == "local":
                each.resolve_with_local()
            elif choice in ("value", "removed"):
                each.resolve_with_value(value)
        return True

    await two.synchronize(None if choice == "default" else Callbacks(on_conflict=asked))
    await one.synchronize(NOBODY)
    assert seen == ([] if choice == "default" else [("a", "mine", "theirs")])
    assert (one.get("a"), two.get("a"), one.get("b")) == (value, value, "new")


async def test_a_conflict_that_is_refused_leaves_all_as_it_was(devices: Devices) -> None:
    """Nothing is put in, nothing is sent, and it comes up again."""
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    one.put_all({"a": "theirs", "other": "x"})
    two.put("a", "mine")
    await one.synchronize()
    for _ in range(2):
        with pytest.raises(Cancelled):
            await two.synchronize(Callbacks(on_conflict=lambda dataset, conflicts: False))
        assert dict(two) == {"a": "mine"}
    errors: list[Exception] = []
    assert not await two.synchronize(Callbacks(on_conflict=lambda dataset, conflicts: False, on_failure=errors.append))
    assert [str(error) for error in errors] == ["on_conflict stopped the synchronisation."]
    await two.synchronize(Callbacks(on_conflict=local_wins))
    await one.synchronize()
    assert dict(one) == {"a": "mine", "other": "x"}


async def test_the_last_writer_by_the_clocks(devices: Devices) -> None:
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    two.put("a", "earlier")
    devices.world.server.clock.advance(5)
    one.put("a", "later")
    await one.synchronize()
    devices.world.server.clock.advance(5)
    two.put("b", "x")
    await two.synchronize(Callbacks(on_conflict=last_writer_wins))
    assert dict(two) == {"a": "later", "b": "x"}


async def test_an_answer_that_was_lost_is_no_conflict(devices: Devices) -> None:
    """The next pull shows this device's own write: it is neither sent again nor asked about, and an edit on top of it goes on."""
    client, other = devices(), devices().open_dataset("settings")
    dataset = client.open_dataset("settings")
    dataset.put_all({"a": "1", "b": "1"})
    wire_of(client, devices).after = once("POST", lost)
    await dataset.synchronize(NOBODY)
    assert (wire_of(client, devices).asked.count("POST"), dataset.is_changed) == (1, False)

    dataset.put_all({"a": "2", "b": "2"})

    def dies() -> None:
        dataset.put("a", "3")  # an edit while the request is under way
        raise KeyboardInterrupt

    wire_of(client, devices).after = once("POST", dies)
    with pytest.raises(KeyboardInterrupt):
        await dataset.synchronize(NOBODY)
    wire_of(client, devices).after = CALM
    assert dataset.is_changed
    await dataset.synchronize(NOBODY)
    await other.synchronize()
    assert dict(other) == {"a": "3", "b": "2"}


async def test_an_edit_meanwhile_stays_pending(devices: Devices) -> None:
    """What is put while a request is under way, on either of them, is neither overwritten nor taken for sent."""
    client, other = devices(), devices().open_dataset("settings")
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    wire_of(client, devices).after = once("POST", lambda: dataset.put("a", "2"))
    await dataset.synchronize(NOBODY)
    assert (dataset["a"], dataset.is_changed) == ("2", True)
    await other.synchronize()
    assert other["a"] == "1"
    await dataset.synchronize(NOBODY)
    other.put("a", "theirs")
    with pytest.raises(SyncError):
        await other.synchronize(Callbacks(on_conflict=lambda dataset, conflicts: False))
    await other.synchronize(Callbacks(on_conflict=local_wins))
    wire_of(client, devices).after = once("GET", lambda: dataset.put("a", "mine"))
    seen: list[Conflict] = []

    def asked(dataset: AsyncDataset, conflicts: list[Conflict]) -> bool:
        seen.extend(conflicts)
        return local_wins(dataset, conflicts)

    await dataset.synchronize(Callbacks(on_conflict=asked))
    assert ([(each.local.value, each.remote.value) for each in seen], dataset["a"]) == ([("mine", "theirs")], "mine")


async def test_another_is_faster(devices: Devices) -> None:
    """A push that meets a newer record stores nothing of itself; the next round sees the conflict."""
    client, other = devices(), devices().open_dataset("settings")
    dataset = client.open_dataset("settings")
    dataset.put("a", "1")
    await dataset.synchronize()
    await other.synchronize()
    other.put("a", "faster")
    dataset.put_all({"a": "slower", "b": "new"})
    raced: list[bool] = []

    async def race(request: httpx.Request) -> None:
        if request.method == "POST" and "/datasets/" in request.url.path and not raced:
            raced.append(await other.synchronize())

    wire = wire_of(client, devices)
    wire.meanwhile = race
    await dataset.synchronize()
    assert (dict(dataset), wire.asked.count("POST")) == ({"a": "faster", "b": "new"}, 3)


async def test_a_removal_whose_answer_was_lost(devices: Devices) -> None:
    """Also where the device has never seen the dataset as a whole: the listing of everything shows what is gone."""
    client, other = devices(), devices().open_dataset("settings")
    dataset = client.open_dataset("settings")
    dataset.put_all({"a": "1", "b": "1"})
    await dataset.synchronize()
    dataset.remove("a")
    wire_of(client, devices).after = once("POST", lost)
    await dataset.synchronize(NOBODY)
    await other.synchronize()
    assert (dict(other), dict(dataset), dataset.is_changed) == ({"b": "1"}, {"b": "1"}, False)


async def test_offline(devices: Devices) -> None:
    """Everything local goes on without a network; `synchronize` says so in its time."""
    client = devices()
    dataset = client.open_dataset("settings")

    def offline(request: httpx.Request) -> None:
        raise httpx.ConnectError("no network")

    wire_of(client, devices).before = offline
    dataset.put("a", "1")
    with pytest.raises(Unreachable, match="can not be reached"):
        await dataset.synchronize()
    assert (dict(dataset), client.identity_id, dataset.is_changed) == ({"a": "1"}, None, True)
    wire_of(client, devices).before = CALM
    await dataset.synchronize()
    assert (dict(dataset), dataset.is_changed) == ({"a": "1"}, False)


async def test_a_callback_can_not_wait_for_itself(devices: Devices) -> None:
    """The same dataset, synchronised within its own synchronisation, would wait forever: it is refused."""
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    one.put("a", "1")
    two.put("a", "2")
    await one.synchronize()

    async def again(dataset: AsyncDataset, conflicts: list[Conflict]) -> bool:
        return await dataset.synchronize()

    with pytest.raises(SyncError, match="synchronisation called it"):
        await two.synchronize(Callbacks(on_conflict=again))


async def test_a_large_dataset_goes_in_parts(devices: Devices) -> None:
    """Up to the limits of a dataset; the other device gets all of it."""
    client, other = devices(), devices().open_dataset("large")
    dataset = client.open_dataset("large")
    dataset.put_all({f"{number}": "\u00e4" * 16_000 for number in range(32)})
    await dataset.synchronize(NOBODY)
    assert wire_of(client, devices).asked.count("POST") == 1
    dataset.put_all({f"{number}": "\u00f6" * 16_000 for number in range(32)})
    await dataset.synchronize(NOBODY)
    await other.synchronize()
    assert dict(other) == dict(dataset)
