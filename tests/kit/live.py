"""A real `cognomen dev` or `cognomen serve` in a process of its own: started, stopped, killed and started again on the same data."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
import httpx
from botocore import UNSIGNED
from botocore.config import Config

COGNOMEN = Path(sys.executable).parent / "cognomen"
READY = "cognomen ready at "
MASTER_KEY = "ab" * 32
REGION = "us-east-1"


class NotReady(Exception):
    """The process ended, or said nothing, before it was ready. `code` is its exit code, None if it had to be stopped."""

    def __init__(self, code: int | None, stderr: str) -> None:
        super().__init__(f"exit code {code}: {stderr}")
        self.code = code
        self.stderr = stderr


class Live:
    """One server on one data folder. A context manager: on leaving it the process is gone.

    `port` is kept over restarts, so that clients that were made before go on.
    """

    def __init__(self, data: Path, mode: str = "dev", *, database_url: str = "", environment: dict[str, str] | None = None) -> None:
        self.data = data
        self.mode = mode
        self.ready = READY
        self.port = 0
        self.log = data.with_name(f"{data.name}.log")
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(("COGNOMEN_", "AWS_"))}
        if database_url:
            self._environment["COGNOMEN_DATABASE_URL"] = database_url
        if mode == "serve":
            self._environment |= {"COGNOMEN_MASTER_KEY": MASTER_KEY, "COGNOMEN_DATA": str(data)}
        self._environment |= environment or {}
        self._process: subprocess.Popen[str] | None = None
        self.http = httpx.Client(timeout=10, verify=False)  # plain http: no certificates need be read
        self.scheme = "http"

    def __enter__(self) -> Live:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self.http.close()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def stderr(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def start(self, within: float = 20.0, *more: str) -> Live:
        """Returns once the server says that it is ready. Raises NotReady."""
        place = ["--data", str(self.data)] if self.mode == "dev" else []
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [str(COGNOMEN), self.mode, "--port", str(self.port), *place, *more],
                env=self._environment,
                cwd=self.data.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self._first_line(within)
        if not line.startswith(self.ready):
            self.kill()
            raise NotReady(self._process.returncode if self._process.returncode != -signal.SIGKILL else None, self.stderr)
        self.port = int(line.rpartition(":")[2])
        self.scheme = line.removeprefix(self.ready).partition(":")[0]
        return self

    def _first_line(self, within: float) -> str:
        assert self._process is not None and self._process.stdout is not None
        lines: queue.Queue[str] = queue.Queue()
        stdout = self._process.stdout
        threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
        try:
            line = lines.get(timeout=within)
        except queue.Empty:
            return ""
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        return line.strip()

    def stop(self, within: float = 15.0) -> int:
        """SIGTERM, and the exit code."""
        return self._end(signal.SIGTERM, within)

    def kill(self) -> int:
        """SIGKILL: nothing is written, nothing is said."""
        return self._end(signal.SIGKILL, 10.0)

    def _end(self, number: signal.Signals, within: float) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()
        return code

    def restart(self) -> Live:
        if self.running:
            self.stop()
        return self.start()

    def command(self, *arguments: str) -> Any:
        """What another `cognomen` command answers with --json on this server's database."""
        done = subprocess.run(
            [str(COGNOMEN), *arguments, "--json"],
            env=self._environment,
            cwd=self.data.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def boto(self, key: tuple[str, str] = ("AKIDANYTHING", "any secret"), service: str = "cognito-idp", **config: Any) -> Any:
        """An unmodified boto3 client: only its endpoint is ours."""
        session = boto3.Session(aws_access_key_id=key[0], aws_secret_access_key=key[1], region_name=REGION)
        settings = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, **config)
        return session.client(service, endpoint_url=self.url, config=settings)

    def anonymous(self) -> Any:
        """boto3 that signs nothing, as an app without AWS credentials."""
        return self.boto(signature_version=UNSIGNED)

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.http.get(f"{self.url}{path}", **arguments)

    def messages(self, to: str) -> list[dict[str, Any]]:
        """The inbox of one address, newest first."""
        answer = self.get("/inbox.json", params={"to": to})
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def code(self, to: str) -> str:
        """The code in the newest message to an address; waited for a moment."""
        deadline = time.monotonic() + 3
        while not (found := self.messages(to)):
            assert time.monotonic() < deadline, f"no message to {to}"
            time.sleep(0.02)
        return str(found[0]["code"])
