"""What both clients share: everything that needs no network, and the steps of everything that does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from cognomen_sync import limits
from cognomen_sync.errors import SyncError, Unreachable
from cognomen_sync.local import LocalFile, Place
from cognomen_sync.records import Callbacks, Record
from cognomen_sync.service import Retry, Service, Tries
from cognomen_sync.session import LoginSource, Session
from cognomen_sync.steps import Alone, Ask, Steps, Wait
from cognomen_sync.synchronize import Synchronization, reported

log = logging.getLogger("cognomen_sync")
QUIET = Callbacks()


class Client:
    """Constructed as CognitoSync and AsyncCognitoSync.

    identity_pool_id  `REGION:UUID`
    region            where it is not the pool's own
    logins            {provider: token} of the user, or a DeveloperLogin, or a function that gives either; None for a guest
    endpoint_url      a server other than AWS's, for both services
    endpoints         {"cognito-identity": ..., "cognito-sync": ...} where they differ
    path              the application's file; ":memory:" keeps nothing
    device_id         what changes are marked with, where no device is registered
    retry             how long a call tries
    clock             epoch seconds
    """

    def __init__(
        self,
        identity_pool_id: str,
        *,
        region: str | None = None,
        logins: LoginSource | None = None,
        endpoint_url: str | None = None,
        endpoints: Mapping[str, str] | None = None,
        path: str | Path | LocalFile = "app.sqlite3",
        device_id: str = "",
        retry: Retry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        where = region or identity_pool_id.partition(":")[0]
        names = ("cognito-identity", "cognito-sync")
        addresses = {name: endpoint_url or f"https://{name}.{where}.amazonaws.com" for name in names} | dict(endpoints or {})
        self._retry = retry or Retry()
        self._service = Service(addresses, where, self._retry, clock)
        self._file = path if isinstance(path, LocalFile) else LocalFile(path)
        self._session = Session(identity_pool_id, self._file, self._service, logins)
        self._device_id = device_id
        self._clock = clock

    @property
    def identity_id(self) -> str | None:
        """Of whom the data is; None until the service was reached for the first time."""
        return self._session.identity_id

    def datasets(self) -> list[str]:
        """Names of those that lie here, also the ones that a merged identity brought along."""
        return self._file.names(self._session.owner)

    def set_logins(self, logins: LoginSource | None) -> None:
        """With the next contact a guest becomes this user, their datasets included (AWS calls those that the user had already NAME.IDENTITY:
        on_datasets_merged), by a DeveloperLogin where the backend says so. Where a user was here, theirs stay apart; sign them out first, or what
        is put before the next contact is theirs. None signs the user out: what is put then is a new guest's."""
        self._session.sign_in(logins)

    def wipe(self) -> None:
        """Forgets every identity and all their data on this device. Nothing is deleted at the service."""
        self._session.wipe()

    def _device(self, identity_id: str) -> str:
        """What changes are marked with."""
        return self._file.device(identity_id) or self._device_id

    def _tries(self) -> Tries:
        return Tries(self._retry)


class LocalDataset(MutableMapping[str, str]):
    """A dataset as it lies on this device: a mapping of texts to texts. Each change is kept when the method returns, and sent by `synchronize`."""

    def __init__(self, client: Client, name: str) -> None:
        limits.check_name(name)
        self._client = client
        self.name = name

    def put(self, key: str, value: str) -> None:
        """Raises InvalidKey, InvalidValue, DatasetFull."""
        self.put_all({key: value})

    def put_all(self, values: Mapping[str, str]) -> None:
        """All of them, or none."""
        limits.check_values(values)
        self._put(values)

    def remove(self, key: str) -> None:
        """Also where it is not there."""
        limits.check_key(key)
        if self._file.row(self._place.id, key) is not None:
            self._put({key: None})

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override] # one default is enough
        found = self._file.row(self._place.id, key)
        return default if found is None or found.value is None else found.value

    def record(self, key: str) -> Record | None:
        """The value with what is known of it; a removed one until the service knows of its removal."""
        found = self._file.row(self._place.id, key)
        return found.shown() if found else None

    def delete(self) -> None:
        """All of it, here at once, at the service with the next `synchronize`. What is put afterwards is new."""
        self._file.delete(self._place)

    @property
    def size(self) -> int:
        """Bytes of keys and values, as the service counts them."""
        return self._file.size(self._place.id)[1]

    @property
    def last_sync_count(self) -> int:
        return self._place.last_sync_count

    @property
    def is_changed(self) -> bool:
        """Whether there is something to send."""
        return self._file.is_changed(self._place.id)

    def __getitem__(self, key: str) -> str:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, value: str) -> None:
        self.put(key, value)

    def __delitem__(self, key: str) -> None:
        if self.get(key) is None:
            raise KeyError(key)
        self.remove(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return self._file.size(self._place.id)[0]

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def items(self) -> Any:
        """Of one moment, in the order of the keys."""
        return self._values().items()

    def _values(self) -> dict[str, str]:
        return {key: row.value for key, row in sorted(self._file.rows(self._place.id).items()) if row.value is not None}

    def _put(self, values: Mapping[str, str | None]) -> None:
        self._file.put(self._place.id, values, self._client._clock(), self._client._device_id)

    @property
    def _file(self) -> LocalFile:
        return self._client._file

    @property
    def _place(self) -> Place:
        return self._file.place(self._client._session.owner, self.name)

    # Steps

    def _synchronizing(self, callbacks: Callbacks) -> Steps[list[Record]]:
        client = self._client
        steps = Synchronization(self, self.name, client._session, client._file, callbacks, client._tries(), client._device_id).run()
        news: list[Record] = yield Alone(f"dataset {self.name}", steps)
        return news

    def _reporting(self, callbacks: Callbacks | None) -> Steps[bool]:
        return reported(self._synchronizing(callbacks or QUIET), self, callbacks or QUIET)

    def _connecting(self, callbacks: Callbacks, when: Callable[[], Any] | None, every: float, is_wanted: Callable[[], bool]) -> Steps[None]:
        while is_wanted():
            if when is None or (yield Ask(when)):
                try:
                    yield from reported(self._unless_offline(callbacks), self, callbacks)
                except _Offline as cause:
                    log.debug("still offline: %s", cause.__cause__)
                except SyncError:
                    log.warning("a synchronisation in the background failed", exc_info=True)
                    return
                else:
                    return
            yield Wait(every)

    def _unless_offline(self, callbacks: Callbacks) -> Steps[list[Record]]:
        try:
            return (yield from self._synchronizing(callbacks))
        except Unreachable as cause:
            raise _Offline from cause


class _Offline(Exception):
    """Nothing to tell the application: it will be tried again."""
