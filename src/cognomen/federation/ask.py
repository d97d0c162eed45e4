"""One question to a provider that alone can judge its access tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cognomen.federation.connector import Refused, Unavailable
from cognomen.kernel import outbound

_TIMEOUT: Final = 4.0
_MOST_BYTES: Final = 256 << 10
REFUSED: Final = "The provider does not accept the access token."


async def get(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object that it answers. Raises Refused where it says no, Unavailable where it says nothing. Texts never hold `url`."""
    given = {"accept": "application/json", **(headers or {})}
    try:
        answer = await asyncio.to_thread(outbound.send, "GET", url, headers=given, timeout=_TIMEOUT, most=_MOST_BYTES)
    except outbound.Unreachable as error:
        raise Unavailable("it does not answer") from error
    if 400 <= answer.status < 500 and answer.status != 429:
        raise Refused(REFUSED)
    if answer.status != 200:
        raise Unavailable(f"it answered {answer.status}")
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise Unavailable("it did not answer with a JSON object") from error
