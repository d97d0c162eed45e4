"""Events: told to whoever asked, in order; a listener can not break an emitter."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from cognomen.kernel import events
from cognomen.kernel.events import Event, Events, PoolDeleted, SignedIn, UserEvent

SIGNED_IN = SignedIn(at=1.0, pool_id="p", sub="s", username="ada", client_id="c", flow="USER_SRP_AUTH")
DELETED = PoolDeleted(at=2.0, pool_id="p")


def test_by_kind() -> None:
    """A listener hears its kind and what derives from it; nothing else."""
    board = Events()
    heard: list[tuple[str, Event]] = []
    board.on(SignedIn, lambda event: heard.append(("signed in", event)))
    board.on(UserEvent, lambda event: heard.append(("user", event)))
    board.on(Event, lambda event: heard.append(("all", event)))
    board.emit(SIGNED_IN)
    board.emit(DELETED)
    assert heard == [("signed in", SIGNED_IN), ("user", SIGNED_IN), ("all", SIGNED_IN), ("all", DELETED)]


def test_a_broken_listener() -> None:
    """It is logged; the emitter does not notice, and those after it hear all the same."""
    board = Events()
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("listener's own fault")

    board.on(Event, broken)
    board.on(Event, heard.append)
    board.emit(DELETED)
    assert heard == [DELETED]


def test_a_late_listener() -> None:
    """One that comes after the first event of a kind hears the next."""
    board = Events()
    heard: list[Event] = []
    board.emit(DELETED)
    board.on(PoolDeleted, heard.append)
    board.emit(DELETED)
    assert heard == [DELETED]


def test_events_are_facts() -> None:
    """No listener can change an event for the next."""
    with pytest.raises(AttributeError):
        DELETED.pool_id = "q"  # type: ignore[misc]


def test_no_event_has_room_for_a_secret() -> None:
    """No field of any event is named like something that must not be told on."""
    kinds = [kind for _, kind in inspect.getmembers(events, inspect.isclass) if issubclass(kind, Event)]
    assert len(kinds) > 10
    names = {field.name for kind in kinds for field in msgspec.structs.fields(kind)}
    assert not names & {
        "password",
        "code",
        "token",
        "access_token",
        "refresh_token",
        "session",
        "secret",
        "body",
        "text",
        "value",
        "values",
    }
