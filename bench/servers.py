"""The servers under load, ours and the others: how each is installed into .bench/ by name and release, started on loopback, and ended by its id."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench.operations import Population

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / ".bench"
READY = "cognomen ready at "
START_LIMIT = 60.0


class Running(msgspec.Struct):
    url: str
    pid: int
    # keeps what was made in the server from one load to the next
    state: Path
    # when it was started, on time.perf_counter's scale
    started: float


class Server(msgspec.Struct, kw_only=True):
    """`{port}` and `{data}` in the command and the environment are filled in at each start."""

    name: str
    command: list[str]
    environment: dict[str, str] = {}
    # it says its address itself, in a line on its standard output
    announces: bool = False
    install: list[list[str]] = []
    # a file in the data folder that must be there at the start
    configuration: dict[str, str] = {}
    # where it runs; its data folder if none is named
    folder: Path | None = None

    def ensure_installed(self) -> None:
        """Once for each release. Raises CalledProcessError where a registry does not have it."""
        stamp = BENCH / f"{self.name}.installed"
        wanted = json.dumps(self.install)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        print(f"installing {self.name} into .bench/", file=sys.stderr)
        (BENCH / self.name).mkdir(parents=True, exist_ok=True)
        for command in self.install:
            subprocess.run(command, cwd=BENCH / self.name, check=True, stdout=subprocess.DEVNULL, timeout=600)
        stamp.write_text(wanted)

    @contextmanager
    def running(self) -> Iterator[Running]:
        """The server with an empty data folder, until the block is left. Raises RuntimeError where it does not start."""
        BENCH.mkdir(exist_ok=True)
        if self.install:
            self.ensure_installed()
        data = Path(tempfile.mkdtemp(prefix=f"data-{self.name}-", dir=BENCH))
        for path, text in self.configuration.items():
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            (data / path).write_text(text)
        port = free_port()
        fill = {"{port}": str(port), "{data}": str(data)}
        with (data / "log").open("wb") as log:
            began = time.perf_counter()
            process = subprocess.Popen(
                [filled(part, fill) for part in self.command],
                cwd=self.folder or data,
                env={**os.environ, **{name: filled(value, fill) for name, value in self.environment.items()}},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.announces else log,
                stderr=log,
                text=True,
            )
            try:
                url = announced(process) if self.announces else answering(process, port)
                if not url:
                    raise RuntimeError(f"{self.name} did not start: {(data / 'log').read_text(errors='replace')[-400:].strip()}")
                yield Running(url, process.pid, data / "state.json", began)
            finally:
                end(process)
                shutil.rmtree(data, ignore_errors=True)


def filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def announced(process: subprocess.Popen[str]) -> str:
    """The address that the server says; an empty string where it ended before."""
    assert process.stdout is not None
    line = next((line for line in process.stdout if line.startswith(READY)), "")
    return line.removeprefix(READY).strip()


def answering(process: subprocess.Popen[str], port: int) -> str:
    deadline = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return f"http://127.0.0.1:{port}"
    return ""


def end(process: subprocess.Popen[str]) -> None:
    """The process and its children, first asked and then made to."""
    family: list[psutil.Process] = []
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in family:
        if child.is_running():
            child.kill()
    if process.stdout is not None:
        process.stdout.close()


def load(
    running: Running, operation: str, *, seconds: float, users: int = 1000, limit: float = 120, there: Population | None = None
) -> dict[str, Any]:
    """One run of the generator in a process of its own, so that its work is not the server's."""
    if there is not None:
        running.state.write_bytes(msgspec.json.encode(there))
    command = [sys.executable, "-m", "bench.loadgen", f"--endpoint={running.url}", f"--op={operation}", f"--seconds={seconds}"]
    command += [f"--users={users}", f"--provision-seconds={limit}", f"--state={running.state}", f"--pid={running.pid}"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit + seconds + 60, check=False)
    except subprocess.TimeoutExpired:
        return {"op": operation, "first_error": "no end within its time"}
    if not done.stdout:
        return {"op": operation, "first_error": done.stderr.strip()[-300:]}
    row: dict[str, Any] = json.loads(done.stdout)
    return row


COGNOMEN = Server(name="cognomen", command=[str(ROOT / ".venv/bin/cognomen"), "dev", "--port", "0", "--data", "{data}"], announces=True)

VENV = [[sys.executable, "-m", "venv", "."]]
PIP = ["bin/pip", "install", "--quiet", "--disable-pip-version-check"]
PEERS = [
    Server(
        name="moto",
        install=[*VENV, [*PIP, "moto[server,cognitoidp]==5.2.5"]],
        command=[str(BENCH / "moto/bin/moto_server"), "-H", "127.0.0.1", "-p", "{port}"],
    ),
    Server(
        name="ministack",
        install=[*VENV, [*PIP, "ministack==1.5.33"]],
        command=[str(BENCH / "ministack/bin/ministack")],
        environment={
            "GATEWAY_PORT": "{port}",
            "BIND_HOST": "127.0.0.1",
            "SERVICES": "cognito-idp",
            "LOG_LEVEL": "WARNING",
            "S3_DATA_DIR": "{data}",
        },
    ),
    Server(
        name="cognito-local",
        install=[["npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix", ".", "cognito-local@5.3.0"]],
        command=["node", str(BENCH / "cognito-local/node_modules/cognito-local/lib/bin/start.js")],
        environment={"HOST": "127.0.0.1", "PORT": "{port}"},
        # it takes mail addresses for user names unless told otherwise
        configuration={".cognito/config.json": '{"UserPoolDefaults": {"UsernameAttributes": []}}'},
    ),
]
