"""`user_directories`: what a row needs, and what is said of one that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cognomen.config import BadSetting, load
from cognomen.config_tables import UserDirectory
from cognomen.kernel.clock import SystemClock
from cognomen.ways_out import directories_of

COGNITO = {"user_pool_id": "us-east-1_Old", "client_id": "app"}
ADDRESS = {"url": "https://people.example.com/check", "secret": "at least sixteen characters"}
SERVE = {"COGNOMEN_MASTER_KEY": "ab" * 32}


def read(row: Any, mode: str = "dev") -> dict[str, UserDirectory]:
    return load(None, {**SERVE, "COGNOMEN_USER_DIRECTORIES": json.dumps({"old": row})}, mode=mode).user_directories


@pytest.mark.parametrize("row", [COGNITO, ADDRESS])
@pytest.mark.parametrize("mode", ["dev", "serve"])
def test_a_row_is_read(row: dict[str, Any], mode: str) -> None:
    assert read(row, mode) == {"old": UserDirectory(**row)}


@pytest.mark.parametrize(
    "row",
    [
        {},
        {**COGNITO, **ADDRESS},
        {"user_pool_id": "us-east-1_Old"},
        {**COGNITO, "user_pool_id": "old"},
        {**COGNITO, "endpoint_url": "ftp://example.com"},
        {**ADDRESS, "secret": "short"},
        {**ADDRESS, "url": "people"},
        {**ADDRESS, "surplus": "1"},
        {**ADDRESS, "private": "perhaps"},
        ["a list"],
    ],
    ids=str,
)
def test_a_wrong_row_is_refused(row: Any) -> None:
    with pytest.raises(BadSetting) as error:
        read(row)
    assert "at least sixteen" not in str(error.value)


def test_a_pool_without_an_address_is_in_a_region() -> None:
    """Its region is the host that passwords are sent to."""
    row = {**COGNITO, "user_pool_id": "evil.example/_Old"}
    with pytest.raises(BadSetting, match="old: user_pool_id begins with no region of AWS"):
        directories_of(load(None, {"COGNOMEN_USER_DIRECTORIES": json.dumps({"old": row})}), SystemClock())
    near = {**row, "endpoint_url": "http://127.0.0.1:1"}
    directories_of(load(None, {"COGNOMEN_USER_DIRECTORIES": json.dumps({"old": near})}), SystemClock())


@pytest.mark.parametrize("url", ["http://old.example.com", "http://10.0.0.7:8080", "http://localhost.example.com"])
def test_in_production_no_pool_is_asked_in_the_clear(url: str) -> None:
    """It is sent the password; this machine alone may be asked by http."""
    row = {**COGNITO, "endpoint_url": url}
    assert read(row)["old"].endpoint_url == url
    with pytest.raises(BadSetting, match="old: endpoint_url must be an https address, or one on this machine"):
        read(row, "serve")
    for near in ("http://127.0.0.1:2646", "http://[::1]:2646", "http://localhost:2646", "https://old.example.com"):
        assert read({**row, "endpoint_url": near}, "serve")["old"].endpoint_url == near


@pytest.mark.parametrize("service", ["lambda", "kms", "sesv2", "sns", "sts"])
def test_in_production_no_service_gets_secrets_in_the_clear(service: str) -> None:
    """Events hold passwords, messages codes, and KMS and STS answer with keys."""
    setting = {f"aws_endpoint_{service}": "http://stand-in.example.com"}
    load(None, SERVE, mode="dev", **setting)
    with pytest.raises(BadSetting, match=f"aws_endpoint_{service} must be an https address, or one on this machine"):
        load(None, SERVE, mode="serve", **setting)
    load(None, SERVE, mode="serve", **{f"aws_endpoint_{service}": "http://127.0.0.1:3001"})


def test_in_production_a_password_is_not_sent_in_the_clear() -> None:
    row = {**ADDRESS, "url": "http://people.example.com/check"}
    assert read(row)["old"].url == row["url"]
    with pytest.raises(BadSetting, match="https"):
        read(row, "serve")


@pytest.mark.parametrize("text", ["[]", "{", "1", "[" * 100_000], ids=["list", "half", "number", "deep"])
def test_the_variable_is_a_json_object(text: str) -> None:
    with pytest.raises(BadSetting, match="COGNOMEN_USER_DIRECTORIES must be a JSON object"):
        load(None, {"COGNOMEN_USER_DIRECTORIES": text})
