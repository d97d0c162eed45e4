"""The route to an S3-compatible store: a request is verified, asked for at the policies, and signed anew with the store's own keys.

What goes to the store is written from what was evaluated: path and query in their canonical form, headers by a list, bodies as they were verified.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote

from cognomen.api import errors
from cognomen.gateway import payload, s3_delete, s3_documents, s3_headers, s3_xml
from cognomen.gateway.doors import Doors
from cognomen.gateway.head import Head, Refused, decoded, encoded
from cognomen.gateway.relay import Relay, log
from cognomen.gateway.s3_caller import Signed, signed
from cognomen.gateway.s3_errors import S3Error, answer
from cognomen.gateway.s3_operations import Operation, Place, Unknown, asked_of, context_of, copy_source, operation_of, place_of
from cognomen.gateway.s3_signer import Keys, sign
from cognomen.gateway.upstream import Answer, Broken, Slow, Stream, Unreachable, Upstream
from cognomen.tokens.permissions import denial, request_keys
from cognomen.wire import chunks, sigv4
from cognomen.wire.request import Header

_KINDS: Final = {
    "bucket": "InvalidBucketName",
    "length": "KeyTooLongError",
    "copy": "InvalidArgument",
    "lock": "InvalidArgument",
    "headers": "InvalidRequest",
}
_EXISTING: Final = "s3:ExistingObjectTag/"
# The actions whose conditions can ask for the tags that an object has already, of list_amazons3.html.
_BY_TAGS: Final = frozenset(
    f"s3:{action}"
    for action in [
        "GetObject",
        "GetObjectVersion",
        "GetObjectAcl",
        "GetObjectVersionAcl",
        "GetObjectTagging",
        "GetObjectVersionTagging",
        "PutObjectAcl",
        "PutObjectVersionAcl",
        "PutObjectTagging",
        "PutObjectVersionTagging",
        "DeleteObjectTagging",
        "DeleteObjectVersionTagging",
    ]
)
_PREFLIGHT: Final = frozenset((b"origin", b"access-control-request-method", b"access-control-request-headers"))
_NO_BODY: Final = frozenset(("GET", "HEAD", "DELETE"))


class S3Route:
    """`domain` is the name under which buckets have hosts of their own (`bucket.domain`), empty for none."""

    def __init__(self, doors: Doors, upstream: Upstream, keys: Keys, domain: str) -> None:
        self._doors = doors
        self._upstream = upstream
        self._keys = keys
        self._domain = domain

    async def serve(self, head: Head, relay: Relay) -> None:
        try:
            await self._serve(head, relay)
        except S3Error as error:
            await relay.whole(answer(error, head.request.raw_path.decode("latin-1")))

    def refused(self, error: Refused, path: str) -> S3Error:
        return S3Error(_KINDS.get(error.kind, "InvalidURI"), error.text)

    async def _serve(self, head: Head, relay: Relay) -> None:
        bucket = head.host.removesuffix(f".{self._domain}") if self._domain and head.host.endswith(f".{self._domain}") else ""
        try:
            place = place_of(decoded(head.request.raw_path), bucket)
            if head.request.method == "OPTIONS":
                await self._send(relay, "OPTIONS", place, "", [h for h in head.request.headers if h[0] in _PREFLIGHT], b"", None)
                return
            who = await signed(self._doors, head.request)
            operation = operation_of(who.request.method, place, who.query)
            s3_headers.check(operation, who.request)
            asked = asked_of(operation, place, who.query, who.request)
            context = self._context(head, who)
        except Refused as error:
            raise self.refused(error, "") from error
        except Unknown as cause:
            raise S3Error("AccessDenied", "The gateway knows no such operation, and permits what it knows.") from cause
        document = await self._document(head, relay, who, operation) if operation.name in s3_documents.READ and head.has_body else None
        for action, resource in asked:
            await self._permit(who, action, resource, {**context, **document.context} if document else context)
        if s3_headers.name_of(operation, who.request) == "CopyObject":
            await self._check_copied_tags(who, place, context)
        if document is not None:
            query = sigv4.canonical_query(tuple(who.query.items()))
            headers = _around(s3_headers.kept(who.request), document.body)
            await self._send(relay, who.request.method, place, query, headers, document.body, sigv4.sha256(document.body))
            return
        if operation.name == "DeleteObjects":
            await self._delete(head, relay, who, place, context)
            return
        await self._forward(head, relay, who, operation, place)

    def _context(self, head: Head, who: Signed) -> dict[str, list[str]]:
        request = who.request
        named = {"UserAgent": request.text(b"user-agent"), "Referer": request.text(b"referer")}
        context = request_keys(self._doors.clock, request.client, request.scheme, who.claim.region, named)
        presigned = who.claim.expires is not None
        signed_at = sigv4.epoch(who.claim.at) or 0.0
        context |= {
            "s3:authType": ["REST-QUERY-STRING" if presigned else "REST-HEADER"],
            "s3:signatureversion": [sigv4.ALGORITHM],
            "s3:signatureAge": [str(max(0, int((self._doors.clock.now() - signed_at) * 1000)))],
            "s3:x-amz-content-sha256": [who.payload],
        }
        return {**context, **context_of(who.query, request, self._doors.clock.now())}

    async def _permit(self, who: Signed, action: str, resource: str, context: dict[str, list[str]]) -> None:
        if action in _BY_TAGS and await self._doors.asks_for(who.session, _EXISTING.lower()):
            place, version = _object_of(who, resource)
            context = {**context, **{f"{_EXISTING}{key}": [value] for key, value in await self._tags(place, version)}}
        decision = await self._doors.decide(who.session, action, resource, context)
        if not decision.allowed:
            raise S3Error("AccessDenied", denial(who.session, action, f'"{resource}"', decision))

    async def _check_copied_tags(self, who: Signed, place: Place, context: dict[str, list[str]]) -> None:
        """A copy takes the source's tags along: where there are some, they must be read there and written here."""
        if who.request.text(b"x-amz-tagging-directive").strip().upper() == "REPLACE":
            return
        source, version = copy_source(who.request.header(b"x-amz-copy-source") or b"")
        reads = "s3:GetObjectTagging" if version is None else "s3:GetObjectVersionTagging"
        for action, (bucket, key) in ((reads, source), ("s3:PutObjectTagging", place)):
            try:
                await self._permit(who, action, f"arn:aws:s3:::{bucket}/{key}", context)
            except S3Error:
                if await self._tags(source, version):
                    raise

    async def _tags(self, place: Place, version: str | None) -> list[tuple[str, str]]:
        """Those that an object has, read with the store's own keys. What cannot be read could deny, so nothing is permitted then."""
        query = "tagging=" + (f"&versionId={quote(version, safe='-_.~')}" if version is not None else "")
        given = await self._ask("GET", place, query, [], b"", sigv4.sha256(b""))
        try:
            if given.status == 404:
                return []
            if given.status != 200:
                raise S3Error("AccessDenied", "A policy asks for the object's tags, and the store does not tell them.")
            body = await _whole(given.pieces(), s3_documents.LARGEST)
            return s3_documents.tags_in(s3_xml.parsed(body, "Tagging"))
        except (Broken, Slow, s3_xml.Malformed) as cause:
            raise S3Error("ServiceUnavailable") from cause
        finally:
            given.close()

    # What goes to the store

    async def _forward(self, head: Head, relay: Relay, who: Signed, operation: Operation, place: Place) -> None:
        request = who.request
        headers = s3_headers.kept(request)
        if request.method in _NO_BODY or not head.has_body:
            if head.has_body:
                raise S3Error("InvalidRequest", "This operation takes no body.")
            source = payload.hashed(relay.body(), who.payload) if _is_digest(who.payload) else relay.body()
            if chunks.is_streaming(who.payload) or await _whole(source, 0):
                raise S3Error("IncompleteBody")
            await self._send(relay, request.method, place, sigv4.canonical_query(tuple(who.query.items())), headers, b"", None)
            return
        query = sigv4.canonical_query(tuple(who.query.items()))
        said = who.payload
        if chunks.is_streaming(said):
            headers, stream, said = _taken_apart(head, who, headers, relay)
        elif head.length is None:
            raise S3Error("MissingContentLength")
        else:
            stream = Stream(payload.hashed(relay.body(), said) if _is_digest(said) else relay.body(), head.length)
        await self._send(relay, request.method, place, query, headers, stream, said)

    async def _document(self, head: Head, relay: Relay, who: Signed, operation: Operation) -> s3_documents.Document:
        body = await self._body(head, relay, who, s3_documents.LARGEST)
        try:
            return s3_documents.read(operation.name, body, self._doors.clock.now())
        except s3_xml.Malformed as cause:
            raise S3Error("MalformedXML") from cause
        except s3_documents.Unserved as cause:
            raise S3Error("NotImplemented", "A part of the document implies functionality that is not implemented") from cause

    async def _body(self, head: Head, relay: Relay, who: Signed, most: int) -> bytes:
        """All of it, as it was signed."""
        if head.length is None and not chunks.is_streaming(who.payload):
            raise S3Error("MissingContentLength")
        _, stream, _ = _taken_apart(head, who, [], relay, plain=True) if chunks.is_streaming(who.payload) else ([], None, "")
        source = stream.pieces if stream is not None else relay.body()
        return await _whole(payload.hashed(source, who.payload) if _is_digest(who.payload) else source, most)

    async def _delete(self, head: Head, relay: Relay, who: Signed, place: Place, context: dict[str, list[str]]) -> None:
        """Each key is asked for by itself; those that are denied are errors in an answer of 200, as S3 has it."""
        document = await self._body(head, relay, who, s3_delete.LARGEST)
        try:
            items, quiet = s3_delete.read(document)
        except s3_xml.Malformed as cause:
            raise S3Error("MalformedXML") from cause
        allowed: list[s3_delete.Item] = []
        denied: list[tuple[s3_delete.Item, str]] = []
        for item in items:
            why = await self._may_delete(who, place.bucket, item, context)
            if why is None:
                allowed.append(item)
            else:
                denied.append((item, why))
        errors_ = s3_delete.refused(denied)
        if not allowed:
            await relay.xml(200, s3_delete.result(errors_))
            return
        body = s3_delete.write(allowed, quiet=quiet)
        given = await self._ask("POST", place, "delete=", _around(s3_headers.kept(who.request), body), body, sigv4.sha256(body))
        if not denied or given.status != 200:
            await relay.answer(given)
            return
        try:
            told = await _whole(given.pieces(), s3_delete.LARGEST * 2)
            await relay.xml(200, s3_delete.merged(told, errors_))
        except (s3_xml.Malformed, Broken, Slow) as cause:
            raise S3Error("InternalError") from cause
        finally:
            given.close()

    async def _may_delete(self, who: Signed, bucket: str, item: s3_delete.Item, context: dict[str, list[str]]) -> str | None:
        """Why not, None where it may."""
        if len(item.key.encode()) > 1024:
            return "Your key is too long"
        try:
            if decoded(encoded("/" + item.key).encode()) != "/" + item.key:
                return "Access Denied"
        except Refused as error:
            return error.text
        resource = f"arn:aws:s3:::{bucket}/{item.key}"
        actions = ["s3:DeleteObjectVersion" if item.version else "s3:DeleteObject"]
        if who.request.header(b"x-amz-bypass-governance-retention") is not None:
            actions.append("s3:BypassGovernanceRetention")
        own = {**context, "s3:VersionId": [item.version]} if item.version else context
        for action in actions:
            decision = await self._doors.decide(who.session, action, resource, own)
            if not decision.allowed:
                return denial(who.session, action, f'"{resource}"', decision)
        return None

    async def _send(
        self, relay: Relay, method: str, place: Place, query: str, headers: list[Header], body: bytes | Stream, said: str | None
    ) -> None:
        await relay.answer(await self._ask(method, place, query, headers, body, said or sigv4.sha256(b"")))

    async def _ask(self, method: str, place: Place, query: str, headers: list[Header], body: bytes | Stream, said: str) -> Answer:
        path = encoded(f"/{place.bucket}/{place.key}" if place.key else f"/{place.bucket}")
        now = self._doors.clock.now()
        sent = [(b"host", self._upstream.authority.encode()), *headers]
        if method != "OPTIONS":
            sent = sign(self._keys, method, path, query, sent, said, now)
        target = f"{path}?{query}" if query else path
        try:
            return await self._upstream.send(method, target.encode("latin-1"), sent, body)
        except (Unreachable, Slow, Broken) as cause:
            log.warning("the store failed", reason=str(cause))
            raise _failed(cause) from cause
        except payload.Wrong as cause:
            raise S3Error(cause.code) from cause
        except errors.ServiceError as cause:  # of wire/chunks.py: a chunk or a trailer that was not signed so
            raise S3Error("SignatureDoesNotMatch") from cause


