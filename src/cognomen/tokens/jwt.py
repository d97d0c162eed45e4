"""Our own JWTs: RS256 and nothing else. Writes and reads the compact form (RFC 7515, 7519); knows no time, no issuer and no user.

Whoever calls `verify` checks `exp`, `token_use` and revocation afresh each time: only the signature is remembered.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from cognomen.kernel import base64url
from cognomen.tokens.signer import Signer


class BadToken(Exception):
    """The token is not one of ours. One of the three below says why."""


class Malformed(BadToken):
    """Not a JWT in compact form, signed with RS256."""


class UnknownKey(BadToken):
    """Signed, it says, with a key that is not among those given."""


class BadSignature(BadToken):
    """The signature does not fit key and content."""


_PADDING: Final = PKCS1v15()
_SHA256: Final = SHA256()
_LONGEST: Final = 65_536  # characters; a token with 1,000 groups and every attribute full stays below
_MOST_CLAIMS: Final = 48_000  # bytes of JSON; with header and signature a token with them has at most _LONGEST characters
_REMEMBERED: Final = 10_000


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    crit: Any = msgspec.UNSET


_header_decoder: Final = msgspec.json.Decoder(_Header)
_claims_decoder: Final = msgspec.json.Decoder(dict[str, Any])

# Digests of tokens whose signature was found good, with the key that it was good under (1.5 MB when full). A signature that holds once
# holds always, and the digest covers every character, so remembering spares a call 25 us and loosens nothing: another token has another
# digest, and a key that was replaced is another object.
_good: OrderedDict[bytes, RSAPublicKey] = OrderedDict()


def fits(claims: Mapping[str, Any]) -> bool:
    """Would `verify` read a token with these claims?"""
    try:
        return len(msgspec.json.encode(claims)) <= _MOST_CLAIMS
    except RecursionError:
        return False


def sign(claims: Mapping[str, Any], kid: str, private_key: RSAPrivateKey) -> str:
    """A signed JWT with the header {"kid", "alg"} of live tokens. 0.2 to 0.8 ms with the GIL released: a server uses `begin_signing`."""
    content = _content(claims, kid)
    return _token(content, private_key.sign(content, _PADDING, _SHA256))


class Signing:
    """Tokens that are being signed off the event loop, which puts them together once the signatures are there."""

    __slots__ = ("_contents", "_signatures")

    def __init__(self, signer: Signer, tokens: Sequence[tuple[Mapping[str, Any], str, RSAPrivateKey]]) -> None:
        self._contents = [_content(claims, kid) for claims, kid, _ in tokens]
        self._signatures = signer.begin([(kid, key) for _, kid, key in tokens], self._contents)

    async def tokens(self) -> list[str]:
        return [_token(content, signature) for content, signature in zip(self._contents, await self._signatures, strict=True)]


def begin_signing(signer: Signer, *tokens: tuple[Mapping[str, Any], str, RSAPrivateKey]) -> Signing:
    """As `sign`, for several claims with their kids and keys."""
    return Signing(signer, tokens)


def _content(claims: Mapping[str, Any], kid: str) -> bytes:
    return f"{_header(kid)}.{base64url.encode(msgspec.json.encode(claims))}".encode("ascii")


def _token(content: bytes, signature: bytes) -> str:
    return f"{content.decode('ascii')}.{base64url.encode(signature)}"


def verify(token: str, public_keys: Mapping[str, RSAPublicKey]) -> dict[str, Any]:
    """The claims of a token signed with one of these keys (by `kid`). Raises Malformed, UnknownKey or BadSignature.

    The algorithm is ours to choose and not the token's (RFC 8725, 3.1): `none` and HS256 are malformed, and so is a header
    that asks for an extension (`crit`). Each base64url part must be spelt in the one canonical way."""
    return read(token).verified(public_keys)


class Unverified:
    """A token taken apart once: what it says of itself serves to find the pool whose keys can tell, and for nothing else."""

    __slots__ = ("_header", "_payload", "_signature", "_token", "claims")

    def __init__(self, token: str) -> None:
        self._token = token
        self._header, self._payload, self._signature = _split(token)
        self.claims = _claims(self._payload)

    def verified(self, public_keys: Mapping[str, RSAPublicKey]) -> dict[str, Any]:
        """As `verify`."""
        kid = _kid(self._header)
        key = public_keys.get(kid)
        if key is None:
            raise UnknownKey("no key of this kid")
        digest = hashlib.sha256(self._token.encode("ascii")).digest()
        # Taken out and put back at the end: what is oldest in use comes first, and goes first.
        if _good.pop(digest, None) is not key:
            _check_signature(key, f"{self._header}.{self._payload}".encode("ascii"), self._signature)
        _good[digest] = key
        if len(_good) > _REMEMBERED:
            _good.popitem(last=False)
        return self.claims


def read(token: str) -> Unverified:
    """Raises Malformed."""
    return Unverified(token)


@lru_cache(maxsize=4096)
def _header(kid: str) -> str:
    return base64url.encode(msgspec.json.encode({"kid": kid, "alg": "RS256"}))


def _split(token: str) -> tuple[str, str, str]:
    if len(token) > _LONGEST:
        raise Malformed("longer than any token of ours")
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise Malformed("not three parts")
    return parts[0], parts[1], parts[2]


@lru_cache(maxsize=256)
def _kid(header: str) -> str:
    if len(header) > 1024:
        raise Malformed("a header of ours has 90 characters")
    try:
        read = _header_decoder.decode(base64url.decode(header))
    except (ValueError, RecursionError) as cause:
        raise Malformed("the header is not a JSON object with alg and kid") from cause
    if read.alg != "RS256":
        raise Malformed("not signed with RS256")
    if read.crit is not msgspec.UNSET:
        raise Malformed("asks for an extension")
    return read.kid


def _claims(payload: str) -> dict[str, Any]:
    try:
        return _claims_decoder.decode(base64url.decode(payload))
    except (ValueError, RecursionError) as cause:
        raise Malformed("the claims are not a JSON object") from cause


def _check_signature(key: RSAPublicKey, content: bytes, signature: str) -> None:
    try:
        raw = base64url.decode(signature)
    except ValueError as cause:
        raise Malformed("the signature is not base64url") from cause
    try:
        key.verify(raw, content, _PADDING, _SHA256)
    except InvalidSignature as cause:
        raise BadSignature("the signature does not fit") from cause
