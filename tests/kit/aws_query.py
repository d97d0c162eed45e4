"""IAM and STS as botocore speaks them, against the server in the test's own process: its serializer, its parser, no network."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.session
from botocore.handlers import json_decode_policies
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from tests.kit.server import AwsError, Reply, TestServer


@cache
def _service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


async def query(server: TestServer, service: str, operation: str, headers: dict[str, str] | None = None, **members: Any) -> Any:
    """The answer as boto3 gives it, without its metadata. Raises AwsError."""
    described = _service(service).operation_model(operation)
    made = create_serializer("query", include_validation=False).serialize_to_request(members, described)
    reply = await form(server, made["body"], headers)
    parsed = create_parser("query").parse(
        {"status_code": reply.status, "headers": reply.headers, "body": reply.body}, described.output_shape
    )
    if reply.status != 200:
        raise AwsError(reply.status, parsed["Error"]["Code"], parsed["Error"].get("Message", ""))
    json_decode_policies(parsed, described)  # what boto3 does with documents
    assert parsed.pop("ResponseMetadata")["RequestId"] == reply.headers["x-amzn-requestid"]
    return parsed


async def form(server: TestServer, fields: dict[str, Any], headers: dict[str, str] | None = None) -> Reply:
    sent = {"content-type": "application/x-www-form-urlencoded; charset=utf-8", **(headers or {})}
    return await server.send("POST", "/", urlencode(fields).encode(), sent)


async def refused(
    server: TestServer, service: str, operation: str, headers: dict[str, str] | None = None, **members: Any
) -> tuple[int, str, str]:
    """(status, code, text)"""
    try:
        answer = await query(server, service, operation, headers, **members)
    except AwsError as error:
        return error.status, error.code, error.message
    raise AssertionError(f"{operation} answered {answer}")
