"""Server-sent events of Cognito Sync: GET /identitypools/POOL/identities/IDENTITY/events, signed as every request of the service, or presigned
for a browser's EventSource. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from cognomen.api import errors
from cognomen.api.operation import Registry
from cognomen.context import Context
from cognomen.delivery.sync.listeners import Listeners, TooMany, first_of
from cognomen.kernel import ids
from cognomen.storage.errors import Unavailable
from cognomen.wire import cors
from cognomen.wire.caller import Authenticator
from cognomen.wire.dispatch import Call, Receive, Scope, Send
from cognomen.wire.request import HttpRequest
from cognomen.wire.restjson import RestJson
from cognomen.wire.sigv4 import parameters

_PATH = re.compile(r"/identitypools/([^/]+)/identities/([^/]+)/events")
_HEARTBEAT = 15.0  # seconds; proxies close what is silent for longer
_CHECKED_EVERY = 15.0
_POLL = 3.0  # seconds until this process sees what another changed
_RETRY = b"retry: 2000\n\n"  # milliseconds after which a browser comes again
_HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"), *cors.ALLOW]


class EventStream:
    """`shared` where other processes write to the same database."""

    def __init__(
        self,
        operations: Registry,
        authenticator: Authenticator,
        context_for: Callable[[Call], Context],
        listeners: Listeners,
        *,
        shared: bool,
    ) -> None:
        self._operations = operations
        self._authenticator = authenticator
        self._context_for = context_for
        self._listeners = listeners
        self._wait = _POLL if shared else _HEARTBEAT

    def claims(self, scope: Scope) -> bool:
        return scope["method"] == "GET" and _PATH.fullmatch(scope["path"]) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest.of(scope)
        request_id = ids.uuid()
        started = False
        try:
            stream = await self._opened(request, request_id)
            with self._listeners.waiting(stream.asked.identity_pool_id, stream.asked.identity_id) as woken:
                await stream.begin()
                await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
                started = True
                await self._run(stream, woken, receive, send)
            await send({"type": "http.response.body", "body": b""})
        except TooMany:
            refusal: errors.ServiceError = errors.TooManyRequestsException("Too many event streams are open.")
            await _refuse(send, refusal, request_id)
        except (errors.ServiceError, Unavailable) as error:
            if started:
                await send({"type": "http.response.body", "body": b""})  # the client comes again, and is told then
                return
            refusal = (
                error if isinstance(error, errors.ServiceError) else errors.InternalErrorException("The database cannot be reached now.")
            )
            await _refuse(send, refusal, request_id)

    async def _opened(self, request: HttpRequest, request_id: str) -> _Stream:
        # Imported when first needed, as the service's operations are.
        from cognomen.sync import listening, operations

        operations.load()
        found = _PATH.fullmatch(request.path)
        asked = listening.asked(found[1] if found else "", found[2] if found else "")
        operation = self._operations.by_name[listening.ACTION]
        identity = await self._authenticator.authenticate(request, operation)
        cx = self._context_for(Call(operation, request_id, identity.caller, identity.region, request))

        async def check() -> None:
            await self._authenticator.check_again(identity.caller)
            await self._authenticator.permit(identity.caller, operation, asked, identity.region or "", request)
            await listening.check(cx, asked)

        await check()
        query = dict(parameters(request.query_string))
        last = request.text(b"last-event-id") or query.get("lastEventId", "")
        return _Stream(cx, listening, check, asked, query.get("deviceId", ""), int(last) if re.fullmatch(r"[0-9]{1,15}", last) else None)

    async def _run(self, stream: _Stream, woken: asyncio.Event, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive))
        loop = asyncio.get_running_loop()
        try:
            await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
            quiet_since = loop.time()
            while not gone.done() and not self._listeners.closed:
                await stream.check()
                text = await stream.news()
                if not text and loop.time() - quiet_since >= _HEARTBEAT:
                    text = b": still here\n\n"
                if text:
                    quiet_since = loop.time()
                    await send({"type": "http.response.body", "body": text, "more_body": True})
                await first_of(woken, gone, self._wait)
        finally:
            gone.cancel()


class _Stream:
    """What one client knows, and what it is to be told next. A change that comes while it waits takes the place of the one before."""

    def __init__(
        self, cx: Context, listening: Any, check: Callable[[], Awaitable[None]], asked: Any, device: str, last: int | None
    ) -> None:
        self.asked = asked
        self._cx = cx
        self._check = check
        self._checked_at = cx.clock.now()
        self._listening = listening
        self._device = device
        self._last = last
        self._known: dict[str, int] = {}

    async def begin(self) -> None:
        """A client that comes again hears what changed since the last event that it had, that one once more."""
        self._known = await self._listening.counts(self._cx, self.asked)
        if self._last is not None:
            for change in await self._listening.changed(self._cx, self.asked, {}):
                if change.at >= self._last:
                    self._known.pop(change.name, None)

    async def check(self) -> None:
        """Before anything is told: whether the credentials are over, and at intervals whether they were revoked, the policies took back what they
        had allowed, or the identity is gone."""
        now = self._cx.clock.now()
        session = self._cx.caller.session
        # a clock that was put back counts as time that has passed, too
        if abs(now - self._checked_at) >= _CHECKED_EVERY or (session is not None and now >= session.expires_at):
            await self._check()
            self._checked_at = now

    async def news(self) -> bytes:
        text = b""
        for change in await self._listening.changed(self._cx, self.asked, self._known):
            self._known[change.name] = int(change.data["syncCount"])
            if not (self._device and change.by == self._device):
                text += b"id: %d\nevent: sync\ndata: %s\n\n" % (change.at, msgspec.json.encode(change.data))
        return text


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, refusal: errors.ServiceError, request_id: str) -> None:
    answer = RestJson().error(refusal, request_id.encode())
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
