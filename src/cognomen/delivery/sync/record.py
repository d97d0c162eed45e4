"""A change of a dataset as a pool's stream carries it. Pure.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-streams.html. That page spells the name `dataSetName`, AWS's own reader of such
streams (the Redshift connector) `datasetName`: both are there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from cognomen.storage.datasets import Record
from cognomen.storage.sync_outbox import Change

REPLACE, REMOVE = "replace", "remove"
MOST_BYTES = 50 * 1024  # of a record; what is larger is fetched from an address
_encode = msgspec.json.Encoder().encode


class StreamRecord(msgspec.Struct, frozen=True):
    """`data` is JSON; records of one identity keep their order."""

    identity_id: str
    data: bytes
    change: Change


def of(records: Sequence[Record]) -> str:
    """The records as JSON: what stands in a change, or at the address of a large one. Times in milliseconds."""
    return _encode([_record(each) for each in records]).decode()


def inline(change: Change) -> bytes:
    records = msgspec.Raw(change.records.encode()) if change.records else []
    return _encode({**_head(change), "kinesisSyncRecords": records, "kinesisSyncRecordsURL": None, "payloadType": "Inline"})


def by_address(change: Change, url: str) -> bytes:
    return _encode({**_head(change), "kinesisSyncRecords": None, "kinesisSyncRecordsURL": url, "payloadType": "S3Url"})


def payload_id(change: Change) -> str:
    """The same each time that a change is delivered."""
    named = f"{change.identity_id}\0{change.name}\0{change.sync_count}\0{change.records}"
    return hashlib.sha256(named.encode()).hexdigest()


def _head(change: Change) -> dict[str, Any]:
    return {
        "identityPoolId": change.pool_id,
        "identityId": change.identity_id,
        "dataSetName": change.name,
        "datasetName": change.name,
        "operation": change.operation,
        "lastModifiedDate": int(change.modified_at * 1000),
        "syncCount": change.sync_count,
    }


def _record(record: Record) -> dict[str, Any]:
    return {
        "key": record.key,
        "value": record.value,
        "syncCount": record.sync_count,
        "lastModifiedDate": int(record.modified_at * 1000),
        "deviceLastModifiedDate": int(record.device_modified_at * 1000),
        "op": REMOVE if record.value is None else REPLACE,
    }
