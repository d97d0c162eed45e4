"""The two ports to a database, as every other room of storage sees them, and the choice between the engines.

SQL is written once, with `$1` parameters, in the dialect that SQLite and PostgreSQL share. Rows are tuples, read by position.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = Sequence[Any]


class Reader(Protocol):
    """Reads: outside a unit of work they see what is committed; inside one, the unit's own writes too."""

    async def row(self, sql: str, *args: object) -> Row | None: ...

    async def rows(self, sql: str, *args: object) -> Sequence[Row]: ...


class Tx(Reader, Protocol):
    """A unit of work. All its writes are kept together or not at all, and it awaits nothing but storage."""

    async def run(self, sql: str, *args: object) -> int:
        """Runs one statement; returns the number of rows it touched. Raises Taken on a unique key."""
        ...


Unit = Callable[[Tx], Awaitable[T]]


class Engine(Reader, Protocol):
    """A database. `write` answers only after the unit's commit is durable."""

    name: str

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def write(self, unit: Unit[T], *, large: bool = False) -> T:
        """Runs `unit` in a transaction of its own (serialisable: as if units ran one after the other). May run it again after a
        serialisation failure, so a unit keeps no state outside itself. Raises what the unit raises, with nothing written.

        `large` says that it touches more than some dozens of rows: it is run by itself, where it holds up no requests."""
        ...

    async def script(self, statements: Sequence[str]) -> None:
        """Runs schema statements together in one transaction."""
        ...

    def foreign_change(self) -> bool:
        """Has another process committed a configuration change since the last call? Cheap: asked on every request."""
        ...

    async def announce(self, tx: Tx) -> None:
        """Tells other processes, when `tx` commits, that configuration changed."""
        ...


def make_engine(url: str, *, exclusive: bool = True) -> Engine:
    """`sqlite:///path`, `sqlite:///:memory:` or `postgresql://...`. A driver is imported only when it is used.

    `exclusive` refuses a SQLite file that a server holds; commands beside a running server pass False.
    """
    if url.startswith("sqlite:///"):
        from cognomen.storage.sqlite import SqliteEngine

        return SqliteEngine(url.removeprefix("sqlite:///"), exclusive=exclusive)
    if url.startswith(("postgresql://", "postgres://")):
        from cognomen.storage.postgres import PostgresEngine

        return PostgresEngine(url)
    raise ValueError(f"database_url must begin with sqlite:/// or postgresql://, not {url.split(':', 1)[0]!r}")
