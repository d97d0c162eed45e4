"""Functions that run here: which there are and where their code lies. Each has warm processes of its own, loaded again when its code changes.

DIR/NAME.py, DIR/NAME.mjs (.js, .cjs), a folder DIR/NAME with `handler.*` or `index.*` in it, or a row of the setting `function_table`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from cognomen.kernel.clock import Clock
from cognomen.triggers.child import Child, Code
from cognomen.triggers.children import Children
from cognomen.triggers.runner import FunctionUnreachable, NoFunction

SUFFIXES = (".py", ".mjs", ".js", ".cjs")
IDLE_SECONDS = 60.0
_ENTRIES = ("handler", "index")
_SKIPPED = {"node_modules", "__pycache__"}


class Source(msgspec.Struct, frozen=True):
    """Where a function's code lies: `file` exports `handler`. `folder` is the function's own, with all that is in it; where it has none, the
    files beside `file` are watched, which it may load too."""

    file: Path
    handler: str
    folder: Path | None = None

    def read(self) -> Code:
        """Raises OSError when it cannot be looked at."""
        return Code(self.file, self.handler, hash(frozenset(_stamps(self.folder) if self.folder else _stamps_beside(self.file))))


def _stamps(folder: Path) -> Iterator[tuple[str, int, int]]:
    for inside, inner, files in os.walk(folder):
        inner[:] = [name for name in inner if name not in _SKIPPED and not name.startswith(".")]
        for name in files:
            path = os.path.join(inside, name)  # noqa: PTH118 - at each event, and pathlib takes longer than the call
            found = os.stat(path)  # noqa: PTH116
            yield path, found.st_mtime_ns, found.st_size


def _stamps_beside(file: Path) -> Iterator[tuple[str, int, int]]:
    with os.scandir(file.parent) as entries:
        for entry in entries:
            if entry.name.endswith((*SUFFIXES, ".json")) and entry.is_file():
                found = entry.stat()
                yield entry.path, found.st_mtime_ns, found.st_size


class LocalFunctions:
    def __init__(
        self,
        folder: Path | None,
        table: Mapping[str, str],
        environment: Mapping[str, str],
        region: str,
        clock: Clock,
        *,
        seconds: float,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._folder = folder
        self._table = table
        self._environment = environment
        self._region = region
        self._clock = clock
        self._seconds = seconds
        self._idle = idle
        self._children: dict[str, Children] = {}

    async def run(self, arn: str, event: bytes, limit: asyncio.Timeout | None = None) -> bytes:
        name = name_of(arn)
        source = self.find(name)
        if source is None:
            raise NoFunction(arn)
        try:
            code = source.read()
        except OSError as error:
            raise FunctionUnreachable(f"{source.file.name} cannot be read: {error.strerror}") from error
        children = self._children.get(name)
        if children is None:
            made = partial(Child, name, self._environment, self._region, self._clock, self._seconds)
            children = self._children[name] = Children(made, seconds=self._seconds, idle=self._idle)
        return await children.run(code, arn, event, limit)

    def find(self, name: str) -> Source | None:
        """The code of the function of this name; a row of the table counts more than the folder."""
        row = self._table.get(name)
        if row is not None:
            path, _, handler = row.rpartition(":")
            return _source(Path(path), handler)
        if self._folder is None or not _is_plain(name):
            return None
        return _source(self._folder / name, "handler")

    async def close(self) -> None:
        await asyncio.gather(*(children.close() for children in self._children.values()))


def name_of(arn: str) -> str:
    """`arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]` names NAME."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 and parts[5] == "function" else ""


def _is_plain(name: str) -> bool:
    """A name that cannot lead out of the folder."""
    return bool(name) and not name.startswith(".") and "/" not in name and "\\" not in name and "\0" not in name


def _source(path: Path, handler: str) -> Source | None:
    """A file, a file without its suffix, or a folder with an entry."""
    if path.is_file():
        return Source(path.resolve(), handler) if path.suffix in SUFFIXES else None
    for suffix in SUFFIXES:
        if (file := path.with_name(path.name + suffix)).is_file():
            return Source(file.resolve(), handler)
    for entry in _ENTRIES:
        for suffix in SUFFIXES:
            if (file := path / f"{entry}{suffix}").is_file():
                return Source(file.resolve(), handler, path.resolve())
    return None
