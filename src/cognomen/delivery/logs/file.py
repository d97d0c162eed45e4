"""Log records in a file: one JSON object a line."""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.delivery.lines import append
from cognomen.delivery.logs.sink import NotSent
from cognomen.storage.logs import LogEntry


class FileSink:
    def __init__(self, path: str) -> None:
        self._path = path

    def check(self) -> None:
        """Raises NotSent when the file cannot be written."""
        self.send(())

    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        try:
            append(self._path, "".join(f"{entry.record}\n" for entry in entries).encode())
        except OSError as error:
            raise NotSent(f"{self._path} cannot be written: {error.strerror}") from error
        return entries
