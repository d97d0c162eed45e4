"""Passwords that everybody knows: the filter that the operator built, or else the 30,000 of zxcvbn's list. Opened when it is first asked for."""

from __future__ import annotations

import ast
import importlib.util
import io
import mmap
import re
import threading
from pathlib import Path
from typing import final

from cognomen.kernel.password_filter import PREFIX, BadFilter, PasswordFilter, digest, write
from cognomen.kernel.workers import Workers

_LIST = re.compile(r'"passwords": *("(?:[^"\\\n]|\\.)*")\.split\(","\)')


@final
class CompromisedPasswords:
    """`file` is a filter of `cognomen passwords build`; empty: the list that comes along, which is compared without regard to case."""

    __slots__ = ("_file", "_filter", "_lock")

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._filter: PasswordFilter | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """At the start of a server: opens the named file, and reads nothing where none is named. Raises BadFilter, which names the file."""
        if self._file:
            self._load()

    async def contain(self, password: str, workers: Workers) -> bool:
        """The same work for every password. The first to ask waits, in a worker, for the list that comes along."""
        loaded = self._filter
        if loaded is None:
            loaded = await workers.run(self._load)
        return loaded.contains(password if self._file else password.casefold())

    def _load(self) -> PasswordFilter:
        with self._lock:
            if self._filter is None:
                self._filter = _mapped(self._file) if self._file else _bundled()
            return self._filter


def _mapped(file: str) -> PasswordFilter:
    try:
        with Path(file).open("rb") as opened:
            return PasswordFilter(memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)))
    except OSError as cause:
        raise BadFilter(f"the filter {file} of compromised passwords cannot be read: {cause.strerror}") from cause
    except (ValueError, BadFilter) as cause:  # mmap refuses an empty file with a ValueError
        reason = str(cause) if isinstance(cause, BadFilter) else "it is empty"
        raise BadFilter(f"the filter {file} of compromised passwords cannot be used: {reason}") from cause


def _bundled() -> PasswordFilter:
    """zxcvbn's list, read as data: the package itself would keep 20 MB of dictionaries in memory."""
    package = importlib.util.find_spec("zxcvbn")
    places = (package and package.submodule_search_locations) or []
    found = _LIST.search((Path(places[0]) / "frequency_lists.py").read_text(encoding="utf-8")) if places else None
    if found is None:
        raise BadFilter("the list of passwords that comes with zxcvbn was not found: name a filter in compromised_passwords")
    prefixes = sorted({int.from_bytes(digest(word.casefold())[:PREFIX], "big") for word in str(ast.literal_eval(found[1])).split(",")})
    made = io.BytesIO()
    write(made, prefixes, len(prefixes))
    return PasswordFilter(made.getvalue())
