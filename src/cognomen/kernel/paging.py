"""Pagination tokens: where the next page begins, sealed, and bound to the request that asked. Nothing is remembered on the server;
a token from another request, another pool or another server is refused."""

from __future__ import annotations

from typing import Any, final

import msgspec

from cognomen.kernel.secrets import Sealer, Unsealable

_LONGEST = 8192  # a position is a few keys; whatever is longer was not made here


class BadToken(Exception):
    """The token was not given out for this request."""


def bound(operation: str, *asked: str) -> str:
    """What a page's token is tied to. No name runs into the next, whatever it holds."""
    return " ".join([operation, *(f"{len(name)}:{name}" for name in asked)])


@final
class Pager:
    """Makes and reads tokens. `bound` names everything of the request that must stay the same: operation, pool, filter."""

    __slots__ = ("_sealer",)

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def token(self, bound: str, position: list[Any]) -> str:
        """`position` holds the keyset of the last row: texts, numbers, booleans or None."""
        return self._sealer.seal_text("page", msgspec.json.encode(position), bound.encode("utf-8", "surrogatepass"))

    def position(self, bound: str, token: str) -> list[Any]:
        """Gives back the position; raises BadToken."""
        if len(token) > _LONGEST:
            raise BadToken("longer than any token of ours")
        try:
            opened = self._sealer.open_text("page", token, bound.encode("utf-8", "surrogatepass"))
        except Unsealable as cause:
            raise BadToken("not a token for this request") from cause
        return msgspec.json.decode(opened, type=list[Any])

    def after(self, bound: str, token: str | None, refusal: Exception) -> list[Any]:
        """Where the page begins that a request asks for: nothing for the first one. Raises `refusal` for a token of another list."""
        if token is None:
            return []
        try:
            return self.position(bound, token)
        except BadToken as cause:
            raise refusal from cause
