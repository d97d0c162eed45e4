"""SQLite: reads in the event loop's thread; writes in one writer thread, grouped: all units that wait are run together and committed once.

An indexed read costs less than a hop to another thread. A unit of work never suspends: its awaits return at once (docs/adr/0002-storage.md).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from cognomen.storage.engine import Row, Tx, Unit
from cognomen.storage.errors import CannotStart, Taken, Unavailable

T = TypeVar("T")
_FOREIGN_CHECK_SECONDS = 0.02
_MOST_GROUPED = 256
_translated: dict[str, str] = {}


def _sql(sql: str) -> str:
    """`$1` is a *named* parameter to SQLite; `?1` is what takes a sequence."""
    found = _translated.get(sql)
    if found is None:
        found = _translated[sql] = re.sub(r"\$(\d+)", r"?\1", sql)
    return found


def _translate(error: sqlite3.Error) -> Exception:
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError) and text.startswith("UNIQUE"):
        return Taken(text.rpartition(": ")[2])
    if isinstance(error, sqlite3.OperationalError) and "syntax" not in text and "no such" not in text:
        return Unavailable(f"the database file cannot be used now: {text}")
    return error


class _Waiting(NamedTuple):
    unit: Unit[Any]
    done: asyncio.Future[Any]


class _Outcome(NamedTuple):
    done: asyncio.Future[Any]
    result: Any
    failed: BaseException | None


class _UnitFailed(Exception):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class SqliteTx:
    """Statements on one connection; every await returns at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    async def row(self, sql: str, *args: object) -> Row | None:
        try:
            found: Row | None = self._execute(_translated.get(sql) or _sql(sql), args).fetchone()
        except sqlite3.Error as error:
            raise _translate(error) from error
        return found

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        try:
            return self._execute(_translated.get(sql) or _sql(sql), args).fetchall()
        except sqlite3.Error as error:
            raise _translate(error) from error

    async def run(self, sql: str, *args: object) -> int:
        try:
            return self._execute(_translated.get(sql) or _sql(sql), args).rowcount
        except sqlite3.Error as error:
            raise _translate(error) from error


