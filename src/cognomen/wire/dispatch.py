"""From bytes to an operation and back: one bare ASGI callable. Refuses to know operations, signatures or protocols themselves.

A new protocol (REST-JSON, query) is one object in PROTOCOLS; the first that claims a request has it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from cognomen.api import errors
from cognomen.api.operation import Operation, Registry
from cognomen.api.structure import Structure
from cognomen.context import Caller
from cognomen.kernel import ids
from cognomen.kernel.clock import Clock
from cognomen.kernel.log import traced
from cognomen.storage.errors import Unavailable
from cognomen.wire import cors
from cognomen.wire.caller import Authenticator
from cognomen.wire.json11 import Json11
from cognomen.wire.query import Query
from cognomen.wire.request import Answer, Header, HttpRequest
from cognomen.wire.restjson import RestJson

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LIMIT = 1 << 20  # bytes of a body, as AWS limits requests
# "This operation has a 2-megabyte request-size limit": images are in it.
LARGER = {
    b"AWSCognitoIdentityProviderService.CreateManagedLoginBranding": 2 << 20,
    b"AWSCognitoIdentityProviderService.UpdateManagedLoginBranding": 2 << 20,
}
DRAINED = 16 << 20  # bytes of a larger body that are read and dropped: a client that is still sending would not see its 413


class WireProtocol(Protocol):
    """`limit` is what a body may have at the most in bytes, None where it is the dispatcher's."""

    limit: int | None

    def claims(self, request: HttpRequest) -> bool: ...

    def find(self, request: HttpRequest, operations: Registry) -> Operation: ...

    def decode(self, operation: Operation, request: HttpRequest, body: bytes) -> Structure: ...

    def success(self, operation: Operation, response: Structure | None, request_id: bytes) -> Answer: ...

    def error(self, error: errors.ServiceError, request_id: bytes) -> Answer: ...


PROTOCOLS: list[WireProtocol] = [Json11(), Query(), RestJson()]


class Limits(Protocol):
    """`active` is asked of each request, `charge` only while it is True."""

    active: bool

    async def charge(self, service: str, operation: str, region: str | None, body: bytes) -> None: ...


class Unlimited:
    active = False

    async def charge(self, service: str, operation: str, region: str | None, body: bytes) -> None:
        pass


class Log(Protocol):
    def error(self, event: str, **fields: Any) -> Any: ...


class Call:
    """All that an operation's context is made from. `region` is None where the request names none."""

    __slots__ = ("caller", "host", "operation", "region", "request_id", "scheme", "source_ip", "user_agent")

    def __init__(self, operation: Operation, request_id: str, caller: Caller, region: str | None, request: HttpRequest) -> None:
        self.operation = operation
        self.request_id = request_id
        self.caller = caller
        self.region = region
        self.host = request.text(b"host")
        self.scheme = request.scheme
        self.source_ip = request.client
        self.user_agent = request.text(b"user-agent")


