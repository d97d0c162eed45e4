"""Who calls: an access key named (dev) or proven (serve) by the request's signature. Refuses what AWS refuses, in its words.

Operations that AWS leaves unsigned take any Authorization header, as some SDKs send one there too.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple, Protocol

import msgspec

from cognomen.api import errors
from cognomen.api.operation import Operation
from cognomen.context import ANONYMOUS, Caller
from cognomen.kernel.clock import Clock
from cognomen.policies.evaluate import Decision
from cognomen.tokens import credentials, permissions
from cognomen.tokens.credentials import Session
from cognomen.wire import chunks, sigv4
from cognomen.wire.request import HttpRequest

ACCOUNT = "000000000000"
UNRECOGNIZED = "The security token included in the request is invalid."
EXPIRED = "The security token included in the request is expired"

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


class Sessions(Protocol):
    """Temporary credentials, as app.py knows them."""

    async def open(self, access_key_id: str, session_token: str) -> Session: ...

    def secret(self, access_key_id: str) -> str: ...

    async def check(self, session: Session) -> None:
        """Whether it still counts. Raises Expired, Revoked."""
        ...

    async def decide(
        self, session: Session, operation: Operation, request: object, region: str, source: HttpRequest
    ) -> list[tuple[str, str, Decision]]:
        """Each action that the request takes, on what, and whether the session may."""
        ...


class Authenticator:
    """`required` is False in dev: a signature names the caller and the region and is not checked. The session of temporary credentials counts
    there too, as soon as its token is one of ours: others' may be AWS's own, which a developer has at hand."""

    def __init__(self, *, required: bool, lookup: Lookup, clock: Clock, sessions: Sessions | None = None) -> None:
        self.required = required
        self.sessions = sessions
        self.lookup = lookup
        self.clock = clock

    async def authenticate(self, request: HttpRequest, operation: Operation) -> Identity:
        if operation.unsigned or not self.required:
            identity = named(request, believed=not self.required)
            temporary = self.sessions is not None and identity.caller.access_key_id.startswith(credentials.PREFIX)
            return await self._with_session(request, identity) if temporary and not operation.unsigned else identity
        claim = sigv4.claimed(request)
        if claim is None:
            raise errors.MissingAuthenticationTokenException("Missing Authentication Token")
        if self.sessions is not None and claim.access_key_id.startswith(credentials.PREFIX):
            session = await self._session(claim.access_key_id, claim.session_token or "")
            body = sigv4.verify(request, claim, self.sessions.secret(claim.access_key_id), service=operation.service, now=self.clock.now())
            return Identity(_assumed(claim.access_key_id, session), claim.region, body)
        key = await self.lookup(claim.access_key_id)
        if key is None or not _same(key.session_token or "", claim.session_token or ""):
            raise errors.UnrecognizedClientException(UNRECOGNIZED)
        body = sigv4.verify(request, claim, key.secret, service=operation.service, now=self.clock.now())
        caller = Caller(key.access_key_id, key.name, ACCOUNT, key.policy)
        authorize(caller, operation)
        return Identity(caller, claim.region, body)

    async def permit(self, caller: Caller, operation: Operation, request: object, region: str, source: HttpRequest) -> None:
        """For the session of a role: whether its policies let it do this to what the request names, and pass on the roles in it. Raises AccessDeniedException."""
        session = caller.session
        if session is None or operation.unsigned or operation.name == "GetCallerIdentity" or self.sessions is None:
            return
        for action, resource, decision in await self.sessions.decide(session, operation, request, region, source):
            if not decision.allowed:
                raise errors.AccessDeniedException(permissions.denial(session, action, resource, decision))

    async def check_again(self, caller: Caller) -> None:
        """For what lasts longer than a request: whether the credentials with which it was opened still count. Raises ExpiredTokenException,
        UnrecognizedClientException."""
        if caller.session is not None and self.sessions is not None:
            try:
                await self.sessions.check(caller.session)
            except credentials.Expired as cause:
                raise errors.ExpiredTokenException(EXPIRED) from cause
            except credentials.Revoked as cause:
                raise errors.UnrecognizedClientException(UNRECOGNIZED) from cause
        elif self.required and await self.lookup(caller.access_key_id) is None:
            raise errors.UnrecognizedClientException(UNRECOGNIZED)

    async def _with_session(self, request: HttpRequest, identity: Identity) -> Identity:
        try:
            token = request.text(b"x-amz-security-token") or dict(sigv4.parameters(request.query_string)).get("X-Amz-Security-Token", "")
            session = await self._session(identity.caller.access_key_id, token)
        except errors.UnrecognizedClientException as refusal:
            if isinstance(refusal.__cause__, credentials.Revoked):
                raise  # it was ours
            return identity
        return identity._replace(caller=_assumed(identity.caller.access_key_id, session))

    async def _session(self, access_key_id: str, session_token: str) -> Session:
        assert self.sessions is not None  # noqa: S101  # asked by both callers
        try:
            return await self.sessions.open(access_key_id, session_token)
        except credentials.Expired as cause:
            raise errors.ExpiredTokenException(EXPIRED) from cause
        except (credentials.BadToken, credentials.Revoked) as cause:
            raise errors.UnrecognizedClientException(UNRECOGNIZED) from cause


def _assumed(access_key_id: str, session: Session) -> Caller:
    return Caller(access_key_id, session.name, session.account, "role", session)


def named(request: HttpRequest, *, believed: bool) -> Identity:
    """The caller and region that a request names. The name counts only where it is believed; the region is no secret."""
    payload = request.header(b"x-amz-content-sha256")
    body = request.body
    if payload is not None and chunks.is_streaming(text := payload.decode("latin-1")):
        body = chunks.taken_apart(request, text, None)
    credential = request.header(b"authorization")
    if credential is None and b"X-Amz-Credential=" in request.query_string:
        # Presigned: a browser's EventSource sends no headers.
        credential = b"Credential=" + dict(sigv4.parameters(request.query_string)).get("X-Amz-Credential", "").encode("utf-8", "replace")
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
