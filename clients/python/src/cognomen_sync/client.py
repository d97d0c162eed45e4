"""The blocking client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import httpx

from cognomen_sync import events, push
from cognomen_sync.base import QUIET, Client, LocalDataset
from cognomen_sync.errors import Cancelled, SyncError
from cognomen_sync.events import SyncEvent
from cognomen_sync.push import Platform
from cognomen_sync.records import Callbacks
from cognomen_sync.steps import Alone, Answer, Ask, Follow, NoAnswer, Request, Send, Steps, Wait

T = TypeVar("T")
TIMEOUT = httpx.Timeout(15.0, connect=5.0)
SILENCE = httpx.Timeout(120.0, connect=5.0)  # after which a stream of events counts as broken


class CognitoSync(Client):
    """See Client. `transport` is httpx's. Threads may share one; it is a context manager."""

    def __init__(self, identity_pool_id: str, *, transport: httpx.BaseTransport | None = None, **settings: Any) -> None:
        super().__init__(identity_pool_id, **settings)
        self._http = httpx.Client(transport=transport, timeout=TIMEOUT, trust_env=transport is None)
        self._closed = threading.Event()
        self._turns: dict[str, _Turn] = {}
        self._waiting: dict[str, object] = {}

    def open_dataset(self, name: str) -> Dataset:
        """Made with its first record. Raises InvalidName."""
        return Dataset(self, name)

    def register_device(self, platform: Platform, token: str) -> str:
        """`token` is what the platform calls this installation. Gives the device's id. Raises SyncError."""
        return self._run(push.register(self._session, self._file, self._tries(), platform, token))

    def subscribe_all(self) -> None:
        """To every dataset that lies here."""
        for name in self.datasets():
            self._run(push.subscribe(self._session, self._file, self._tries(), name))

    def listen(
        self,
        callback: Callable[[SyncEvent], None],
        *,
        on_open: Callable[[], None] | None = None,
        on_failure: Callable[[Exception], None] | None = None,
    ) -> Listening:
        """Calls back, in a thread of its own, whenever a dataset was changed (by another device, where this one is registered or has a
        `device_id`); needs a Cognomen server."""
        return Listening(self, callback, on_open, on_failure)

    def close(self) -> None:
        self._closed.set()
        self._http.close()
        self._file.close()

    def __enter__(self) -> CognitoSync:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _run(self, steps: Steps[T]) -> T:
        """The shell: does what the steps ask for."""
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                step = steps.throw(error) if error is not None else steps.send(value)
            except StopIteration as done:
                result: T = done.value
                return result
            value = error = None
            try:
                match step:
                    case Send(request):
                        value = self._send(request)
                    case Wait(seconds):
                        if self._closed.wait(seconds):
                            raise Cancelled("The client was closed.")
                    case Ask(function, arguments):
                        value = function(*arguments)
                    case Alone(name, inner):
                        with self._turns.setdefault(name, _Turn()):
                            value = self._run(inner)
                    case Follow():
                        value = self._follow(step)
            except BaseException as raised:  # noqa: BLE001 - whatever it was, the steps see it, as if they had done it themselves
                error = raised

    def _send(self, request: Request) -> Answer:
        try:
            answer = self._http.request(request.method, request.url, headers=request.headers, content=request.body)
        except httpx.TransportError as cause:
            raise NoAnswer(f"{type(cause).__name__}: {cause}") from cause
        return Answer(answer.status_code, dict(answer.headers), answer.content)

    def _follow(self, step: Follow) -> Answer:
        request = step.request
        try:
            with self._http.stream(request.method, request.url, headers=request.headers, timeout=SILENCE) as answer:
                if answer.status_code >= 300:
                    return Answer(answer.status_code, dict(answer.headers), answer.read())
                if step.on_open is not None:
                    step.on_open()
                for line in answer.iter_lines():
                    event = step.feed(line)
                    if event is not None:
                        step.callback(event)
                return Answer(answer.status_code, dict(answer.headers), b"")
        except httpx.TransportError as cause:
            raise NoAnswer(f"{type(cause).__name__}: {cause}") from cause


class Dataset(LocalDataset):
    """See LocalDataset for what needs no network."""

    _client: CognitoSync

    def synchronize(self, callbacks: Callbacks | None = None) -> bool:
        """True when it succeeded. Raises SyncError, unless `callbacks.on_failure` is there to be told."""
        return self._client._run(self._reporting(callbacks))

    def synchronize_on_connectivity(
        self, callbacks: Callbacks | None = None, *, when: Callable[[], bool] | None = None, every: float = 10.0
    ) -> None:
        """In the background, once the service answers and `when()` is true ("only on wifi"); looked at all `every` seconds. The last request for
        a dataset counts. Nothing is left of it when the process ends: ask again at the next start, where `is_changed`."""
        wanted, waiting = object(), self._client._waiting
        waiting[self.name] = wanted
        steps = self._connecting(callbacks or QUIET, when, every, lambda: waiting.get(self.name) is wanted)
        threading.Thread(target=self._in_background, args=(steps,), name=f"synchronise {self.name}", daemon=True).start()

    def _in_background(self, steps: Steps[None]) -> None:
        try:
            self._client._run(steps)
        except Cancelled:
            return  # closed

    def subscribe(self) -> None:
        """To pushes, when another device changes it. Raises SyncError."""
        self._client._run(push.subscribe(self._client._session, self._file, self._client._tries(), self.name))

    def unsubscribe(self) -> None:
        self._client._run(push.unsubscribe(self._client._session, self._file, self._client._tries(), self.name))


class Listening:
    """A thread that follows the stream of events until `stop`, or until the service refuses: then `error` says why."""

    def __init__(
        self,
        client: CognitoSync,
        callback: Callable[[SyncEvent], None],
        on_open: Callable[[], None] | None,
        on_failure: Callable[[Exception], None] | None,
    ) -> None:
        self.error: SyncError | None = None
        self._client = client
        self._callback = callback
        self._on_failure = on_failure
        self._stopped = threading.Event()
        steps = events.listen(client._session, client._service, self._tell, on_open, client._device, lambda: not self._stopped.is_set())
        self._thread = threading.Thread(target=self._run, args=(steps,), name="sync events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No callback begins after this. The connection is left at its next line."""
        self._stopped.set()

    def _tell(self, event: SyncEvent) -> None:
        if self._stopped.is_set():
            raise Cancelled("stopped")
        self._callback(event)

    def _run(self, steps: Steps[None]) -> None:
        try:
            self._client._run(steps)
        except Cancelled:
            return
        except SyncError as error:
            self.error = error
            if self._on_failure is not None:
                self._on_failure(error)


class _Turn:
    """A lock that tells a callback which would wait for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    def __enter__(self) -> None:
        if self._owner == threading.get_ident():
            raise SyncError("A callback can not synchronise the dataset whose synchronisation called it.")
        self._lock.acquire()
        self._owner = threading.get_ident()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._owner = None
        self._lock.release()
