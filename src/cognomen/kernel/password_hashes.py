"""Password hashes that other systems made: their usual texts read, within bounds, and a password checked against one. Pure.

What it costs to check a hash stands in the hash. A hostile or foolish one must not hold a worker for a minute or take a gigabyte, so what is
over the bounds below is not read at all. bcrypt: OpenBSD; Argon2: RFC 9106; scrypt: RFC 7914; PBKDF2: RFC 8018; Firebase's variant of scrypt:
github.com/firebase/scrypt. The texts: the PHC string format, passlib's variants of it, Django's, Werkzeug's, Spring's, crypt(5)'s, GoTrue's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

import bcrypt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2i, Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

LONGEST = 512  # characters of a hash
# The first four are AWS's.
ALGORITHMS = ("BCRYPT", "SCRYPT", "ARGON2ID", "PBKDF2_SHA256", "PBKDF2_SHA512", "ARGON2I", "FIREBASE_SCRYPT")
_MOST_ROUNDS = 14  # bcrypt: about a second
_MOST_ITERATIONS = 2_000_000  # PBKDF2
_MOST_MEMORY = 128 << 20  # bytes, argon2id and scrypt
_MOST_PASSES, _MOST_LANES = 10, 8
_KEY = range(16, 65)  # bytes of the hash itself
_BCRYPT_BYTES = 72  # of a password; bcrypt never looked at more

_BCRYPT = re.compile(r"(?:\{bcrypt\})?(\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31})")  # 128 bits of salt leave four ends
_ARGON2 = re.compile(r"\$argon2(id|i)\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,4}),p=([0-9]{1,4})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{22,88})")
_SCRYPT = re.compile(r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,3}),p=([0-9]{1,3})\$([A-Za-z0-9+/.]{0,88})\$([A-Za-z0-9+/.]{22,88})=*")
_CRYPT_SCRYPT = re.compile(r"\$7\$([./A-Za-z0-9])([./A-Za-z0-9]{5})([./A-Za-z0-9]{5})([^$\s]{0,88})\$([./A-Za-z0-9]{43})")
_PBKDF2 = re.compile(r"\$pbkdf2-sha(256|512)\$(?:i=)?([0-9]{1,8})(?:,l=[0-9]{1,3})?\$([A-Za-z0-9+/.]{0,88})=*\$([A-Za-z0-9+/.]{22,88})=*")
_DJANGO = re.compile(r"pbkdf2_sha(256)\$([0-9]{1,8})\$([^$\s]{1,128})\$([A-Za-z0-9+/]{22,88})=*")
_WERKZEUG = re.compile(r"pbkdf2:sha(256|512):([0-9]{1,8})\$([^$\s]{1,128})\$([0-9a-f]{32,128})")
_WERKZEUG_SCRYPT = re.compile(r"scrypt:([0-9]{1,8}):([0-9]{1,3}):([0-9]{1,3})\$([^$\s]{1,128})\$([0-9a-f]{32,128})")
_FIREBASE = re.compile(
    r"\$fbscrypt\$v=1,n=([0-9]{1,2}),r=([0-9]{1,3}),p=([0-9]{1,3}),ss=([A-Za-z0-9+/]{1,64}=*),sk=([A-Za-z0-9+/]{86}==)"
    r"\$([A-Za-z0-9+/]{1,88}=*)\$([A-Za-z0-9+/]{86}==)"
)
_CRYPT_DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ARGON2S: dict[str, type[Argon2id] | type[Argon2i]] = {"id": Argon2id, "i": Argon2i}


class Hash(NamedTuple):
    """`algorithm` is one of ALGORITHMS."""

    algorithm: str
    verify: Callable[[bytes], bool]


def read(text: str) -> Hash | None:
    """None for what is no hash of a known kind, or costs too much."""
    if len(text) > LONGEST:
        return None
    try:
        return next((found for reader in _READERS if (found := reader(text)) is not None), None)
    except (binascii.Error, ValueError):
        return None


def verify(text: str, password: str) -> bool:
    """Is this the password? Takes up to a second or so of a processor; the interpreter is free meanwhile."""
    if "\0" in password:  # HMAC fills a short key with NULs: they would make another text of the same password
        return False
    found = read(text)
    return found is not None and found.verify(password.encode("utf-8", "surrogatepass"))


def _bcrypt(text: str) -> Hash | None:
    found = _BCRYPT.fullmatch(text)
    if found is None or not 4 <= int(found[2]) <= _MOST_ROUNDS:
        return None
    return Hash("BCRYPT", lambda password: bcrypt.checkpw(password[:_BCRYPT_BYTES], found[1].encode()))


def _argon2(text: str) -> Hash | None:
    found = _ARGON2.fullmatch(text)
    if found is None:
        return None
    memory, passes, lanes = (int(found[n]) for n in (2, 3, 4))
    salt, key = _decoded(found[5]), _decoded(found[6])
    if not (8 * lanes <= memory <= _MOST_MEMORY >> 10 and 1 <= passes <= _MOST_PASSES and 1 <= lanes <= _MOST_LANES and len(key) in _KEY):
        return None
    variant = _ARGON2S[found[1]]

    def check(password: bytes) -> bool:
        try:
            variant(salt=salt, length=len(key), iterations=passes, lanes=lanes, memory_cost=memory).verify(password, key)
        except InvalidKey:
            return False
        return True

    return Hash(f"ARGON2{found[1].upper()}", check)


def _scrypt(text: str) -> Hash | None:
    """In the PHC string format, in crypt(5)'s and in Werkzeug's."""
    if (found := _SCRYPT.fullmatch(text)) is not None:
        cost, block, lanes = (int(found[n]) for n in (1, 2, 3))
        salt, key = _decoded(found[4]), _decoded(found[5])
    elif (found := _CRYPT_SCRYPT.fullmatch(text)) is not None:
        cost, block, lanes = (_crypt_number(found[n]) for n in (1, 2, 3))
        salt, key = found[4].encode(), _crypt_bytes(found[5])
    elif (found := _WERKZEUG_SCRYPT.fullmatch(text)) is not None:
        count, block, lanes = (int(found[n]) for n in (1, 2, 3))
        cost = count.bit_length() - 1
        salt, key = found[4].encode(), bytes.fromhex(found[5])
        if count != 1 << cost:
            return None
    else:
        return None
    if not (_is_bounded(cost, block, lanes) and len(key) in _KEY):
        return None

    def check(password: bytes) -> bool:
        try:
            Scrypt(salt=salt, length=len(key), n=1 << cost, r=block, p=lanes).verify(password, key)
        except InvalidKey:
            return False
        return True

    return Hash("SCRYPT", check)


def _is_bounded(cost: int, block: int, lanes: int) -> bool:
    return 1 <= cost <= 20 and block >= 1 and (128 * block) << cost <= _MOST_MEMORY and 1 <= lanes <= 4


def _firebase(text: str) -> Hash | None:
    """The hash is the project's signer key, encrypted under what scrypt derives; GoTrue's text holds key and separator beside it."""
    found = _FIREBASE.fullmatch(text)
    if found is None:
        return None
    cost, block, lanes = (int(found[n]) for n in (1, 2, 3))
    separator, signer, salt, hashed = (base64.b64decode(found[n], validate=True) for n in (4, 5, 6, 7))
    if not _is_bounded(cost, block, lanes):
        return None

    def check(password: bytes) -> bool:
        derived = Scrypt(salt=salt + separator, length=64, n=1 << cost, r=block, p=lanes).derive(password)
        encrypted = Cipher(algorithms.AES(derived[:32]), modes.CTR(bytes(16))).encryptor().update(signer)
        return hmac.compare_digest(encrypted, hashed)

    return Hash("FIREBASE_SCRYPT", check)


def _pbkdf2(text: str) -> Hash | None:
    """In the PHC string format, in Django's and in Werkzeug's."""
    if (found := _PBKDF2.fullmatch(text)) is not None:
        salt, key = _decoded(found[3]), _decoded(found[4])
    elif (found := _DJANGO.fullmatch(text)) is not None:
        salt, key = found[3].encode(), _decoded(found[4])
    elif (found := _WERKZEUG.fullmatch(text)) is not None:
        salt, key = found[3].encode(), bytes.fromhex(found[4])
    else:
        return None
    digest, iterations = f"sha{found[1]}", int(found[2])
    if not 1 <= iterations <= _MOST_ITERATIONS or len(key) not in _KEY:
        return None
    return Hash(
        f"PBKDF2_{digest.upper()}",
        lambda password: hmac.compare_digest(hashlib.pbkdf2_hmac(digest, password, salt, iterations, len(key)), key),
    )


def _crypt_number(text: str) -> int:
    """Six bits a character, the lowest first."""
    return sum(_CRYPT_DIGITS.index(character) << (6 * at) for at, character in enumerate(text))


def _crypt_bytes(text: str) -> bytes:
    """Four characters are three bytes, the lowest first."""
    return b"".join(
        _crypt_number(text[at : at + 4]).to_bytes(3, "little")[: (len(text[at : at + 4]) * 6) // 8] for at in range(0, len(text), 4)
    )


def _decoded(text: str) -> bytes:
    """Base64 without padding; passlib writes a dot for the plus."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)


_READERS = (_bcrypt, _argon2, _scrypt, _pbkdf2, _firebase)
