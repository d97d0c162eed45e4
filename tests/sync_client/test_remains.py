"""A device that comes from before what the service still knows of removals."""

from __future__ import annotations

import pytest

from cognomen_sync import AsyncDataset, Callbacks, Conflict
from tests.sync_client.conftest import Devices
from tests.sync_client.test_synchronize import NOBODY

LONG = "\U0001f388" * 1_010


async def churn(dataset: AsyncDataset) -> None:
    """Until the service forgets what was removed before."""
    for number in range(3):
        keys = [f"{number}-{each:03}{LONG}" for each in range(200)]
        dataset.put_all(dict.fromkeys(keys, ""))
        await dataset.synchronize(NOBODY)
        for key in keys:
            dataset.remove(key)
        await dataset.synchronize(NOBODY)


async def test_nothing_unsent_is_lost(devices: Devices) -> None:
    """It takes everything anew: what was removed goes, edits stay and are sent, an edit of what was removed is a conflict; nothing was deleted."""
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    one.put_all({"stays": "1", "goes": "1", "edited": "1", "clean": "1"})
    await one.synchronize(NOBODY)
    await two.synchronize(NOBODY)
    two.put_all({"stays": "2", "new": "2", "edited": "2"})
    for key in ("goes", "edited", "clean"):
        one.remove(key)
    await one.synchronize(NOBODY)
    await churn(one)
    asked: list[tuple[str, str | None, str | None]] = []

    def conflict(dataset: AsyncDataset, conflicts: list[Conflict]) -> bool:
        for each in conflicts:
            asked.append((each.key, each.local.value, each.remote.value))
            each.resolve_with_local()
        return True

    def never(*arguments: object) -> bool:
        raise AssertionError(arguments)

    await two.synchronize(Callbacks(on_conflict=conflict, on_dataset_deleted=never))
    await one.synchronize(NOBODY)
    expected = {"stays": "2", "new": "2", "edited": "2"}
    assert (dict(one), dict(two), asked) == (expected, expected, [("edited", "2", None)])


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_deletion_is_still_a_deletion(devices: Devices, keeps: bool) -> None:
    """Where the dataset was deleted and made anew, the application is asked as ever."""
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    one.put("a", "1")
    await one.synchronize(NOBODY)
    await two.synchronize(NOBODY)
    two.put("b", "2")
    one.delete()
    one.put("c", "3")
    await one.synchronize(NOBODY)
    await churn(one)
    asked: list[str] = []

    def deleted(dataset: AsyncDataset, name: str) -> bool:
        asked.append(name)
        return not keeps

    await two.synchronize(Callbacks(on_dataset_deleted=deleted))
    assert (dict(two), asked) == ({"c": "3", **({"a": "1", "b": "2"} if keeps else {})}, ["settings"])


async def test_deleting_from_before(devices: Devices) -> None:
    """What was deleted here is deleted there, though the service says "deleted" of its own."""
    one, two = devices().open_dataset("settings"), devices().open_dataset("settings")
    one.put("a", "1")
    await one.synchronize(NOBODY)
    await two.synchronize(NOBODY)
    await churn(one)
    two.delete()
    await two.synchronize(NOBODY)
    await one.synchronize()
    assert (dict(one), dict(two)) == ({}, {})
