"""One warm process of a local function: started when it is first needed, started anew after it ended or its code changed, killed when its
time is up. It serves one event after the other; `children` sees to it that there is one at a time.
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
from cognomen.triggers.runner import FunctionUnreachable
from cognomen.triggers.runtime_api import Invocation, RuntimeApi

HERE = Path(runtime.__file__).parent
_LINE = 1 << 16
log = get_logger("functions")


class Code(msgspec.Struct, frozen=True):
    """What a process runs: `file` exports `handler`. The stamp is another one after every change."""

    file: Path
    handler: str
    stamp: int


class Child:
    def __init__(self, name: str, environment: Mapping[str, str], region: str, clock: Clock, seconds: float) -> None:
        self._name = name
        self._environment = environment
        self._region = region
        self._clock = clock
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._api: RuntimeApi | None = None
        self._loaded: Code | None = None
        self._closed = False
        self._watchers: list[asyncio.Task[None]] = []
        self._ending = asyncio.Lock()
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def is_warm(self) -> bool:
        """Is there a process that could take an event?"""
        return self._process is not None and self._process.returncode is None

    async def run(self, code: Code, arn: str, event: bytes) -> bytes:
        """Raises FunctionFailed, FunctionUnreachable. When it is cancelled meanwhile the process is killed: it may hang for ever."""
        try:
            api = await self._ready(code)
            invocation = Invocation(arn, event, self._seconds)
            api.hand_out(invocation)
            return await invocation.answer
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def close(self) -> None:
        """Stops it for good."""
        self._closed = True
        await self.stop()

    async def _ready(self, code: Code) -> RuntimeApi:
        if self.is_warm and self._loaded == code and self._api is not None and self._api.init_error is None:
            return self._api
        await self.stop()
        api = self._api = RuntimeApi(self._clock)
        address = await api.open()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command(code),
                env=self._child_environment(code, address),
                cwd=code.file.parent,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LINE,
                start_new_session=True,  # what the function starts itself is killed with it
            )
        except OSError as error:
            await api.close()
            raise FunctionUnreachable(f"{self._name} cannot be started: {error.strerror}") from error
        self._loaded = code
        self._watchers = [asyncio.create_task(self._show(process, api)), asyncio.create_task(self._mourn(process, api))]
        log.info("a function is started", function=self._name, file=str(code.file))
        if self._closed:  # meanwhile
            await self.stop()
            raise FunctionUnreachable(f"{self._name} was stopped")
        return api

    def _command(self, code: Code) -> list[str]:
        boot = [sys.executable, str(HERE / "boot.py"), str(os.getpid())]
        if code.file.suffix == ".py":
            return [*boot, "python", str(code.file), code.handler]
        return [*boot, "node", str(HERE / "loop.mjs"), str(code.file), code.handler]

    def _child_environment(self, code: Code, address: str) -> dict[str, str]:
        """The server's own, without what is secret: its settings, its AWS credentials and its database's password; then what the settings
        give functions."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("COGNOMEN_", "AWS_", "PGPASS"))}
        of_lambda = {
            "AWS_LAMBDA_RUNTIME_API": address,
            "AWS_LAMBDA_FUNCTION_NAME": self._name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "LAMBDA_TASK_ROOT": str(code.file.parent),
            "_HANDLER": f"{code.file.stem}.{code.handler}",
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
        """Kills the process, if there is one, and what it started. One end after the other: a second one at the same time would take what the next
        start has just opened for what this one must close. It goes on when its caller is cancelled."""
        end = asyncio.create_task(self._stop_in_turn())
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)
        await asyncio.shield(end)

    async def _stop_in_turn(self) -> None:
        async with self._ending:
            await self._stop()

    async def _stop(self) -> None:
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
