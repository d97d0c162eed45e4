"""Token buckets: how fast they let through, and that they forget."""

from __future__ import annotations

from cognomen.metering.rates import Bucket


def test_a_second_holds_the_rate() -> None:
    """A full bucket is one second's worth; half a second brings half of it back."""
    bucket = Bucket(4.0, 100.0)
    assert [bucket.take(4.0, 100.0) for _ in range(5)] == [True] * 4 + [False]
    assert [bucket.take(4.0, 100.5) for _ in range(3)] == [True, True, False]


def test_it_does_not_save_up() -> None:
    """An hour of silence is worth no more than a second of it."""
    bucket = Bucket(2.0, 0.0)
    assert [bucket.take(2.0, 3600.0) for _ in range(3)] == [True, True, False]


def test_a_share_below_one() -> None:
    """A fifth of a request a second is one request in five seconds, not none."""
    bucket = Bucket(0.2, 0.0)
    assert [bucket.take(0.2, at) for at in (0.0, 1.0, 4.0, 5.0, 9.0, 10.1)] == [True, False, False, True, False, True]


def test_a_clock_that_is_set_back() -> None:
    """It gives nothing and takes nothing; time goes on from there."""
    bucket = Bucket(1.0, 100.0)
    assert bucket.take(1.0, 100.0)
    assert [bucket.take(1.0, at) for at in (40.0, 40.9, 41.0)] == [False, False, True]


def test_a_rate_that_is_raised() -> None:
    """The bucket grows at the new rate from then on."""
    bucket = Bucket(1.0, 0.0)
    assert [bucket.take(1.0, 0.0), bucket.take(1.0, 0.0)] == [True, False]
    assert [bucket.take(3.0, 1.0) for _ in range(4)] == [True, True, True, False]
