"""Changes to a Kinesis data stream by PutRecords; an identity's go to one shard, in order.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

import msgspec

from cognomen.delivery.sync.record import StreamRecord
from cognomen.delivery.sync.sink import NotSent, Stream, StreamGone
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.aws_roles import Roles

_TARGET = "Kinesis_20131202.PutRecords"
_GONE = frozenset(("ResourceNotFoundException", "AccessDeniedException", "AccessDenied"))
_MOST = 500  # records of a call
_MOST_BYTES = 4_000_000  # of a call; AWS takes five megabytes


class Kinesis:
    """`assumes` makes it take the role of the pool's CognitoStreams first; else the server's own credentials count."""

    def __init__(self, aws: Aws, roles: Roles, threads: Executor, *, assumes: bool) -> None:
        self._aws = aws
        self._roles = roles
        self._threads = threads
        self._assumes = assumes

    async def send(self, stream: Stream, records: Sequence[StreamRecord]) -> Sequence[StreamRecord]:
        """A call may take some records and refuse others. So it carries one of each identity: no later one can pass an earlier one."""
        arrived: list[StreamRecord] = []
        held: set[str] = set()
        for wave in _waves(records):
            fit = [each for each in wave if each.identity_id not in held]
            try:
                taken = await asyncio.get_running_loop().run_in_executor(self._threads, partial(self._put, stream, fit)) if fit else []
            except (NotSent, StreamGone):
                if arrived:
                    break  # what arrived is forgotten first; the next round meets the same error
                raise
            arrived += taken
            held |= {each.identity_id for each in fit} - {each.identity_id for each in taken}
        if records and not arrived:
            raise NotSent("kinesis took no record")
        return arrived

    async def close(self) -> None:
        pass

    def _put(self, stream: Stream, records: Sequence[StreamRecord]) -> list[StreamRecord]:
        entries = [{"Data": base64.b64encode(each.data).decode(), "PartitionKey": each.identity_id} for each in records]
        try:
            aws = self._roles.taken(stream.role, stream.region) if self._assumes and stream.role else self._aws
            answer = aws.call("kinesis", stream.region, _TARGET, {"StreamName": stream.name, "Records": entries})
        except AwsError as error:
            raise (StreamGone if error.code in _GONE else NotSent)(str(error)) from error
        results = msgspec.convert(answer.get("Records", []), list[dict[str, Any]])
        return [each for each, result in zip(records, results, strict=False) if not result.get("ErrorCode")]


def _waves(records: Sequence[StreamRecord]) -> list[list[StreamRecord]]:
    waves: list[list[StreamRecord]] = []
    sizes: list[int] = []
    last: dict[str, int] = {}
    for each in records:
        index = last.get(each.identity_id, -1) + 1
        while index < len(waves) and (len(waves[index]) >= _MOST or sizes[index] + len(each.data) > _MOST_BYTES):
            index += 1
        if index == len(waves):
            waves.append([])
            sizes.append(0)
        waves[index].append(each)
        sizes[index] += len(each.data)
        last[each.identity_id] = index
    return waves
