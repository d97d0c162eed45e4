"""Where the next page of a list begins, read back from the token that an answer gave; a token of another request is refused."""

from __future__ import annotations

from cognomen.api import errors
from cognomen.context import Context

MOST = 60  # items of a page where the request names no limit, or 0


def position(cx: Context, bound: str, token: str | None) -> list[str]:
    """[] for the first page. `bound` names all of the request that must stay the same. Raises InvalidParameterException."""
    return [str(part) for part in cx.pager.after(bound, token, errors.InvalidParameterException("Invalid pagination token given."))]
