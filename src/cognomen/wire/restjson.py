"""AWS's REST-JSON protocol, which Cognito Sync speaks: the operation in method and path, members in path, query, headers and a JSON body.

Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html. What is decoded here is what policies are asked of and what the
operation sees: a path is taken apart at its slashes first, then each part is decoded, once.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from cognomen.api import errors, model
from cognomen.api.operation import Operation, Registry
from cognomen.api.structure import Structure
from cognomen.wire.cors import ALLOW
from cognomen.wire.json11 import HEADER_SAFE, parsed
from cognomen.wire.request import Answer, Header, HttpRequest

ROOT = "/identitypools"
CONTENT: list[Header] = [(b"content-type", b"application/json"), *ALLOW]
_SERVICE = "cognito-sync"
_encode = msgspec.json.Encoder().encode


class _Part(NamedTuple):
    """A member that does not stand in the body, and whether it is a number."""

    member: str
    location: str
    name: str
    number: bool


class RestJson:
    limit: int | None = 8 << 20  # a dataset of 1 MB, with every character escaped

    def claims(self, request: HttpRequest) -> bool:
        return request.path == ROOT or request.path.startswith(f"{ROOT}/")

    def find(self, request: HttpRequest, operations: Registry) -> Operation:
        # Imported when first needed: a server whose apps do not synchronise need not load it.
        import_module("cognomen.sync.operations").load()
        operation = operations.by_name.get((_SERVICE, _routed(request.method, request.raw_path)[0]))
        if operation is None:
            raise errors.UnknownOperationException(f"There is no operation {request.method} {request.path[:256]}")
        return operation

    def decode(self, operation: Operation, request: HttpRequest, body: bytes) -> Structure:
        raw = parsed(body) if body else {}
        if not isinstance(raw, dict):
            raise errors.SerializationException("The request body is not a JSON object.")
        parts = _parts(operation.name)
        # A member has its one place: what the path says must not be said otherwise by the body.
        given = {name: value for name, value in raw.items() if all(part.member != name for part in parts)}
        _, in_path = _routed(request.method, request.raw_path)
        query = _query(request) if any(part.location == "querystring" for part in parts) else {}
        for part in parts:
            if part.location == "uri":
                given[part.member] = in_path[part.name]
            elif part.location == "querystring" and part.name in query:
                given[part.member] = _number(part, query[part.name]) if part.number else query[part.name]
            elif part.location == "header" and (header := request.header(part.name.lower().encode())) is not None:
                given[part.member] = _text(header)
        return operation.decode(given)

    def success(self, operation: Operation, response: Structure | None, request_id: bytes) -> Answer:
        return Answer(operation.http.responseCode, [*CONTENT, (b"x-amzn-requestid", request_id)], operation.encode(response))

    def error(self, error: errors.ServiceError, request_id: bytes) -> Answer:
        headers = [*CONTENT, (b"x-amzn-requestid", request_id), (b"x-amzn-errortype", error.code.encode())]
        if HEADER_SAFE.fullmatch(error.message):
            headers.append((b"x-amzn-errormessage", error.message.encode()))
        return Answer(error.rest_status, headers, _encode({"__type": error.code, "message": error.message, **error.extra}))


@functools.lru_cache(maxsize=4096)  # a device asks for the same few paths again and again
def _routed(method: str, raw_path: bytes) -> tuple[str, Mapping[str, str]]:
    """The operation's name (empty: none) and what stands for its placeholders."""
    segments = [_text(unquote_to_bytes(part)) for part in raw_path.removeprefix(b"/").removesuffix(b"/").split(b"/")]
    for wanted, pattern, name in _routes():
        if wanted == method and len(pattern) == len(segments):
            pairs = list(zip(pattern, segments, strict=True))
            if all(part.startswith("{") or part == given for part, given in pairs):
                return name, {part[1:-1]: given for part, given in pairs if part.startswith("{")}
    return "", {}


@functools.cache
def _routes() -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """Method, path and name of every operation; paths without a placeholder at a place before those that have one there."""
    found = [(each.http.method, _template(each.http.requestUri), name) for name, each in model.load(_SERVICE).operations.items()]
    return tuple(sorted(found, key=lambda route: [part.startswith("{") for part in route[1]]))


def _template(uri: str) -> tuple[str, ...]:
    return tuple(uri.strip("/").split("/"))


@functools.cache
def _parts(name: str) -> tuple[_Part, ...]:
    described = model.load(_SERVICE)
    members = described.shapes[described.operations[name].input.shape].members
    return tuple(
        _Part(member, each.location, each.locationName or member, described.shapes[each.shape].type in ("integer", "long"))
        for member, each in members.items()
        if each.location
    )


def _query(request: HttpRequest) -> dict[str, str]:
    """The first of a name counts. A plus is a plus: SDKs write a space as %20."""
    found: dict[str, str] = {}
    for pair in request.query_string.split(b"&") if request.query_string else ():
        name, _, value = pair.partition(b"=")
        found.setdefault(_text(unquote_to_bytes(name)), _text(unquote_to_bytes(value)))
    return found


def _number(part: _Part, value: str) -> Any:
    if not re.fullmatch(r"-?[0-9]{1,18}", value, re.ASCII):
        raise errors.SerializationException(f"The value of {part.name} is no number.")
    return int(value)


def _text(value: bytes) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError as cause:
        raise errors.SerializationException("The request is not UTF-8.") from cause
    if "\0" in text:
        raise errors.SerializationException("The request holds a NUL character.")
    return text
