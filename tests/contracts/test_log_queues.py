"""Queues of log records: in order, bounded, one deliverer at a time."""

from __future__ import annotations

import asyncio

import pytest

from cognomen.api import idp
from cognomen.storage.logs import LogEntry, LogQueue, LogQueues
from cognomen.storage.pools import Pool, PoolSettings
from cognomen.storage.store import Store
from tests.contracts.conftest import Database

P, Q = "us-east-1_aaaaaaaaa", "us-east-1_bbbbbbbbb"


async def add_pools(store: Store) -> None:
    for pool_id in (P, Q):
        settings = PoolSettings(pool=idp.UserPoolType(), mfa=idp.GetUserPoolMfaConfigResponse())
        await store.pools.add(Pool(pool_id, "us-east-1", 1.0, 1.0, settings))


def entries(count: int, pool_id: str = P, destination: str = "file", *, start: int = 0) -> list[LogEntry]:
    return [LogEntry(pool_id, destination, f"{start + at:016x}", float(start + at), f'{{"n":{start + at}}}') for at in range(count)]


async def test_in_order_of_time(store: Store) -> None:
    """Whatever order they were written in; each pool and destination is a queue of its own."""
    await add_pools(store)
    mixed = [*entries(3, start=5), *entries(2, start=1)]
    assert await store.logs.add([*mixed, *entries(1, Q), *entries(1, P, "webhook")], 10.0) == 0
    due = await store.logs.due(10.0, 10)
    assert sorted((queue.pool_id, queue.destination) for queue in due) == [(P, "file"), (P, "webhook"), (Q, "file")]
    queue = LogQueue(P, "file", 0, 10.0)
    assert await store.logs.first(queue, 10) == sorted(mixed, key=lambda entry: entry.entry_id)
    assert [entry.created_at for entry in await store.logs.first(queue, 2)] == [1.0, 2.0]


async def test_one_deliverer(store: Store) -> None:
    """Of two that claim a queue one gets it; nobody else sees it until the claim ends."""
    await add_pools(store)
    await store.logs.add(entries(1), 10.0)
    [queue] = await store.logs.due(10.0, 10)
    assert sorted(await asyncio.gather(*(store.logs.claim(queue, 70.0 + n) for n in range(4)))) == [False, False, False, True]
    assert await store.logs.due(69.0, 10) == []
    assert len(await store.logs.due(74.0, 10)) == 1


async def test_what_arrived_is_gone(store: Store) -> None:
    """A queue with something left is due at once, an empty one is no more; a new record makes it anew."""
    await add_pools(store)
    await store.logs.add(entries(3), 10.0)
    [queue] = await store.logs.due(10.0, 10)
    await store.logs.delivered(queue, [f"{at:016x}" for at in (0, 2)], 11.0)
    [left] = await store.logs.due(11.0, 10)
    assert [entry.entry_id for entry in await store.logs.first(left, 10)] == [f"{1:016x}"]
    await store.logs.delivered(left, [f"{1:016x}"], 12.0)
    assert await store.logs.due(1e9, 10) == []
    await store.logs.add(entries(1), 20.0)
    assert [queue.due_at for queue in await store.logs.due(20.0, 10)] == [20.0]


async def test_what_comes_meanwhile_is_kept(store: Store) -> None:
    """A record that was written while a batch was on its way, even one of an earlier moment, is not taken for one that arrived."""
    await add_pools(store)
    await store.logs.add(entries(2, start=5), 10.0)
    [queue] = await store.logs.due(10.0, 10)
    batch = await store.logs.first(queue, 10)
    await store.logs.add(entries(1, start=1), 10.0)
    await store.logs.delivered(queue, [entry.entry_id for entry in batch], 11.0)
    assert [entry.created_at for entry in await store.logs.first(queue, 10)] == [1.0]


async def test_a_failure_is_put_off(store: Store) -> None:
    """The count grows, a new record does not hurry it, and what is too old is dropped."""
    await add_pools(store)
    await store.logs.add(entries(3, start=5), 10.0)
    [queue] = await store.logs.due(10.0, 10)
    assert await store.logs.failed(queue, due_at=20.0, before=6.0) == 1
    await store.logs.add(entries(1, start=9), 12.0)
    assert await store.logs.due(19.0, 10) == []
    [again] = await store.logs.due(20.0, 10)
    assert again == LogQueue(P, "file", 1, 20.0)
    assert await store.logs.failed(again, due_at=30.0, before=100.0) == 3
    assert await store.logs.due(1e9, 10) == []


async def test_a_full_queue(store: Store) -> None:
    """What has no room is counted and not kept; another queue has room; what leaves makes room."""
    await add_pools(store)
    small = LogQueues(store.engine, most=3)
    assert await small.add([*entries(2), *entries(2, Q)], 10.0) == 0
    assert await small.add([*entries(2, start=2), *entries(1, Q, start=2)], 10.0) == 1
    queue = next(queue for queue in await small.due(10.0, 10) if queue.pool_id == P)
    assert len(await small.first(queue, 10)) == 3
    await small.delivered(queue, [f"{0:016x}"], 11.0)
    assert await small.add(entries(2, start=7), 12.0) == 1


async def test_a_pool_that_is_gone(store: Store) -> None:
    """Its records go with it, and none comes after."""
    await add_pools(store)
    await store.logs.add([*entries(3), *entries(1, Q)], 10.0)
    await store.pools.condemn(P)
    assert await store.logs.add(entries(1, start=9), 11.0) == 0
    while await store.pools.remove_part(P, 2):
        pass
    assert [queue.pool_id for queue in await store.logs.due(1e9, 10)] == [Q]
    assert await store.logs.first(LogQueue(P, "file", 0, 0.0), 10) == []
    assert [await store.logs.drop(LogQueue(Q, "file", 0, 10.0)), await store.logs.due(1e9, 10)] == [1, []]


async def test_it_outlives_the_process(database: Database) -> None:
    """What was written is there for the next server."""
    if not database.shared:
        pytest.skip("a database in memory has one process")
    one, other = await database.store(), await database.store()
    await add_pools(one)
    await one.logs.add(entries(2), 10.0)
    [queue] = await other.logs.due(10.0, 10)
    assert await other.logs.first(queue, 10) == entries(2)
