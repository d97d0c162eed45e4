"""What becomes of a local record when the service tells of a remote one: pure decisions, made again within the transaction that carries them out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import Enum, auto

from cognomen_sync.records import Conflict, Record, moment


@dataclass(frozen=True, slots=True)
class Row:
    """A record as the file keeps it. `pending`: changed here since `sync_count`, when the value was `base`. `edit` numbers the change."""

    key: str
    value: str | None
    sync_count: int
    pending: bool
    base: str | None
    edit: int
    modified_at: float
    modified_by: str

    def shown(self) -> Record:
        return Record(self.key, self.value, self.sync_count, moment(self.modified_at), self.modified_by, self.pending)


@dataclass(frozen=True, slots=True)
class Remote:
    """A record as the service tells it. `gone`: it is not in a listing of everything, so its count is not known."""

    key: str
    value: str | None
    sync_count: int
    modified_at: float = 0.0
    modified_by: str = ""
    gone: bool = False

    def shown(self) -> Record:
        return Record(self.key, self.value, self.sync_count, moment(self.modified_at), self.modified_by)


@dataclass(frozen=True)
class Pulled:
    """Everything that changed after `since`. `sync_count` is that of the first page: what came later comes again next time."""

    since: int
    sync_count: int
    exists: bool
    deleted: bool
    token: str
    merged: list[str] = field(default_factory=list)
    records: list[Remote] = field(default_factory=list)

    @property
    def is_all(self) -> bool:
        """Whether the service lists everything, since it does not know any more which records were removed: it says "deleted" then, too, but
        after a deletion nothing would be there from before."""
        return self.deleted and self.exists and any(record.sync_count <= self.since for record in self.records)


class Fate(Enum):
    NOTHING = auto()  # it was known
    TAKE = auto()  # the remote one is put in its place
    OURS = auto()  # the remote one is what the edit here was made on top of: the edit stays
    CONFLICT = auto()


def fate(row: Row | None, remote: Remote, sent: Set[str]) -> Fate:
    """`sent` holds the fingerprints of what was sent for the key and never answered."""
    if row is None:
        return Fate.NOTHING if remote.value is None else Fate.TAKE
    if not remote.gone and remote.sync_count <= row.sync_count:
        return Fate.NOTHING
    if not row.pending or row.value == remote.value:
        return Fate.TAKE
    if remote.value is not None and remote.value == row.base:
        return Fate.OURS  # stored anew, as it was: the edit was made on top of just that
    return Fate.OURS if fingerprint(remote.value) in sent else Fate.CONFLICT


def fingerprint(value: str | None) -> str:
    return "removed" if value is None else hashlib.sha256(value.encode()).hexdigest()


def missing(rows: Mapping[str, Row], pulled: Pulled) -> list[Remote]:
    """What a listing of everything does not name any more, although the service had it."""
    if pulled.since:
        return []
    there = {remote.key for remote in pulled.records}
    return [
        Remote(row.key, None, 0, gone=True) for row in rows.values() if row.key not in there and 0 < row.sync_count <= pulled.sync_count
    ]


def was_deleted(rows: Mapping[str, Row], pulled: Pulled) -> bool:
    known = pulled.since > 0 or any(row.sync_count > 0 for row in rows.values())
    return pulled.deleted or (known and not pulled.exists)


def conflict(row: Row, remote: Remote) -> Conflict:
    return Conflict(row.key, row.shown(), remote.shown())
