"""One synchronisation of one dataset: pull, ask, put in, push, until nothing is left of what was edited before it began.

https://docs.aws.amazon.com/cognito/latest/developerguide/synchronizing-data.html. Nothing is sent twice in the dark: when an answer is lost, the
next pull tells whether the request had arrived.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cognomen_sync.errors import Cancelled, Contended, Refused, SyncError
from cognomen_sync.local import Changed, LocalFile, Place
from cognomen_sync.merge import Pulled, Remote, Row, was_deleted
from cognomen_sync.records import Callbacks, Conflict, Record
from cognomen_sync.service import Later, Tries
from cognomen_sync.session import Session
from cognomen_sync.signing import Credentials
from cognomen_sync.steps import Ask, Steps

_PAGE = "1024"
_PART = 1 << 20  # bytes of one UpdateRecords, unless a single record is larger
_AROUND = 100  # what stands around a key and a value
_MOST_KEYS = 1_024
_ROUNDS = 10  # how often others may be faster
_MOST_ROUNDS = 1_000  # a service that contradicts itself is not asked for ever


class Synchronization:
    """`dataset` is what callbacks are given."""

    def __init__(self, dataset: object, name: str, session: Session, file: LocalFile, callbacks: Callbacks, tries: Tries, by: str) -> None:
        self._dataset = dataset
        self._name = name
        self._session = session
        self._file = file
        self._callbacks = callbacks
        self._tries = tries
        self._by = by
        self._upto = 0
        self._asked: set[str] = set()  # names of merged datasets of which the application was told
        self._news: dict[str, Record] = {}

    def run(self) -> Steps[list[Record]]:
        """What others changed. Raises SyncError."""
        self._upto = self._file.last_edit()
        lost = 0
        for _ in range(_MOST_ROUNDS):
            if lost == _ROUNDS:
                break
            credentials = yield from self._session.ready()
            place = self._file.place(credentials.identity_id, self._name)
            try:
                if (yield from self._round(credentials, place)):
                    return list(self._news.values())
            except Later as cause:
                yield from self._tries.pause(cause)
            except Changed:
                pass
            except Refused as refused:
                if refused.code != "ResourceConflictException":
                    raise
                lost += 1
                if lost > _ROUNDS // 2:
                    self._file.start_over(place)
                yield from self._tries.pause(refused)
        raise Contended(f"Others kept changing {self._name}.")

    def _round(self, credentials: Credentials, place: Place) -> Steps[bool]:
        """True when nothing is left to do."""
        if place.deleted:
            yield from self._delete(credentials, place)
            return False
        pulled = yield from self._pull(credentials, place)
        if pulled.is_all:
            self._file.start_over(place)
            return False
        if (yield from self._merged(credentials, pulled)):
            return False
        if was_deleted(self._file.rows(place.id) if not pulled.exists else {}, pulled):
            yield from self._deleted_elsewhere(place)
            return False
        for record in (yield from self._take(place, pulled)):
            self._news[record.key] = record
        pushes = part(self._file.pending(place.id, self._upto))
        return not pushes or (yield from self._push(credentials, place, pulled, pushes))

    # Pull

    def _pull(self, credentials: Credentials, place: Place) -> Steps[Pulled]:
        """All pages, in one session."""
        first = page = yield from self._page(credentials, place, place.last_sync_count, _PAGE)
        records = [_remote(each) for each in first.get("Records") or ()]
        deleted = bool(first.get("DatasetDeletedAfterRequestedSyncCount"))
        while page.get("NextToken"):
            more = {"nextToken": str(page["NextToken"]), "syncSessionToken": str(first["SyncSessionToken"])}
            page = yield from self._page(credentials, place, place.last_sync_count, _PAGE, more)
            records += [_remote(each) for each in page.get("Records") or ()]
            if bool(page.get("DatasetDeletedAfterRequestedSyncCount")) != deleted:
                raise Changed
        return Pulled(
            place.last_sync_count,
            int(first.get("DatasetSyncCount") or 0),
            bool(first.get("DatasetExists")),
            deleted,
            str(first["SyncSessionToken"]),
            [str(name) for name in first.get("MergedDatasetNames") or ()],
            list({record.key: record for record in records}.values()),
        )

    def _page(
        self, credentials: Credentials, place: Place, since: int, size: str, more: dict[str, str] | None = None
    ) -> Steps[dict[str, Any]]:
        path = (*self._path(credentials, place), "records")
        query = {"lastSyncCount": str(since), "maxResults": size, **(more or {})}
        return (yield from self._session.call(credentials, "GET", path, query))

    def _path(self, credentials: Credentials, place: Place) -> tuple[str, ...]:
        return ("identities", credentials.identity_id, "datasets", place.name)

    def _merged(self, credentials: Credentials, pulled: Pulled) -> Steps[bool]:
        """True when the application looked after merged datasets, so that the dataset must be looked at again."""
        who = credentials.identity_id
        for gone in self._file.deleted_of(who, self._name, pulled.merged):
            yield from self._delete(credentials, gone)
            return True
        names = sorted({*pulled.merged, *self._file.merged_names(who, self._name)} - self._asked)
        ask = self._callbacks.on_datasets_merged
        if not names or ask is None:
            return False
        self._asked.update(names)
        if not (yield Ask(ask, (self._dataset, names))):
            raise Cancelled("on_datasets_merged stopped the synchronisation.")
        self._upto = self._file.last_edit()
        return True

    def _deleted_elsewhere(self, place: Place) -> Steps[None]:
        ask = self._callbacks.on_dataset_deleted
        if ask is None or (yield Ask(ask, (self._dataset, self._name))):
            self._file.purge(place, self._upto)
        else:
            self._file.revive(place)

    def _take(self, place: Place, pulled: Pulled) -> Steps[list[Record]]:
        resolved: dict[str, Conflict] = {}
        for _ in range(_ROUNDS):
            conflicts, news = self._file.take(place, pulled, resolved)
            if not conflicts:
                return news
            ask = self._callbacks.on_conflict
            if ask is not None and not (yield Ask(ask, (self._dataset, conflicts))):
                raise Cancelled("on_conflict stopped the synchronisation.")
            self._upto = max(self._upto, self._file.last_edit() if ask is not None else 0)
            resolved |= {conflict.key: conflict for conflict in conflicts}
        raise Contended(f"{self._name} was edited all the time.")

    # Push

    def _push(self, credentials: Credentials, place: Place, pulled: Pulled, pushes: list[Row]) -> Steps[bool]:
        body: dict[str, Any] = {"SyncSessionToken": pulled.token, "RecordPatches": [_patch(row) for row in pushes]}
        device = self._file.device(credentials.identity_id) or self._by
        if device:
            body["DeviceId"] = device
        self._file.sending(place, pushes)
        answer = yield from self._session.call(credentials, "POST", self._path(credentials, place), body=body)
        answered = [_remote(each) for each in answer.get("Records") or ()]
        others, complete = self._file.stored(place, pushes, answered, pulled.sync_count)
        for record in others:
            self._news[record.key] = record
        return complete and not self._file.pending(place.id, self._upto)

    def _delete(self, credentials: Credentials, place: Place) -> Steps[None]:
        """Once: where it was deleted since it was seen last, by a request of this device whose answer was lost or by another device, what is
        there now is another's."""
        since = place.deleting or place.last_sync_count
        found = yield from self._page(credentials, place, since, "1")
        oldest = [_remote(each) for each in found.get("Records") or ()]
        deleted = bool(found.get("DatasetDeletedAfterRequestedSyncCount"))
        if found.get("DatasetExists") and (not deleted or any(record.sync_count <= since for record in oldest)):
            self._file.deleting(place, int(found.get("DatasetSyncCount") or 0))
            try:
                yield from self._session.call(credentials, "DELETE", self._path(credentials, place))
            except Refused as refused:
                if refused.code != "ResourceNotFoundException":
                    raise
        self._file.deleted(place)


