"""base^exponent mod modulus in a time that tells nothing of base or exponent, with the interpreter lock released.

Python's own OpenSSL does it (BN_mod_exp_mont_consttime, reached through the module `_hashlib`, which links it): 1.1 ms for SRP's 3072 bits
where GMP's mpz_powm_sec takes 1.8. Where Python was built with OpenSSL inside and hidden, GMP does it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import gmpy2

Power = Callable[[int, int, int], int]

_pointer: Final = ctypes.c_void_p
_bytes: Final = ctypes.c_char_p
_int: Final = ctypes.c_int
_FUNCTIONS: Final[tuple[tuple[str, Any, tuple[Any, ...]], ...]] = (
    ("BN_bin2bn", _pointer, (_bytes, _int, _pointer)),
    ("BN_bn2binpad", _int, (_pointer, _bytes, _int)),
    ("BN_new", _pointer, ()),
    ("BN_clear_free", None, (_pointer,)),
    ("BN_CTX_new", _pointer, ()),
    ("BN_CTX_free", None, (_pointer,)),
    ("BN_MONT_CTX_new", _pointer, ()),
    ("BN_MONT_CTX_set", _int, (_pointer, _pointer, _pointer)),
    ("BN_mod_exp_mont_consttime", _int, (_pointer, _pointer, _pointer, _pointer, _pointer, _pointer)),
)


def by_gmp(base: int, exponent: int, modulus: int) -> int:
    """mpz_powm_sec. gmpy2's contexts belong to one thread, so the lock's release is switched on at each call (2 us)."""
    if exponent == 0:
        return 1 % modulus  # mpz_powm_sec takes exponents from 1
    with gmpy2.context(allow_release_gil=True):
        return int(gmpy2.powmod_sec(base, exponent, modulus))


def by_openssl() -> Power | None:
    """OpenSSL's function, or None where this Python does not share its OpenSSL."""
    try:
        import _hashlib

        lib = ctypes.CDLL(_hashlib.__file__)  # a foreign call of ctypes releases the interpreter lock
        for name, result, arguments in _FUNCTIONS:
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
    except (ImportError, AttributeError, OSError):
        return None

    @lru_cache(maxsize=8)
    def prepared(modulus: int) -> tuple[int, Any, Any]:
        """Size, number and Montgomery form of a modulus: made once, then only read, by every thread. Never freed, as SRP has one group."""
        size = (modulus.bit_length() + 7) // 8
        number, form, scratch = lib.BN_bin2bn(modulus.to_bytes(size, "big"), size, None), lib.BN_MONT_CTX_new(), lib.BN_CTX_new()
        if lib.BN_MONT_CTX_set(form, number, scratch) != 1:
            raise ArithmeticError("OpenSSL refused the modulus")
        lib.BN_CTX_free(scratch)
        return size, number, form

    def power(base: int, exponent: int, modulus: int) -> int:
        size, number, form = prepared(modulus)
        length = (exponent.bit_length() + 7) // 8 or 1
        base_bn = lib.BN_bin2bn((base % modulus).to_bytes(size, "big"), size, None)
        exponent_bn = lib.BN_bin2bn(exponent.to_bytes(length, "big"), length, None)
        result, scratch = lib.BN_new(), lib.BN_CTX_new()
        try:
            out = ctypes.create_string_buffer(size)
            done = lib.BN_mod_exp_mont_consttime(result, base_bn, exponent_bn, number, scratch, form)
            if done != 1 or lib.BN_bn2binpad(result, out, size) != size:
                raise ArithmeticError("OpenSSL could not compute the power")
            return int.from_bytes(out.raw, "big")
        finally:
            for each in (base_bn, exponent_bn, result):
                lib.BN_clear_free(each)
            lib.BN_CTX_free(scratch)

    return power


secret_power: Final[Power] = by_openssl() or by_gmp