class SqliteEngine:
    """One file, one server: a second one on the same file is refused by a lock beside it (`exclusive`; a command of a moment does without)."""

    name = "sqlite"

    def __init__(self, path: str, *, exclusive: bool = True) -> None:
        self._path = path
        self._exclusive = exclusive
        self._memory = path == ":memory:"
        self._queue: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        self._in_memory: list[_Waiting] = []
        self._asked: list[_Waiting] = []
        self._is_open = False
        self._thread: threading.Thread | None = None
        self._lock: int | None = None
        self._data_version = 0
        self._config_version = 0
        self._next_check = 0.0

    async def open(self) -> None:
        if not self._memory and self._exclusive:
            self._hold_lock()
        try:
            self._writer = self._connect()
            self._reader = self._writer if self._memory else self._connect()
            if not self._memory:
                self._reader.execute("PRAGMA query_only = 1")
        except sqlite3.Error as error:
            self._release_lock()
            raise CannotStart(f"cannot open the database file {self._path}: {error}") from error
        self._tx = SqliteTx(self._writer)
        self._is_open = True
        reads = SqliteTx(self._reader)
        self._time = asyncio.get_running_loop().time
        # Bound once: a read then costs no further call.
        self.__dict__.update(row=reads.row, rows=reads.rows)
        if not self._memory:
            self._thread = threading.Thread(
                target=self._write_grouped, args=(asyncio.get_running_loop(),), name="sqlite-writer", daemon=True
            )
            self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=5)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "temp_store = MEMORY", "cache_size = -8192", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _hold_lock(self) -> None:
        folder = Path(self._path).absolute().parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(f"the data folder {folder} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            self._release_lock()
            raise CannotStart(
                f"the database {self._path} is in use by another server" + (f" (process {holder})" if holder else "")
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def row(self, sql: str, *args: object) -> Row | None:
        raise Unavailable("the database is not open")

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        raise Unavailable("the database is not open")

    async def write(self, unit: Unit[T]) -> T:
        waiting = _Waiting(unit, asyncio.get_running_loop().create_future())
        if not self._is_open:
            raise Unavailable("the database is not open")
        if self._memory:
            # No disk to wait for, so no thread: the loop itself comes round to what waits.
            self._in_memory.append(waiting)
            if len(self._in_memory) == 1:
                asyncio.get_running_loop().call_soon(self._write_in_memory)
        else:
            self._asked.append(waiting)
            if len(self._asked) == 1:
                asyncio.get_running_loop().call_soon(self._ask)
        result: T = await waiting.done
        return result

    def _ask(self) -> None:
        """What one turn of the loop asked for goes to the writer at once: were it woken by each, it would contend with the loop for the GIL while
        the loop is still asking."""
        asked, self._asked = self._asked, []
        self._queue.put(asked)

    def _write_in_memory(self) -> None:
        batch, self._in_memory = self._in_memory, []
        _deliver(self._commit_together(batch))

    def _write_grouped(self, loop: asyncio.AbstractEventLoop) -> None:
        """The writer thread: what waits is run as one transaction and committed once; while that lasts, more comes to wait."""
        while (first := self._queue.get()) is not None:
            batch = first
            while len(batch) < _MOST_GROUPED and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)  # close() waits for what was asked before it
                    break
                batch.extend(following)
            loop.call_soon_threadsafe(_deliver, self._commit_together(batch))

    def _commit_together(self, batch: list[_Waiting]) -> list[_Outcome]:
        """Nearly always every unit succeeds, and none needs a savepoint. Where one does not, all is rolled back and done again, each apart:
        units are made to be run again, as PostgreSQL asks it of them too."""
        try:
            return self._commit(batch, self._run_plainly)
        except _UnitFailed as failed:
            if len(batch) == 1:
                return [_Outcome(batch[0].done, None, failed.error)]
            return self._commit(batch, self._run_in_savepoint)

    def _commit(self, batch: list[_Waiting], run: Callable[[Unit[Any]], tuple[Any, BaseException | None]]) -> list[_Outcome]:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            outcomes = [_Outcome(each.done, *run(each.unit)) for each in batch]
            self._writer.execute("COMMIT")
        except _UnitFailed:
            self._writer.execute("ROLLBACK")
            raise
        except Exception as error:  # noqa: BLE001  # each who waits gets the reason; the writer goes on with the next batch
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            failure = _translate(error) if isinstance(error, sqlite3.Error) else error
            return [_Outcome(each.done, None, failure) for each in batch]
        return outcomes

    def _run_plainly(self, unit: Unit[Any]) -> tuple[Any, None]:
        """Raises _UnitFailed with what the unit raised."""
        coroutine = unit(self._tx).__await__()
        try:
            next(coroutine)
        except StopIteration as finished:
            return finished.value, None
        except (sqlite3.OperationalError, Unavailable):
            raise  # the whole transaction may be gone (disk full): fail the batch
        except Exception as error:
            raise _UnitFailed(error) from error
        coroutine.close()
        raise _UnitFailed(RuntimeError("a unit of work awaited something that is not storage"))

    def _run_in_savepoint(self, unit: Unit[Any]) -> tuple[Any, BaseException | None]:
        execute = self._writer.execute
        execute("SAVEPOINT unit")
        try:
            value, _ = self._run_plainly(unit)
        except _UnitFailed as failed:  # it goes to the one who asked for it, not to the batch
            execute("ROLLBACK TO unit")
            execute("RELEASE unit")
            return None, failed.error
        execute("RELEASE unit")
        return value, None

    async def script(self, statements: Sequence[str]) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for statement in statements:
                self._writer.execute(statement)
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise CannotStart(f"cannot prepare the database file {self._path}: {error}") from error

    def foreign_change(self) -> bool:
        if self._memory:
            return False
        now = self._time()
        if now < self._next_check:
            return False
        self._next_check = now + _FOREIGN_CHECK_SECONDS
        version = self._reader.execute("PRAGMA data_version").fetchone()[0]
        if version == self._data_version:
            return False
        self._data_version = version
        config = self._reader.execute("SELECT version FROM config_version WHERE id = 1").fetchone()[0]
        changed, self._config_version = config != self._config_version, config
        return bool(changed)

    async def announce(self, tx: Tx) -> None:
        await tx.run("UPDATE config_version SET version = version + 1 WHERE id = 1")

    async def close(self) -> None:
        """Finishes what was asked before, then lets go of the file."""
        self._is_open = False
        if self._thread is not None:
            if self._asked:
                self._ask()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
            await asyncio.sleep(0)  # the writer's last answers
        if hasattr(self, "_writer"):
            if not self._memory:
                self._reader.close()
            self._writer.close()
        self._release_lock()


def _deliver(outcomes: list[_Outcome]) -> None:
    for done, result, failed in outcomes:
        if done.cancelled():  # the client went away; what was written stays written
            continue
        if failed is None:
            done.set_result(result)
        else:
            done.set_exception(failed)
