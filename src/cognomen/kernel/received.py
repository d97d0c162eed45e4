"""JSON that somebody else wrote: a function, a directory, a service. Whatever is wrong with it is one error."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")


class NotJson(Exception):
    """It is no JSON, not UTF-8, nested without end, or not of the kind that was asked for. The text holds nothing of what came."""


@overload
def json(body: bytes) -> Any: ...
@overload
def json(body: bytes, kind: type[T]) -> T: ...
def json(body: bytes, kind: Any = Any) -> Any:
    """Raises NotJson."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError) as error:  # ValueError: msgspec's own errors, and bytes that are not UTF-8
        raise NotJson("it is no JSON of the kind that was asked for") from error
