"""Datasets of Cognito Sync and the records in them. What a deleted dataset or a removed record leaves behind stays as a row: devices that come
later must learn of it, and counts go on from there."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import msgspec

from cognomen.storage import sync_devices, sync_outbox
from cognomen.storage.engine import Engine, Reader, Row, Tx

_DATASET = (
    "pool_id, identity_id, name, present, created_at, modified_at, modified_by, sync_count, deleted_count, records, bytes, merged_from,"
    " merged_name, removed_bytes"
)
_RECORD = "key, value, sync_count, modified_at, modified_by, device_modified_at, key_id"
_SHARDS = 32
_MOST_TOLD = 1_000
_LONG_KEY = 200  # characters that are taken into an index as they are
_AT_ONCE = 64  # rows of a statement: few different ones, which the database knows from before
LONGEST_NAME = 128
_DIGEST = 12  # characters


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """`records` and `bytes` (of keys and values) count what is there now, `removed_bytes` what removed records left behind
    (sync_remains.py). Whoever comes from before `deleted_count` begins anew. `merged_from` is the identity that brought it along, where it
    was called `merged_name`."""

    pool_id: str
    identity_id: str
    name: str
    present: bool = True
    created_at: float
    modified_at: float
    modified_by: str = ""
    sync_count: int = 0
    deleted_count: int = 0
    records: int = 0
    bytes: int = 0
    merged_from: str | None = None
    merged_name: str | None = None
    removed_bytes: int = 0


class Record(msgspec.Struct, frozen=True):
    """`value` is None for one that was removed. Times in epoch seconds. `key_id` stands for the key where rows are ordered."""

    key: str
    value: str | None
    sync_count: int
    modified_at: float
    modified_by: str
    device_modified_at: float
    key_id: str = ""


class Moved(NamedTuple):
    """A dataset as it was at the identity that is merged, and as it goes on."""

    before: Dataset
    after: Dataset


class Usage(msgspec.Struct, frozen=True):
    bytes: int
    modified_at: float


def _dataset(row: Row) -> Dataset:
    return Dataset(
        pool_id=row[0],
        identity_id=row[1],
        name=row[2],
        present=bool(row[3]),
        created_at=row[4],
        modified_at=row[5],
        modified_by=row[6],
        sync_count=row[7],
        deleted_count=row[8],
        records=row[9],
        bytes=row[10],
        merged_from=row[11],
        merged_name=row[12],
        removed_bytes=row[13],
    )


class Datasets:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def get(self, pool_id: str, identity_id: str, name: str, tx: Reader | None = None) -> Dataset | None:
        """A deleted one too, with `present` False."""
        row = await (tx or self._engine).row(
            f"SELECT {_DATASET} FROM sync_datasets WHERE pool_id = $1 AND identity_id = $2 AND name = $3", pool_id, identity_id, name
        )
        return _dataset(row) if row else None

    async def put(self, tx: Tx, dataset: Dataset) -> None:
        await tx.run(
            f"INSERT INTO sync_datasets ({_DATASET}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
            " ON CONFLICT (pool_id, identity_id, name) DO UPDATE SET present = excluded.present, created_at = excluded.created_at,"
            " modified_at = excluded.modified_at, modified_by = excluded.modified_by, sync_count = excluded.sync_count,"
            " deleted_count = excluded.deleted_count, records = excluded.records, bytes = excluded.bytes, merged_from = excluded.merged_from,"
            " merged_name = excluded.merged_name, removed_bytes = excluded.removed_bytes",
            dataset.pool_id,
            dataset.identity_id,
            dataset.name,
            int(dataset.present),
            dataset.created_at,
            dataset.modified_at,
            dataset.modified_by,
            dataset.sync_count,
            dataset.deleted_count,
            dataset.records,
            dataset.bytes,
            dataset.merged_from,
            dataset.merged_name,
            dataset.removed_bytes,
        )

    async def page(self, pool_id: str, identity_id: str, after: str, limit: int) -> list[Dataset]:
        rows = await self._engine.rows(
            f"SELECT {_DATASET} FROM sync_datasets"
            " WHERE pool_id = $1 AND identity_id = $2 AND name > $3 AND present = 1 ORDER BY name LIMIT $4",
            pool_id,
            identity_id,
            after,
            limit,
        )
        return [_dataset(row) for row in rows]

    async def page_of_pool(self, pool_id: str, after: tuple[str, str], limit: int) -> list[Dataset]:
        """Behind an identity's dataset, in the order of identities and names."""
        rows = await self._engine.rows(
            f"SELECT {_DATASET} FROM sync_datasets"
            " WHERE pool_id = $1 AND (identity_id, name) > ($2, $3) AND present = 1 ORDER BY identity_id, name LIMIT $4",
            pool_id,
            *after,
            limit,
        )
        return [_dataset(row) for row in rows]

    async def counts(self, pool_id: str, identity_id: str) -> list[tuple[str, int, float, str]]:
        """Name, sync count, and when and by whom it was changed last, of the datasets that are or were there: the first thousand by name, if
        merges have brought more."""
        rows = await self._engine.rows(
            "SELECT name, sync_count, modified_at, modified_by FROM sync_datasets WHERE pool_id = $1 AND identity_id = $2"
            " ORDER BY name LIMIT $3",
            pool_id,
            identity_id,
            _MOST_TOLD,
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    async def of_identity(self, pool_id: str, identity_id: str, most: int, tx: Reader | None = None) -> tuple[int, int, float]:
        """How many datasets, with how many bytes, and when one was changed last (0.0: never); looks at `most` of them, since merges may have brought
        any number."""
        row = await (tx or self._engine).row(
            "SELECT COALESCE(SUM(present), 0), COALESCE(SUM(bytes), 0), COALESCE(MAX(modified_at), 0) FROM"
            " (SELECT present, bytes, modified_at FROM sync_datasets WHERE pool_id = $1 AND identity_id = $2 LIMIT $3) AS d",
            pool_id,
            identity_id,
            most,
        )
        return (int(row[0]), int(row[1]), float(row[2])) if row else (0, 0, 0.0)

    async def merged_names(self, pool_id: str, identity_id: str, name: str) -> list[str]:
        """What merged identities brought along that was called so there."""
        rows = await self._engine.rows(
            "SELECT name FROM sync_datasets WHERE pool_id = $1 AND identity_id = $2 AND merged_name = $3 AND present = 1 ORDER BY name",
            pool_id,
            identity_id,
            name,
        )
        return [row[0] for row in rows]

    async def change_records(self, tx: Tx, dataset: Dataset, records: Sequence[Record]) -> None:
        """Puts these in the place of those with their keys."""
        for each in records:
            if len(each.key) > _LONG_KEY:  # one of before, whose id is the key itself
                await tx.run(
                    "DELETE FROM sync_records WHERE pool_id = $1 AND identity_id = $2 AND name = $3 AND key_id = $4",
                    dataset.pool_id,
                    dataset.identity_id,
                    dataset.name,
                    each.key,
                )
        for start in range(0, len(records), _AT_ONCE):
            part = records[start : start + _AT_ONCE]
            values: list[object] = [dataset.pool_id, dataset.identity_id, dataset.name]
            for each in part:
                values += [
                    each.key,
                    each.value,
                    each.sync_count,
                    each.modified_at,
                    each.modified_by,
                    each.device_modified_at,
                    _key_id(each.key),
                ]
            await tx.run(_upsert(len(part)), *values)

    async def records(self, tx: Reader, pool_id: str, identity_id: str, name: str, keys: Iterable[str]) -> dict[str, Record]:
        """Those that are there or were removed, by key."""
        found: dict[str, Record] = {}
        wanted = [form for key in keys for form in ((_key_id(key), key) if len(key) > _LONG_KEY else (key,))]
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            for row in await tx.rows(_among(len(part)), pool_id, identity_id, name, *part):
                found[row[0]] = Record(*row)
        return found

    async def changed(
        self, pool_id: str, identity_id: str, name: str, after: tuple[int, str], limit: int, *, removed: bool, tx: Reader | None = None
    ) -> list[Record]:
        """Records behind a sync count and key id, in their order; with or without those that were removed."""
        only = "" if removed else " AND value IS NOT NULL"
        rows = await (tx or self._engine).rows(
            f"SELECT {_RECORD} FROM sync_records WHERE pool_id = $1 AND identity_id = $2 AND name = $3"
            f" AND (sync_count, key_id) > ($4, $5){only} ORDER BY sync_count, key_id LIMIT $6",
            pool_id,
            identity_id,
            name,
            *after,
            limit,
        )
        return [Record(*row) for row in rows]

    async def clear(self, tx: Tx, pool_id: str, identity_id: str, name: str) -> None:
        """Removes the records, with what removed ones left behind."""
        await tx.run("DELETE FROM sync_records WHERE pool_id = $1 AND identity_id = $2 AND name = $3", pool_id, identity_id, name)

    async def count_bytes(self, tx: Tx, pool_id: str, identity_id: str, more: int, now: float) -> None:
        """Adds to what the pool stores."""
        await tx.run(
            "INSERT INTO sync_usage (pool_id, shard, bytes, modified_at) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (pool_id, shard) DO UPDATE SET bytes = sync_usage.bytes + excluded.bytes, modified_at = excluded.modified_at",
            pool_id,
            zlib.crc32(identity_id.encode()) % _SHARDS,
            more,
            now,
        )

    async def of_pool(self, pool_id: str) -> Usage:
        row = await self._engine.row(
            "SELECT COALESCE(SUM(bytes), 0), COALESCE(MAX(modified_at), 0) FROM sync_usage WHERE pool_id = $1", pool_id
        )
        return Usage(int(row[0]), float(row[1])) if row else Usage(0, 0.0)

    async def carry_over(self, tx: Tx, pool_id: str, source: str, target: str, now: float) -> list[Moved]:
        """Within the unit that merges `source` into `target`: its datasets become the target's, as `NAME.SOURCE`; what was merged into the
        source before keeps its name. What is deleted stays behind."""
        rows = await tx.rows(f"SELECT {_DATASET} FROM sync_datasets WHERE pool_id = $1 AND identity_id = $2 ORDER BY name", pool_id, source)
        result = []
        for each in map(_dataset, rows):
            if each.present:
                base, brought_by = each.merged_name or each.name, each.merged_from or source
                name = await self._free(tx, pool_id, target, base, brought_by)
                await tx.run(
                    "UPDATE sync_records SET identity_id = $4, name = $5 WHERE pool_id = $1 AND identity_id = $2 AND name = $3",
                    pool_id,
                    source,
                    each.name,
                    target,
                    name,
                )
                at = max(now, each.modified_at)
                moved = msgspec.structs.replace(
                    each, identity_id=target, name=name, modified_at=at, merged_from=brought_by, merged_name=base
                )
                await self.put(tx, moved)
                result.append(Moved(each, moved))
        await sync_devices.carry_over(tx, pool_id, source, target)
        await self._drop(tx, pool_id, source)
        return result

    async def _free(self, tx: Tx, pool_id: str, target: str, base: str, source: str) -> str:
        """`BASE.SOURCE`, with a number where another dataset of the target is called so."""
        name = merged_as(base, source)
        number = 1
        while await self.get(pool_id, target, name, tx) is not None:
            number += 1
            name = merged_as(base, f"{source}-{number}")
        return name

    async def forget(self, tx: Tx, pool_id: str, identity_id: str, now: float) -> list[Dataset]:
        """Within the unit that removes an identity: nothing of it stays. Gives the datasets that it had."""
        rows = await tx.rows(
            f"SELECT {_DATASET} FROM sync_datasets WHERE pool_id = $1 AND identity_id = $2 AND present = 1", pool_id, identity_id
        )
        stored = sum(_dataset(row).bytes for row in rows)
        if stored:
            await self.count_bytes(tx, pool_id, identity_id, -stored, now)
        await sync_devices.forget(tx, pool_id, identity_id)
        await sync_outbox.forget(tx, pool_id, identity_id)
        await self._drop(tx, pool_id, identity_id)
        return [_dataset(row) for row in rows]

    async def _drop(self, tx: Tx, pool_id: str, identity_id: str) -> None:
        for table in ("sync_records", "sync_datasets", "sync_forgotten"):
            await tx.run(f"DELETE FROM {table} WHERE pool_id = $1 AND identity_id = $2", pool_id, identity_id)


def merged_as(base: str, source: str) -> str:
    """The name under which a dataset of `source` goes on. One that gets too long is cut, and what tells it from others that begin alike takes
    the place of its end. Client libraries name it in the same way (cognomen_sync/local.py)."""
    room = LONGEST_NAME - len(source) - 1
    if len(base) > room:
        digest = hashlib.sha256(base.encode()).hexdigest()[:_DIGEST]
        base = f"{base[: room - _DIGEST - 1]}-{digest}"
    return f"{base}.{source}"


@cache
def _upsert(count: int) -> str:
    rows = ", ".join(f"($1, $2, $3, {', '.join(f'${number}' for number in range(4 + 7 * each, 11 + 7 * each))})" for each in range(count))
    return (
        f"INSERT INTO sync_records (pool_id, identity_id, name, {_RECORD}) VALUES {rows}"
        " ON CONFLICT (pool_id, identity_id, name, key_id) DO UPDATE SET value = excluded.value, sync_count = excluded.sync_count,"
        " modified_at = excluded.modified_at, modified_by = excluded.modified_by, device_modified_at = excluded.device_modified_at"
    )


@cache
def _among(count: int) -> str:
    keys = ", ".join(f"${number}" for number in range(4, 4 + count))
    return f"SELECT {_RECORD} FROM sync_records WHERE pool_id = $1 AND identity_id = $2 AND name = $3 AND key_id IN ({keys})"


def _key_id(key: str) -> str:
    """What PostgreSQL takes into an index: of a long key the beginning, and a digest of the whole."""
    return key if len(key) <= _LONG_KEY else f"{key[:_LONG_KEY]}{hashlib.sha256(key.encode()).hexdigest()}"
