"""Clocks: the real one and its twin."""

from __future__ import annotations

import time

import pytest

from cognomen.kernel.clock import Clock, ManualClock, SystemClock


def test_the_system_clock_is_the_machine_s() -> None:
    """SystemClock tells epoch seconds, between a reading before and one after."""
    clock: Clock = SystemClock()
    before = time.time()
    assert before <= clock.now() <= time.time()


def test_the_manual_clock_stands_still() -> None:
    """ManualClock moves by what it is told, and by nothing else."""
    clock = ManualClock(1000.0)
    assert (clock.now(), clock.now()) == (1000.0, 1000.0)
    clock.advance(0.25)
    assert clock.now() == 1000.25


def test_time_never_goes_back() -> None:
    """Code relies on the order of times; a test can not break that by accident."""
    with pytest.raises(ValueError):
        ManualClock().advance(-1)
