"""AWS's JSON 1.1 protocol: the operation in X-Amz-Target, members in a JSON body. Refuses bodies that are no JSON object."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cognomen.api import errors
from cognomen.api.operation import Operation, Registry
from cognomen.api.structure import Structure
from cognomen.wire.cors import ALLOW
from cognomen.wire.request import Answer, Header, HttpRequest

CONTENT: list[Header] = [(b"content-type", b"application/x-amz-json-1.1"), *ALLOW]
# A header carries printable ASCII; a longer text is in the body only.
HEADER_SAFE = re.compile(r"[\x20-\x7e]{1,2048}")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Json11:
    limit: int | None = None

    def claims(self, request: HttpRequest) -> bool:
        return request.header(b"x-amz-target") is not None

    def find(self, request: HttpRequest, operations: Registry) -> Operation:
        operation = operations.by_target.get(request.header(b"x-amz-target") or b"")
        if operation is None or request.method != "POST":
            raise errors.UnknownOperationException
        return operation

    def decode(self, operation: Operation, request: HttpRequest, body: bytes) -> Structure:
        """The request as its type. An empty body is an empty object, as some clients send one for an operation without members."""
        return operation.decode(parsed(body) if body else {})

    def success(self, operation: Operation, response: Structure | None, request_id: bytes) -> Answer:
        return Answer(200, [*CONTENT, (b"x-amzn-requestid", request_id)], operation.encode(response))

    def error(self, error: errors.ServiceError, request_id: bytes) -> Answer:
        headers = [*CONTENT, (b"x-amzn-requestid", request_id), (b"x-amzn-errortype", error.code.encode())]
        if HEADER_SAFE.fullmatch(error.message):
            headers.append((b"x-amzn-errormessage", error.message.encode()))
        return Answer(error.status, headers, _encode({"__type": error.code, "message": error.message, **error.extra}))


def parsed(body: bytes) -> Any:
    try:
        raw = _decode(body)
    except (ValueError, RecursionError) as cause:  # malformed, not UTF-8, a lone surrogate, a number out of range, nested too deep
        raise errors.SerializationException("The request body is not valid JSON.") from cause
    # NUL is a character in JSON, but no database keeps it in text. The escape is its only spelling.
    if rb"\u0000" in body and _has_nul(raw):
        raise errors.SerializationException("The request body holds a NUL character.")
    return raw


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))
