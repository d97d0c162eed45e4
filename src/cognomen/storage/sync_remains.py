"""What removed records and deleted datasets leave behind, for devices that have not heard of them: as much as is worth keeping.

Who comes from before what was kept is told to begin anew: of a dataset below `deleted_count`, of any that has no row below the identity's own count.
"""

from __future__ import annotations

import msgspec

from cognomen.storage.datasets import Dataset
from cognomen.storage.engine import Reader, Tx

MOST_BYTES = 1 << 20  # of removed records, in a dataset
MOST_DELETED = 100  # datasets, of an identity
_ROW = 512  # bytes that a removed record weighs beside its key


def weight(key: str) -> int:
    return _ROW + len(key.encode())


async def fold(tx: Tx, dataset: Dataset) -> Dataset:
    """The dataset without the oldest of its removed records. Those of the newest count stay, and of the others what weighs half of what may be.
    Within the unit that put them there."""
    rows = await tx.rows(
        "SELECT key, sync_count FROM sync_records WHERE pool_id = $1 AND identity_id = $2 AND name = $3 AND value IS NULL"
        " ORDER BY sync_count DESC",
        dataset.pool_id,
        dataset.identity_id,
        dataset.name,
    )
    kept, floor = 0, 0
    for key, sync_count in rows:
        if sync_count <= floor:
            break
        kept += weight(key)
        if kept > MOST_BYTES // 2 and sync_count < dataset.sync_count:
            floor = int(sync_count)
    left = sum(weight(key) for key, sync_count in rows if sync_count > floor)
    await tx.run(
        "DELETE FROM sync_records WHERE pool_id = $1 AND identity_id = $2 AND name = $3 AND value IS NULL AND sync_count <= $4",
        dataset.pool_id,
        dataset.identity_id,
        dataset.name,
        floor,
    )
    return msgspec.structs.replace(dataset, removed_bytes=left, deleted_count=max(dataset.deleted_count, floor))


async def forget_deleted(tx: Tx, pool_id: str, identity_id: str) -> None:
    """Within the unit that deletes a dataset: where there are too many of them, the rows of the older half go, with the subscriptions to them."""
    rows = await tx.rows(
        "SELECT name, sync_count FROM sync_datasets WHERE pool_id = $1 AND identity_id = $2 AND present = 0 ORDER BY modified_at DESC, name",
        pool_id,
        identity_id,
    )
    if len(rows) <= MOST_DELETED:
        return
    old = rows[MOST_DELETED // 2 :]
    for name, _ in old:
        for table in ("sync_datasets", "sync_subscriptions", "sync_notices"):
            await tx.run(f"DELETE FROM {table} WHERE pool_id = $1 AND identity_id = $2 AND name = $3", pool_id, identity_id, name)
    await tx.run(
        "INSERT INTO sync_forgotten (pool_id, identity_id, sync_count) VALUES ($1, $2, $3) ON CONFLICT (pool_id, identity_id) DO UPDATE SET"
        " sync_count = CASE WHEN excluded.sync_count > sync_forgotten.sync_count THEN excluded.sync_count ELSE sync_forgotten.sync_count END",
        pool_id,
        identity_id,
        max(int(count) for _, count in old),
    )


async def forgotten_count(reader: Reader, pool_id: str, identity_id: str) -> int:
    """The highest count of a dataset of which nothing is left; 0 where there is none."""
    row = await reader.row("SELECT sync_count FROM sync_forgotten WHERE pool_id = $1 AND identity_id = $2", pool_id, identity_id)
    return int(row[0]) if row is not None else 0
