"""The port by which changes leave for a pool's stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from cognomen.delivery.sync.record import StreamRecord


class NotSent(Exception):
    """The stream took nothing now. The text says why, in one sentence without secrets."""


class StreamGone(Exception):
    """There is no such stream, or the pool's role may not use it: it is no use to try again until a developer mends it."""


class Stream(msgspec.Struct, frozen=True):
    name: str
    role: str
    region: str


class StreamSink(Protocol):
    async def send(self, stream: Stream, records: Sequence[StreamRecord]) -> Sequence[StreamRecord]:
        """Hands over records in order; returns those that arrived. Where one of an identity did not, none behind it did.
        Raises NotSent, StreamGone."""
        ...

    async def close(self) -> None: ...
