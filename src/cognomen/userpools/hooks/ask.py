"""A pool's function asked at a trigger, for a user or for somebody who is to be one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.triggers import catalog
from cognomen.triggers.invoke import unrecognizable


class Occasion(msgspec.Struct, frozen=True):
    """On which occasion a function is asked: the trigger's source, through which client (empty: an administrator acts), and with what
    ClientMetadata."""

    source: str
    client_id: str = ""
    metadata: Mapping[str, str] | None = None


async def ask(
    cx: Context,
    pool: Pool,
    trigger: str,
    occasion: Occasion,
    username: str,
    request: dict[str, Any],
    *,
    version: str = "1",
    response: dict[str, Any] | None = None,
) -> dict[str, Any] | None:
    """The `response` that the function answers; None where the pool names no function, which costs nothing.

    Raises UserLambdaValidationException, UnexpectedLambdaException, InvalidLambdaResponseException.
    """
    arn = catalog.arn_of(pool, trigger)
    if arn is None:
        return None
    event = catalog.event(
        pool,
        trigger=trigger,
        source=occasion.source,
        username=username,
        client_id=occasion.client_id,
        user_agent=cx.user_agent,
        request=request,
        metadata=occasion.metadata,
        version=version,
        response=response,
    )
    return await cx.triggers.ask(trigger, arn, event)


def flag(answer: Mapping[str, Any], name: str) -> bool:
    """A member that is true or false; left out or null is false. Raises InvalidLambdaResponseException."""
    value = answer.get(name)
    if value is not None and not isinstance(value, bool):
        raise unrecognizable()
    return bool(value)


def text(answer: Mapping[str, Any], name: str) -> str | None:
    """A member that is a text, None where it is left out, null or empty. Raises InvalidLambdaResponseException."""
    value = answer.get(name)
    if value is not None and not isinstance(value, str):
        raise unrecognizable()
    return value or None


def texts(answer: Mapping[str, Any], name: str) -> dict[str, str]:
    """A map of texts; left out or null is an empty one. Raises InvalidLambdaResponseException."""
    try:
        return msgspec.convert(answer.get(name) or {}, dict[str, str], strict=True)
    except msgspec.ValidationError as cause:
        raise unrecognizable() from cause
