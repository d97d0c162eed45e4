"""The destinations that a pool's log configuration names: CloudWatch Logs, Amazon Data Firehose, Kinesis Data Streams, S3."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from cognomen.delivery.logs.destination import Destination
from cognomen.delivery.logs.sink import NotSent, Sink
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.log import get_logger
from cognomen.storage.logs import LogEntry
from cognomen.storage.pools import Pool

log = get_logger("logs")


def sink(aws: Aws, destination: Destination, pool: Pool, account: str, source: str) -> Sink:
    """`source` is userNotification or userAuthEvents."""
    match destination.service:
        case "logs":
            return CloudWatchLogs(aws, destination, f"{pool.pool_id}/{source}")
        case "firehose":
            return Firehose(aws, destination)
        case "kinesis":
            return Kinesis(aws, destination, pool.pool_id)
    return S3(aws, destination.name, pool, account)


class CloudWatchLogs:
    """The log group must be there, unless `makes_group`; its stream is made when it is missing."""

    def __init__(self, aws: Aws, destination: Destination, stream: str, *, makes_group: bool = False) -> None:
        self._aws = aws
        self._makes_group = makes_group
        self._destination = destination
        self._stream = {"logGroupName": destination.name, "logStreamName": stream}

    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        events = [{"timestamp": int(entry.created_at * 1000), "message": entry.record} for entry in entries]
        try:
            answer = self._put(events)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise NotSent(str(error)) from error
            answer = self._put_into_new(events)
        if answer.get("rejectedLogEventsInfo"):
            # Too old or too new for the group: they would be so the next time too.
            log.warning("CloudWatch Logs rejected log records", **self._stream)
        return entries

    def _put(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        return self._aws.call("logs", self._destination.region, "Logs_20140328.PutLogEvents", {**self._stream, "logEvents": events})

    def _put_into_new(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        try:
            if self._makes_group:
                self._make("CreateLogGroup", {"logGroupName": self._destination.name})
            self._make("CreateLogStream", dict(self._stream))
            return self._put(events)
        except AwsError as error:
            raise NotSent(f"{error} for the log group {self._destination.name}") from error

    def _make(self, operation: str, request: dict[str, Any]) -> None:
        try:
            self._aws.call("logs", self._destination.region, f"Logs_20140328.{operation}", request)
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise


class Firehose:
    """One record a line, as Firehose puts them together without a separator of its own."""

    def __init__(self, aws: Aws, destination: Destination) -> None:
        self._aws = aws
        self._destination = destination

    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        request = {"DeliveryStreamName": self._destination.name, "Records": [{"Data": _line(entry)} for entry in entries]}
        try:
            answer = self._aws.call("firehose", self._destination.region, "Firehose_20150804.PutRecordBatch", request)
        except AwsError as error:
            raise NotSent(str(error)) from error
        return _taken(entries, answer, "RequestResponses")


class Kinesis:
    """A pool's records share a partition key, which keeps their order."""

    def __init__(self, aws: Aws, destination: Destination, pool_id: str) -> None:
        self._aws = aws
        self._destination = destination
        self._pool_id = pool_id

    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        records = [{"Data": _line(entry), "PartitionKey": self._pool_id} for entry in entries]
        request = {"StreamName": self._destination.name, "Records": records}
        try:
            answer = self._aws.call("kinesis", self._destination.region, "Kinesis_20131202.PutRecords", request)
        except AwsError as error:
            raise NotSent(str(error)) from error
        return _taken(entries, answer, "Records")


class S3:
    """One object a batch, named after its first record: a batch that comes again takes the place of the first."""

    def __init__(self, aws: Aws, bucket: str, pool: Pool, account: str) -> None:
        self._aws = aws
        self._bucket = bucket
        self._pool = pool
        self._account = account

    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        region = self._pool.region
        day = datetime.fromtimestamp(entries[0].created_at, UTC)
        key = f"AWSLogs/{self._account}/cognito-idp/{region}/{self._pool.pool_id}/{day:%Y/%m/%d}/{entries[0].entry_id}.log.gz"
        body = gzip.compress("".join(f"{entry.record}\n" for entry in entries).encode(), mtime=0)
        try:
            self._aws.put_object(self._bucket, key, region, {"content-type": "application/x-ndjson", "content-encoding": "gzip"}, body)
        except AwsError as error:
            raise NotSent(f"{error} for the bucket {self._bucket}") from error
        return entries


def _line(entry: LogEntry) -> str:
    return base64.b64encode(f"{entry.record}\n".encode()).decode()


def _taken(entries: Sequence[LogEntry], answer: dict[str, Any], member: str) -> Sequence[LogEntry]:
    """Those that were taken, one by one. Raises NotSent when none was."""
    results = msgspec.convert(answer.get(member, []), list[dict[str, Any]])
    taken = [entry for entry, result in zip(entries, results, strict=False) if not result.get("ErrorCode")]
    if not taken:
        raise NotSent(f"no record was taken: {results[0].get('ErrorCode') if results else 'no answer for any'}")
    return taken
