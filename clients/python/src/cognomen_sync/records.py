"""The values that the library speaks in: records, conflicts, callbacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """`value` is None for a removed one. `sync_count` is the one at which the service knows it, 0 for one that it does not know."""

    key: str
    value: str | None
    sync_count: int
    modified_at: datetime
    modified_by: str = ""
    is_changed: bool = False


@dataclass(slots=True)
class Conflict:
    """A key that was changed here and, since the last synchronisation, elsewhere. One of the methods says which is to stay; the last call
    counts. A conflict that is left alone is resolved with the remote record."""

    key: str
    local: Record
    remote: Record
    chosen: str | None = field(default=None, repr=False)
    keeps_remote: bool = field(default=True, repr=False)

    def resolve_with_remote(self) -> None:
        self.keeps_remote = True

    def resolve_with_local(self) -> None:
        self.keeps_remote, self.chosen = False, self.local.value

    def resolve_with_value(self, value: str | None) -> None:
        """None removes the key."""
        self.keeps_remote, self.chosen = False, value

    def resolve_with_last_writer(self) -> None:
        """By the clocks of the devices."""
        if self.local.modified_at > self.remote.modified_at:
            self.resolve_with_local()
        else:
            self.resolve_with_remote()


@dataclass(frozen=True)
class Callbacks:
    """What `synchronize` asks and tells. `dataset` is the Dataset (or AsyncDataset) that is synchronised. With AsyncCognitoSync each may be a
    coroutine function.

    on_success(dataset, new_records)        what other devices changed, removed records with value None
    on_failure(error)                       a SyncError; without it, `synchronize` raises
    on_conflict(dataset, conflicts)         resolve them and return True; False stops and leaves all as it was. Without it the remote wins
    on_dataset_deleted(dataset, name)       True: the local copy goes too; False: it is kept, and stored anew. Without it: True
    on_datasets_merged(dataset, names)      datasets that a merged identity brought along. True: go on; False: stop. Without it they stay
                                            where they are, and synchronisation goes on
    """

    on_success: Callable[[Any, list[Record]], Awaitable[None] | None] | None = None
    on_failure: Callable[[Exception], Awaitable[None] | None] | None = None
    on_conflict: Callable[[Any, list[Conflict]], Awaitable[bool] | bool] | None = None
    on_dataset_deleted: Callable[[Any, str], Awaitable[bool] | bool] | None = None
    on_datasets_merged: Callable[[Any, list[str]], Awaitable[bool] | bool] | None = None


def remote_wins(dataset: object, conflicts: Sequence[Conflict]) -> bool:
    """An `on_conflict`: what came first to the service stays."""
    for conflict in conflicts:
        conflict.resolve_with_remote()
    return True


def local_wins(dataset: object, conflicts: Sequence[Conflict]) -> bool:
    """An `on_conflict`: this device overwrites."""
    for conflict in conflicts:
        conflict.resolve_with_local()
    return True


def last_writer_wins(dataset: object, conflicts: Sequence[Conflict]) -> bool:
    """An `on_conflict`: the later change by the clocks of the devices."""
    for conflict in conflicts:
        conflict.resolve_with_last_writer()
    return True


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
