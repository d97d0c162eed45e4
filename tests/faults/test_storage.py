"""A database that cannot be used: clear errors while it lasts, and recovery without a restart where that can be."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Refused, call
from tests.faults.test_kill import create_database
from tests.kit.live import Live, NotReady
from tests.kit.postgres import Postgres


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of a few megabytes, where the machine lets us mount one."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(file: Path) -> None:
    """Takes all the space that is left, to the last byte."""
    with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        for size in (1 << 16, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"\0" * size)


class People:
    """A pool in which users are written and read."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.number = 0
        self.pool = call(live.http, live.url, "CreateUserPool", PoolName="faults")["UserPool"]["Id"]
        self.write()

    def write(self) -> str:
        self.number += 1
        name = f"user{self.number}"
        call(self.live.http, self.live.url, "AdminCreateUser", UserPoolId=self.pool, Username=name, MessageAction="SUPPRESS")
        return name

    def read(self, name: str = "user1") -> Any:
        return call(self.live.http, self.live.url, "AdminGetUser", UserPoolId=self.pool, Username=name)

    def refusal(self) -> Refused:
        """Of a write, once writes are refused: what is still free in the files is used up first."""
        for _ in range(3000):
            try:
                self.write()
            except Refused as refused:
                return refused
        raise AssertionError("every write was taken")

    def recovers(self, within: float = 15.0) -> None:
        """Writes work again, without a restart."""
        deadline = time.monotonic() + within
        while True:
            try:
                self.read(self.write())
            except Refused:
                assert time.monotonic() < deadline, "it does not recover"
                time.sleep(0.1)
            else:
                return


def judged(live: Live, people: People) -> None:
    """While nothing can be written: a 500 that says nothing of the inside, a log that names the reason, reads that go on, an honest state."""
    refused = people.refusal()
    assert (refused.status, refused.code) == (500, "InternalErrorException")
    assert "disk" not in str(refused) and "sqlite" not in str(refused).lower() and str(live.data) not in str(refused)
    assert people.read()["Username"] == "user1"
    with pytest.raises(Refused, match="UserNotFoundException"):
        people.read(f"user{people.number}")
    assert "the database file cannot be used now: " in live.stderr, "the log names the reason"
    assert live.running


