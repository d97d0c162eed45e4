"""Log records in a file: one JSON object a line. It is opened for each batch, so a file that was moved away is made anew."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence

from cognomen.delivery.logs.sink import NotSent
from cognomen.storage.logs import LogEntry


class FileSink:
    def __init__(self, path: str) -> None:
        self._path = path

    def check(self) -> None:
        """Raises NotSent when the file cannot be written."""
        self.send(())

    def send(self, entries: Sequence[LogEntry]) -> Sequence[LogEntry]:
        text = "".join(f"{entry.record}\n" for entry in entries).encode()
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # Servers of one machine may share the file; what one could not write whole it takes back.
                fcntl.flock(file, fcntl.LOCK_EX)
                length = os.fstat(file).st_size
                try:
                    _write_all(file, text)
                    os.fsync(file)
                except OSError:
                    os.ftruncate(file, length)
                    raise
            finally:
                os.close(file)
        except OSError as error:
            raise NotSent(f"{self._path} cannot be written: {error.strerror}") from error
        return entries


def _write_all(file: int, text: bytes) -> None:
    while text:
        text = text[os.write(file, text) :]
