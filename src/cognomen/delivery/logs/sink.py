"""The port by which log records leave, and its null twin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cognomen.storage.logs import LogEntry


class NotSent(Exception):
    """The destination took nothing. The text says why, in one sentence without secrets."""


class Sink(Protocol):
    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        """Hands over entries of one pool, in order; returns those that arrived. Blocks: it is called in a thread. Raises NotSent."""
        ...


class NoSink:
    """Takes all and keeps nothing."""

    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        return entries
