"""Password hashes that other systems made: their usual texts read, within bounds, and a password checked against one. Pure.

What it costs to check a hash stands in the hash. A hostile or foolish one must not hold a worker for a minute or take a gigabyte, so what is
over the bounds below is not read at all. bcrypt: OpenBSD; argon2id: RFC 9106; scrypt: RFC 7914; PBKDF2: RFC 8018; the texts: the PHC string
format, passlib's variants of it, and Django's.
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
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

LONGEST = 512  # characters of a hash
_MOST_ROUNDS = 14  # bcrypt: about a second
_MOST_ITERATIONS = 2_000_000  # PBKDF2
_MOST_MEMORY = 128 << 20  # bytes, argon2id and scrypt
_MOST_PASSES, _MOST_LANES = 10, 8
_KEY = range(16, 65)  # bytes of the hash itself
_BCRYPT_BYTES = 72  # of a password; bcrypt never looked at more

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")  # 128 bits of salt leave four ends
_ARGON2ID = re.compile(r"\$argon2id\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,4}),p=([0-9]{1,4})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{22,88})")
_SCRYPT = re.compile(r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,3}),p=([0-9]{1,3})\$([A-Za-z0-9+/.]{0,88})\$([A-Za-z0-9+/.]{22,88})=*")
_PBKDF2 = re.compile(r"\$pbkdf2-sha256\$(?:i=)?([0-9]{1,8})(?:,l=[0-9]{1,3})?\$([A-Za-z0-9+/.]{0,88})=*\$([A-Za-z0-9+/.]{22,88})=*")
_DJANGO = re.compile(r"pbkdf2_sha256\$([0-9]{1,8})\$([^$\s]{1,128})\$([A-Za-z0-9+/]{22,88})=*")


class Hash(NamedTuple):
    """`algorithm` is AWS's name of it."""

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
    if found is None or not 4 <= int(found[1]) <= _MOST_ROUNDS:
        return None
    return Hash("BCRYPT", lambda password: bcrypt.checkpw(password[:_BCRYPT_BYTES], text.encode()))


def _argon2id(text: str) -> Hash | None:
    found = _ARGON2ID.fullmatch(text)
    if found is None:
        return None
    memory, passes, lanes = (int(found[n]) for n in (1, 2, 3))
    salt, key = _decoded(found[4]), _decoded(found[5])
    if not (8 * lanes <= memory <= _MOST_MEMORY >> 10 and 1 <= passes <= _MOST_PASSES and 1 <= lanes <= _MOST_LANES and len(key) in _KEY):
        return None

    def check(password: bytes) -> bool:
        try:
            Argon2id(salt=salt, length=len(key), iterations=passes, lanes=lanes, memory_cost=memory).verify(password, key)
        except InvalidKey:
            return False
        return True

    return Hash("ARGON2ID", check)


def _scrypt(text: str) -> Hash | None:
    found = _SCRYPT.fullmatch(text)
    if found is None:
        return None
    cost, block, lanes = (int(found[n]) for n in (1, 2, 3))
    salt, key = _decoded(found[4]), _decoded(found[5])
    if not (1 <= cost <= 20 and block >= 1 and (128 * block) << cost <= _MOST_MEMORY and 1 <= lanes <= 4 and len(key) in _KEY):
        return None

    def check(password: bytes) -> bool:
        try:
            Scrypt(salt=salt, length=len(key), n=1 << cost, r=block, p=lanes).verify(password, key)
        except InvalidKey:
            return False
        return True

    return Hash("SCRYPT", check)


def _pbkdf2(text: str) -> Hash | None:
    if (found := _PBKDF2.fullmatch(text)) is not None:
        salt = _decoded(found[2])
    elif (found := _DJANGO.fullmatch(text)) is not None:
        salt = found[2].encode()
    else:
        return None
    iterations, key = int(found[1]), _decoded(found[3])
    if not 1 <= iterations <= _MOST_ITERATIONS or len(key) not in _KEY:
        return None
    return Hash(
        "PBKDF2_SHA256", lambda password: hmac.compare_digest(hashlib.pbkdf2_hmac("sha256", password, salt, iterations, len(key)), key)
    )


def _decoded(text: str) -> bytes:
    """Base64 without padding; passlib writes a dot for the plus."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)


_READERS = (_bcrypt, _argon2id, _scrypt, _pbkdf2)
