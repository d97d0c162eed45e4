"""The application's file: what is there, and what is still to be sent. With identities.py (whose it is) the only SQL of the library.

One SQLite database in WAL mode with synchronous=FULL: what a method has returned from survives a crash of the process and of the machine.
Threads and processes may share it; each method is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cognomen_sync import limits
from cognomen_sync.identities import Identities
from cognomen_sync.merge import Fate, Pulled, Remote, Row, conflict, fate, fingerprint, missing
from cognomen_sync.records import Conflict, Record

_PLACE = "id, identity_id, name, last_sync_count, deleted, deleting, epoch"
_ROW = "key, value, sync_count, pending, base, edit, modified_at, modified_by"


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset of the file. `epoch` changes whenever all of it was thrown away. `deleting` is the dataset's sync count when its deletion
    was last asked for."""

    id: int
    identity_id: str
    name: str
    last_sync_count: int
    deleted: bool
    deleting: int
    epoch: int


class Changed(Exception):
    """The dataset was deleted or thrown away meanwhile: what was found out about it is void."""


class LocalFile(Identities):
    # Datasets

    def place(self, identity_id: str, name: str) -> Place:
        """Made where it is not there yet."""
        found = self.read(f"SELECT {_PLACE} FROM datasets WHERE identity_id = ? AND name = ?", identity_id, name)
        if not found:
            with self.unit() as db:
                db.execute("INSERT OR IGNORE INTO datasets (identity_id, name) VALUES (?, ?)", (identity_id, name))
            found = self.read(f"SELECT {_PLACE} FROM datasets WHERE identity_id = ? AND name = ?", identity_id, name)
        return _place(found[0])

    def names(self, identity_id: str) -> list[str]:
        """Of those that are not deleted."""
        found = self.read(
            "SELECT name FROM datasets d WHERE identity_id = ?"
            " AND ((deleted = 0 AND last_sync_count > 0) OR EXISTS (SELECT 1 FROM records r WHERE r.dataset_id = d.id)) ORDER BY name",
            identity_id,
        )
        return [str(row[0]) for row in found]

    def merged_names(self, identity_id: str, name: str) -> list[str]:
        """What a merged identity brought along that was called so there, by this file."""
        found = self.read(
            "SELECT name FROM datasets d WHERE identity_id = ? AND merged_name = ?"
            " AND EXISTS (SELECT 1 FROM records r WHERE r.dataset_id = d.id) ORDER BY name",
            identity_id,
            name,
        )
        return [str(row[0]) for row in found]

    def deleted_of(self, identity_id: str, name: str, merged: Sequence[str]) -> list[Place]:
        """Deleted here, and still to be deleted at the service: what a merged identity brought along that was called so there, by this file or by
        what the service says is `merged`."""
        found = self.read(
            f"SELECT {_PLACE} FROM datasets WHERE identity_id = ? AND deleted = 1 AND (merged_name = ? OR name IN (SELECT value FROM json_each(?)))",
            identity_id,
            name,
            json.dumps(list(merged)),
        )
        return [_place(row) for row in found]

    def delete(self, place: Place) -> None:
        """Here at once; at the service with the next synchronisation."""
        with self.unit() as db:
            db.execute("DELETE FROM records WHERE dataset_id = ?", (place.id,))
            db.execute("DELETE FROM sent WHERE dataset_id = ?", (place.id,))
            db.execute("UPDATE datasets SET deleted = 1, epoch = epoch + 1 WHERE id = ?", (place.id,))

    def deleting(self, place: Place, sync_count: int) -> None:
        with self.unit() as db:
            db.execute("UPDATE datasets SET deleting = ? WHERE id = ?", (sync_count, place.id))

    def deleted(self, place: Place) -> None:
        """At the service too: what was put since is new."""
        with self.unit() as db:
            db.execute("UPDATE datasets SET deleted = 0, deleting = 0, last_sync_count = 0 WHERE id = ?", (place.id,))

    def purge(self, place: Place, upto: int) -> None:
        """The local copy goes, but for edits after `upto`."""
        with self.unit() as db:
            self._still(db, place)
            db.execute("DELETE FROM records WHERE dataset_id = ? AND (pending = 0 OR edit <= ?)", (place.id, upto))
            self._anew(db, place)

    def revive(self, place: Place) -> None:
        """The local copy stays, and becomes new to the service."""
        with self.unit() as db:
            self._still(db, place)
            db.execute("UPDATE records SET pending = 1 WHERE dataset_id = ?", (place.id,))
            self._anew(db, place)

    def _anew(self, db: sqlite3.Connection, place: Place) -> None:
        db.execute("DELETE FROM records WHERE dataset_id = ? AND value IS NULL", (place.id,))
        db.execute("UPDATE records SET sync_count = 0, base = NULL WHERE dataset_id = ?", (place.id,))
        db.execute("DELETE FROM sent WHERE dataset_id = ?", (place.id,))
        db.execute("UPDATE datasets SET last_sync_count = 0, epoch = epoch + 1 WHERE id = ?", (place.id,))

    def _still(self, db: sqlite3.Connection, place: Place) -> None:
        found = db.execute("SELECT epoch FROM datasets WHERE id = ?", (place.id,)).fetchone()
        if found is None or found[0] != place.epoch:
            raise Changed

    # Records

    def rows(self, dataset_id: int) -> dict[str, Row]:
        """Removed ones that the service has not heard of too."""
        return {row.key: row for row in map(_row, self.read(f"SELECT {_ROW} FROM records WHERE dataset_id = ?", dataset_id))}

    def row(self, dataset_id: int, key: str) -> Row | None:
        found = self.read(f"SELECT {_ROW} FROM records WHERE dataset_id = ? AND key = ?", dataset_id, key)
        return _row(found[0]) if found else None

    def pending(self, dataset_id: int, upto: int) -> list[Row]:
        """Removals first: they make room."""
        sql = f"SELECT {_ROW} FROM records WHERE dataset_id = ? AND pending = 1 AND edit <= ? ORDER BY value IS NOT NULL, key"
        return [_row(row) for row in self.read(sql, dataset_id, upto)]

    def is_changed(self, dataset_id: int) -> bool:
        sql = "SELECT 1 FROM datasets WHERE id = ?1 AND deleted = 1 UNION ALL SELECT 1 FROM records WHERE dataset_id = ?1 AND pending = 1 LIMIT 1"
        return bool(self.read(sql, dataset_id))

    def size(self, dataset_id: int) -> tuple[int, int]:
        """Keys, and bytes of keys and values."""
        with self._lock:
            return _size(self._db, dataset_id)

    def last_edit(self) -> int:
        return int(str(self.read("SELECT number FROM edits")[0][0]))

    def put(self, dataset_id: int, values: Mapping[str, str | None], now: float, by: str) -> None:
        """None removes. All, or none. Raises InvalidKey, InvalidValue, DatasetFull."""
        limits.check_values(values, removing=True)
        with self.unit() as db:
            before = _size(db, dataset_id)
            edit = db.execute("UPDATE edits SET number = number + 1 RETURNING number").fetchone()[0]
            db.executemany(
                "INSERT INTO records VALUES (?, ?, ?, 0, 1, NULL, ?, ?, ?) ON CONFLICT (dataset_id, key) DO UPDATE SET"
                " base = CASE WHEN pending = 1 THEN base ELSE value END, value = excluded.value, pending = 1, edit = excluded.edit,"
                " modified_at = excluded.modified_at, modified_by = excluded.modified_by",
                [(dataset_id, key, value, edit, now, by) for key, value in values.items()],
            )
            # what the service cannot have heard of need not be removed there
            db.execute(
                "DELETE FROM records WHERE dataset_id = ?1 AND edit = ?2 AND value IS NULL AND sync_count = 0"
                " AND NOT EXISTS (SELECT 1 FROM sent WHERE sent.dataset_id = ?1 AND sent.key = records.key)",
                (dataset_id, edit),
            )
            limits.check_size(before, _size(db, dataset_id))

    # Synchronisation

    def take(self, place: Place, pulled: Pulled, resolved: Mapping[str, Conflict]) -> tuple[list[Conflict], list[Record]]:
        """Puts in what was pulled: no conflicts, and the records that changed by it. Where there are conflicts that `resolved` does not hold as
        they are now (a key may have been edited while the application was asked) nothing is put in. Raises Changed."""
        with self.unit() as db:
            self._still(db, place)
            rows, sent = self._known(db, place.id, pulled)
            found: list[Conflict] = []
            made: list[tuple[Row | None, Remote, Row | None]] = []
            for remote in (*pulled.records, *missing(rows, pulled)):
                row = rows.get(remote.key)
                what = fate(row, remote, sent.get(remote.key, set()))
                if what is Fate.TAKE:
                    made.append((row, remote, _taken(remote)))
                elif what is Fate.OURS and row is not None:
                    made.append((row, remote, _rebased(row, remote, row.value)))
                elif what is Fate.CONFLICT and row is not None:
                    answer = resolved.get(remote.key)
                    if answer is None or (answer.local, answer.remote) != (row.shown(), remote.shown()):
                        found.append(conflict(row, remote))
                    elif answer.keeps_remote:
                        made.append((row, remote, _taken(remote)))
                    else:
                        made.append((row, remote, _rebased(row, remote, answer.chosen)))
            if found:
                return found, []
            self._write(db, place.id, made)
            count = pulled.sync_count if pulled.exists else 0
            db.execute("UPDATE datasets SET last_sync_count = ? WHERE id = ?", (count, place.id))
        return [], _differing(made)

    def _known(self, db: sqlite3.Connection, dataset_id: int, pulled: Pulled) -> tuple[dict[str, Row], dict[str, set[str]]]:
        """Rows (all of them only where a listing of everything is compared), and what was sent of them."""
        if not pulled.records and pulled.since:
            return {}, {}
        rows = {row.key: row for row in map(_row, db.execute(f"SELECT {_ROW} FROM records WHERE dataset_id = ?", (dataset_id,)))}
        sent: dict[str, set[str]] = {}
        for key, print_ in db.execute("SELECT key, fingerprint FROM sent WHERE dataset_id = ?", (dataset_id,)):
            sent.setdefault(key, set()).add(print_)
        return rows, sent

    def _write(self, db: sqlite3.Connection, dataset_id: int, made: Iterable[tuple[Row | None, Remote, Row | None]]) -> None:
        changes = list(made)
        gone = [(dataset_id, remote.key) for _, remote, after in changes if after is None]
        kept = [
            (dataset_id, row.key, row.value, row.sync_count, row.pending, row.base, row.edit, row.modified_at, row.modified_by)
            for _, _, row in changes
            if row is not None
        ]
        if gone:
            db.executemany("DELETE FROM records WHERE dataset_id = ? AND key = ?", gone)
        db.executemany(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dataset_id, key) DO UPDATE SET value = excluded.value,"
            " sync_count = excluded.sync_count, pending = excluded.pending, base = excluded.base, edit = excluded.edit,"
            " modified_at = excluded.modified_at, modified_by = excluded.modified_by",
            kept,
        )
        if db.execute("SELECT 1 FROM sent WHERE dataset_id = ? LIMIT 1", (dataset_id,)).fetchone():
            keys = json.dumps([remote.key for _, remote, _ in changes])
            db.execute("DELETE FROM sent WHERE dataset_id = ? AND key IN (SELECT value FROM json_each(?))", (dataset_id, keys))

    def sending(self, place: Place, pushes: Sequence[Row]) -> None:
        """Before they are sent: if the answer is lost, they are recognised. Raises Changed."""
        with self.unit() as db:
            self._still(db, place)
            rows = [(place.id, row.key, fingerprint(row.value)) for row in pushes]
            db.executemany("INSERT OR IGNORE INTO sent VALUES (?, ?, ?)", rows)

    def stored(self, place: Place, pushes: Sequence[Row], answered: Sequence[Remote], seen: int) -> tuple[list[Record], bool]:
        """After they were: `answered` is what the service made of them (a function may have changed, added or left out some), `seen` the sync
        count of the dataset before. Gives what came out otherwise, and whether nothing else happened meanwhile. Raises Changed."""
        with self.unit() as db:
            self._still(db, place)
            plain = _as_sent(pushes, answered)
            self._settle(db, place.id, plain, max((row.edit for row in pushes), default=0))
            # rows that are settled need not be looked at one by one
            others = "" if len(plain) < len(answered) else " AND pending = 1"
            found = db.execute(f"SELECT {_ROW} FROM records WHERE dataset_id = ?{others}", (place.id,))
            rows = {row.key: row for row in map(_row, found)}
            made: list[tuple[Row | None, Remote, Row | None]] = []
            complete = all(remote.sync_count == seen + 1 for remote in answered) and bool(answered)
            pushed = {row.key: row for row in pushes}
            for remote in answered:
                row = rows.get(remote.key)
                if remote.key in plain and (row is None or not row.pending):
                    continue
                if row is None or not row.pending or (remote.key in pushed and row.edit == pushed[remote.key].edit):
                    made.append((row, remote, _taken(remote)))
                elif remote.key in pushed:
                    made.append((row, remote, _rebased(row, remote, row.value)))
                else:
                    complete = False  # an edit of its own meets what the function added: the next pull shows it
            for left in pushed.keys() - {remote.key for remote in answered}:
                row = rows.get(left)
                if row is not None and row.edit == pushed[left].edit:
                    before = Remote(left, row.base, row.sync_count, row.modified_at, row.modified_by)
                    made.append((row, before, _taken(before)))
            self._write(db, place.id, made)
            if complete:
                db.execute("UPDATE datasets SET last_sync_count = ? WHERE id = ?", (seen + 1, place.id))
        return _differing(made), complete

    def _settle(self, db: sqlite3.Connection, dataset_id: int, plain: Mapping[str, Remote], upto: int) -> None:
        """Those that came out as they were sent, and were not edited since, in one go."""
        if not plain:
            return
        any_ = next(iter(plain.values()))
        keys = json.dumps(list(plain))
        among = "dataset_id = ? AND key IN (SELECT value FROM json_each(?))"
        db.execute(
            f"UPDATE records SET pending = 0, base = NULL, sync_count = ?, modified_by = ? WHERE {among} AND pending = 1 AND edit <= ?",
            (any_.sync_count, any_.modified_by, dataset_id, keys, upto),
        )
        db.execute("DELETE FROM records WHERE dataset_id = ? AND pending = 0 AND value IS NULL", (dataset_id,))
        db.execute(f"DELETE FROM sent WHERE {among}", (dataset_id, keys))

    def start_over(self, place: Place) -> None:
        """The next pull lists everything."""
        with self.unit() as db:
            db.execute("UPDATE datasets SET last_sync_count = 0 WHERE id = ? AND epoch = ?", (place.id, place.epoch))


