"""Who calls: an access key named (dev) or proven (serve) by the request's signature. Refuses what AWS refuses, in its words.

Operations that AWS leaves unsigned take any Authorization header, as some SDKs send one there too.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from cognomen.api import errors
from cognomen.api.operation import Operation
from cognomen.context import ANONYMOUS, Caller
from cognomen.kernel.clock import Clock
from cognomen.wire import chunks, sigv4
from cognomen.wire.request import HttpRequest

ACCOUNT = "000000000000"
UNRECOGNIZED = "The security token included in the request is invalid."

_LONGEST = 1024  # bytes in which a credential is sought
_CREDENTIAL = re.compile(rb"Credential=([^/,\s]{1,128})/[0-9]{8}/([a-z0-9-]{1,63})/")


class AccessKey(msgspec.Struct, frozen=True):
    """What the wire must know of an access key. `policy` is "admin" or "readonly"; `session_token` belongs to a temporary key."""

    access_key_id: str
    secret: str
    name: str
    policy: str
    session_token: str | None = None


class Identity(NamedTuple):
    """Who calls, from which region's view, with what payload."""

    caller: Caller
    region: str | None
    body: bytes


Lookup = Callable[[str], Awaitable[AccessKey | None]]


class Authenticator:
    """`required` is False in dev: a signature names the caller and the region and is not checked."""

    def __init__(self, *, required: bool, lookup: Lookup, clock: Clock) -> None:
        self.required = required
        self.lookup = lookup
        self.clock = clock

    async def authenticate(self, request: HttpRequest, operation: Operation) -> Identity:
        if operation.unsigned or not self.required:
            return named(request, believed=not self.required)
        claim = sigv4.claimed(request)
        if claim is None:
            raise errors.MissingAuthenticationTokenException("Missing Authentication Token")
        key = await self.lookup(claim.access_key_id)
        if key is None or not _same(key.session_token or "", claim.session_token or ""):
            raise errors.UnrecognizedClientException(UNRECOGNIZED)
        body = sigv4.verify(request, claim, key.secret, service=operation.service, now=self.clock.now())
        caller = Caller(key.access_key_id, key.name, ACCOUNT, key.policy)
        authorize(caller, operation)
        return Identity(caller, claim.region, body)


def named(request: HttpRequest, *, believed: bool) -> Identity:
    """The caller and region that a request names. The name counts only where it is believed; the region is no secret."""
    payload = request.header(b"x-amz-content-sha256")
    body = request.body
    if payload is not None and chunks.is_streaming(text := payload.decode("latin-1")):
        body = chunks.taken_apart(request, text, None)
    credential = request.header(b"authorization")
    if credential is None:
        return Identity(ANONYMOUS, None, body)
    # The credential's scope ends here; what follows is another in each request.
    end = credential.find(b"/aws4_request", 0, _LONGEST)
    caller, region = _named_in(credential[:end]) if end > 0 else (ANONYMOUS, None)
    return Identity(caller if believed else ANONYMOUS, region, body)


@lru_cache(maxsize=256)
def _named_in(credential: bytes) -> tuple[Caller, str | None]:
    found = _CREDENTIAL.search(credential)
    if found is None:
        return ANONYMOUS, None
    key_id = found[1].decode("latin-1")
    return Caller(key_id, key_id, ACCOUNT, "admin"), found[2].decode()


def authorize(caller: Caller, operation: Operation) -> None:
    """An admin key may all, a readonly key what reads; a policy of another name nothing."""
    if caller.policy == "admin" or (caller.policy == "readonly" and operation.readonly):
        return
    raise errors.AccessDeniedException(
        f"User: arn:aws:iam::{caller.account}:user/{caller.name} is not authorized to perform: {operation.service}:{operation.name} on resource: *"
    )


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
