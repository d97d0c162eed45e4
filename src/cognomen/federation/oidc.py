"""Id tokens of OpenID Connect providers (OpenID Connect Core 1.0, 3.1.3.7): signature, issuer, audience and times.

Algorithms are ours to choose and not the token's (RFC 8725, 3.1): asymmetric ones, each with a key of its own kind, so that neither `none` nor
HS256 with a public key passes.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from cognomen.federation.connector import Expected, Refused, Verified, is_this_machine
from cognomen.federation.keys import Key, RemoteKeys
from cognomen.kernel import base64url

_KINDS: Final[dict[str, type]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSAKey),
    **dict.fromkeys(("ES256", "ES384", "ES512"), ECKey),
}
_SKEW: Final = 300  # seconds that another's clock may be ahead
_LONGEST: Final = 50_000
_SMALLEST_RSA: Final = 2048
_PART: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
# Texts of Amazon Cognito, after "Invalid login token. ": amazon-cognito-identity-js #12, #40, #91.
WRONG_ISSUER: Final = "Issuer doesn't match providerName"
UNVERIFIED: Final = "Couldn't verify signed token."
NO_TOKEN: Final = "Not a valid OpenId Connect identity token."
WRONG_AUDIENCE: Final = "Incorrect token audience."


class Unverified(msgspec.Struct, frozen=True):
    """What a token says of itself."""

    algorithm: str
    kid: str | None
    claims: dict[str, Any]


def read(token: str) -> Unverified:
    """Takes a compact JWT apart and believes nothing. Raises Refused."""
    parts = token.split(".") if len(token) <= _LONGEST and token.isascii() else []
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise Refused(NO_TOKEN)
    try:
        header = msgspec.json.decode(base64url.decode(parts[0]), type=dict[str, Any])
        claims = msgspec.json.decode(base64url.decode(parts[1]), type=dict[str, Any])
    except (ValueError, RecursionError) as cause:
        raise Refused(NO_TOKEN) from cause
    kid = header.get("kid")
    if "crit" in header or not isinstance(kid, str | None) or not isinstance(header.get("alg"), str):
        raise Refused(NO_TOKEN)
    return Unverified(header["alg"], kid, claims)


class OpenIdConnect:
    """Any provider that publishes a discovery document. `expected.provider` is its issuer without the scheme, as IAM names it."""

    def __init__(self, keys: RemoteKeys) -> None:
        self._keys = keys

    async def verify(self, token: str, expected: Expected) -> Verified:
        unverified = read(token)
        issuer = unverified.claims.get("iss")
        if not isinstance(issuer, str) or not self._is(issuer, expected.provider):
            raise Refused(WRONG_ISSUER)
        check_claims(unverified.claims, expected)
        # Asked by the name that was registered: a token chooses none of the addresses, nor how many of them are remembered.
        source = f"{issuer.partition('://')[0]}://{expected.provider.removesuffix('/')}"
        signed(token, unverified, await self._keys.of_issuer(source, unverified.kid, expected.now, expected.thumbprints))
        return verified(unverified.claims, expected)

    def _is(self, issuer: str, provider: str) -> bool:
        """By https; by http where this machine may stand for a provider. One slash at the end is no difference, a second one is."""
        scheme, _, name = issuer.partition("://")
        if name.removesuffix("/") != provider.removesuffix("/") or not name:
            return False
        try:
            host = urlsplit(issuer).hostname or ""
        except ValueError:
            return False
        return scheme == "https" or (scheme == "http" and not self._keys.public_only and is_this_machine(host))


class KeySetAt:
    """A provider whose keys are at an address that we know, under the issuer's names that it uses."""

    def __init__(self, keys: RemoteKeys, url: str, issuers: frozenset[str]) -> None:
        self._keys, self._url, self._issuers = keys, url, issuers

    async def verify(self, token: str, expected: Expected) -> Verified:
        unverified = read(token)
        if unverified.claims.get("iss") not in self._issuers:
            raise Refused(WRONG_ISSUER)
        check_claims(unverified.claims, expected)
        signed(token, unverified, await self._keys.at(self._url, unverified.kid, expected.now))
        return verified(unverified.claims, expected)


def check_claims(claims: dict[str, Any], expected: Expected) -> None:
    """Before the signature, since a token that is not for us is not worth a question to its provider. Raises Refused."""
    missing = next((name for name in ("aud", "exp", "sub") if name not in claims), None)
    if missing is not None:
        raise Refused(f"Missing a required claim: {missing}")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255 or not _is_time(claims["exp"]):
        raise Refused(NO_TOKEN)
    if not any(map(expected.is_for, _audiences(claims))):
        raise Refused(WRONG_AUDIENCE)
    if expected.now >= claims["exp"]:
        raise Refused(f"Token expired: {int(expected.now)} >= {int(claims['exp'])}")
    for name in ("nbf", "iat"):
        if name in claims and (not _is_time(claims[name]) or claims[name] > expected.now + _SKEW):
            raise Refused("Token is not valid yet.")


def verified(claims: dict[str, Any], expected: Expected) -> Verified:
    audience = next(filter(expected.is_for, _audiences(claims)))
    return Verified(subject=claims["sub"], audience=audience, claims=claims, issuer=str(claims["iss"]))


def signed(token: str, unverified: Unverified, key: Key | None) -> None:
    """Raises Refused."""
    kind = _KINDS.get(unverified.algorithm)
    if key is None or kind is None or not isinstance(key, kind):
        raise Refused(UNVERIFIED)
    if isinstance(key, RSAKey) and key.public_key.key_size < _SMALLEST_RSA:
        raise Refused(UNVERIFIED)
    try:
        jws.deserialize_compact(token, key, algorithms=[unverified.algorithm])
    except (JoseError, ValueError, TypeError) as cause:
        raise Refused(UNVERIFIED) from cause


def _audiences(claims: dict[str, Any]) -> list[str]:
    """`azp` where it is given too: the one of several that the token was issued to (Core, 3.1.3.7, 4 and 5)."""
    audience = claims["aud"]
    named = [one for one in (audience if isinstance(audience, list) else [audience]) if isinstance(one, str)]
    if len(named) > 1:
        return [one for one in named if one == claims.get("azp")]
    return named


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
