"""What only SQLite promises: one file, one writer, and a loop that goes on beside it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from typing import Any

import pytest

from cognomen.storage.engine import Tx, make_engine
from cognomen.storage.errors import CannotStart, StorageError, Unavailable
from cognomen.storage.sqlite import SqliteEngine
from tests.contracts.test_engine import TABLE, adding, names, put


class TestSqlite:
    """What only SQLite promises."""

    @pytest.fixture(params=["file", ":memory:"])
    async def sqlite(self, request: pytest.FixtureRequest, tmp_path: Any) -> Any:
        engine = SqliteEngine(":memory:" if request.param == ":memory:" else str(tmp_path / "a.db"))
        await engine.open()
        await engine.script(TABLE)
        yield engine
        await engine.close()

    async def test_a_unit_that_awaits_something_foreign_is_refused(self, sqlite: SqliteEngine) -> None:
        """A unit holds the one writer: it may wait for nothing but storage. Refused with nothing written, and the next one runs."""

        async def unit(tx: Tx) -> None:
            await put(tx, "a")
            await asyncio.sleep(0)
            await put(tx, "b")

        neighbour = asyncio.ensure_future(sqlite.write(adding("n")))
        with pytest.raises(RuntimeError, match="not storage"):
            await sqlite.write(unit)
        assert await neighbour == "n"
        assert await names(sqlite) == ["n"]

    async def test_what_waits_is_committed_together(self, sqlite: SqliteEngine) -> None:
        """A hundred writes that wait cost a few commits, not a hundred."""
        commits = 0

        def count(statement: str) -> None:
            nonlocal commits
            commits += statement == "COMMIT"

        sqlite._writer.set_trace_callback(count)
        await asyncio.gather(*(sqlite.write(adding(f"{number:03}")) for number in range(100)))
        assert 1 <= commits <= 3
        assert len(await names(sqlite)) == 100

    async def test_what_comes_in_the_next_turns_goes_along(self, tmp_path: Any) -> None:
        """Requests that one look at the sockets brings after another share a commit: it costs as much as several units."""
        engine = SqliteEngine(str(tmp_path / "a.db"))
        await engine.open()
        await engine.script(TABLE)
        statements: list[str] = []
        engine._writer.set_trace_callback(statements.append)

        async def after(turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            await engine.write(adding(str(turns)))

        await asyncio.gather(after(0), after(1), after(2))
        assert statements.count("COMMIT") == 1
        assert await names(engine) == ["0", "1", "2"]
        await engine.close()

    async def test_while_another_process_writes_requests_go_on(self, tmp_path: Any) -> None:
        """A command that writes to the file holds up writes, for as long as it takes, and nothing else."""
        engine = SqliteEngine(str(tmp_path / "a.db"))
        await engine.open()
        await engine.script(TABLE)
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writing = [asyncio.create_task(engine.write(adding(name))) for name in ("a", "b")]
        longest, last = 0.0, time.perf_counter()
        for _ in range(60):
            await names(engine)
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        assert not any(task.done() for task in writing)
        assert longest < 2
        other.execute("INSERT INTO things (tenant, name, n) VALUES ('t', 'other', 1)")
        other.execute("COMMIT")
        assert await asyncio.gather(*writing) == ["a", "b"]
        assert await names(engine) == ["a", "b", "other"]
        other.close()
        await engine.close()

    async def test_a_script_waits_for_another_process(self, tmp_path: Any) -> None:
        """A server and a command that start together on a new file migrate one after the other."""
        engine = SqliteEngine(str(tmp_path / "a.db"))
        await engine.open()
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.3, other.rollback).start()
        await engine.script(TABLE)
        assert await names(engine) == []
        other.close()
        await engine.close()

    async def test_another_process_that_writes_for_ever(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Writes fail after a while with the reason, and succeed again when it has gone."""
        monkeypatch.setattr("cognomen.storage.sqlite._BUSY_SECONDS", 0.2)
        engine = SqliteEngine(str(tmp_path / "a.db"))
        await engine.open()
        await engine.script(TABLE)
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another process"):
            await engine.write(adding("a"))
        other.close()
        assert await engine.write(adding("a")) == "a"
        await engine.close()

    async def test_a_large_unit_does_not_hold_up_the_loop(self, tmp_path: Any) -> None:
        """It is run where the commits are; what was asked before and after it keeps its order."""
        engine = SqliteEngine(str(tmp_path / "a.db"))
        await engine.open()
        await engine.script(TABLE)

        async def long(tx: Tx) -> list[str]:
            await tx.row("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n")
            found = [row[0] for row in await tx.rows("SELECT name FROM things ORDER BY name")]
            await put(tx, "large")
            return found

        before = asyncio.create_task(engine.write(adding("before")))
        running = asyncio.create_task(engine.write(long, large=True))
        after = asyncio.create_task(engine.write(adding("after")))
        turns = 0
        while not running.done():
            turns += 1
            await names(engine)
            await asyncio.sleep(0.002)
        assert (await before, await running, await after) == ("before", ["before"], "after")
        assert turns > 20
        await engine.close()

    async def test_readers_cannot_write(self, tmp_path: Any) -> None:
        """Writing by the reading connection would go around the group commit: SQLite itself refuses it."""
        engine = SqliteEngine(str(tmp_path / "a.db"))
        await engine.open()
        await engine.script(TABLE)
        with pytest.raises((StorageError, sqlite3.Error)):
            await engine.row("INSERT INTO things (tenant, name, n) VALUES ('t', 'a', 1) RETURNING name")
        assert await names(engine) == []
        await engine.close()

    async def test_one_server_a_file(self, tmp_path: Any) -> None:
        """A second server on a file is told so in one sentence that names the first; a command beside a server is let in; the lock ends with its holder."""
        url = f"sqlite:///{tmp_path / 'a.db'}"
        first = make_engine(url)
        await first.open()
        with pytest.raises(CannotStart, match=r"in use by another server \(process \d+\)"):
            await make_engine(url).open()
        command = make_engine(url, exclusive=False)
        await command.open()
        await command.close()
        await first.close()
        second = make_engine(url)
        await second.open()
        await second.close()

    async def test_a_file_that_is_no_database(self, tmp_path: Any) -> None:
        """Refused with a sentence that names the file, and the lock is let go."""
        file = tmp_path / "a.db"
        file.write_bytes(b"this is not a database file, it only stands where one should be" * 40)
        with pytest.raises(CannotStart, match=r"a\.db"):
            await make_engine(f"sqlite:///{file}").open()
        file.unlink()
        good = make_engine(f"sqlite:///{file}")
        await good.open()
        await good.close()
