"""SRP-6a as Amazon Cognito's SDKs really do it: the server's half, as pure functions.

The shape is RFC 5054's; the group (3072 bits with g = 2), the byte rules, the key derivation and the signature are Cognito's own
(FIDELITY A.5). Whatever a client sends is refused with BadSrp unless it is exactly what a client may send.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, NamedTuple

import gmpy2

from cognomen.kernel.modexp import secret_power


class BadSrp(ValueError):
    """A value from the client that no honest client sends. The text is for the log, not for the wire."""


@dataclass(frozen=True, slots=True)
class Group:
    """A safe prime, its generator and SRP's multiplier k. Only tests use another than COGNITO's."""

    N: int
    g: int
    k: int


class Verifier(NamedTuple):
    """What is stored instead of a password: `salt` as hashed by clients, `value` = g^x mod N, big-endian."""

    salt: bytes
    value: bytes

    @property
    def salt_hex(self) -> str:
        """As clients must get it: no leading zero byte but the one that keeps the number positive. amazon-cognito-identity-js reads
        it as a number and pads it again, pycognito hashes it as it was sent; so only one spelling makes both agree."""
        return pad(int.from_bytes(self.salt, "big")).hex()

    def __repr__(self) -> str:
        return "Verifier(***)"


class Opening(NamedTuple):
    """The server's first move: `B` goes to the client as SRP_B (hex), `b` must come back sealed, and be used once."""

    B: str
    b: bytes

    def __repr__(self) -> str:
        return f"Opening(B={self.B!r}, b=***)"


def pad(number: int) -> bytes:
    """The shortest two's complement of a number that is not negative: a leading 00 if the top bit is set. All hashes take it so."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# RFC 3526, group 15
_N: Final = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7D"
    "B3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
COGNITO: Final = Group(N=_N, g=2, k=int.from_bytes(_hash(pad(_N), pad(2)), "big"))

_SIZE: Final = 384  # bytes of N
_HEX: Final = re.compile(r"[0-9A-Fa-f]{1,800}")  # N has 768 digits; no client sends much more than a leading 00


# --- the stored half ------------------------------------------------------------------------------------------------------------


def make_verifier(pool_suffix: str, user_id: str, password: str) -> Verifier:
    """Salt and verifier for a new password. `pool_suffix` is what follows the `_` of the pool id (devices: the device group key),
    `user_id` what the challenge will give as USER_ID_FOR_SRP (devices: the device key)."""
    # A first byte of 01..7f: as a number the salt has these 16 bytes and no others, so every client hashes the same.
    salt = bytes([1 + secrets.randbelow(0x7F)]) + secrets.token_bytes(15)
    # By the table, as in `begin`: the salt is new each time and nobody has seen it, so this x is computed once, and measured once at most.
    return Verifier(salt, _fixed_int(_table_power_of_g(_x(salt, pool_suffix, user_id, password))))


def read_verifier(salt: bytes, value: bytes) -> Verifier:
    """Salt and verifier that a device made for itself. Raises BadSrp for what has not the group's size, and for verifiers that prove nothing:
    from 0, 1 and N-1 anyone finds the shared secret."""
    number = int.from_bytes(value, "big")
    if not 0 < len(salt) <= 64 or not any(salt) or len(value) > _SIZE + 1 or not 1 < number < COGNITO.N - 1:
        raise BadSrp("not a salt and a verifier of this group")
    return Verifier(salt.lstrip(b"\0"), _fixed_int(number))


def check_password(verifier: Verifier, pool_suffix: str, user_id: str, password: str) -> bool:
    """Whether a password that came in the clear is the one behind the verifier. Takes the same time if it is not.

    By the table: x comes from the salt, which anyone may ask for, and from what the caller typed, so whoever can ask for this computation
    and measure it knows x already, and of the stored verifier, read only by the comparison, its time tells nothing. The number of
    multiplications is the same for every x. (0.2 ms instead of 1.1; docs/adr/0004-password-check.md)
    """
    x = _x(verifier.salt, pool_suffix, user_id, password)
    return hmac.compare_digest(_fixed_int(_table_power_of_g(x)), _fixed(verifier.value))


def decoy(seed: bytes) -> Verifier:
    """A verifier that belongs to no password, the same for the same (secret) seed: what an unknown user is checked against, so
    that text, salt and time are those of a known one."""
    salt = _hash(b"salt", seed)[:16]
    value = b"".join(_hash(b"value", bytes([part]), seed) for part in range(_SIZE // 32))
    return Verifier(bytes([1 + salt[0] % 0x7F]) + salt[1:], _fixed_int(int.from_bytes(value, "big") % COGNITO.N))


def _x(salt: bytes, pool_suffix: str, user_id: str, password: str) -> int:
    # Lone surrogates can come in JSON; no client's hash will match them, but nothing may break on them either.
    inner = _hash(f"{pool_suffix}{user_id}:{password}".encode("utf-8", "surrogatepass"))
    return int.from_bytes(_hash(pad(int.from_bytes(salt, "big")), inner), "big")


# --- the two moves of a sign-in -------------------------------------------------------------------------------------------------


def check_public(A: str) -> int:
    """Reads SRP_A. Raises BadSrp for what is not hexadecimal, too long, out of range, or a multiple of N (RFC 5054, 2.5.4: with
    it a client would know the shared secret without a password)."""
    if _HEX.fullmatch(A) is None:
        raise BadSrp("SRP_A is not a hexadecimal number of the group's size")
    number = int(A, 16)
    if not 0 < number < COGNITO.N:
        raise BadSrp("SRP_A is out of range")
    return number


def begin(verifier: Verifier, b: bytes | None = None) -> Opening:
    """The server's public value B = kv + g^b for a fresh 256-bit b (given only by tests)."""
    while True:
        secret = secrets.token_bytes(32) if b is None else b
        # Not constant in its memory accesses, which is enough here: b is random, serves once and is gone within minutes, so there is
        # one measurement to be had of it and none can be repeated; the number of multiplications does not depend on it. It saves a
        # quarter of the arithmetic of a sign-in (0.2 ms instead of 0.7 to 1.2).
        power = _table_power_of_g(int.from_bytes(secret, "big"))
        B = (COGNITO.k * int.from_bytes(verifier.value, "big") + power) % COGNITO.N
        if B:
            return Opening(pad(B).hex(), secret)
        if b is not None:
            raise BadSrp("this b gives no public value")


