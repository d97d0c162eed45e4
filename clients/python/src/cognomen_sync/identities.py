"""Whose data the file holds, and what becomes of it when one identity takes another's place."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from itertools import count

from cognomen_sync.database import Database
from cognomen_sync.limits import LONGEST_NAME

_DIGEST = 12  # characters


class Identities(Database):
    def identity(self, pool_id: str) -> tuple[str, bool] | None:
        """The identity that was here last, and whether it is a user's."""
        found = self.read("SELECT identity_id, authenticated FROM identities WHERE pool_id = ?", pool_id)
        return (str(found[0][0]), bool(found[0][1])) if found else None

    def remember(self, pool_id: str, identity_id: str, *, authenticated: bool, carry: str | None, merged: bool = True) -> None:
        """From now on this one is here. The datasets of `carry` become its own, as the service does it: what the service knew of a merged
        identity is `NAME.IDENTITY` from then on; what it never saw keeps its name where that is free, and so does everything
        of an identity that is gone without being `merged`."""
        with self.unit() as db:
            db.execute("INSERT OR REPLACE INTO identities VALUES (?, ?, ?)", (pool_id, identity_id, authenticated))
            db.execute("DELETE FROM left_behind WHERE pool_id = ? AND identity_id IN (?, ?)", (pool_id, identity_id, carry))
            if carry is not None and carry != identity_id:
                _carry_datasets(db, carry, identity_id, merged=merged)
                if merged:  # so does the service; where the user had registered this device before, that one stays
                    db.execute("INSERT OR IGNORE INTO devices SELECT ?, device_id FROM devices WHERE identity_id = ?", (identity_id, carry))
                db.execute("DELETE FROM devices WHERE identity_id = ?", (carry,))

    def leave(self, pool_id: str, left: str, identity_id: str, *, authenticated: bool) -> None:
        """From now on `identity_id` is here, and begins apart. What `left` has still to send waits until whoever it became is here."""
        with self.unit() as db:
            db.execute("INSERT OR REPLACE INTO identities VALUES (?, ?, ?)", (pool_id, identity_id, authenticated))
            db.execute(
                "INSERT OR IGNORE INTO left_behind SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM datasets d WHERE d.identity_id = ?2"
                " AND (d.deleted = 1 OR EXISTS (SELECT 1 FROM records r WHERE r.dataset_id = d.id AND r.pending = 1)))",
                (pool_id, left),
            )

    def left_behind(self, pool_id: str) -> list[str]:
        return [str(row[0]) for row in self.read("SELECT identity_id FROM left_behind WHERE pool_id = ? ORDER BY identity_id", pool_id)]

    def forget(self, pool_id: str) -> None:
        """Nobody is here any more; the data stays."""
        with self.unit() as db:
            db.execute("DELETE FROM identities WHERE pool_id = ?", (pool_id,))

    def wipe(self) -> None:
        with self.unit() as db:
            for table in ("datasets", "identities", "devices", "left_behind"):
                db.execute(f"DELETE FROM {table}")

    def device(self, identity_id: str) -> str | None:
        found = self.read("SELECT device_id FROM devices WHERE identity_id = ?", identity_id)
        return str(found[0][0]) if found else None

    def remember_device(self, identity_id: str, device_id: str) -> None:
        with self.unit() as db:
            db.execute("INSERT OR REPLACE INTO devices VALUES (?, ?)", (identity_id, device_id))


def merged_as(base: str, source: str) -> str:
    """What the service calls a dataset of a merged identity. One name that gets too long is cut, and what tells it from others that begin alike
    takes the place of its end, as a Cognomen server does it."""
    room = LONGEST_NAME - len(source) - 1
    if len(base) > room:
        digest = hashlib.sha256(base.encode()).hexdigest()[:_DIGEST]
        base = f"{base[: room - _DIGEST - 1]}-{digest}"
    return f"{base}.{source}"


def _carry_datasets(db: sqlite3.Connection, source: str, target: str, *, merged: bool) -> None:
    """What the service knew is listed anew, and each record's count is the first there is: AWS begins to count anew (aws-sdk-net #414)."""
    found = db.execute(
        "SELECT id, name, last_sync_count, deleted, merged_name FROM datasets WHERE identity_id = ? ORDER BY name", (source,)
    )
    for place, name, last, deleted, before in found.fetchall():
        goes_along = merged and before is None and (last > 0 or _counted(db, place))
        base = before or name
        free = next(each for each in _names(base, source, None if goes_along else name) if not _taken(db, target, each))
        brought = base if goes_along or free != name else before
        since = 0 if goes_along and not deleted else last
        sql = "UPDATE datasets SET identity_id = ?, name = ?, merged_name = ?, last_sync_count = ? WHERE id = ?"
        db.execute(sql, (target, free, brought, since, place))
        if goes_along:
            db.execute("UPDATE records SET sync_count = 1 WHERE dataset_id = ? AND sync_count > 1", (place,))


def _names(base: str, source: str, own: str | None) -> Iterator[str]:
    """Those that it may get, the best first."""
    if own is not None:
        yield own
    yield merged_as(base, source)
    for number in count(2):
        yield merged_as(base, f"{source}-{number}")


def _taken(db: sqlite3.Connection, identity_id: str, name: str) -> bool:
    return db.execute("SELECT 1 FROM datasets WHERE identity_id = ? AND name = ?", (identity_id, name)).fetchone() is not None


def _counted(db: sqlite3.Connection, dataset_id: int) -> bool:
    return db.execute("SELECT 1 FROM records WHERE dataset_id = ? AND sync_count > 0 LIMIT 1", (dataset_id,)).fetchone() is not None
