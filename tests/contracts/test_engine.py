"""What every engine promises: units of work that are whole, apart and durable before they are answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cognomen.storage.engine import Engine, Tx
from cognomen.storage.errors import CannotStart, Taken
from tests.contracts.conftest import Database

TABLE = ["CREATE TABLE things (tenant TEXT NOT NULL, name TEXT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (tenant, name))"]


class Deliberate(Exception):
    pass


@pytest.fixture
async def engine(database: Database) -> Engine:
    opened = await database.open()
    await opened.script(TABLE)
    return opened


async def put(tx: Tx, name: str, n: int = 0) -> None:
    await tx.run("INSERT INTO things (tenant, name, n) VALUES ('t', $1, $2)", name, n)


async def names(engine: Engine) -> list[str]:
    return [row[0] for row in await engine.rows("SELECT name FROM things WHERE tenant = 't' ORDER BY name")]


def adding(name: str, n: int = 0) -> Any:
    async def unit(tx: Tx) -> str:
        await put(tx, name, n)
        return name

    return unit


class TestUnit:
    async def test_returns_what_the_unit_returns(self, engine: Engine) -> None:
        """And what it wrote can be read once it is answered."""
        assert await engine.write(adding("a")) == "a"
        assert await names(engine) == ["a"]

    async def test_sees_its_own_writes(self, engine: Engine) -> None:
        """A unit reads what it wrote before it is committed."""

        async def unit(tx: Tx) -> Any:
            await put(tx, "a", 7)
            return await tx.row("SELECT n FROM things WHERE tenant = 't' AND name = 'a'"), len(await tx.rows("SELECT name FROM things"))

        row, count = await engine.write(unit)
        assert (row[0], count) == (7, 1)

    async def test_that_fails_writes_nothing(self, engine: Engine) -> None:
        """All of a unit's writes are kept or none; its own exception comes out."""

        async def unit(tx: Tx) -> None:
            await put(tx, "a")
            await put(tx, "b")
            raise Deliberate

        with pytest.raises(Deliberate):
            await engine.write(unit)
        assert await names(engine) == []

    async def test_failing_ones_do_not_touch_their_neighbours(self, engine: Engine) -> None:
        """Units that are committed together fail apart: each by its own reason, the others kept."""

        def unit_of(number: int) -> Any:
            async def unit(tx: Tx) -> int:
                await put(tx, f"{number:02}")
                if number % 3 == 0:
                    raise Deliberate(number)
                if number % 3 == 1:
                    await put(tx, f"{number:02}")  # a key twice
                return number

            return unit

        outcomes = await asyncio.gather(*(engine.write(unit_of(number)) for number in range(30)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [(Deliberate, Taken, int)[number % 3] for number in range(30)]
        assert await names(engine) == [f"{number:02}" for number in range(30) if number % 3 == 2]

    async def test_counts_the_rows_it_touched(self, engine: Engine) -> None:
        """`run` tells how many rows: compare-and-swap stands on it."""

        async def unit(tx: Tx) -> list[int]:
            await put(tx, "a")
            await put(tx, "b")
            return [
                await tx.run("UPDATE things SET n = 1 WHERE tenant = 't'"),
                await tx.run("DELETE FROM things WHERE tenant = 't' AND name = 'c'"),
                await tx.run("INSERT INTO things (tenant, name, n) VALUES ('t', 'a', 9) ON CONFLICT DO NOTHING"),
            ]

        assert await engine.write(unit) == [2, 0, 0]

    async def test_taken_names_no_value(self, engine: Engine) -> None:
        """Taken says which key, never what stood in it."""
        await engine.write(adding("secret-name"))
        with pytest.raises(Taken) as taken:
            await engine.write(adding("secret-name"))
        assert taken.value.what != ""
        assert "secret-name" not in str(taken.value)

    async def test_that_is_given_up_leaves_the_engine_well(self, engine: Engine) -> None:
        """A client that goes away cancels its request, not its neighbours' writes; its own is whole or absent."""
        writes = [asyncio.ensure_future(engine.write(adding(f"{number:02}"))) for number in range(10)]
        await asyncio.sleep(0)
        writes[3].cancel()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert isinstance(outcomes[3], asyncio.CancelledError)
        assert set(await names(engine)) | {"03"} == {f"{number:02}" for number in range(10)}
        assert await engine.write(adding("after")) == "after"


class TestTogether:
    async def test_counting_up_loses_nothing(self, engine: Engine) -> None:
        """Read-modify-write units on one row end as if they had run one after the other, however often each has to be run."""
        await engine.write(adding("a"))
        runs = 0

        async def unit(tx: Tx) -> None:
            nonlocal runs
            runs += 1
            row = await tx.row("SELECT n FROM things WHERE tenant = 't' AND name = 'a'")
            assert row is not None
            await tx.run("UPDATE things SET n = $1 WHERE tenant = 't' AND name = 'a'", row[0] + 1)

        await asyncio.gather(*(engine.write(unit) for _ in range(8)))
        row = await engine.row("SELECT n FROM things WHERE tenant = 't' AND name = 'a'")
        assert row is not None and row[0] == 8
        assert runs > 8 if engine.name == "postgresql" else runs == 8, "PostgreSQL refuses some at first: the engine runs them again"

    async def test_two_that_wait_for_each_other(self, engine: Engine) -> None:
        """Units that take the same rows in opposite order both succeed: a deadlock is the engine's matter."""
        await engine.write(adding("a"))
        await engine.write(adding("b"))

        def unit_of(first: str, second: str) -> Any:
            async def unit(tx: Tx) -> None:
                for name in (first, second):
                    await tx.run("UPDATE things SET n = n + 1 WHERE tenant = 't' AND name = $1", name)

            return unit

        await asyncio.gather(*(engine.write(unit_of(*pair)) for pair in (("a", "b"), ("b", "a")) * 3))
        assert [row[0] for row in await engine.rows("SELECT n FROM things WHERE tenant = 't'")] == [6, 6]

    async def test_whoever_wrote_reads_it(self, engine: Engine) -> None:
        """At once, whatever others read in the same turn of the loop."""
        ended = False

        async def read_all_the_time() -> None:
            while not ended:
                await names(engine)
                await asyncio.sleep(0)

        async def write_and_read(lane: int) -> None:
            for number in range(40):
                name = await engine.write(adding(f"{lane}-{number}"))
                assert await engine.row("SELECT 1 FROM things WHERE tenant = 't' AND name = $1", name) is not None

        readers = [asyncio.create_task(read_all_the_time()) for _ in range(4)]
        await asyncio.gather(*(write_and_read(lane) for lane in range(6)))
        ended = True
        await asyncio.gather(*readers)

    async def test_readers_see_whole_units_only(self, engine: Engine) -> None:
        """Reads go on during writes, and never see half a unit: what moves between two rows is always in one of them."""
        await engine.write(adding("a", 100))
        await engine.write(adding("b", 0))

        async def move(tx: Tx) -> None:
            await tx.run("UPDATE things SET n = n - 1 WHERE tenant = 't' AND name = 'a'")
            await tx.run("UPDATE things SET n = n + 1 WHERE tenant = 't' AND name = 'b'")

        async def writer() -> None:
            for _ in range(20):
                await engine.write(move)

        writing = asyncio.ensure_future(writer())
        sums, moved = set(), set()
        while not writing.done():
            rows = {row[0]: row[1] for row in await engine.rows("SELECT name, n FROM things WHERE tenant = 't'")}
            sums.add(sum(rows.values()))
            moved.add(rows["b"])
            await asyncio.sleep(0)
        await writing
        assert sums == {100}
        assert len(moved) > 1, "reads were answered between the writes"

    async def test_an_answered_write_is_seen_by_another_process(self, database: Database, engine: Engine) -> None:
        """Answered means committed: a connection that shares nothing with the writer reads it."""
        if not database.shared:
            pytest.skip("a database in memory has one process")
        other = await database.open()
        for number in range(5):
            await engine.write(adding(str(number)))
            assert len(await names(other)) == number + 1

    async def test_script_is_whole_or_nothing(self, engine: Engine) -> None:
        """A migration that fails half-way leaves the schema as it was, and says that the server cannot start."""
        with pytest.raises(CannotStart):
            await engine.script(["CREATE TABLE fresh (a TEXT PRIMARY KEY)", "CREATE TABLE things (a TEXT PRIMARY KEY)"])
        await engine.script(["CREATE TABLE fresh (a TEXT PRIMARY KEY)"])
        assert await engine.rows("SELECT a FROM fresh") == []

    async def test_announcements_reach_other_processes(self, database: Database) -> None:
        """A configuration change is heard by others soon; what is not announced, and what was rolled back, is not."""
        if not database.shared:
            pytest.skip("a database in memory has one process")
        ours, theirs = (await database.store()).engine, (await database.store()).engine
        await _quiet(theirs)

        async def announced(tx: Tx) -> None:
            await tx.run("INSERT INTO client_directory (client_id, pool_id) VALUES ('c', 'p')")
            await ours.announce(tx)

        async def rolled_back(tx: Tx) -> None:
            await ours.announce(tx)
            raise Deliberate

        async def silent(tx: Tx) -> None:
            await tx.run("INSERT INTO user_counts (pool_id, shard, users) VALUES ('p', 's', 1)")

        with pytest.raises(Deliberate):
            await ours.write(rolled_back)
        await ours.write(silent)
        assert not await _heard(theirs, 0.3)
        await ours.write(announced)
        assert await _heard(theirs, 3)
        assert not await _heard(theirs, 0.2), "one change is heard once"


async def _heard(engine: Engine, seconds: float) -> bool:
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        if engine.foreign_change():
            return True
        await asyncio.sleep(0.01)
    return False


async def _quiet(engine: Engine) -> None:
    """Waits until a new engine listens: until then it answers "changed" to be safe."""
    for _ in range(100):
        if not await _heard(engine, 0.1):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("an engine that hears changes without end")
