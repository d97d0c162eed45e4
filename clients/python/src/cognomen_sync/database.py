"""The database itself: opened, prepared, written in transactions. What stands in it is for local.py and identities.py.

`datasets.merged_name` is what one that a merged identity brought along was called there. `left_behind` are guests who became users without this
device having heard of whom, with edits that are still to be sent.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cognomen_sync.errors import UnknownFile

# What each version of the file added.
_STEPS = (
    """
CREATE TABLE identities (pool_id TEXT PRIMARY KEY, identity_id TEXT NOT NULL, authenticated INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE devices (identity_id TEXT PRIMARY KEY, device_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE datasets (
    id INTEGER PRIMARY KEY AUTOINCREMENT, identity_id TEXT NOT NULL, name TEXT NOT NULL,
    last_sync_count INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0, deleting INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 0, UNIQUE (identity_id, name)
);
CREATE TABLE records (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT, sync_count INTEGER NOT NULL,
    pending INTEGER NOT NULL, base TEXT, edit INTEGER NOT NULL, modified_at REAL NOT NULL, modified_by TEXT NOT NULL,
    PRIMARY KEY (dataset_id, key)
) WITHOUT ROWID;
CREATE TABLE sent (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE, key TEXT NOT NULL, fingerprint TEXT NOT NULL,
    PRIMARY KEY (dataset_id, key, fingerprint)
) WITHOUT ROWID;
CREATE TABLE edits (number INTEGER NOT NULL);
INSERT INTO edits VALUES (0);
""",
    """
ALTER TABLE datasets ADD COLUMN merged_name TEXT;
CREATE TABLE left_behind (pool_id TEXT NOT NULL, identity_id TEXT NOT NULL, PRIMARY KEY (pool_id, identity_id)) WITHOUT ROWID;
""",
)
VERSION = len(_STEPS)


class Database:
    def __init__(self, path: str | Path) -> None:
        """Raises UnknownFile."""
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            self._prepare()
        except BaseException as cause:
            self._db.close()
            if isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, sqlite3.OperationalError):
                raise UnknownFile(f"{path} is no file of this library.") from cause
            raise

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _prepare(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._db.execute(f"PRAGMA {pragma}")
        with self.unit():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            tables = self._db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
            if version > VERSION or (version == 0 and tables):
                raise UnknownFile("The file was written by a newer release, or by another program.")
            for step in _STEPS[version:]:
                for statement in filter(str.strip, step.split(";\n")):
                    self._db.execute(statement)
            if version < VERSION:
                self._db.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def unit(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self.commit()
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def commit(self) -> None:
        self._db.execute("COMMIT")

    def read(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()
