"""The section `gateway`: what it takes, and one sentence for each thing that it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cognomen.config import BadSetting, load
from cognomen.config_tables import GatewaySettings
from cognomen.gateway.settings import check

S3 = {"kind": "s3", "url": "http://127.0.0.1:9000", "access_key_id": "a", "secret_access_key": "hidden"}
HTTP = {"kind": "http", "url": "http://127.0.0.1:8080", "path": "/orders", "pools": ["us-east-1_abc"]}


def section(**routes: Any) -> dict[str, str]:
    return {"COGNOMEN_GATEWAY": json.dumps({"routes": routes})}


def test_there_is_none_unless_told() -> None:
    assert load(None, {}).gateway is None


def test_from_a_file_and_from_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "cognomen.toml"
    file.write_text('[gateway]\nport = 1\n[gateway.routes.files]\nkind = "s3"\nurl = "https://s3.example.com"\nhost = "s3.localhost"\n')
    found = load(file, {}).gateway
    assert found is not None
    assert (found.host, found.port, found.routes["files"].host) == ("127.0.0.1", 1, "s3.localhost")
    other = load(file, section(orders=HTTP)).gateway
    assert other is not None
    assert (other.port, other.routes["orders"].pools, other.routes["orders"].token_use) == (2647, ("us-east-1_abc",), ("access",))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"x": {**S3, "kind": "ftp"}}, "gateway.routes.x.kind must be s3 or http"),
    ({"x": {**S3, "url": "http://127.0.0.1/path"}}, "must be an address without a path"),
    ({"x": {**S3, "url": "nonsense"}}, "gateway.routes.x.url must be an http or https address"),
    ({"x": {**S3, "host": "A:1"}}, "gateway.routes.x.host must be a host name"),
    ({"x": {**S3, "path": "/x"}}, "gateway.routes.x.path: an S3 client signs"),
    ({"x": {**S3, "seconds": 0}}, "gateway.routes.x.seconds must lie between"),
    ({"x": {**S3, "ca_file": "/nowhere"}}, "there is no file"),
    ({"x": {**S3, "colour": "red"}}, "colour"),
    ({"x": S3, "y": S3}, "have the same host and path"),
    ({"x": {**HTTP, "path": "/a/../b"}}, "gateway.routes.x.path must begin"),
    ({"x": {**HTTP, "pools": []}}, "gateway.routes.x.pools must name"),
    ({"x": {**HTTP, "authorization": "none"}}, "must be token or sigv4"),
    ({"x": {**HTTP, "authorization": "sigv4"}}, "gateway.routes.x.api_id"),
    ({"x": {**HTTP, "token_use": ["refresh"]}}, "must be access, id or both"),
    ({"x": {**HTTP, "token_use": ["id"], "scopes": ["a"]}}, "scopes are in access tokens only"),
    ({}, "gateway needs at least one route"),
]


@pytest.mark.parametrize(("routes", "text"), BAD)
def test_what_it_does_not_take(routes: dict[str, Any], text: str) -> None:
    """And no secret in the sentence."""
    with pytest.raises(BadSetting) as error:
        check(load(None, section(**routes)).gateway or GatewaySettings())
    assert (text in str(error.value), "hidden" in str(error.value)) == (True, False)
