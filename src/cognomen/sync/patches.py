"""What an update makes of a dataset: a pure function of the dataset, its records and the patches. All of them fit, or none is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cognomen.api import errors, sync
from cognomen.storage.datasets import Dataset, Record
from cognomen.storage.sync_remains import weight

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


def check_counts(changes: Sequence[Change], present: Mapping[str, Record], folded: int = 0) -> None:
    """Raises ResourceConflictException where a client has not seen what it would overwrite. A key that is not there has the count 0; one
    that was removed has that or the count of its removal, which is forgotten up to `folded`."""
    for change in changes:
        record = present.get(change.key)
        if change.known is None or (record is None and 0 <= change.known <= folded):
            continue
        count = record.sync_count if record is not None else 0
        if record is None or (change.known != count and not (record.value is None and change.known == 0)):
            # Text: amazon-cognito-js #31 and #65, aws-sdk-net #391.
            raise errors.ResourceConflictException(f"Current SyncCount for: {change.key} is: {count} not: {change.known}")


class Update(msgspec.Struct, frozen=True):
    """`after` is the dataset with `stored` in it. `ignored` are removals of what was never there: they are answered, and leave nothing."""

    after: Dataset
    stored: list[Record]
    ignored: list[Record]


def applied(dataset: Dataset, changes: Sequence[Change], present: Mapping[str, Record], *, by: str, now: float) -> Update:
    """Raises LimitExceededException."""
    real = [change for change in changes if change.value is not None or change.key in present]
    count = dataset.sync_count + bool(real)
    now = max(now, dataset.modified_at)  # a stream carries changes in the order of their times, and servers' clocks differ
    made = {change.key: Record(change.key, change.value, count, now, by, change.device_modified_at) for change in changes}
    records = [made[change.key] for change in real]
    ignored = [made[change.key] for change in changes if change.value is None and change.key not in present]
    if not real:
        return Update(dataset, [], ignored)
    before = [record for change in real if (record := present.get(change.key)) is not None]
    keys = dataset.records + _keys(records) - _keys(before)
    size = dataset.bytes + size_of(records) - size_of(before)
    if keys > MOST_KEYS and keys > dataset.records:
        raise errors.LimitExceededException(f"A dataset can hold at most {MOST_KEYS} records.")
    if size > MOST_BYTES and size > dataset.bytes:
        raise errors.LimitExceededException("A dataset can hold at most 1 MB.")
    after = msgspec.structs.replace(
        dataset,
        sync_count=count,
        records=keys,
        bytes=size,
        removed_bytes=dataset.removed_bytes + _left_by(records) - _left_by(before),
        modified_at=now,
        modified_by=by,
    )
    return Update(after, records, ignored)


def size_of(records: Sequence[Record]) -> int:
    """Bytes of keys and values that are there."""
    return sum(len(record.key.encode()) + len(record.value.encode()) for record in records if record.value is not None)


def _keys(records: Sequence[Record]) -> int:
    return sum(record.value is not None for record in records)


def _left_by(records: Sequence[Record]) -> int:
    return sum(weight(record.key) for record in records if record.value is None)