def session_key(A: str, B: str, b: bytes, verifier: Verifier) -> bytes:
    """The 16-byte key that only a client with the password comes to as well. Raises BadSrp as `check_public` does."""
    public_a = check_public(A)
    u = int.from_bytes(_hash(pad(public_a), pad(int(B, 16))), "big")
    if u == 0:
        raise BadSrp("u is zero")
    S = shared_secret(COGNITO, public_a, int.from_bytes(b, "big"), int.from_bytes(verifier.value, "big"), u)
    # HKDF (RFC 5869) with SHA-256, one block, cut to 16 bytes.
    prk = hmac.digest(pad(u), pad(S), "sha256")
    return hmac.digest(prk, b"Caldera Derived Key\x01", "sha256")[:16]


def expected_signature(key: bytes, pool_suffix: str, user_id: str, secret_block: bytes, timestamp: str) -> bytes:
    """What the client must have sent as PASSWORD_CLAIM_SIGNATURE (before base64). Compare with `secrets.equal`."""
    message = f"{pool_suffix}{user_id}".encode() + secret_block + timestamp.encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, "sha256")


_TIMESTAMP: Final = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([1-9][0-9]?) "
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]) UTC ([12][0-9]{3})",
    re.ASCII,
)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_timestamp(text: str) -> float:
    """Reads `Tue Nov 3 04:05:06 UTC 2026` to epoch seconds. English, the day without a zero, and a day that there was; else BadSrp."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise BadSrp("TIMESTAMP is not of the form EEE MMM d HH:mm:ss z yyyy")
    weekday, month, day, hour, minute, second, year = match.groups()
    try:
        moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError as cause:
        raise BadSrp("TIMESTAMP names a day that there is not") from cause
    if _DAYS[moment.weekday()] != weekday:
        raise BadSrp("TIMESTAMP names the wrong day of the week")
    return float(calendar.timegm(moment.timetuple()))


# --- arithmetic -----------------------------------------------------------------------------------------------------------------


def public_value(group: Group, b: int, v: int) -> int:
    """B = kv + g^b mod N."""
    return (group.k * v + secret_power(group.g, b, group.N)) % group.N


def shared_secret(group: Group, A: int, b: int, v: int, u: int) -> int:
    """S = (A v^u)^b mod N. v^u too is computed in constant time: u is known to the client, but v must stay unknown."""
    return secret_power(A * secret_power(v, u, group.N) % group.N, b, group.N)


_WINDOW: Final = 9  # bits: 29 rows of 512 numbers, 6.4 MB, made in 35 ms; 8 bits are 3.8 MB and take a tenth more time


def _table_power_of_g(exponent: int) -> int:
    """g^exponent for 256 bits, from a table of g^(digit * 512^row). It multiplies for a digit of zero as well."""
    N, rows, mask = gmpy2.mpz(COGNITO.N), _table(), (1 << _WINDOW) - 1
    # The GIL stays held: giving it back between multiplications of 2 us would cost more in waiting for it than the work itself.
    power = rows[0][exponent & mask]
    for row in rows[1:]:
        exponent >>= _WINDOW
        power = power * row[exponent & mask] % N
    return int(power)


@cache
def _table() -> tuple[tuple[gmpy2.mpz, ...], ...]:
    N, base = gmpy2.mpz(COGNITO.N), gmpy2.mpz(COGNITO.g)
    rows = []
    for _ in range(-(-256 // _WINDOW)):
        row = [gmpy2.mpz(1)]
        for _ in range((1 << _WINDOW) - 1):
            row.append(row[-1] * base % N)
        base = row[-1] * base % N
        rows.append(tuple(row))
    return tuple(rows)


def _fixed_int(number: int) -> bytes:
    return number.to_bytes(_SIZE, "big")


def _fixed(value: bytes) -> bytes:
    # Devices bring verifiers as the shortest two's complement: one byte more than N, or fewer.
    return value[-_SIZE:].rjust(_SIZE, b"\0")
