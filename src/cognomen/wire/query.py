"""AWS's query protocol, which IAM and STS speak: Action, Version and members in a form (or a query string), answers and errors in XML.

Lists are `Name.member.N`. Refuses forms of more fields than any operation has. Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec

from cognomen.api import errors, model
from cognomen.api.model import Reference, ServiceModel
from cognomen.api.operation import Operation, Registry
from cognomen.api.structure import Structure
from cognomen.wire.cors import ALLOW
from cognomen.wire.request import Answer, Header, HttpRequest

FORM = "application/x-www-form-urlencoded"
CONTENT: list[Header] = [(b"content-type", b"text/xml"), *ALLOW]
_FIELDS = 2000
_SERVICES = {model.VERSIONS[service]: service for service in ("iam", "sts")}
# Characters that XML 1.0 cannot hold, escaped or not.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Tree = dict[str, Any]


class Query:
    limit: int | None = None

    def claims(self, request: HttpRequest) -> bool:
        if request.path != "/" or request.header(b"x-amz-target") is not None:
            return False
        if request.method == "GET":
            return b"Action=" in request.query_string
        return request.text(b"content-type").partition(";")[0].strip().lower() == FORM

    def find(self, request: HttpRequest, operations: Registry) -> Operation:
        fields = _fields(request, request.body)
        action, version = fields.get("Action", ""), fields.get("Version", "")
        if not action:
            raise errors.UnknownOperationException("Missing Action")
        # Imported when first needed: their models take time and memory that a server without them can spare.
        import_module("cognomen.iam.operations").load()
        operation = operations.by_name.get((_SERVICES.get(version, ""), action))
        if operation is None or request.method not in ("GET", "POST"):
            raise errors.UnknownOperationException(
                f"Could not find operation {action[:128]} for version {version[:32] or 'NO_VERSION_SPECIFIED'}"
            )
        return operation

    def decode(self, operation: Operation, request: HttpRequest, body: bytes) -> Structure:
        described = model.load(operation.service)
        shape = described.operations[operation.name].input.shape
        return operation.decode(_read(described, shape, _tree(_fields(request, body)), ""))

    def success(self, operation: Operation, response: Structure | None, request_id: bytes) -> Answer:
        described = model.load(operation.service)
        output = described.operations[operation.name].output
        name = operation.name
        result = ""
        if output is not None:
            wrapper = output.resultWrapper or f"{name}Result"
            inner = _written(described, output.shape, msgspec.to_builtins(response) if response is not None else {})
            result = f"<{wrapper}>{inner}</{wrapper}>"
        metadata = f"<ResponseMetadata><RequestId>{request_id.decode()}</RequestId></ResponseMetadata>"
        text = f'<{name}Response xmlns="{described.metadata.xmlNamespace}">{result}{metadata}</{name}Response>'
        return Answer(200, [*CONTENT, (b"x-amzn-requestid", request_id)], text.encode())

    def error(self, error: errors.ServiceError, request_id: bytes) -> Answer:
        status = error.query_status if error.query_status != 400 else error.status
        kind = "Sender" if status < 500 else "Receiver"
        said = f"<Type>{kind}</Type><Code>{error.query_code}</Code><Message>{_text(error.message)}</Message>"
        text = f"<ErrorResponse><Error>{said}</Error><RequestId>{request_id.decode()}</RequestId></ErrorResponse>"
        return Answer(status, [*CONTENT, (b"x-amzn-requestid", request_id)], text.encode())


# What comes


def _fields(request: HttpRequest, body: bytes) -> dict[str, str]:
    """The fields; the first of a name counts, so that nobody adds one behind what was checked."""
    raw = request.query_string if request.method == "GET" else body
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS, encoding="utf-8", errors="strict")
    except ValueError as cause:
        raise errors.SerializationException("The request is no form of UTF-8 text.") from cause
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise errors.SerializationException("The request holds a NUL character.")
    return dict(reversed(pairs))


def _tree(fields: dict[str, str]) -> Tree:
    """`Tags.member.1.Key` becomes a path in nested dictionaries; the protocol's own fields are left out."""
    tree: Tree = {}
    for name, value in fields.items():
        if name in ("Action", "Version") or name.startswith("X-Amz-"):
            continue
        *path, last = name.split(".", 16)
        at: Any = tree
        for part in path:
            at = at.setdefault(part, {}) if isinstance(at, dict) else at
        if isinstance(at, dict) and not isinstance(at.get(last), dict):
            at[last] = value
    return tree


def _read(described: ServiceModel, shape_name: str, given: Any, path: str) -> Any:
    """What a form says, as the JSON that the shape's validator takes: texts made numbers and booleans where the model has such."""
    shape = described.shapes[shape_name]
    match shape.type:
        case "structure":
            found = given if isinstance(given, dict) else {}
            return {
                name: _read(described, part.shape, found[name], f"{path}{name}.") for name, part in shape.members.items() if name in found
            }
        case "list":
            listed = given.get("member", {}) if isinstance(given, dict) else {}
            numbered = (
                sorted((int(key), one) for key, one in listed.items() if re.fullmatch(r"[0-9]{1,6}", key))
                if isinstance(listed, dict)
                else []
            )
            member = shape.member.shape if shape.member else ""
            return [_read(described, member, one, f"{path}member.{number}.") for number, one in numbered]
        case "integer" | "long":
            if isinstance(given, str) and re.fullmatch(r"-?[0-9]{1,18}", given):
                return int(given)
        case "boolean":
            if given in ("true", "false"):
                return given == "true"
        case _:
            if isinstance(given, str):
                return given
    raise errors.SerializationException(f"The value of {path[:256].rstrip('.')} does not have the type of its member.")


# What goes


def _written(described: ServiceModel, shape_name: str, value: Any) -> str:
    shape = described.shapes[shape_name]
    match shape.type:
        case "structure":
            return "".join(_member(described, name, part, value[name]) for name, part in shape.members.items() if name in value)
        case "list":
            member = shape.member.shape if shape.member else ""
            return "".join(f"<member>{_written(described, member, one)}</member>" for one in value)
        case "map":
            pairs = [(shape.key, "key"), (shape.value, "value")]
            entries = [[(part.shape, tag, one) for (part, tag), one in zip(pairs, entry, strict=True) if part] for entry in value.items()]
            return "".join(
                f"<entry>{''.join(f'<{tag}>{_written(described, inner, one)}</{tag}>' for inner, tag, one in entry)}</entry>"
                for entry in entries
            )
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            return datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _text(str(value))


def _member(described: ServiceModel, name: str, part: Reference, value: Any) -> str:
    return f"<{name}>{_written(described, part.shape, value)}</{name}>"


def _text(value: str) -> str:
    return escape(_UNWRITABLE.sub("\ufffd", value), {"\r": "&#xD;"})
