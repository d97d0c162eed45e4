"""What a provider may be asked at, and what is made of what it says: pure, or on loopback."""

from __future__ import annotations

from typing import Any

import pytest

from cognomen.federation.connector import Unavailable
from cognomen.federation.upstream import code_flow, documents
from cognomen.federation.upstream.calls import Caller
from cognomen.kernel.threads import Threads
from cognomen.userpools.rules import attribute_mapping
from tests.kit.upstream import OpenId

THREADS = Threads("test")


def caller(*, public_only: bool = False) -> Caller:
    return Caller(THREADS, public_only=public_only)


@pytest.mark.parametrize(
    ("url", "in_dev", "in_production"),
    [
        ("https://idp.example.com/token", True, True),
        ("http://idp.example.com/token", False, False),
        ("http://localhost:9/token", True, False),
        ("http://127.0.0.1:9/token", True, False),
        ("http://idp.localhost/token", True, False),
        ("https://user@idp.example.com/", False, False),
        ("https:///token", False, False),
        ("https://[::1", False, False),
        ("ftp://idp.example.com", False, False),
        ("file:///etc/passwd", False, False),
        ("", False, False),
    ],
)
def test_where_a_provider_may_be(url: str, in_dev: bool, in_production: bool) -> None:
    assert (caller().may_ask(url), caller(public_only=True).may_ask(url)) == (in_dev, in_production)


async def test_production_asks_no_private_network() -> None:
    """Whatever the scheme, and whatever the name leads to."""
    production = caller(public_only=True)
    with OpenId() as there:
        for url in (f"{there.url}/keys", f"https://{there.name}/keys", f"https://localhost:{there.url.rpartition(':')[2]}/keys"):
            with pytest.raises(Unavailable):
                await production.get(url)
        assert there.asked == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"issuer": "https://other.example.com"}, "another issuer's"),
        ({"token_endpoint": "http://10.0.0.1/token"}, "token_endpoint is not an https address"),
        ({"jwks_uri": None}, "jwks_uri is not an https address"),
        ({"authorization_endpoint": 7}, "authorization_endpoint is not an https address"),
    ],
)
async def test_a_discovery_document_that_cannot_be_used(change: dict[str, Any], reason: str) -> None:
    with OpenId(**change) as there, pytest.raises(documents.BadDocument, match=reason):
        await documents.discovered(caller(), there.url)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (7.0, "7"),
        (7.5, "7.5"),
        (float("inf"), "inf"),
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "[a, b]"),
        (["a,b", "c~d", "e*-._"], "[a%2Cb, c%7Ed, e*-._]"),
        ([["a", "b"], 1], "[%5Ba%2C+b%5D, 1]"),
        (["a", "\ud800"], "[a, %3F]"),
        ({"a": [1]}, '{"a":[1]}'),
        ({"formatted": "x"}, "x"),
    ],
)
def test_values_as_texts(value: Any, text: str) -> None:
    assert attribute_mapping.text(value) == text


def test_a_query_is_added_to_one() -> None:
    """RFC 6749, 3.1: an authorization address may have a query of its own."""
    assert code_flow.with_query("https://x.example.com/a?b=1", {"c": "d e&f"}) == "https://x.example.com/a?b=1&c=d%20e%26f"
    assert code_flow.with_query("https://x.example.com/a#f", {"c": "d"}) == "https://x.example.com/a?c=d"
