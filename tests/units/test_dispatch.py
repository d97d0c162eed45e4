"""The dispatcher through a real ASGI call, with a registry of toy handlers."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from tests.units.toy_server import ALICE, BODY, PASSWORD, POOL, Server

# What an operation answers


def test_an_operation_answers() -> None:
    """A request by target reaches its handler, typed; the answer has AWS's headers and a fresh request id."""
    server = Server()
    status, headers, body = server.send("AdminGetUser", ALICE)
    assert (status, json.loads(body)) == (200, {"Username": "alice"})
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert UUID(headers["x-amzn-requestid"]).version == 4
    assert headers["x-amzn-requestid"] != server.send("AdminGetUser", ALICE)[1]["x-amzn-requestid"]
    assert server.calls[0].request_id == headers["x-amzn-requestid"]


def test_a_call_says_where_it_came_from() -> None:
    """Host, scheme, address and user agent reach the context; without a signature there is no caller and no region."""
    server = Server()
    server.send("AdminGetUser", ALICE)
    call = server.calls[0]
    assert (call.host, call.scheme, call.source_ip, call.user_agent) == ("idp.example:2646", "http", "127.0.0.9", "toy/1")
    assert (call.operation.name, call.region, call.caller.access_key_id) == ("AdminGetUser", None, "")


def test_an_empty_result() -> None:
    """A handler that returns nothing answers an empty object."""
    assert Server().send("CreateUserPool", {"PoolName": "x"})[2] == b"{}"


def test_a_modelled_error_is_answered_as_one() -> None:
    """Name, text and 400."""
    raised = Server(strict=True).refusal("AdminGetUser", {**ALICE, "Username": "missing"})
    assert raised == (400, "UserNotFoundException", "User does not exist.")


def test_strict_mode_catches_an_error_that_the_model_lacks() -> None:
    """In tests an undeclared error is a defect; in service the client still gets an answer."""
    with pytest.raises(AssertionError, match="AdminGetUser raised UsernameExistsException, which its model does not declare"):
        Server(strict=True).send("AdminGetUser", {**ALICE, "Username": "undeclared"})
    assert Server().refusal("AdminGetUser", {**ALICE, "Username": "undeclared"})[1] == "UsernameExistsException"


def test_a_bug_is_an_internal_error_and_tells_nothing() -> None:
    """The client gets the request id, the log the place and kind; the exception's text, here a password, is in neither."""
    server = Server()
    status, headers, body = server.send("AdminGetUser", {**ALICE, "Username": "bug"})
    assert status == 500
    assert json.loads(body)["__type"] == "InternalErrorException"
    assert headers["x-amzn-requestid"] in json.loads(body)["message"]
    [(event, fields)] = server.log.lines
    assert (event, fields["operation"], fields["error_type"]) == ("operation failed", "AdminGetUser", "KeyError")
    assert fields["request_id"] == headers["x-amzn-requestid"]
    assert any("in admin_get_user" in line for line in fields["trace"])
    assert PASSWORD not in str(server.log.lines) + body.decode() + str(headers)


def test_a_handlers_own_fault_is_logged_with_its_cause() -> None:
    """A 500 that a handler raises itself keeps its public text, and the log names the cause without quoting it."""
    server = Server()
    assert server.refusal("AdminGetUser", {**ALICE, "Username": "chained"}) == (500, "InternalErrorException", "Out of order.")
    [(_, fields)] = server.log.lines
    assert "builtins.ValueError" in fields["trace"]
    assert PASSWORD not in str(fields)


def test_a_time_limit_is_no_crash() -> None:
    """An exception of the platform is a bug like any other."""
    assert Server().refusal("AdminGetUser", {**ALICE, "Username": "slow"})[:2] == (500, "InternalErrorException")


# What is refused before


def test_an_unknown_operation() -> None:
    """An operation that nobody serves, and a request without a target, are unknown operations."""
    assert Server().refusal("Frobnicate")[:2] == (400, "UnknownOperationException")
    assert Server().refusal("", b"a=b")[:2] == (400, "UnknownOperationException")
    assert Server().refusal("AdminGetUser", ALICE, method="PUT")[:2] == (400, "UnknownOperationException")


def test_a_body_that_is_not_json() -> None:
    """It is a SerializationException, and nobody was asked."""
    server = Server()
    assert server.refusal("AdminGetUser", b"user=alice")[:2] == (400, "SerializationException")
    assert server.calls == []


def test_violations_are_answered() -> None:
    """Validation stands before the handler."""
    server = Server(strict=True)
    status, code, text = server.refusal("AdminGetUser", {"UserPoolId": POOL})
    assert (status, code) == (400, "InvalidParameterException")
    assert text == "1 validation error detected: Value null at 'username' failed to satisfy constraint: Member must not be null"
    assert server.calls == []


def test_a_body_in_parts_is_one_body() -> None:
    """Chunked transfer brings a body in parts of any size, empty ones too."""
    parts = [BODY[:1], b"", BODY[1:9], BODY[9:], b""]
    assert json.loads(Server().send("AdminGetUser", parts)[2]) == {"Username": "alice"}


def test_an_empty_body() -> None:
    """No body is an empty object: the members that it lacks are named."""
    assert Server().refusal("AdminGetUser", b"")[1] == "InvalidParameterException"


@pytest.mark.parametrize("parts", [[b" " * 1001], [b" " * 600, b" " * 600], [b" " * 600, b" " * 400, b"x"]])
def test_a_body_over_the_limit(parts: list[bytes]) -> None:
    """413 in AWS's form, whether the body comes whole or in parts."""
    assert Server(limit=1000).refusal("AdminGetUser", parts)[:2] == (413, "RequestEntityTooLargeException")


def test_a_body_at_the_limit_is_read() -> None:
    """The limit itself is allowed."""
    server = Server(limit=1000)
    assert server.send("AdminGetUser", [BODY, b" " * (1000 - len(BODY))])[0] == 200


def test_a_body_far_over_the_limit_is_not_read() -> None:
    """What declares more than can be dropped is refused unread, and the connection ends."""
    server = Server()
    status, headers, _ = server.send("AdminGetUser", [b"x"] * 5, headers={"content-length": str(1 << 40)})
    assert (status, headers["connection"], server.unread) == (413, "close", 5)


def test_a_body_over_the_limit_is_dropped_so_that_the_client_sees_the_answer() -> None:
    """A client still sending would not read its 413: up to 16 MiB are read, and kept nowhere."""
    server = Server(limit=10)
    assert server.send("AdminGetUser", [b"x" * 9] * 50)[0] == 413
    assert server.unread == 0


def test_a_client_that_hangs_up_is_not_answered() -> None:
    """A body cut off is no request: no handler runs, nothing is sent."""
    server = Server()
    assert server.send("AdminGetUser", [BODY], gone=True) == (0, {}, b"")
    assert server.calls == []


def test_preflight() -> None:
    """OPTIONS is answered at once, whatever is asked, without an operation."""
    status, headers, body = Server().send("", b"", method="OPTIONS", headers={"access-control-request-headers": "x-mine"})
    assert (status, headers["access-control-allow-headers"], body) == (200, "x-mine", b"")
