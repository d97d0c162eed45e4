"""The modular exponentiation under SRP."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cognomen.kernel import modexp
from cognomen.kernel.srp import COGNITO

WAYS = {"gmp": modexp.by_gmp, "openssl": modexp.by_openssl()}


@pytest.mark.parametrize("way", list(WAYS))
@settings(max_examples=40, deadline=None)
@given(base=st.integers(0, COGNITO.N * 2), exponent=st.integers(0, 2**256))
def test_both_ways_agree_with_python(way: str, base: int, exponent: int) -> None:
    """Python's own `pow` is the judge, for the bases and exponents that SRP has, zero among them."""
    power = WAYS[way]
    assert power is not None, "this Python does not share its OpenSSL"
    assert power(base, exponent, COGNITO.N) == pow(base, exponent, COGNITO.N)


def test_threads_share_a_modulus() -> None:
    """Workers compute at the same time, on one prepared modulus."""
    expected = pow(5, 2**255 + 7, COGNITO.N)
    results: list[int] = []

    def work() -> None:
        results.extend(modexp.secret_power(5, 2**255 + 7, COGNITO.N) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 80
