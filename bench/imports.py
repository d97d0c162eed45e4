"""How fast a file of users is imported on SQLite, and what it takes of memory: `python -m bench.imports [ROWS]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.targets import Verdict
from tests.clients.test_import import measured

ROWS = 300_000
LEAST = 5_000.0  # rows a second
MOST_MB = 50.0  # above idle


def main() -> None:
    for row in verdicts(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS):
        print(f"{row.name}: {row.value:,.0f} {row.unit}, at {row.at} {row.target:g}, {row.word}")


def verdicts(rows: int = ROWS) -> list[Verdict]:
    """The rows of `make bench`."""
    with tempfile.TemporaryDirectory(prefix="cognomen-bench-") as folder:
        per_second, megabytes = measured(Path(folder), rows)
    return [
        Verdict(part="import", name=f"{rows:,} rows", value=per_second, target=LEAST, at="least", unit="/s"),
        Verdict(part="import", name="memory above idle", value=megabytes, target=MOST_MB, at="most", unit="MB"),
    ]


if __name__ == "__main__":
    main()
