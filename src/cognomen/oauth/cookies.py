"""The cookie of a single sign-on session: sealed, for its pool alone, and never readable by a script.

Its id is shown in lists of sessions, so it alone proves nothing: the cookie is what this server sealed of it.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cognomen.context import Context
from cognomen.kernel.secrets import Unsealable
from cognomen.oauth.doors import Door

_PURPOSE = "single sign-on cookie"
_LONGEST = 1_024


class Remembered(msgspec.Struct, frozen=True):
    """`provider` is by which of a client's SupportedIdentityProviders the user came, `password` marks the password that they had."""

    session_id: str
    provider: str
    password: str


def name(at: Door, kind: str = "session") -> str:
    """With the prefix that a browser takes only from this very host, over https (RFC 6265bis, 4.1.3.2); each pool has its own, since doors by
    path share a host."""
    return f"{'__Host-' if at.secure else ''}cognito-{kind}-{at.pool.pool_id}"


def read(cx: Context, at: Door, request: Request) -> Remembered | None:
    """The session, if the cookie is one of ours."""
    given = request.cookies.get(name(at), "")
    if not given or len(given) > _LONGEST:
        return None
    try:
        return msgspec.json.decode(cx.sealer.open_text(_PURPOSE, given, at.pool.pool_id.encode()), type=Remembered)
    except (Unsealable, msgspec.DecodeError):
        return None


def give(cx: Context, at: Door, response: Response, remembered: Remembered) -> None:
    """Until the browser closes: how long it counts is the session's to say."""
    put(at, response, name(at), cx.sealer.seal_text(_PURPOSE, msgspec.json.encode(remembered), at.pool.pool_id.encode()))


def put(at: Door, response: Response, key: str, value: str, seconds: int | None = None) -> None:
    response.set_cookie(key, value, max_age=seconds, path="/", secure=at.secure, httponly=True, samesite="lax")


def drop(at: Door, response: Response, key: str) -> None:
    response.delete_cookie(key, path="/", secure=at.secure, httponly=True, samesite="lax")
