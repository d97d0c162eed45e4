"""The client for asyncio: the same names, awaited where the network is involved. What is local is called as it is: it takes a moment, not a wait."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

import httpx

from cognomen_sync import events, push
from cognomen_sync.base import QUIET, Client, LocalDataset
from cognomen_sync.client import SILENCE, TIMEOUT
from cognomen_sync.errors import SyncError
from cognomen_sync.events import SyncEvent
from cognomen_sync.push import Platform
from cognomen_sync.records import Callbacks
from cognomen_sync.steps import Alone, Answer, Ask, Follow, NoAnswer, Request, Send, Steps, Wait

T = TypeVar("T")


class AsyncCognitoSync(Client):
    """See Client. `transport` is httpx's. For one event loop; it is an asynchronous context manager."""

    def __init__(self, identity_pool_id: str, *, transport: httpx.AsyncBaseTransport | None = None, **settings: Any) -> None:
        super().__init__(identity_pool_id, **settings)
        self._http = httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=transport is None)
        self._turns: dict[str, _Turn] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def open_dataset(self, name: str) -> AsyncDataset:
        """Made with its first record. Raises InvalidName."""
        return AsyncDataset(self, name)

    async def register_device(self, platform: Platform, token: str) -> str:
        """`token` is what the platform calls this installation. Gives the device's id. Raises SyncError."""
        return await self._run(push.register(self._session, self._file, self._tries(), platform, token))

    async def subscribe_all(self) -> None:
        """To every dataset that lies here."""
        for name in self.datasets():
            await self._run(push.subscribe(self._session, self._file, self._tries(), name))

    async def listen(
        self, callback: Callable[[SyncEvent], Awaitable[None] | None], *, on_open: Callable[[], Awaitable[None] | None] | None = None
    ) -> None:
        """Calls back whenever a dataset was changed (by another device, where this one is registered or has a `device_id`), until it is cancelled; needs a Cognomen server. Raises SyncError."""
        await self._run(events.listen(self._session, self._service, callback, on_open, self._device))

    async def close(self) -> None:
        for task in self._waiting.values():
            task.cancel()
        await asyncio.gather(*self._waiting.values(), return_exceptions=True)
        await self._http.aclose()
        self._file.close()

    async def __aenter__(self) -> AsyncCognitoSync:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _run(self, steps: Steps[T]) -> T:
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
                        value = await self._send(request)
                    case Wait(seconds):
                        await asyncio.sleep(seconds)
                    case Ask(function, arguments):
                        value = await _called(function, *arguments)
                    case Alone(name, inner):
                        async with self._turns.setdefault(name, _Turn()):
                            value = await self._run(inner)
                    case Follow():
                        value = await self._follow(step)
            except BaseException as raised:  # noqa: BLE001 - whatever it was, the steps see it, as if they had done it themselves
                error = raised

    async def _send(self, request: Request) -> Answer:
        try:
            answer = await self._http.request(request.method, request.url, headers=request.headers, content=request.body)
        except httpx.TransportError as cause:
            raise NoAnswer(f"{type(cause).__name__}: {cause}") from cause
        return Answer(answer.status_code, dict(answer.headers), answer.content)

    async def _follow(self, step: Follow) -> Answer:
        request = step.request
        try:
            async with self._http.stream(request.method, request.url, headers=request.headers, timeout=SILENCE) as answer:
                if answer.status_code >= 300:
                    return Answer(answer.status_code, dict(answer.headers), await answer.aread())
                if step.on_open is not None:
                    await _called(step.on_open)
                async for line in answer.aiter_lines():
                    event = step.feed(line)
                    if event is not None:
                        await _called(step.callback, event)
                return Answer(answer.status_code, dict(answer.headers), b"")
        except httpx.TransportError as cause:
            raise NoAnswer(f"{type(cause).__name__}: {cause}") from cause


class AsyncDataset(LocalDataset):
    """See LocalDataset for what needs no network."""

    _client: AsyncCognitoSync

    async def synchronize(self, callbacks: Callbacks | None = None) -> bool:
        """True when it succeeded. Raises SyncError, unless `callbacks.on_failure` is there to be told."""
        return await self._client._run(self._reporting(callbacks))

    def synchronize_on_connectivity(
        self, callbacks: Callbacks | None = None, *, when: Callable[[], Awaitable[bool] | bool] | None = None, every: float = 10.0
    ) -> None:
        """In a task, once the service answers and `when()` is true ("only on wifi"); looked at all `every` seconds. The last request for a
        dataset counts. Nothing is left of it when the process ends: ask again at the next start, where `is_changed`."""
        waiting = self._client._waiting
        if (before := waiting.pop(self.name, None)) is not None:
            before.cancel()
        waiting[self.name] = asyncio.ensure_future(self._client._run(self._connecting(callbacks or QUIET, when, every, lambda: True)))

    async def subscribe(self) -> None:
        """To pushes, when another device changes it. Raises SyncError."""
        await self._client._run(push.subscribe(self._client._session, self._file, self._client._tries(), self.name))

    async def unsubscribe(self) -> None:
        await self._client._run(push.unsubscribe(self._client._session, self._file, self._client._tries(), self.name))


async def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    result = function(*arguments)
    return await result if inspect.isawaitable(result) else result


class _Turn:
    """A lock that tells a callback which would wait for itself."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._owner: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> None:
        if self._owner is not None and self._owner is asyncio.current_task():
            raise SyncError("A callback can not synchronise the dataset whose synchronisation called it.")
        await self._lock.acquire()
        self._owner = asyncio.current_task()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._owner = None
        self._lock.release()
