"""What only one room may do: read the clock, speak SQL, call out, print."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.laws.tree import PACKAGE, dotted, imports, modules, room, syntax, where

CLOCKS = re.compile(r"(^|\.)(time\.time|time\.time_ns|datetime\.now|datetime\.utcnow|datetime\.today|date\.today)$")
DATABASES = {"sqlite3", "asyncpg", "aiosqlite", "sqlalchemy", "psycopg"}
HTTP_CLIENTS = ("httpx", "aiohttp", "requests", "urllib3", "urllib.request", "http.client")
# the beginning of a statement, in capitals as this house writes them, so that a sentence such as "select a user" is none
SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|(CREATE|DROP|ALTER)\s+(TABLE|(UNIQUE\s+)?INDEX)\s|PRAGMA\s)",
    re.DOTALL,
)


def outside(*places: str) -> list[Path]:
    """Modules in none of the places: a room, or one file of a room."""
    return [file for file in modules() if room(file) not in places and file.relative_to(PACKAGE).as_posix() not in places]


def imported(files: list[Path], *names: str) -> list[str]:
    """Where one of the modules is imported, by itself or by something in it."""
    return [
        where(file, node) for file in files for node, name in imports(file) if any(f"{name}.".startswith(f"{wanted}.") for wanted in names)
    ]


def calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(syntax(file)) if isinstance(node, ast.Call))


def test_only_the_clock_reads_the_time() -> None:
    """Tests advance the clock by hand; a stray `time.time()` would not follow."""
    files = outside("kernel/clock.py")
    # a reference counts as a call does: `default_factory=time.time` reads the clock later
    used = [
        where(file, node)
        for file in files
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.Attribute) and CLOCKS.search(dotted(node))
    ]
    assert used + [where(file, node) for file in files for node, name in imports(file) if name in ("time.time", "time.time_ns")] == []


def test_only_storage_knows_a_database() -> None:
    assert imported(outside("storage"), *DATABASES) == []


def test_only_storage_speaks_sql() -> None:
    strings = (
        (file, node)
        for file in outside("storage")
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    assert [where(file, node) for file, node in strings if SQL.match(str(node.value))] == []


def test_only_outbound_calls_out() -> None:
    """One client with time limits and the guard for private networks."""
    assert imported(outside("kernel/outbound.py"), *HTTP_CLIENTS) == []


def test_what_others_wrote_is_read_in_one_place() -> None:
    """msgspec has three kinds of error for bad JSON, one of them for bytes that are not UTF-8: `received` makes one of them."""
    asking = [file for file in modules() if room(file) in ("triggers", "directories")]
    assert [where(file, node) for file in asking for node in calls(file) if dotted(node.func) == "msgspec.json.decode"] == []


def test_only_the_command_line_prints() -> None:
    """A server's standard output is its one line of readiness; everything else is a log event."""
    assert [where(file, node) for file in outside("cli") for node in calls(file) if dotted(node.func) == "print"] == []


def test_nothing_is_left_to_a_predictable_chance() -> None:
    """`secrets` only: `random` can be predicted from what it gave before."""
    assert imported(modules(), "random") == []
