"""Key-value data of an app's users: kept in a file of the app, always at hand, synchronised over Amazon Cognito Sync or a Cognomen server.

CognitoSync (or AsyncCognitoSync) -> open_dataset(name) -> put, get, remove, items -> synchronize(Callbacks(...)).
"""

from cognomen_sync.aio import AsyncCognitoSync, AsyncDataset
from cognomen_sync.client import CognitoSync, Dataset, Listening
from cognomen_sync.errors import (
    Cancelled,
    Contended,
    DatasetFull,
    InvalidKey,
    InvalidName,
    InvalidValue,
    NotSignedIn,
    Refused,
    SyncError,
    UnknownFile,
    Unreachable,
)
from cognomen_sync.events import SyncEvent
from cognomen_sync.local import LocalFile
from cognomen_sync.merged import adopt_merged, adopt_merged_async
from cognomen_sync.records import Callbacks, Conflict, Record, last_writer_wins, local_wins, remote_wins
from cognomen_sync.service import Retry
from cognomen_sync.session import DeveloperLogin

__all__ = [
    "AsyncCognitoSync",
    "AsyncDataset",
    "Callbacks",
    "Cancelled",
    "CognitoSync",
    "Conflict",
    "Contended",
    "Dataset",
    "DatasetFull",
    "DeveloperLogin",
    "InvalidKey",
    "InvalidName",
    "InvalidValue",
    "Listening",
    "LocalFile",
    "NotSignedIn",
    "Record",
    "Refused",
    "Retry",
    "SyncError",
    "SyncEvent",
    "UnknownFile",
    "Unreachable",
    "adopt_merged",
    "adopt_merged_async",
    "last_writer_wins",
    "local_wins",
    "remote_wins",
]
