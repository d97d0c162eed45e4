"""What storage can answer besides rows. It has never heard of Cognito: services map these once."""

from __future__ import annotations


class StorageError(Exception):
    """Root: Missing, Taken, Stale, Unavailable, NewerDatabase, Locked."""


class Missing(StorageError):
    """The row that was to be read or changed is not there."""


class Taken(StorageError):
    """A unique key is held by another row. `what` names the constraint, never the value."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Stale(StorageError):
    """The row changed since it was read: compare-and-swap failed."""


class Unavailable(StorageError):
    """The database cannot be reached or written now (disk full, read-only, connection lost); a later try may succeed."""


class CannotStart(StorageError):
    """The database cannot be used at all: newer schema, held by another server, unreadable. The text is one clear sentence."""
