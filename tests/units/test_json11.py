"""The JSON 1.1 protocol: what is read, what is written, what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cognomen.api import errors, idp
from cognomen.api.operation import Registry
from cognomen.wire import cors
from cognomen.wire.json11 import Json11, parsed
from cognomen.wire.request import Answer, HttpRequest

ID = b"4c8ba85d-1d9f-4d70-a4de-0a1e2a5b6c7d"
TARGET = b"AWSCognitoIdentityProviderService.AdminGetUser"


async def admin_get_user(cx: Any, request: idp.AdminGetUserRequest) -> idp.AdminGetUserResponse:
    return idp.AdminGetUserResponse(username=request.username)


async def admin_delete_user(cx: Any, request: idp.AdminDeleteUserRequest) -> None:
    return None


OPERATIONS = Registry()
GET = OPERATIONS.add("cognito-idp", admin_get_user)
DELETE = OPERATIONS.add("cognito-idp", admin_delete_user)


def headers(answer: Answer) -> dict[str, str]:
    assert len({name for name, _ in answer.headers}) == len(answer.headers), "a header is sent twice"
    return {name.decode(): value.decode() for name, value in answer.headers}


def test_success_headers() -> None:
    """The headers of a live answer: content type, request id and the two of CORS, none more."""
    answer = Json11().success(GET, idp.AdminGetUserResponse(username="a", user_create_date=1700000000.5, enabled=False), ID)
    assert headers(answer) == {
        "content-type": "application/x-amz-json-1.1",
        "x-amzn-requestid": ID.decode(),
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date",
    }
    assert answer.status == 200
    assert answer.body == b'{"Username":"a","UserCreateDate":1700000000.5,"Enabled":false}'


def test_an_empty_result_is_an_empty_object() -> None:
    """Amplify parses every answer as JSON, so there is one."""
    assert Json11().success(DELETE, None, ID).body == b"{}"


def test_an_error_names_itself_in_body_and_header() -> None:
    """Amplify reads the header first, others `__type`; both are the bare name."""
    answer = Json11().error(errors.NotAuthorizedException("Incorrect username or password."), ID)
    assert answer.status == 400
    assert msgspec.json.decode(answer.body) == {"__type": "NotAuthorizedException", "message": "Incorrect username or password."}
    sent = headers(answer)
    assert sent["x-amzn-errortype"] == "NotAuthorizedException"
    assert sent["x-amzn-errormessage"] == "Incorrect username or password."
    assert sent["x-amzn-requestid"] == ID.decode()
    assert sent["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.parametrize("text", ["two\nlines", "caf\u00e9", "x" * 2049, "split\r\nSet-Cookie: a=b", ""])
def test_a_text_that_no_header_can_carry_is_in_the_body_only(text: str) -> None:
    """Line ends and other characters would break, or forge, headers."""
    answer = Json11().error(errors.InvalidParameterException(text), ID)
    assert "x-amzn-errormessage" not in headers(answer)
    assert msgspec.json.decode(answer.body)["message"] == text


def test_more_members_of_an_error() -> None:
    """Members that the model gives an error are in its body, under the wire's names."""
    answer = Json11().error(errors.InvalidParameterException("no", reason_code="bad"), ID)
    assert msgspec.json.decode(answer.body) == {"__type": "InvalidParameterException", "message": "no", "reasonCode": "bad"}


def test_statuses() -> None:
    """Modelled errors are 400, faults 500, an oversized body 413."""
    statuses = [Json11().error(error("x"), ID).status for error in (errors.ResourceNotFoundException, errors.InternalErrorException)]
    assert statuses == [400, 500]
    assert Json11().error(errors.RequestEntityTooLargeException("x"), ID).status == 413


def test_claims_by_target() -> None:
    """A request with X-Amz-Target is this protocol's, whatever the target; one without is not."""
    assert Json11().claims(HttpRequest("POST", b"/", b"", [(b"x-amz-target", b"Nonsense")]))
    assert not Json11().claims(HttpRequest("POST", b"/", b"", [(b"content-type", b"application/x-amz-json-1.1")]))


@pytest.mark.parametrize(
    "target", [b"", b"AdminGetUser", TARGET + b"s", TARGET.lower(), b"AWSCognitoIdentityService.AdminGetUser", b"\xff"]
)
def test_unknown_targets(target: bytes) -> None:
    """A target is matched whole and exactly."""
    with pytest.raises(errors.UnknownOperationException):
        Json11().find(HttpRequest("POST", b"/", b"", [(b"x-amz-target", target)]), OPERATIONS)


def test_only_post_carries_an_operation() -> None:
    """A known target in another method is no operation."""
    assert Json11().find(HttpRequest("POST", b"/", b"", [(b"x-amz-target", TARGET)]), OPERATIONS) is GET
    with pytest.raises(errors.UnknownOperationException):
        Json11().find(HttpRequest("GET", b"/", b"", [(b"x-amz-target", TARGET)]), OPERATIONS)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        rb'{"a": "\ud800"}',
        rb'{"a": "\udc00"}',
        rb'{"a": "\ud800\u0041"}',
        rb'{"a": "\u0000"}',
        rb'{"\u0000": 1}',
        rb'{"a": [{"b": "x\u0000"}]}',
        b'{"a": "\x00"}',
        b"[" * 500_000,
        b'{"a":' * 150_000,
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_hostile_bodies_are_unreadable(body: bytes) -> None:
    """Malformed, not UTF-8, half a surrogate pair, NUL, out of range, nested without end: all the same clear refusal."""
    with pytest.raises(errors.SerializationException):
        parsed(body)


def test_what_only_looks_hostile_is_read() -> None:
    """A backslash before u0000 is text; of a key given twice the last counts; a surrogate pair is one character."""
    assert parsed(rb'{"a": "\\u0000", "b": "\ud83d\ude00"}') == {"a": r"\u0000", "b": "\U0001f600"}
    assert parsed(b'{"a": 1, "a": 2}') == {"a": 2}


def test_an_empty_body_is_an_empty_object() -> None:
    """An operation's required members are then reported missing, not the body."""
    with pytest.raises(errors.InvalidParameterException, match="2 validation errors detected: Value null at 'userPoolId'"):
        Json11().decode(GET, HttpRequest("POST", b"/"), b"")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"true"])
def test_a_body_is_an_object(body: bytes) -> None:
    """JSON that is no object is of the wrong type."""
    with pytest.raises(errors.SerializationException):
        Json11().decode(GET, HttpRequest("POST", b"/"), body)


def test_preflight_reflects_what_the_browser_asks() -> None:
    """Amplify lets an app add headers of its own, so what is asked for is what is allowed."""
    asked = HttpRequest("OPTIONS", b"/", b"", [(b"access-control-request-headers", b"content-type,x-mine")])
    answer = cors.preflight(asked)
    assert answer.status == 200
    sent = headers(answer)
    assert sent["access-control-allow-headers"] == "content-type,x-mine"
    assert sent["access-control-allow-origin"] == "*"
    assert sent["access-control-max-age"] == "172800"
    assert sent["access-control-expose-headers"] == "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
    assert "POST" in sent["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in sent
    unasked = headers(cors.preflight(HttpRequest("OPTIONS", b"/")))["access-control-allow-headers"]
    assert {"content-type", "x-amz-target", "x-amz-user-agent", "cache-control", "amz-sdk-invocation-id", "amz-sdk-request"} <= set(
        unasked.split(",")
    )
