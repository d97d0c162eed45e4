"""What can go wrong.

SyncError
├── InvalidName     a dataset's name that the service would refuse
├── InvalidKey      a key that the service would refuse
├── InvalidValue    a value that the service would refuse
├── DatasetFull     more than 1,024 keys or 1 MB
├── Unreachable     no answer, or none but "later", in all the time that `Retry` gives
├── Refused         the service said no; `code` is AWS's name of the error
├── Contended       other devices kept changing the same keys while this one wanted to
├── Cancelled       a callback answered False
├── NotSignedIn     the data belongs to a user whose logins are not there
└── UnknownFile     the file was written by a newer release, or is none of ours
"""

from __future__ import annotations


class SyncError(Exception):
    """The root of them all."""


class InvalidName(SyncError, ValueError):
    pass


class InvalidKey(SyncError, ValueError):
    pass


class InvalidValue(SyncError, ValueError):
    pass


class DatasetFull(SyncError):
    pass


class Unreachable(SyncError):
    pass


class Refused(SyncError):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.date: float | None = None  # of the answer, in epoch seconds


class Contended(SyncError):
    pass


class Cancelled(SyncError):
    pass


class NotSignedIn(SyncError):
    pass


class UnknownFile(SyncError):
    pass
