"""Refresh tokens: opaque to everyone, us included. They have the form of live ones, a JWE in compact form (RFC 7516) that really
opens with the pool's key, because clients look at the five parts; inside is nothing but chance. Only a digest is stored, and beside those of
tokens made at about the same time: sign-ins that share a commit then share a page of the index too, of which each would else touch one of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1

from cognomen.kernel import base64url, chance

_HEADER: Final = base64url.encode(b'{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}')
# RSA-OAEP in JOSE means SHA-1 (RFC 7518, 4.3). As a mask it needs no collision resistance, and nothing secret hangs on it here.
_AAD: Final = _HEADER.encode("ascii")
_OAEP: Final = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - the algorithm that the header names
_LONGEST: Final = 4096
_REMEMBERED: Final = 1024
_PAYLOAD: Final = 60  # bytes of chance; 32 would do
_TIME: Final = 6  # bytes of milliseconds with which the nonce begins
# In base64url: an encrypted key of 128 bytes or more, a nonce of 12, the payload, a tag of 16. Tokens made before nonces began with a time have a payload of
# 64 bytes, and are stored by their whole digest.
_FORM: Final = re.compile(re.escape(_HEADER) + r"\.[\w-]{171,}\.([\w-]{8})[\w-]{8}\.(?:[\w-]{80}|([\w-]{86}))\.[\w-]{22}", re.ASCII)


class Made(NamedTuple):
    """A new token, and what is stored instead of it."""

    token: str
    digest: bytes

    def __repr__(self) -> str:
        return "Made(***)"


def make(public_key: RSAPublicKey, now: float) -> Made:
    """A new token, some 550 characters for an RSA-2048 key. Its payload is chance: it cannot be guessed. `now` in seconds since 1970."""
    head, cipher = _content_key(public_key)
    nonce = int(now * 1000).to_bytes(_TIME, "big") + chance.draw(12 - _TIME)
    sealed = cipher.encrypt(nonce, chance.draw(_PAYLOAD), _AAD)
    shown = base64url.encode(nonce)
    token = f"{head}.{shown}.{base64url.encode(sealed[:-16])}.{base64url.encode(sealed[-16:])}"
    return Made(token, _dated(shown[:8], token))


# By the key object's identity, since keys cannot be hashed; the object is kept with it, so that its identity stays its own.
_content_keys: OrderedDict[int, tuple[RSAPublicKey, str, AESGCM]] = OrderedDict()


def _content_key(public_key: RSAPublicKey) -> tuple[str, AESGCM]:
    """Header and encrypted key of a pool's tokens, made once while its keys are loaded: RSA costs 0.1 ms, and what it would hide anew
    each time is chance under chance."""
    made = _content_keys.get(id(public_key))
    if made is None:
        content_key = os.urandom(32)
        head = f"{_HEADER}.{base64url.encode(public_key.encrypt(content_key, _OAEP))}"
        made = _content_keys[id(public_key)] = (public_key, head, AESGCM(content_key))
        if len(_content_keys) > _REMEMBERED:
            _content_keys.popitem(last=False)
    return made[1], made[2]


def digest(token: str) -> bytes | None:
    """What is stored and looked up instead of a token (32 bytes): the characters that say when it was made, and 192 bits of its SHA-256. It needs no salt and
    no slow hash, for a token is random. None where it cannot be one of ours, and nothing need be looked up."""
    form = _FORM.fullmatch(token) if len(token) <= _LONGEST else None
    if form is None:
        return None
    time, undated = form.groups()
    return hashlib.sha256(token.encode("ascii")).digest() if undated else _dated(time, token)


def _dated(time: str, token: str) -> bytes:
    return time.encode("ascii") + hashlib.sha256(token.encode("ascii")).digest()[:24]
