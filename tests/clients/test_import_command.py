"""`cognomen import users` without a server: interrupted, killed, refused, on a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.test_cli import refused, run
from tests.clients.test_import import listed, make_pool, write
from tests.kit.live import COGNOMEN, Live

ROWS = 12_000


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path / "data") as running:
        yield running


@pytest.fixture
def command(live: Live, tmp_path: Path) -> tuple[str, ...]:
    """The import of a file that takes some seconds; the server is stopped."""
    client = live.boto()
    pool = make_pool(client)
    file = write(client, pool, tmp_path / "users.csv", ROWS)
    live.stop()
    return ("import", "users", str(file), "--user-pool-id", pool, "--data", str(live.data), "--json")


def row(live: Live, columns: str) -> Any:
    with contextlib.closing(sqlite3.connect(live.data / "cognomen.db", timeout=20)) as database:
        return database.execute(f"SELECT {columns} FROM import_jobs ORDER BY created_at DESC").fetchone()


def begun(live: Live, command: tuple[str, ...]) -> subprocess.Popen[str]:
    """The command at work, some batches in."""
    process = subprocess.Popen(
        [str(COGNOMEN), *command],
        cwd=live.data.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell has what runs behind it ignore Ctrl-C, and so these tests, and so the command
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    deadline = time.monotonic() + 20
    while (found := row(live, "imported")) is None or found[0] < 1000:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    return process


def everybody_once(live: Live, done: subprocess.CompletedProcess[str]) -> None:
    found = json.loads(done.stdout)
    assert (found["Status"], found["ImportedUsers"], found["SkippedUsers"], found["FailedUsers"]) == ("Succeeded", ROWS, 0, 0)
    assert row(live, "count(*)") == (1,), "the same job"
    live.start()
    pool = live.boto().list_user_pools(MaxResults=1)["UserPools"][0]["Id"]
    assert listed(live.boto(), pool) == ROWS


def test_ctrl_c_and_again(live: Live, command: tuple[str, ...]) -> None:
    """It gives the job back, and goes on with it the next time."""
    process = begun(live, command)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "goes on with import-" in error and "Traceback" not in error
    assert row(live, "owner, status") == ("", "InProgress")
    everybody_once(live, run(live.data.parent, *command))


def test_killed_and_again(live: Live, command: tuple[str, ...]) -> None:
    """Nobody can tell at once that it is dead: it is said how long that takes, before the file is read; then the job goes on."""
    process = begun(live, command)
    process.kill()
    process.communicate(timeout=20)
    sentence = refused(run(live.data.parent, *command))
    assert sentence.startswith("another user import job is in progress: import-")
    assert 1 <= int(sentence.rpartition(" in ")[2].removesuffix(" seconds")) <= 60
    assert row(live, "count(*)") == (1,)
    with contextlib.closing(sqlite3.connect(live.data / "cognomen.db", timeout=20)) as database:
        database.execute("UPDATE import_jobs SET leased_until = 1")  # a minute later
        database.commit()
    everybody_once(live, run(live.data.parent, *command))


def test_what_is_refused_leaves_no_file(live: Live, tmp_path: Path) -> None:
    """A pool that verifies nothing cannot import; the people in the file are none of the server's business then."""
    client = live.boto()
    pool = client.create_user_pool(PoolName="people")["UserPool"]["Id"]
    file = write(client, pool, tmp_path / "users.csv", 10)
    done = run(tmp_path, "import", "users", str(file), "--user-pool-id", pool, "--data", str(live.data))
    assert refused(done) == "The user pool must have at least one auto verified attribute."
    (job,) = client.list_user_import_jobs(UserPoolId=pool, MaxResults=5)["UserImportJobs"]
    assert job["Status"] == "Expired"
    with contextlib.closing(sqlite3.connect(live.data / "cognomen.db", timeout=20)) as database:
        assert database.execute("SELECT count(*) FROM import_parts").fetchone() == (0,)


def test_a_server_that_stops_gives_its_job_back(live: Live, command: tuple[str, ...], tmp_path: Path) -> None:
    """So that the next one need not wait for a minute."""
    process = begun(live, command)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    live.start()
    deadline = time.monotonic() + 20
    while row(live, "owner") == ("",):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    live.stop()
    assert row(live, "owner")[0] == ""


def test_a_progress_bar_on_a_terminal(live: Live, tmp_path: Path) -> None:
    """It counts rows on the terminal, and the answer alone is on stdout."""
    client = live.boto()
    pool = make_pool(client)
    file = write(client, pool, tmp_path / "users.csv", 2_000)
    terminal, there = pty.openpty()
    arguments = [str(COGNOMEN), "import", "users", str(file), "--user-pool-id", pool, "--data", str(live.data)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=there, text=True, env=environment)
    os.close(there)
    shown = read_to_end(terminal)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "Import Job Completed Successfully. 2000 imported, 0 skipped, 0 failed.\n")
    assert "importing" in shown and "/2000" in shown


def read_to_end(terminal: int) -> str:
    parts = []
    # an OSError is how Linux tells that nobody writes any more
    with os.fdopen(terminal, "rb", buffering=0) as source, contextlib.suppress(OSError):
        while part := source.read(4096):
            parts.append(part)
    return b"".join(parts).decode(errors="replace")
