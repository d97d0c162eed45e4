"""Closes this process to its neighbours: other processes of the same user, such as local functions, cannot read its memory, and its environment
block holds no secret any more. Linux only. Against root with CAP_SYS_PTRACE the memory stays open; the block is empty for root, too.

https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path

_PR_SET_DUMPABLE = 4
_SECRET = (b"COGNOMEN_", b"AWS_", b"PGPASSWORD")
_ENV_START = 47  # of the fields of /proc/self/stat behind the command's name (proc_pid_stat(5))


def close() -> None:
    """Before secrets are read from files. Python has its own copy of the environment, which stays as it is."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        _wipe_environment()


def _wipe_environment() -> None:
    """What /proc/PID/environ shows is the memory in which the process was given its environment: it is overwritten there."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[_ENV_START]), int(fields[_ENV_START + 1])
    if not 0 < start < end:
        return
    at = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, sign, value = entry.partition(b"=")
        if sign and name.startswith(_SECRET):
            ctypes.memset(at + len(name) + 1, 0, len(value))
        at += len(entry) + 1