def test_a_full_disk(tmp_path: Path) -> None:
    """Writes are refused, reads go on; once there is space, writes work without a restart, and nothing is lost or half-written."""
    with small_disk(tmp_path / "disk") as disk, Live(disk / "data") as live:
        live.log = tmp_path / "server.log"
        live.restart()
        people = People(live)
        fill(disk / "filler")
        judged(live, people)
        (disk / "filler").unlink()
        people.recovers()
        live.restart()
        people.read()


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """A quota, which the system tells in another way than a full disk: the same answers."""
    with Live(tmp_path / "data") as live:
        people = People(live)
        largest = max(file.stat().st_size for file in live.data.iterdir())
        log_size = live.log.stat().st_size
        resource.prlimit(live.pid, resource.RLIMIT_FSIZE, (max(largest, log_size) + 100_000, resource.RLIM_INFINITY))
        judged(live, people)
        resource.prlimit(live.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        people.recovers()


def test_a_second_server_on_the_same_data(tmp_path: Path) -> None:
    """It ends with one sentence and a code that is not 0; the first notices nothing."""
    with Live(tmp_path / "data") as first:
        people = People(first)
        with pytest.raises(NotReady) as refused, Live(tmp_path / "data"):
            pass
        assert refused.value.code == 1
        assert f"in use by another server (process {first.pid})" in refused.value.stderr
        assert "Traceback" not in refused.value.stderr
        people.write()


def one_sentence(stderr: str) -> str:
    """What a command that cannot start says: one line that begins with its name, and no trace."""
    lines = [line for line in stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1 and lines[0].startswith("cognomen: "), stderr
    return lines[0]


def test_data_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(NotReady) as refused, Live(tmp_path / "data"):
        pass
    assert refused.value.code == 1
    assert "data" in one_sentence(refused.value.stderr)


def test_a_folder_on_a_read_only_disk(tmp_path: Path) -> None:
    """One sentence that names the folder. (Permission bits do not stop root; a read-only file system does.)"""
    with small_disk(tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        live = Live(disk / "data")
        live.log = tmp_path / "server.log"
        with pytest.raises(NotReady) as refused, live:
            pass
        assert refused.value.code == 1
        assert str(disk) in one_sentence(refused.value.stderr)


def test_a_database_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cognomen.db").write_bytes(b"not a database " * 500)
    with pytest.raises(NotReady) as refused, Live(tmp_path / "data"):
        pass
    assert refused.value.code == 1
    assert "cognomen.db" in one_sentence(refused.value.stderr)


def test_a_port_in_use(tmp_path: Path) -> None:
    with Live(tmp_path / "first") as first:
        second = Live(tmp_path / "second")
        second.port = first.port
        with pytest.raises(NotReady) as refused, second:
            pass
        assert refused.value.code == 1
        assert str(first.port) in one_sentence(refused.value.stderr)


class TestPostgres:
    @pytest.fixture
    def own(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
        """A PostgreSQL that this test may stop."""
        running = Postgres(Path(tmp_path_factory.mktemp("own")))
        yield running
        running.stop()

    def test_one_that_is_lost_and_comes_back(self, own: Postgres, tmp_path: Path) -> None:
        """While it is away: 500 and an unhealthy state, soon and with a reason in the log. When it is back the server is, by itself."""
        url = asyncio.run(create_database(own.url))
        with Live(tmp_path / "data", database_url=url) as live:
            people = People(live)
            assert live.get("/health").status_code == 200
            own._server.stop()
            started = time.monotonic()
            for attempt in (people.write, people.read):
                with pytest.raises(Refused) as refused:
                    attempt()
                assert (refused.value.status, refused.value.code) == (500, "InternalErrorException")
                assert "postgres" not in str(refused.value).lower()
            health = live.get("/health")
            assert (health.status_code, health.json()["status"]) == (503, "unavailable")
            assert time.monotonic() - started < 15
            assert "PostgreSQL database cannot be reached" in live.stderr
            own._server.ensure_postgres_running()
            people.recovers()
            assert live.get("/health").status_code == 200
            assert people.read()["Username"] == "user1"

    def test_the_endpoints_of_a_pool_meanwhile(self, own: Postgres, tmp_path: Path) -> None:
        """By the pool's path and by its domain, which has to be looked up first: 503, and no bug in the log."""
        url = asyncio.run(create_database(own.url))
        with Live(tmp_path / "data", database_url=url) as live:
            people = People(live)
            call(live.http, live.url, "CreateUserPoolDomain", UserPoolId=people.pool, Domain="faults")
            own._server.stop()
            by_path = live.get(f"/{people.pool}/oauth2/authorize", params={"client_id": "unheard"})
            by_name = live.get("/oauth2/authorize", params={"client_id": "unheard"}, headers={"host": "faults.auth.localhost"})
            assert [(reply.status_code, reply.headers.get("retry-after")) for reply in (by_path, by_name)] == [(503, "1"), (503, "1")]
            assert "Exception" not in live.stderr
            own._server.ensure_postgres_running()

    def test_one_that_is_not_there_at_the_start(self, tmp_path: Path) -> None:
        """One sentence without the password that the address holds."""
        folder = tmp_path / "nowhere"
        folder.mkdir()
        with pytest.raises(NotReady) as refused, Live(tmp_path / "data", database_url=f"postgresql://me:secretword@/db?host={folder}"):
            pass
        assert refused.value.code == 1
        assert "PostgreSQL" in one_sentence(refused.value.stderr)
        assert "secretword" not in refused.value.stderr
