"""Pagination tokens: opaque, and of use for one request only."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognomen.kernel.paging import BadToken, Pager
from cognomen.kernel.secrets import Sealer

pager = Pager(Sealer(b"m" * 32))
positions = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    max_size=4,
)


@given(position=positions, bound=st.text(max_size=40))
def test_round_trip(position: list[Any], bound: str) -> None:
    """The next page begins where the last one ended, whatever the keys, floats to the last bit."""
    assert pager.position(bound, pager.token(bound, position)) == position


def test_a_token_is_for_its_request() -> None:
    """Another operation, pool or filter, or another server, refuses it."""
    token = pager.token("ListUsers us-east-1_a", ["ada"])
    for other, bound in ((pager, "ListUsers us-east-1_b"), (pager, ""), (Pager(Sealer(b"n" * 32)), "ListUsers us-east-1_a")):
        with pytest.raises(BadToken):
            other.position(bound, token)


def test_a_token_shows_nothing() -> None:
    """The name in it can not be read, and it fits the model's pattern for tokens."""
    token = pager.token("b", ["a very telling user name"])
    assert "telling" not in token
    assert not any(character.isspace() for character in token)
    assert token != pager.token("b", ["a very telling user name"])


@given(st.one_of(st.text(max_size=200), st.text("AQabc_-", min_size=60, max_size=200)))
def test_garbage(token: str) -> None:
    """Anything else is BadToken."""
    with pytest.raises(BadToken):
        pager.position("b", token)


def test_a_huge_token_is_not_even_read() -> None:
    """A sealed value of megabytes is refused by its length, though it would open."""
    token = pager.token("b", ["x" * 10_000])
    with pytest.raises(BadToken, match="longer"):
        pager.position("b", token)


def test_sealed_for_another_purpose() -> None:
    """What was sealed as something else with the same key is no token."""
    with pytest.raises(BadToken):
        pager.position("b", Sealer(b"m" * 32).seal_text("session", b"[]", b"b"))
