"""PostgreSQL and what speaks its protocol: a pool of connections, serialisable units of work, configuration changes by LISTEN/NOTIFY."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import asyncpg

from cognomen.kernel.log import get_logger
from cognomen.storage.engine import Row, Tx, Unit
from cognomen.storage.errors import CannotStart, StorageError, Taken, Unavailable

T = TypeVar("T")
_TRIES = 20
_CHANNEL = "cognomen_config"
_RETRIED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    TimeoutError,
)
_FULL = (asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError)
log = get_logger("storage")


class PostgresTx:
    """Statements of one unit of work, on one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def row(self, sql: str, *args: object) -> Row | None:
        if _unstorable(args):
            return None
        found: Row | None = await self._connection.fetchrow(sql, *args)
        return found

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        if _unstorable(args):
            return []
        found: Sequence[Row] = await self._connection.fetch(sql, *args)
        return found

    async def run(self, sql: str, *args: object) -> int:
        try:
            status: str = await self._connection.execute(sql, *args)
        except asyncpg.UniqueViolationError as error:
            raise Taken(error.constraint_name or error.table_name or "") from error
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


class PostgresEngine:
    """Keeps nothing that another process could not rebuild."""

    name = "postgresql"

    def __init__(self, url: str, *, connections: int = 16) -> None:
        self._url = url
        self._connections = connections
        self._pool: Any = None
        self._listener: asyncio.Task[None] | None = None
        self._changed = True
        self._listening = False
        self._closing = asyncio.Event()

    async def open(self) -> None:
        try:
            self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=self._connections, command_timeout=30, timeout=10)
        except (*_LOST, asyncpg.PostgresError, ValueError) as error:
            raise CannotStart(f"cannot reach the PostgreSQL database: {_reason(error)}") from error
        self._listener = asyncio.create_task(self._listen())

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            async with self._pool.acquire(timeout=10) as connection:
                yield connection
        except _LOST as error:
            raise Unavailable(f"the PostgreSQL database cannot be reached: {_reason(error)}") from error
        except _FULL as error:
            raise Unavailable(f"the PostgreSQL database cannot be written: {_reason(error)}") from error

    async def row(self, sql: str, *args: object) -> Row | None:
        if _unstorable(args):
            return None
        async with self._connection() as connection:
            found: Row | None = await connection.fetchrow(sql, *args)
        return found

    async def rows(self, sql: str, *args: object) -> Sequence[Row]:
        if _unstorable(args):
            return []
        async with self._connection() as connection:
            found: Sequence[Row] = await connection.fetch(sql, *args)
        return found

    async def write(self, unit: Unit[T], *, large: bool = False) -> T:
        for attempt in range(_TRIES):
            try:
                async with self._connection() as connection, connection.transaction(isolation="serializable"):
                    return await unit(PostgresTx(connection))
            except _RETRIED:
                # Longer each time, and by chance, so that competitors do not meet again.
                await asyncio.sleep(0.001 * (1 << min(attempt, 7)) * (0.5 + secrets.randbelow(1024) / 1024))
        raise Unavailable("too many writers compete for the same rows; try again")

    async def script(self, statements: Sequence[str]) -> None:
        try:
            async with self._connection() as connection, connection.transaction():
                # Two servers that start together migrate one after the other.
                await connection.execute("SELECT pg_advisory_xact_lock(2646)")
                for statement in statements:
                    await connection.execute(statement.replace(" TEXT", ' TEXT COLLATE "C"'))
        except (StorageError, asyncpg.PostgresError) as error:
            raise CannotStart(f"cannot prepare the PostgreSQL database: {_reason(error)}") from error

    async def _listen(self) -> None:
        """Holds one connection that hears of configuration changes; while it is down every check answers "changed"."""
        told = False
        while not self._closing.is_set():
            try:
                connection = await asyncpg.connect(self._url, timeout=10)
                try:
                    lost = asyncio.Event()
                    connection.add_termination_listener(partial(_set, lost))
                    await connection.add_listener(_CHANNEL, self._heard)
                    self._changed = self._listening = True
                    told = False
                    await _either(lost, self._closing)
                finally:
                    self._listening = False
                    with contextlib.suppress(Exception):
                        await connection.close(timeout=1)
            except (*_LOST, asyncpg.PostgresError) as error:
                if not told:
                    told = True
                    log.warning(
                        "configuration is read from the database on every request until it can be listened to", reason=_reason(error)
                    )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), 0.5)

    def _heard(self, *_: object) -> None:
        self._changed = True

    def foreign_change(self) -> bool:
        changed, self._changed = self._changed or not self._listening, False
        return changed

    async def announce(self, tx: Tx) -> None:
        await tx.row("SELECT pg_notify($1, '')", _CHANNEL)

    async def close(self) -> None:
        self._closing.set()
        if self._listener is not None:
            # Not cancelled at once: a connection that is just being made would be left open.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._listener, 2)
        if self._pool is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pool.close(), 5)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _set(event: asyncio.Event, _connection: object) -> None:
    event.set()


def _unstorable(args: tuple[object, ...]) -> bool:
    """PostgreSQL text cannot hold NUL and refuses to compare with it. No row has it, so what asks for it finds nothing, as in SQLite."""
    return any(type(arg) is str and "\0" in arg for arg in args)


def _reason(error: BaseException) -> str:
    """The driver's words without the address, which may carry a password."""
    return (str(error).splitlines() or [type(error).__name__])[0] or type(error).__name__