def part(pending: Iterable[Row]) -> list[Row]:
    """What one request takes of them."""
    taken: list[Row] = []
    size = 0
    for row in pending:
        size += len(row.key.encode()) + len((row.value or "").encode()) + _AROUND
        if taken and (size > _PART or len(taken) == _MOST_KEYS):
            break
        taken.append(row)
    return taken


def _patch(row: Row) -> dict[str, Any]:
    patch = {"Op": "remove" if row.value is None else "replace", "Key": row.key, "SyncCount": row.sync_count}
    return {**patch, "DeviceLastModifiedDate": row.modified_at, **({} if row.value is None else {"Value": row.value})}


def _remote(found: dict[str, Any]) -> Remote:
    at = found.get("DeviceLastModifiedDate") or found.get("LastModifiedDate") or 0.0
    value = found.get("Value")
    return Remote(str(found["Key"]), value, int(found.get("SyncCount") or 0), float(at), str(found.get("LastModifiedBy") or ""))


def reported(steps: Steps[list[Record]], dataset: object, callbacks: Callbacks) -> Steps[bool]:
    """Tells the application how it ended. Raises SyncError where nobody wants to be told."""
    try:
        news = yield from steps
    except SyncError as error:
        if callbacks.on_failure is None:
            raise
        yield Ask(callbacks.on_failure, (error,))
        return False
    if callbacks.on_success is not None:
        yield Ask(callbacks.on_success, (dataset, news))
    return True
