"""SQLite: reads and units of work in the event loop's thread, commits in another: all units that wait are run together and committed once.

An indexed read costs less than a hop to another thread, and so do the statements of a unit; the commit waits for the disk. A unit of work never
suspends: its awaits return at once (docs/adr/0002-storage.md).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from cognomen.storage.engine import Row, Tx, Unit
from cognomen.storage.errors import CannotStart, Taken, Unavailable

T = TypeVar("T")
_FOREIGN_CHECK_SECONDS = 0.02
_MOST_GROUPED = 64  # units of one commit: what the loop does before it looks at its sockets again
# How often the loop looks at its sockets before a group begins. Under load each look brings more for the same commit; a unit that comes alone waits
# some microseconds.
_LOOKS = 3
_READER_CACHE, _WRITER_CACHE = 8192, 4096  # KiB of pages; with 100,000 users the writer is as fast with half as many
_BUSY_SECONDS = 5.0  # that a write waits for another process, in the writer's thread
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
    large: bool


class _Outcome(NamedTuple):
    done: asyncio.Future[Any]
    result: Any
    failed: BaseException | None


class _Locked(Exception):
    """Another process writes."""


class _UnitFailed(Exception):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class SqliteTx:
    """Statements on one connection; every await returns at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute: Callable[[str, Sequence[Any]], sqlite3.Cursor] = connection.execute

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