def _differing(made: Sequence[tuple[Row | None, Remote, Row | None]]) -> list[Record]:
    """As the application sees it."""
    return [remote.shown() for row, remote, after in made if (row.value if row else None) != (after.value if after else None)]


def _as_sent(pushes: Sequence[Row], answered: Sequence[Remote]) -> dict[str, Remote]:
    """Answers that hold what was sent, at one sync count."""
    sent = {row.key: row.value for row in pushes}
    count = answered[0].sync_count if answered else 0
    return {each.key: each for each in answered if each.key in sent and sent[each.key] == each.value and each.sync_count == count}


def _taken(remote: Remote) -> Row | None:
    if remote.value is None:
        return None
    return Row(remote.key, remote.value, remote.sync_count, False, None, 0, remote.modified_at, remote.modified_by)


def _rebased(row: Row, remote: Remote, value: str | None) -> Row:
    """Still to be sent, on top of the remote one."""
    return Row(row.key, value, remote.sync_count, True, remote.value, row.edit, row.modified_at, row.modified_by)


def _size(db: sqlite3.Connection, dataset_id: int) -> tuple[int, int]:
    sql = "SELECT COUNT(*), COALESCE(SUM(LENGTH(CAST(key AS BLOB)) + LENGTH(CAST(value AS BLOB))), 0) FROM records WHERE dataset_id = ? AND value IS NOT NULL"
    keys, size = db.execute(sql, (dataset_id,)).fetchone()
    return int(keys), int(size)


def _row(found: Sequence[object]) -> Row:
    key, value, sync_count, pending, base, edit, modified_at, modified_by = found
    return Row(key, value, sync_count, bool(pending), base, edit, modified_at, modified_by)  # type: ignore[arg-type] # as the schema has it


def _place(found: Sequence[object]) -> Place:
    id_, identity_id, name, last, deleted, deleting, epoch = found
    return Place(id_, identity_id, name, last, bool(deleted), deleting, epoch)  # type: ignore[arg-type] # as the schema has it
