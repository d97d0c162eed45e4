"""What happened, told to whoever listens (metering, audit, risk). No service calls a listener; no listener can break a service.

Events carry no secret: no password, code, token, session or message text. Listeners are called in the emitter's thread, at once,
in the order in which they were added; one that must write queues that for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, final

import msgspec

from cognomen.kernel import log

_log = log.get_logger(__name__)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is in epoch seconds; `pool_id` is a user pool or an identity pool; `request_id` is the x-amzn-requestid of the answer."""

    at: float
    pool_id: str
    request_id: str = ""
    source_ip: str = ""
    user_agent: str = ""


class UserEvent(Event, frozen=True, kw_only=True):
    """Something that concerns one user. `client_id` is empty where an administrator acted."""

    sub: str
    username: str
    client_id: str = ""


class SignedUp(UserEvent, frozen=True, kw_only=True):
    """A user was created: by themselves, or `by_admin`, or through a `provider`."""

    by_admin: bool = False
    provider: str = ""


class SignUpConfirmed(UserEvent, frozen=True, kw_only=True):
    pass


class SignedIn(UserEvent, frozen=True, kw_only=True):
    """Tokens were given out at the end of a sign-in. `flow` is AWS's name of it; `factors` the challenges that were passed."""

    flow: str
    factors: tuple[str, ...] = ()


class SignInFailed(Event, frozen=True, kw_only=True):
    """`sub` is empty for an unknown user. `username` is what was typed, cut to 128; `reason` is an error name of AWS."""

    username: str
    reason: str
    sub: str = ""
    client_id: str = ""
    flow: str = ""


class TokenRefreshed(UserEvent, frozen=True, kw_only=True):
    rotated: bool = False


class TokenRevoked(UserEvent, frozen=True, kw_only=True):
    """One refresh token and what came from it (`everywhere` False), or all of the user's (True)."""

    everywhere: bool = False


class RefreshTokenReused(UserEvent, frozen=True, kw_only=True):
    """A refresh token that had been rotated away came back: it was probably stolen."""


class PasswordChanged(UserEvent, frozen=True, kw_only=True):
    """`how`: change, reset, admin or challenge."""

    how: str


class AttributesChanged(UserEvent, frozen=True, kw_only=True):
    """Names only; values are personal data."""

    names: tuple[str, ...]
    by_admin: bool = False


class UserDisabled(UserEvent, frozen=True, kw_only=True):
    pass


class UserEnabled(UserEvent, frozen=True, kw_only=True):
    pass


class UserDeleted(UserEvent, frozen=True, kw_only=True):
    by_admin: bool = False


class MessageSent(UserEvent, frozen=True, kw_only=True):
    """`channel`: email or sms. `purpose`: AWS's message kind (SignUp, ForgotPassword, Authentication...)."""

    channel: str
    purpose: str


class MessageFailed(Event, frozen=True, kw_only=True):
    """A mail or text could not be handed over. `username` is whose it was; `reason` names what is in the way, never the message."""

    username: str
    channel: str
    reason: str


class AuthEventStored(UserEvent, frozen=True, kw_only=True):
    """An event of a user's history was kept, by threat protection. Values are AWS's: EventType, EventResponse, RiskDecision, RiskLevel."""

    event_id: str
    event_type: str
    response: str
    decision: str = "NoRisk"
    level: str = ""
    compromised: bool = False
    challenges: tuple[str, ...] = ()  # "Password:Success", "Mfa:Failure"
    device_name: str = ""
    address: str = ""  # of the user, which behind a trusted proxy is not the connection's
    city: str = ""
    country: str = ""


class PoolDeleted(Event, frozen=True, kw_only=True):
    pass


class IdentityMerged(Event, frozen=True, kw_only=True):
    """Of an identity pool: `identity_id` is disabled, `into` has its logins. What is kept by identity can be carried over."""

    identity_id: str
    into: str


class IdentityDeleted(Event, frozen=True, kw_only=True):
    identity_id: str


class SyncSessionBegan(Event, frozen=True, kw_only=True):
    """A device asked what changed, and may bring its own changes: a sync operation, once that is over."""

    identity_id: str


class DatasetChanged(Event, frozen=True, kw_only=True):
    """A dataset has other records than before, or is gone. `waits` where something of it is to be delivered."""

    identity_id: str
    waits: bool = False


class BulkPublishStarted(Event, frozen=True, kw_only=True):
    """A bulk publish was asked for."""


class IdentityPoolDeleted(Event, frozen=True, kw_only=True):
    pass


E = TypeVar("E", bound=Event)


@final
class Events:
    """The switchboard: `on` while the application is put together, `emit` from anywhere afterwards."""

    __slots__ = ("_listeners", "_routes")

    def __init__(self) -> None:
        self._listeners: list[tuple[type[Event], Callable[[Any], None]]] = []
        self._routes: dict[type[Event], tuple[Callable[[Any], None], ...]] = {}

    def on(self, kind: type[E], listener: Callable[[E], None]) -> None:
        """Calls `listener` with every event of this kind and of those derived from it (`Event`: all)."""
        self._listeners.append((kind, listener))
        self._routes.clear()

    def emit(self, event: Event) -> None:
        """Tells all listeners. One that fails is logged, and the rest are told all the same."""
        kind = type(event)
        route = self._routes.get(kind)
        if route is None:
            route = self._routes[kind] = tuple(listener for wanted, listener in self._listeners if issubclass(kind, wanted))
        for listener in route:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - a listener is a guest: what it raises must not undo what has happened
                _log.exception("listener failed", happened=kind.__name__, listener=getattr(listener, "__qualname__", repr(listener)))
