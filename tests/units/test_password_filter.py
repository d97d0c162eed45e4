"""The filter of compromised passwords: what is in it is found, almost nothing else is, and no bytes break it."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognomen.kernel.password_filter import PREFIX, BadFilter, PasswordFilter, digest, write


def filter_of(*passwords: str, most: int | None = None) -> bytes:
    prefixes = sorted(int.from_bytes(digest(password)[:PREFIX], "big") for password in passwords)
    out = io.BytesIO()
    write(out, prefixes, len(prefixes) if most is None else most)
    return out.getvalue()


@given(st.sets(st.text(max_size=20), max_size=300), st.integers(0, 5_000))
def test_nothing_is_missed(passwords: set[str], more: int) -> None:
    """Whatever the passwords, and also where fewer came than were announced."""
    made = PasswordFilter(filter_of(*passwords, most=len(passwords) + more))
    assert made.count == len(passwords)
    assert all(made.contains(password) for password in passwords)


def test_hardly_anything_else_is_found() -> None:
    """The documented rate, one in a million: of 200,000 others at most five (expected 0.2, and the test always asks the same)."""
    made = PasswordFilter(filter_of(*(f"in {number}" for number in range(50_000))))
    assert sum(made.contains(f"out {number}") for number in range(200_000)) <= 5


def test_size() -> None:
    """At most 3.5 bytes an entry, once there are a few."""
    made = filter_of(*(f"in {number}" for number in range(50_000)))
    assert len(made) / 50_000 < 3.6


def test_an_empty_list_holds_nothing() -> None:
    assert PasswordFilter(filter_of()).contains("x") is False


def test_repeated_entries_count_once() -> None:
    assert PasswordFilter(filter_of("a", "a", "b")).count == 2


def test_entries_must_ascend() -> None:
    with pytest.raises(ValueError, match="must ascend"):
        write(io.BytesIO(), [2, 1], 2)


def test_known_digest() -> None:
    """Pwned Passwords names "password" so: FIPS 180-1 over UTF-8."""
    assert digest("password").hex().upper() == "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"


@given(st.binary(max_size=200))
def test_other_bytes_are_no_filter(content: bytes) -> None:
    with pytest.raises(BadFilter):
        PasswordFilter(content)


@pytest.mark.parametrize("cut", [1, 3, 100])
def test_a_filter_that_was_cut_is_none(cut: int) -> None:
    with pytest.raises(BadFilter, match="it is not whole"):
        PasswordFilter(filter_of("a", "b", "c")[:-cut] if cut < 9 else filter_of(*map(str, range(100)))[:-cut])
