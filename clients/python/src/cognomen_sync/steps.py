"""How logic and shells talk: logic is a generator that yields what it needs done, a shell does it, blocking or not, and sends back what came.

So everything that decides stands once, and knows neither sockets, sleeping nor event loops.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of headers in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoAnswer(Exception):
    """Thrown into the logic in place of an Answer: the request may or may not have arrived."""


@dataclass(frozen=True, slots=True)
class Send:
    """Comes back as Answer. Throws NoAnswer."""

    request: Request


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Ask:
    """Calls the application; comes back as what it returns."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Alone:
    """Runs steps while no other runs under the same name; comes back as what they return."""

    name: str
    steps: Generator[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Follow:
    """Reads an endless answer line by line; what `feed` makes of a line is handed to `callback`. Comes back as Answer: at once where it is
    an error, else when it ended. Throws NoAnswer."""

    request: Request
    feed: Callable[[str], Any]
    callback: Callable[[Any], Any]
    on_open: Callable[[], Any] | None


Step = Send | Wait | Ask | Alone | Follow
Steps = Generator[Step, Any, T]