class Dispatcher:
    """`strict` (tests) turns an error that the operation's model does not declare into an AssertionError."""

    def __init__(
        self,
        *,
        operations: Registry,
        context_for: Callable[[Call], Any],
        authenticator: Authenticator,
        clock: Clock,
        logger: Log,
        limits: Limits | None = None,
        protocols: list[WireProtocol] | None = None,
        strict: bool = False,
        limit: int = LIMIT,
    ) -> None:
        self.operations = operations
        self.context_for = context_for
        self.authenticator = authenticator
        self.clock = clock
        self.logger = logger
        self.limits = limits or Unlimited()
        self.protocols = PROTOCOLS if protocols is None else protocols
        self.strict = strict
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest.of(scope)
        if request.method == "OPTIONS":
            await _send(send, cors.preflight(request))
            return
        request_id = ids.uuid()
        protocol = self._protocol(request)
        limit = protocol.limit or LARGER.get(request.header(b"x-amz-target") or b"", self.limit)
        body = await _read(request, receive, limit)
        if isinstance(body, TooLarge):
            await _drain(receive, body)
            refusal = errors.RequestEntityTooLargeException(f"The request body is larger than {limit} bytes.")
            await _send(send, protocol.error(refusal, request_id.encode()), (b"connection", b"close"))
        elif body is not None:  # None: the client has gone
            request.body = body
            await _send(send, await self.answer(protocol, request, request_id))

    def _protocol(self, request: HttpRequest) -> WireProtocol:
        for protocol in self.protocols:
            if protocol.claims(request):
                return protocol
        return self.protocols[0]  # it says that it knows no such operation

    def claims(self, request: HttpRequest) -> bool:
        """Whether some protocol knows the request as its own."""
        return any(protocol.claims(request) for protocol in self.protocols)

    async def answer(self, protocol: WireProtocol, request: HttpRequest, request_id: str) -> Answer:
        """The answer to a whole request; errors of the operation and bugs become answers here."""
        operation: Operation | None = None
        try:
            operation = protocol.find(request, self.operations)
            identity = await self.authenticator.authenticate(request, operation)
            if self.limits.active:
                # Where AWS asks for no signature nobody has proved a region: whoever calls could name a new one each time.
                region = None if operation.unsigned else identity.region
                await self.limits.charge(operation.service, operation.name, region, identity.body)
            decoded = protocol.decode(operation, request, identity.body)
            if identity.caller.session is not None:
                await self.authenticator.permit(identity.caller, operation, decoded, identity.region or "", request)
            context = self.context_for(Call(operation, request_id, identity.caller, identity.region, request))
            response = await operation.handler(context, decoded)
            return protocol.success(operation, response, request_id.encode())
        except errors.ServiceError as error:
            refusal = error
            if error.status >= 500:
                self._report(error, operation, request_id)
        except Exception as bug:  # noqa: BLE001  # whatever it is, the client gets an answer and the log a trace
            self._report(bug, operation, request_id)
            refusal = errors.InternalErrorException(f"Internal error. Request id: {request_id}")
        if self.strict and operation is not None and not operation.may_raise(refusal):
            raise AssertionError(f"{operation.name} raised {refusal.code}, which its model does not declare: {refusal.message}")
        return protocol.error(refusal, request_id.encode())

    def _report(self, bug: BaseException, operation: Operation | None, request_id: str) -> None:
        """Where and what kind, never the exception's text: it may quote a password or a token."""
        name = operation.name if operation else ""
        if isinstance(bug, Unavailable):
            # Storage's own sentence, which an operator needs and which quotes no row.
            self.logger.error("the database cannot serve", operation=name, request_id=request_id, reason=str(bug))
            return
        self.logger.error("operation failed", operation=name, request_id=request_id, error_type=type(bug).__name__, trace=list(traced(bug)))


class TooLarge:
    """A body over the limit; `left` bytes at most are still to come and may be read and dropped."""

    def __init__(self, left: int) -> None:
        self.left = left


async def _read(request: HttpRequest, receive: Receive, limit: int) -> bytes | TooLarge | None:
    """The body, TooLarge, or None where the client went away before it was whole."""
    declared = request.header(b"content-length")
    if declared is not None and declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        return TooLarge(DRAINED if len(declared) < 9 and int(declared) <= DRAINED else 0)
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body if len(body) <= limit else TooLarge(0)
    parts = [body]
    size = len(body)
    while size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if not message.get("more_body", False):
            return b"".join(parts) if size <= limit else TooLarge(0)
    return TooLarge(DRAINED)


async def _drain(receive: Receive, body: TooLarge) -> None:
    left = body.left
    while left > 0:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
        left -= len(message.get("body", b""))


async def _send(send: Send, answer: Answer, *more: Header) -> None:
    answer.headers.append((b"content-length", str(len(answer.body)).encode()))
    answer.headers.extend(more)
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})
