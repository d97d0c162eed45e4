"""The client's half of Cognito's SRP-6a (RFC 5054, group of 3072 bits from RFC 3526), made cheap: the server's work is what is measured."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time

from gmpy2 import mpz, powmod

# RFC 3526, section 4: 2^3072 - 2^3008 - 1 + 2^64 * { [2^2942 pi] + 1690314 }
GROUP = bytes.fromhex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"
)
N = int.from_bytes(GROUP, "big")


def padded(number: int) -> bytes:
    """Big-endian with a leading zero byte where the number would else look negative, as Java's BigInteger writes it."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def digest(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


K = digest(padded(N), b"\x02")


class Client:
    """One key pair of 128 bits for all sign-ins, and the user's part kept by salt."""

    def __init__(self) -> None:
        self._a = secrets.randbits(128) | 1
        self._A = int(powmod(mpz(2), mpz(self._a), mpz(N)))
        self.public = f"{self._A:x}"
        self._verifiers: dict[int, int] = {}

    def answer(self, pool: str, challenge: dict[str, str], password: str) -> dict[str, str]:
        """ChallengeResponses for PASSWORD_VERIFIER."""
        short, user = pool.partition("_")[2], challenge["USER_ID_FOR_SRP"]
        B = int(challenge["SRP_B"], 16)
        u = digest(padded(self._A), padded(B))
        x = digest(padded(int(challenge["SALT"], 16)), hashlib.sha256(f"{short}{user}:{password}".encode()).digest())
        if x not in self._verifiers:
            self._verifiers[x] = int(powmod(mpz(2), mpz(x), mpz(N)))
        S = int(powmod(mpz(B - K * self._verifiers[x]), mpz(self._a + u * x), mpz(N)))
        key = hmac.digest(hmac.digest(padded(u), padded(S), "sha256"), b"Caldera Derived Key\x01", "sha256")[:16]
        moment = time.gmtime()
        stamp = time.strftime(f"%a %b {moment.tm_mday} %H:%M:%S UTC %Y", moment)
        message = short.encode() + user.encode() + secret_block(challenge["SECRET_BLOCK"]) + stamp.encode()
        return {
            "USERNAME": challenge.get("USERNAME", user),
            "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"],
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(hmac.digest(key, message, "sha256")).decode(),
            "TIMESTAMP": stamp,
        }


def secret_block(text: str) -> bytes:
    """Its bytes; some servers give a UUID where Amazon gives base64, and mean it with the dashes left out."""
    text = text.replace("-", "")
    return base64.b64decode(text + "=" * (-len(text) % 4))
