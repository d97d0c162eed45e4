"""The log: one form for all lines, and nothing secret in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from cognomen.kernel import log

SECRET = "hunter2-hunter2"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the log writes, as JSON. Everything is put back afterwards: the log is the process's."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    log.set_up("info", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def one(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    read: dict[str, Any] = json.loads(line)
    return read


def test_a_line(lines: io.StringIO) -> None:
    """One JSON object a line: what happened, how bad, where, when, and the values given."""
    log.get_logger("cognomen.test").info("user signed in", pool_id="p", status_code=200)
    line = one(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "user signed in", "level": "info", "logger": "cognomen.test", "pool_id": "p", "status_code": 200}


def test_libraries_write_alike(lines: io.StringIO) -> None:
    """uvicorn's lines have the same form; its line for each request is left out."""
    logging.getLogger("uvicorn.error").warning("no %s", "luck")
    logging.getLogger("uvicorn.access").info("GET / 200")
    line = one(lines)
    assert (line["event"], line["level"], line["logger"]) == ("no luck", "warning", "uvicorn.error")


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Password",
        "new_password",
        "access_token",
        "RefreshToken",
        "client_secret",
        "SECRET_BLOCK",
        "session",
        "code",
        "ConfirmationCode",
        "authorization",
        "Cookie",
    ],
)
def test_telling_names_are_masked(lines: io.StringIO, key: str) -> None:
    """A value under a telling name does not reach the log: at the top, in a mapping, in a list, from a library."""
    logger = log.get_logger("x")
    logger.info("a", **{key: SECRET})
    logger.info("b", request={"AuthParameters": {key: SECRET}})
    logger.info("c", several=[{key: [SECRET]}])
    logging.getLogger("uvicorn.error").info("d", extra={key: SECRET})
    assert len(lines.getvalue().splitlines()) == 4
    assert lines.getvalue().count("***") == 4
    assert SECRET not in lines.getvalue()


def test_other_names_stay(lines: io.StringIO) -> None:
    """A masked log is of no use if it masks what one looks for."""
    log.get_logger("x").info("a", username="ada", status_code=400, error_code="NotAuthorizedException", has_password=True, path="/codes")
    line = one(lines)
    assert (line["username"], line["status_code"], line["error_code"], line["has_password"], line["path"]) == (
        "ada",
        400,
        "NotAuthorizedException",
        True,
        "/codes",
    )


def test_bytes_and_depth(lines: io.StringIO) -> None:
    """Bytes are keys or seals and only their number is written; what lies too deep to be looked through is not written at all."""
    log.get_logger("x").info("a", raw=SECRET.encode(), deep={"a": {"b": {"c": {"d": {"e": SECRET}}}}})
    assert one(lines)["raw"] == "<15 bytes>"
    assert SECRET not in lines.getvalue()


@pytest.mark.parametrize("readable", [True, False])
def test_an_exception(readable: bool) -> None:
    """Its kind, its causes' and the places are part of what is written; its text, which may quote a secret, is not."""
    lines = io.StringIO()
    log.set_up(stream=lines, readable=readable)
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as cause:
            raise RuntimeError(SECRET) from cause
    except RuntimeError:
        log.get_logger("x").exception("it broke")
    written = lines.getvalue()
    for part in ("it broke", "error", "RuntimeError", "ValueError", "test_an_exception"):
        assert part in written
    assert SECRET not in written


def test_what_json_can_not_hold(lines: io.StringIO) -> None:
    """An object of any kind is written by its repr; logging never raises."""
    log.get_logger("x").info("a", thing=ValueError("v"), none=None)
    assert one(lines)["thing"] == "ValueError('v')"


def test_levels(lines: io.StringIO) -> None:
    """Below the level nothing is written."""
    log.get_logger("x").debug("unseen")
    assert lines.getvalue() == ""


def test_for_people(lines: io.StringIO) -> None:
    """On a terminal a line is for reading, and masked as well."""
    stream = io.StringIO()
    log.set_up("info", stream=stream, readable=True)
    log.get_logger("x").info("user signed in", username="ada", password=SECRET)
    assert not stream.getvalue().startswith("{")
    assert "user signed in" in stream.getvalue()
    assert "username=ada" in stream.getvalue()
    assert "password=***" in stream.getvalue()
    assert lines.getvalue() == ""