def _object_of(who: Signed, resource: str) -> tuple[Place, str | None]:
    """The object of an ARN, and which of its versions: a copy's source has its own."""
    bucket, _, key = resource.removeprefix("arn:aws:s3:::").partition("/")
    place, source = Place(bucket, key), who.request.header(b"x-amz-copy-source")
    if source is not None and (found := copy_source(source))[0] == place:
        return found
    return place, who.query.get("versionId")


def _failed(cause: Unreachable | Slow | Broken) -> S3Error:
    if isinstance(cause, Slow):
        return S3Error("GatewayTimeout")
    return S3Error("IncompleteBody" if str(cause).endswith("announced") else "ServiceUnavailable")


def _taken_apart(head: Head, who: Signed, headers: list[Header], relay: Relay, *, plain: bool = False) -> tuple[list[Header], Stream, str]:
    """Headers, body and payload's name for what came in chunks: plain where it had no trailers, else in unsigned chunks of our own."""
    request = who.request
    length = request.text(b"x-amz-decoded-content-length")
    if not (length.isascii() and length.isdigit() and len(length) <= 15):
        raise S3Error("MissingContentLength")
    trailing = who.payload != chunks.SIGNED
    listed = frozenset(name.strip().lower() for name in (request.header(b"x-amz-trailer") or b"").split(b",") if name.strip())
    if listed and not trailing:
        raise S3Error("InvalidRequest", "x-amz-trailer needs a payload with a trailer.")
    seal = None if who.payload == chunks.UNSIGNED_TRAILER else who.seal
    said = payload.Chunked(seal, int(length), listed, who.payload == chunks.SIGNED_TRAILER)
    found: list[tuple[bytes, bytes]] = []
    data: AsyncIterator[bytes] = payload.unchunked(relay.body(), said, found)
    kept = [(name, value) for name, value in headers if name != b"content-encoding"]
    codings = [
        c.strip() for c in (request.header(b"content-encoding") or b"").split(b",") if c.strip().lower() not in (b"aws-chunked", b"")
    ]
    if plain or not listed:
        if codings:
            kept.append((b"content-encoding", b",".join(codings)))
        return kept, Stream(data, int(length)), sigv4.UNSIGNED
    kept += [
        (b"content-encoding", b",".join((*codings, b"aws-chunked"))),
        (b"x-amz-decoded-content-length", length.encode()),
        (b"x-amz-trailer", b",".join(sorted(listed))),
    ]
    return kept, Stream(payload.rechunked(data, found), None), chunks.UNSIGNED_TRAILER


async def _whole(source: AsyncIterator[bytes], most: int) -> bytes:
    try:
        return await payload.whole(source, most)
    except payload.Wrong as cause:
        raise S3Error(cause.code) from cause
    except errors.ServiceError as cause:
        raise S3Error("SignatureDoesNotMatch") from cause


def _around(headers: list[Header], body: bytes) -> list[Header]:
    """The headers of a document that was written anew. Stores want a checksum, older ones the older one; it protects the way, not a password."""
    kept = [h for h in headers if not h[0].startswith((b"content-", b"x-amz-checksum-", b"x-amz-sdk-checksum"))]
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest())
    return [*kept, (b"content-type", b"application/xml"), (b"content-md5", digest)]


def _is_digest(said: str) -> bool:
    return said != sigv4.UNSIGNED and not chunks.is_streaming(said)
