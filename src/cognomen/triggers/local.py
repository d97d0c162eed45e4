"""Functions that run here: each in a warm child process of its own, loaded again when its file changes, killed when its time is up.

DIR/NAME.py, DIR/NAME.mjs (.js, .cjs), a folder DIR/NAME with `handler.*` or `index.*` in it, or a row of the setting `function_table`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cognomen.kernel.clock import Clock
from cognomen.kernel.log import get_logger
from cognomen.triggers import runtime
from cognomen.triggers.runner import FunctionUnreachable, NoFunction
from cognomen.triggers.runtime_api import Invocation, RuntimeApi

HERE = Path(runtime.__file__).parent
SUFFIXES = (".py", ".mjs", ".js", ".cjs")
_ENTRIES = ("handler", "index")
_SKIPPED = {"node_modules", "__pycache__"}
_LINE = 1 << 16
log = get_logger("functions")


class Source(msgspec.Struct, frozen=True):
    """Where a function's code lies: `file` exports `handler`; `watched` is the file, or the folder that is the function's."""

    file: Path
    handler: str
    watched: Path

    def stamp(self) -> int:
        """Another number after any change to the code. Raises OSError when it is gone."""
        if self.watched.is_file():
            return self.watched.stat().st_mtime_ns
        newest = 0
        for folder, inner, files in os.walk(self.watched):
            inner[:] = [name for name in inner if name not in _SKIPPED and not name.startswith(".")]
            newest = max([newest, *((Path(folder) / name).stat().st_mtime_ns for name in files)])
        return newest


class LocalFunctions:
    def __init__(
        self, folder: Path | None, table: Mapping[str, str], environment: Mapping[str, str], region: str, clock: Clock, *, seconds: float
    ) -> None:
        self._folder = folder
        self._table = table
        self._environment = environment
        self._region = region
        self._clock = clock
        self._seconds = seconds
        self._children: dict[str, Child] = {}

    async def run(self, arn: str, event: bytes) -> bytes:
        name = name_of(arn)
        source = self.find(name)
        if source is None:
            raise NoFunction(arn)
        child = self._children.get(name)
        if child is None:
            child = self._children[name] = Child(name, self._environment, self._region, self._clock, self._seconds)
        return await child.run(source, arn, event)

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
        for child in self._children.values():
            await child.stop()


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
        return Source(path.resolve(), handler, path.resolve()) if path.suffix in SUFFIXES else None
    for suffix in SUFFIXES:
        if (file := path.with_name(path.name + suffix)).is_file():
            return Source(file.resolve(), handler, file.resolve())
    for entry in _ENTRIES:
        for suffix in SUFFIXES:
            if (file := path / f"{entry}{suffix}").is_file():
                return Source(file.resolve(), handler, path.resolve())
    return None


class Child:
    """One function's process. It is started when it is first needed, and serves one event after the other."""

    def __init__(self, name: str, environment: Mapping[str, str], region: str, clock: Clock, seconds: float) -> None:
        self._name = name
        self._environment = environment
        self._region = region
        self._clock = clock
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._api: RuntimeApi | None = None
        self._loaded: tuple[Source, int] | None = None
        self._watchers: list[asyncio.Task[None]] = []

    async def run(self, source: Source, arn: str, event: bytes) -> bytes:
        """Raises FunctionFailed, FunctionUnreachable. When it is cancelled meanwhile the process is killed: it may hang for ever."""
        async with self._turn:
            try:
                api = await self._ready(source)
                invocation = Invocation(arn, event, self._seconds)
                api.hand_out(invocation)
                return await invocation.answer
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError):
                    await asyncio.shield(self.stop())
                raise

    async def _ready(self, source: Source) -> RuntimeApi:
        try:
            wanted = (source, source.stamp())
        except OSError as error:
            raise FunctionUnreachable(f"{source.file.name} cannot be read: {error.strerror}") from error
        running = self._process is not None and self._process.returncode is None
        if running and self._loaded == wanted and self._api is not None and self._api.init_error is None:
            return self._api
        await self.stop()
        api = self._api = RuntimeApi(self._clock)
        address = await api.open()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command(source),
                env=self._child_environment(source, address),
                cwd=source.file.parent,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LINE,
                start_new_session=True,  # what the function starts itself is killed with it
            )
        except OSError as error:
            await api.close()
            raise FunctionUnreachable(f"{self._name} cannot be started: {error.strerror}") from error
        self._loaded = wanted
        self._watchers = [asyncio.create_task(self._show(process, api)), asyncio.create_task(self._mourn(process, api))]
        log.info("a function is started", function=self._name, file=str(source.file))
        return api

    def _command(self, source: Source) -> list[str]:
        boot = [sys.executable, str(HERE / "boot.py"), str(os.getpid())]
        if source.file.suffix == ".py":
            return [*boot, "python", str(source.file), source.handler]
        return [*boot, "node", str(HERE / "loop.mjs"), str(source.file), source.handler]

    def _child_environment(self, source: Source, address: str) -> dict[str, str]:
        """The server's own, without what is secret: its settings, and its AWS credentials; then what the settings give functions."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("COGNOMEN_", "AWS_"))}
        of_lambda = {
            "AWS_LAMBDA_RUNTIME_API": address,
            "AWS_LAMBDA_FUNCTION_NAME": self._name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "LAMBDA_TASK_ROOT": str(source.file.parent),
            "_HANDLER": f"{source.file.stem}.{source.handler}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return {**own, **of_lambda, **self._environment}

    async def _show(self, process: asyncio.subprocess.Process, api: RuntimeApi) -> None:
        """What the function prints, a line of the log each, with the request that it belongs to."""
        assert process.stdout is not None  # noqa: S101 - it is a pipe, as asked
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than any line that anybody reads
                continue
            if not line:
                return
            request_id = api.current.id if api.current is not None else ""
            for text in line.decode(errors="replace").rstrip().split("\r"):  # AWS's client joins the lines of one record so
                log.info(text, function=self._name, aws_request_id=request_id)

    async def _mourn(self, process: asyncio.subprocess.Process, api: RuntimeApi) -> None:
        """When the process ends before it has answered, so does the wait for its answer."""
        status = await process.wait()
        present = api.current
        if present is not None and api.asked and not present.taken:
            present.fail(f"{self._name} ended before it took the event", FunctionUnreachable)
        elif present is not None:
            how = f"exit status {status}" if status >= 0 else f"signal {-status}"
            present.fail(api.init_error or f"RequestId: {present.id} Error: Runtime exited with error: {how}")

    async def stop(self) -> None:
        """Kills the process, if there is one, and what it started."""
        process, self._process, self._loaded = self._process, None, None
        if self._api is not None and self._api.current is not None:
            self._api.current.fail(f"{self._name} was stopped", FunctionUnreachable)
        if process is not None:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, 9)
            with contextlib.suppress(ProcessLookupError):
                await process.wait()
        api, self._api = self._api, None
        if api is not None:  # after the process, or it would complain that nobody answers
            await api.close()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        self._watchers = []
