"""The client's half of SRP, written from the specification alone and sharing nothing with the server's code.

Plain integers and `pow`: slow, and easy to compare with the text (RFC 5054, RFC 3526 and FIDELITY A.5).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime


def _pi_times_two_to(bits: int) -> int:
    """floor(2^bits * pi) by Machin's formula: the prime comes out of its definition, not out of a copied table."""
    guard = bits + 64

    def arctan_of_inverse(x: int) -> int:
        term = total = (1 << guard) // x
        divisor, sign = 1, 1
        while term:
            term //= x * x
            divisor, sign = divisor + 2, -sign
            total += sign * (term // divisor)
        return total

    return (16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)) >> 64


# RFC 3526, section 4: the prime is 2^3072 - 2^3008 - 1 + 2^64 * ([2^2942 pi] + 1690314)
PRIME = 2**3072 - 2**3008 - 1 + 2**64 * (_pi_times_two_to(2942) + 1690314)
GENERATOR = 2


def hex_of(number: int) -> str:
    """Hexadecimal with whole bytes, and a leading 00 if the number would else look negative."""
    digits = f"{number:x}"
    if len(digits) % 2:
        digits = "0" + digits
    return "00" + digits if digits[0] in "89abcdef" else digits


def _sha256_of_hex(digits: str) -> int:
    return int(hashlib.sha256(bytes.fromhex(digits)).hexdigest(), 16)


MULTIPLIER = _sha256_of_hex("00" + f"{PRIME:x}" + "02")


def timestamp_of(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    weekday = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.month - 1]
    return f"{weekday} {month} {moment.day} {moment:%H:%M:%S} UTC {moment.year}"


@dataclass
class SrpClient:
    """One sign-in. `pool_suffix` follows the `_` of the pool id; `a` is given only by tests that need the same run twice."""

    pool_suffix: str
    password: str
    a: int = 0

    def __post_init__(self) -> None:
        self.a = self.a or secrets.randbits(1024)
        self.public = pow(GENERATOR, self.a, PRIME)

    @property
    def srp_a(self) -> str:
        return f"{self.public:x}"

    def key(self, user_id: str, salt: str, srp_b: str) -> bytes:
        B = int(srp_b, 16)
        u = _sha256_of_hex(hex_of(self.public) + hex_of(B))
        identity = hashlib.sha256(f"{self.pool_suffix}{user_id}:{self.password}".encode()).hexdigest()
        x = _sha256_of_hex(hex_of(int(salt, 16)) + identity)
        S = pow(B - MULTIPLIER * pow(GENERATOR, x, PRIME), self.a + u * x, PRIME)
        extracted = hmac.new(bytes.fromhex(hex_of(u)), bytes.fromhex(hex_of(S)), hashlib.sha256).digest()
        return hmac.new(extracted, b"Caldera Derived Key" + b"\x01", hashlib.sha256).digest()[:16]

    def signature(self, user_id: str, salt: str, srp_b: str, secret_block: bytes, timestamp: str) -> bytes:
        """PASSWORD_CLAIM_SIGNATURE before base64."""
        message = self.pool_suffix.encode() + user_id.encode() + secret_block + timestamp.encode()
        return hmac.new(self.key(user_id, salt, srp_b), message, hashlib.sha256).digest()
