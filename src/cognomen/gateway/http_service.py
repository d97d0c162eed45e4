"""The route to any HTTP service: a user's token or a signature as `execute-api` opens it, and the service is told who came in headers that no client
can write. Answers of its own are worded as API Gateway words them."""

from __future__ import annotations

import base64
import re
from typing import Final
from urllib.parse import quote

import msgspec

from cognomen.api.errors import UnrecognizedClientException
from cognomen.api.failure import ServiceError
from cognomen.config_tables import GatewayRoute
from cognomen.gateway import payload
from cognomen.gateway.doors import Doors
from cognomen.gateway.head import Head, Refused, decoded, encoded, kept_headers
from cognomen.gateway.relay import Relay
from cognomen.gateway.upstream import Broken, Slow, Stream, Unreachable, Upstream
from cognomen.tokens import bearer, credentials
from cognomen.tokens.permissions import denial, request_keys
from cognomen.wire import sigv4
from cognomen.wire.request import Answer, Header, HttpRequest

LARGEST: Final = 10 << 20  # bytes of a signed body, as API Gateway has it; others stream
_TRUSTED: Final = ("x-cognomen-", "x-forwarded-", "forwarded")
# By these some frameworks take another method or path than the request's own, which was evaluated, and another client's address.
_INSTEAD: Final = frozenset(
    [
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-method",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-url",
        "x-real-ip",
    ]
)
_SIGNATURE: Final = frozenset((b"authorization", b"x-amz-security-token", b"x-amz-date", b"x-amz-content-sha256"))
_QUERY: Final = frozenset(
    ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token")
)
_BEARER: Final = re.compile(r"(?:Bearer +)?([A-Za-z0-9_.-]{1,65536})", re.IGNORECASE)
_INVALID: Final = "The security token included in the request is invalid."
_EXPIRED: Final = "The security token included in the request is expired"


class Denied(Exception):
    """An answer instead of the service's. `kind` is API Gateway's x-amzn-errortype."""

    def __init__(self, status: int, kind: str, text: str, *, member: str = "message", challenge: str = "") -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.text = text
        self.member = member
        self.challenge = challenge


