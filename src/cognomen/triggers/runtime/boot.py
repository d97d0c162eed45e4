"""The first thing that a local function's process runs: `boot.py PARENT python FILE HANDLER` or `boot.py PARENT node LOOP FILE HANDLER`.

Sees to it that the process ends with the server, however that ends, and then becomes the runtime: AWS's own client for Python, or Node. A
function in Python is loaded from its file under a name of its own, so that `email.py` does not become the standard library's.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import ModuleType

_PR_SET_PDEATHSIG = 1
_NAME = "local_function"


def main(parent: int, runtime: str, arguments: list[str]) -> None:
    die_with(parent)
    if runtime == "node":
        os.execvp("node", ["node", *arguments])  # noqa: S606, S607 - the node that the user's PATH names
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    file, handler = arguments
    sys.path[0] = str(os.path.dirname(file))  # noqa: PTH120 - pathlib is not loaded for this
    sys.meta_path.insert(0, Finder(file))
    from awslambdaric import __main__ as client

    client.main(["", f"{_NAME}.{handler}"])


def die_with(parent: int) -> None:
    """Asks the kernel to kill this process, also as what it becomes, when its parent dies."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it was asked
        os._exit(1)


def _end_with_stdin() -> None:
    """Where there is no prctl: the server holds the other end of this pipe."""
    while os.read(0, 4096):
        pass
    os._exit(0)


class Finder(importlib.abc.MetaPathFinder):
    def __init__(self, file: str) -> None:
        self._file = file

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(fullname, self._file) if fullname == _NAME else None


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
