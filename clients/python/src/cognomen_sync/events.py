"""The stream of changes that a Cognomen server sends to an app while it runs (server-sent events, signed like every request). AWS has none:
there an app subscribes to pushes.

`GET /identitypools/{pool}/identities/{identity}/events`; each `event: sync` holds {source, identityPoolId, identityId, datasetName, syncCount}.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from cognomen_sync.service import Later, Service, Tries, failure
from cognomen_sync.session import Session
from cognomen_sync.steps import Answer, Follow, NoAnswer, Steps


@dataclass(frozen=True)
class SyncEvent:
    """Another device changed a dataset, which has this sync count now."""

    dataset_name: str
    sync_count: int
    identity_id: str
    identity_pool_id: str
    source: str = ""


Listener = Callable[[SyncEvent], Awaitable[None] | None]


@dataclass
class Lines:
    """Puts lines together to events, as https://html.spec.whatwg.org/multipage/server-sent-events.html has it."""

    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, line: str) -> SyncEvent | None:
        """The event that this line completes. Comments, other kinds, and what can not be read are passed over."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._name = value
            elif name == "data":
                self._data.append(value)
            return None
        kind, data, self._name, self._data = self._name, "\n".join(self._data), "", []
        return _read(data) if kind == "sync" else None


def listen(
    session: Session,
    service: Service,
    callback: Listener,
    on_open: Callable[[], Awaitable[None] | None] | None,
    device: Callable[[str], str],
    is_wanted: Callable[[], bool] = lambda: True,
) -> Steps[None]:
    """Ends when it is wanted no more. What `device(identity)` changed is not told. `on_open` is called whenever the stream stands: what happened before is not told again, so synchronise there.
    Raises Refused, NotSignedIn."""
    retry = replace(service.retry, total=math.inf)
    tries = Tries(retry)
    expired = False
    while is_wanted():
        try:
            credentials = yield from session.ready()
            path = ("identitypools", session.pool_id, "identities", credentials.identity_id, "events")
            own = device(credentials.identity_id)
            request = service.sign(service.request("GET", path, query={"deviceId": own} if own else {}), credentials)
            request = replace(request, headers={**request.headers, "accept": "text/event-stream"})
            answer: Answer = yield Follow(request, Lines().feed, callback, on_open)
            if answer.status >= 300:
                refused = failure(answer)  # raises Later
                if expired or not session.renews(refused, credentials):
                    raise refused
                expired = True
                continue
            expired = False
            tries = Tries(retry)
            raise NoAnswer("the stream ended")
        except (NoAnswer, Later) as cause:
            yield from tries.pause(cause)


def _read(data: str) -> SyncEvent | None:
    try:
        found = json.loads(data)
        return SyncEvent(
            str(found["datasetName"]),
            int(found["syncCount"]),
            str(found["identityId"]),
            str(found["identityPoolId"]),
            str(found.get("source", "")),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