class HttpRoute:
    def __init__(self, doors: Doors, upstream: Upstream, route: GatewayRoute, region: str, account: str) -> None:
        self._doors = doors
        self._upstream = upstream
        self._route = route
        self._region = route.region or region
        self._account = account

    async def serve(self, head: Head, relay: Relay) -> None:
        identity: dict[str, str]
        body: bytes | Stream
        try:
            path = decoded(head.request.raw_path)
            if self._route.preflight and _asks_first(head):
                identity, query, body = {}, head.query.decode("ascii"), b""
            elif self._route.authorization == "token":
                identity = await self._by_token(head.request)
                query = head.query.decode("ascii")
                body = Stream(relay.body(), head.length) if head.has_body else b""
            else:
                identity, body = await self._by_signature(head, path, relay)
                pairs = tuple(pair for pair in sigv4.parameters(head.query) if pair[0] not in _QUERY)
                query = sigv4.canonical_query(pairs)
            target = encoded(path) + (f"?{query}" if query else "")
            given = await self._upstream.send(head.request.method, target.encode("latin-1"), self._headers(head, identity), body)
        except Denied as error:
            await relay.whole(_answer(error))
        except Refused as error:
            await relay.whole(_answer(Denied(400, "BadRequestException", error.text)))
        except Unreachable:
            await relay.whole(_answer(Denied(503, "ServiceUnavailableException", "Service Unavailable")))
        except Slow:
            await relay.whole(_answer(Denied(504, "", "Endpoint request timed out")))
        except Broken:
            await relay.whole(_answer(Denied(502, "", "Bad Gateway")))
        else:
            await relay.answer(given)

    # Who comes

    async def _by_token(self, request: HttpRequest) -> dict[str, str]:
        route = self._route
        given = _BEARER.fullmatch(request.text(b"authorization").strip())
        if given is None:
            raise Denied(401, "UnauthorizedException", "Unauthorized", challenge="Bearer")
        doors = self._doors
        try:
            who = await bearer.verified(doors.store, doors.keys, doors.clock, given[1], uses=route.token_use, own_url=doors.public_url)
        except bearer.Invalid as cause:
            raise Denied(401, "UnauthorizedException", "Unauthorized", challenge='Bearer error="invalid_token"') from cause
        except bearer.Expired as cause:
            text = "The incoming token has expired"
            raise Denied(401, "UnauthorizedException", text, challenge='Bearer error="invalid_token"') from cause
        if who.pool_id not in route.pools or (route.clients and who.client_id not in route.clients):
            raise Denied(401, "UnauthorizedException", "Unauthorized", challenge='Bearer error="invalid_token"')
        scopes = str(who.claims.get("scope", "")).split()
        groups = [str(group) for group in who.claims.get("cognito:groups", [])]
        if (route.scopes and not set(route.scopes) & set(scopes)) or (route.groups and not set(route.groups) & set(groups)):
            raise Denied(403, "ForbiddenException", "Forbidden", challenge='Bearer error="insufficient_scope"')
        return {
            "auth": "token",
            "sub": _text(str(who.claims["sub"])),
            "username": _text(who.username),
            "pool": who.pool_id,
            "client": who.client_id,
            "token-use": str(who.claims["token_use"]),
            "scopes": _text(" ".join(scopes)),
            "groups": ",".join(_text(group).replace(",", "%2C") for group in groups),
            "claims": base64.urlsafe_b64encode(msgspec.json.encode(who.claims)).rstrip(b"=").decode(),
        }

    async def _by_signature(self, head: Head, path: str, relay: Relay) -> tuple[dict[str, str], bytes]:
        request, doors = head.request, self._doors
        try:
            claim = sigv4.claimed(request)
            if claim is None:
                raise Denied(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
            if not claim.access_key_id.startswith(credentials.PREFIX):
                raise UnrecognizedClientException(_INVALID)
            session = await doors.session(claim.access_key_id, claim.session_token or "")
            request.body = await payload.whole(relay.body(), LARGEST) if head.has_body else b""
            body = sigv4.verify(request, claim, doors.secret(claim.access_key_id), service="execute-api", now=doors.clock.now())
        except ServiceError as cause:
            raise Denied(403, cause.code, cause.message) from cause
        except credentials.Expired as cause:
            raise Denied(403, "ExpiredTokenException", _EXPIRED) from cause
        except (credentials.BadToken, credentials.Revoked) as cause:
            raise Denied(403, "UnrecognizedClientException", _INVALID) from cause
        except payload.Wrong as cause:
            raise Denied(413, "RequestEntityTooLargeException", "Request Too Long") from cause
        named = {"UserAgent": request.text(b"user-agent"), "Referer": request.text(b"referer")}
        context = request_keys(doors.clock, request.client, request.scheme, claim.region, named)
        action = "execute-api:Invoke"
        below = f"{self._route.api_id}/{self._route.stage}/{request.method}{path}"
        resource = f"arn:aws:execute-api:{self._region}:{self._account}:{below}"
        decision = await doors.decide(session, action, resource, context)
        if not decision.allowed:
            hidden = f"arn:aws:execute-api:{self._region}:********{self._account[-4:]}:{below}"
            raise Denied(403, "AccessDeniedException", denial(session, action, hidden, decision), member="Message")
        identity = {
            "auth": "sigv4",
            "principal": _text(session.arn),
            "role": _text(session.role_arn),
            "session": _text(session.name),
            "account": session.account,
            "identity": _text(next(iter(session.context.get("cognito-identity.amazonaws.com:sub", [])), "")),
        }
        return identity, body

    # What the service gets

    def _headers(self, head: Head, identity: dict[str, str]) -> list[Header]:
        """The client's headers without those that say who it is or what it asks for, by whatever spelling some server reads them as ours; then
        ours."""
        request = head.request
        dropped = {b"host", b"content-length"}
        if self._route.authorization == "sigv4":
            dropped |= _SIGNATURE
        elif not self._route.forward_token:
            dropped.add(b"authorization")
        kept = [(name, value) for name, value in kept_headers(request) if name not in dropped and not _is_trusted(name)]
        client = request.client.encode()
        ours = [(f"x-cognomen-{name}".encode(), value.encode()) for name, value in identity.items() if value]
        return [
            (b"host", self._upstream.authority.encode()),
            *kept,
            (b"x-forwarded-host", request.header(b"host") or b""),
            (b"x-forwarded-proto", request.scheme.encode()),
            *([(b"x-forwarded-for", client)] if client else []),
            *ours,
        ]


def _text(value: str) -> str:
    """What a header takes: percent-encoded where it is not printable ASCII, and the percent sign itself."""
    return quote(value, safe=_SAFE)


_SAFE: Final = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}~"  # all but the percent sign itself


def _asks_first(head: Head) -> bool:
    """A browser that asks whether it may come from another site's page; it has no token at that time, and nothing follows but the answer."""
    names = {name for name, _ in head.request.headers}
    return head.request.method == "OPTIONS" and not head.has_body and {b"origin", b"access-control-request-method"} <= names


def _is_trusted(name: bytes) -> bool:
    """Underscores, and whatever else becomes a hyphen or an underscore behind a gateway interface, count as hyphens; and no header that has
    one goes on, as proxies have it."""
    spelt = re.sub(rb"[^a-z0-9]", b"-", name).decode()
    return b"_" in name or spelt.startswith(_TRUSTED) or spelt in _INSTEAD


def _answer(error: Denied) -> Answer:
    headers: list[Header] = [(b"content-type", b"application/json")]
    if error.kind:
        headers.append((b"x-amzn-errortype", error.kind.encode()))
    if error.challenge:
        headers.append((b"www-authenticate", error.challenge.encode()))
    return Answer(error.status, headers, msgspec.json.encode({error.member: error.text}))
