"""What an update makes of a dataset: a pure function of the dataset, its records and the patches. All of them fit, or none is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cognomen.api import errors, sync
from cognomen.storage.datasets import Dataset, Record

# https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html
MOST_KEYS = 1_024
MOST_BYTES = 1 << 20
MOST_DATASETS = 20
MOST_OF_IDENTITY = 20 << 20


class Change(msgspec.Struct, frozen=True):
    """`value` None removes the key. `known` is the sync count that the client has seen; None where it need not have seen one."""

    key: str
    value: str | None
    known: int | None
    device_modified_at: float


def of_request(patches: Sequence[sync.RecordPatch], now: float) -> list[Change]:
    """Raises InvalidParameterException."""
    seen: set[str] = set()
    for patch in patches:
        if patch.key in seen:
            raise errors.InvalidParameterException("A key can be patched once in a request.")
        seen.add(patch.key)
        if patch.op == "replace" and patch.value is None:
            raise errors.InvalidParameterException("A record patch with the operation replace needs a value.")
        if patch.sync_count < 0:
            raise errors.InvalidParameterException("SyncCount can not be negative.")
    return [Change(patch.key, patch.value if patch.op == "replace" else None, patch.sync_count, _moment(patch, now)) for patch in patches]


def _moment(patch: sync.RecordPatch, now: float) -> float:
    return now if patch.device_last_modified_date is None else patch.device_last_modified_date


def check_counts(changes: Sequence[Change], present: Mapping[str, Record]) -> None:
    """Raises ResourceConflictException where a client has not seen what it would overwrite. A key that is not there has the count 0; one
    that was removed has that or the count of its removal."""
    for change in changes:
        record = present.get(change.key)
        if change.known is None or (record is None and change.known == 0):
            continue
        if record is None or (change.known != record.sync_count and not (record.value is None and change.known == 0)):
            raise errors.ResourceConflictException("Current SyncCount for the record is different from the one that was given.")


def applied(
    dataset: Dataset, changes: Sequence[Change], present: Mapping[str, Record], *, by: str, now: float
) -> tuple[Dataset, list[Record]]:
    """The dataset after the update, and the records that it changes. Raises LimitExceededException."""
    count = dataset.sync_count + 1
    now = max(now, dataset.modified_at)  # a stream carries changes in the order of their times, and servers' clocks differ
    records = [Record(change.key, change.value, count, now, by, change.device_modified_at) for change in changes]
    before = [record for change in changes if (record := present.get(change.key)) is not None]
    keys = dataset.records + _keys(records) - _keys(before)
    size = dataset.bytes + size_of(records) - size_of(before)
    if keys > MOST_KEYS and keys > dataset.records:
        raise errors.LimitExceededException(f"A dataset can hold at most {MOST_KEYS} records.")
    if size > MOST_BYTES and size > dataset.bytes:
        raise errors.LimitExceededException("A dataset can hold at most 1 MB.")
    return msgspec.structs.replace(dataset, sync_count=count, records=keys, bytes=size, modified_at=now, modified_by=by), records


def size_of(records: Sequence[Record]) -> int:
    """Bytes of keys and values that are there."""
    return sum(len(record.key.encode()) + len(record.value.encode()) for record in records if record.value is not None)


def _keys(records: Sequence[Record]) -> int:
    return sum(record.value is not None for record in records)
