"""Lines at the end of a file. It is opened each time, so a file that was moved away is made anew."""

from __future__ import annotations

import fcntl
import os


def append(path: str, text: bytes) -> None:
    """All of it, on disk, or nothing. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
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


def _write_all(file: int, text: bytes) -> None:
    while text:
        text = text[os.write(file, text) :]