class _Reads(SqliteTx):
    """Reads that one turn of the loop asks for share a transaction: its locks cost two calls to the system, more than half of a small read.

    It is over before the loop hears of a commit, so that whoever wrote reads what they wrote: callbacks run in the order in which they were asked for, and
    the end was asked for when the transaction began."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._is_open = False
        self._execute = self._within

    def _within(self, sql: str, args: Sequence[Any]) -> sqlite3.Cursor:
        if not self._is_open:
            self._connection.execute("BEGIN")
            self._is_open = True
            self._loop.call_soon(self.end)
        return self._connection.execute(sql, args)

    def end(self) -> None:
        if self._is_open:
            self._is_open = False
            self._connection.rollback()


class SqliteEngine:
    """One file, one server: a second one on the same file is refused by a lock beside it (`exclusive`; a command of a moment does without)."""

    name = "sqlite"

    def __init__(self, path: str, *, exclusive: bool = True) -> None:
        self._path = path
        self._exclusive = exclusive
        self._memory = path == ":memory:"
        # Of the loop's thread alone: what waits, and whether the writer's connection is in the other thread's hands.
        self._asked: deque[_Waiting] = deque()
        self._lent = False
        self._queue: SimpleQueue[Callable[[], list[_Outcome]] | None] = SimpleQueue()
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
            self._writer = self._connect(_WRITER_CACHE)
            self._reader = self._writer if self._memory else self._connect(_READER_CACHE)
            if not self._memory:
                self._reader.execute("PRAGMA query_only = 1")
                self._wait_for_others(0)
        except sqlite3.Error as error:
            self._release_lock()
            raise CannotStart(f"cannot open the database file {self._path}: {error}") from error
        self._tx = SqliteTx(self._writer)
        self._is_open = True
        reads = self._reads = SqliteTx(self._reader) if self._memory else _Reads(self._reader)
        self._time = asyncio.get_running_loop().time
        # Bound once: a read then costs no further call.
        self.__dict__.update(row=reads.row, rows=reads.rows)
        if not self._memory:
            self._thread = threading.Thread(target=self._finish, args=(asyncio.get_running_loop(),), name="sqlite-writer", daemon=True)
            self._thread.start()

    def _connect(self, cache: int) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=_BUSY_SECONDS
        )
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "temp_store = MEMORY", f"cache_size = -{cache}", "foreign_keys = OFF"):
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

    async def write(self, unit: Unit[T], *, large: bool = False) -> T:
        if not self._is_open:
            raise Unavailable("the database is not open")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(unit, loop.create_future(), large)
        self._asked.append(waiting)
        if len(self._asked) == 1 and not self._lent:
            self._gather(1 if self._memory else _LOOKS)
        result: T = await waiting.done
        return result

    def _gather(self, looks: int) -> None:
        if looks:
            asyncio.get_running_loop().call_soon(self._gather, looks - 1)
        else:
            self._turn()

    def _turn(self) -> None:
        """What waits is run as one transaction, and committed once in the other thread; while that lasts, more comes to wait. The other thread
        also runs what is large, or has to wait for another process."""
        while self._asked and not self._lent:
            batch = [self._asked.popleft()]
            while not batch[0].large and self._asked and not self._asked[0].large and len(batch) < _MOST_GROUPED:
                batch.append(self._asked.popleft())
            if self._memory:  # no disk to wait for
                _deliver(self._commit_together(batch))
            else:
                self._lent = True
                self._queue.put(self._begun(batch))

    def _begun(self, batch: list[_Waiting]) -> Callable[[], list[_Outcome]]:
        """What is left for the other thread."""
        if batch[0].large:
            return partial(self._commit_patiently, batch)
        try:
            return partial(self._committed, self._run_together(batch))
        except _Locked:
            return partial(self._commit_patiently, batch)

    def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        """The other thread's life."""
        while (rest := self._queue.get()) is not None:
            loop.call_soon_threadsafe(self._returned, rest())

    def _returned(self, outcomes: list[_Outcome]) -> None:
        self._lent = False
        _deliver(outcomes)
        if self._asked:
            self._gather(_LOOKS)

    def _commit_patiently(self, batch: list[_Waiting]) -> list[_Outcome]:
        self._wait_for_others(_BUSY_SECONDS)
        try:
            return self._commit_together(batch)
        except _Locked:
            failure = Unavailable("the database file cannot be used now: another process writes to it all the time")
            return [_Outcome(each.done, None, failure) for each in batch]
        finally:
            self._wait_for_others(0)

    def _wait_for_others(self, seconds: float) -> None:
        self._writer.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def _commit_together(self, batch: list[_Waiting]) -> list[_Outcome]:
        return self._committed(self._run_together(batch))

    def _run_together(self, batch: list[_Waiting]) -> list[_Outcome]:
        """Nearly always every unit succeeds, and none needs a savepoint. Where one does not, all is rolled back and done again, each apart:
        units are made to be run again, as PostgreSQL asks it of them too. Raises _Locked."""
        try:
            return self._run(batch, self._run_plainly)
        except _UnitFailed as failed:
            if len(batch) == 1:
                return [_Outcome(batch[0].done, None, failed.error)]
            return self._run(batch, self._run_in_savepoint)

    def _run(self, batch: list[_Waiting], run: Callable[[Unit[Any]], tuple[Any, BaseException | None]]) -> list[_Outcome]:
        """Leaves the transaction open where everything went well."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise _Locked from error
            return self._failed(batch, error)
        try:
            return [_Outcome(each.done, *run(each.unit)) for each in batch]
        except _UnitFailed:
            self._writer.execute("ROLLBACK")
            raise
        except Exception as error:  # noqa: BLE001  # each who waits gets the reason; the next batch goes on
            return self._failed(batch, error)

    def _committed(self, outcomes: list[_Outcome]) -> list[_Outcome]:
        if not self._writer.in_transaction:  # nothing to keep: it was rolled back
            return outcomes
        try:
            self._writer.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  # as above
            return self._failed(outcomes, error)
        return outcomes

    def _failed(self, batch: Sequence[_Waiting | _Outcome], error: Exception) -> list[_Outcome]:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        failure = _translate(error) if isinstance(error, sqlite3.Error) else error
        return [_Outcome(each.done, None, failure) for each in batch]

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
        self._wait_for_others(_BUSY_SECONDS)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for statement in statements:
                self._writer.execute(statement)
            self._writer.execute("COMMIT")
            if isinstance(self._reads, _Reads):
                self._reads.end()  # what is read in this same turn sees the new schema
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise CannotStart(f"cannot prepare the database file {self._path}: {error}") from error
        finally:
            self._wait_for_others(0)

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
        while self._asked or self._lent:
            self._turn()
            await asyncio.sleep(0.001)
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        if hasattr(self, "_writer"):
            if isinstance(self._reads, _Reads):
                self._reads.end()
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
