"""Sign in with Apple: OpenID Connect, where the client's secret is a token that the team's key signs, and names come with the first answer alone.

https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from cognomen.federation.connector import Refused
from cognomen.federation.upstream import code_flow
from cognomen.federation.upstream.openid import OpenId, told
from cognomen.federation.upstream.port import Departure, Registered, Told, Trip
from cognomen.kernel import base64url

_SECONDS: Final = 300
_LONGEST_USER: Final = 4096


class BadKey(Exception):
    """No private key of P-256 in PKCS #8."""


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """The key as Apple's .p8 file has it, with or without its first and last line. Raises BadKey."""
    try:
        if "-----BEGIN" in text:
            key = load_pem_private_key(text.encode(), None)
        else:
            key = load_der_private_key(base64.b64decode("".join(text.split()), validate=True), None)
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm) as cause:
        raise BadKey from cause
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise BadKey
    return key


def client_secret(details: Mapping[str, str], now: float) -> str:
    """An ES256 JWT of five minutes. Raises BadKey."""
    header = {"alg": "ES256", "kid": details["key_id"]}
    claims = {
        "iss": details["team_id"],
        "iat": int(now),
        "exp": int(now) + _SECONDS,
        "aud": details["oidc_issuer"],
        "sub": details["client_id"],
    }
    signed = ".".join(base64url.encode(msgspec.json.encode(part)) for part in (header, claims))
    r, s = decode_dss_signature(private_key(details["private_key"]).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{base64url.encode(r.to_bytes(32) + s.to_bytes(32))}"


class Apple(OpenId):
    async def leave(self, provider: Registered, trip: Trip, more: Mapping[str, str] | None = None) -> Departure:
        # Apple answers a request that asks for scopes by a form alone.
        by_form = {"response_mode": "form_post"} if provider.details.get("authorize_scopes") else {}
        return await super().leave(provider, trip, {**by_form, "login_hint": "", "ui_locales": "", **(more or {})})

    async def take(self, provider: Registered, returned: Mapping[str, str], kept: Mapping[str, str], trip: Trip) -> Told:
        try:
            secret = client_secret(provider.details, trip.now)
        except BadKey as cause:
            raise Refused("the identity provider's private key is none") from cause
        answer = await code_flow.exchanged(self.calls, provider, returned, kept, trip, secret=secret)
        claims = await self.verified(provider, answer, kept, trip)
        names = _names(returned.get("user", ""))
        return told(claims, answer, names or None)


def _names(user: str) -> dict[str, Any]:
    """`user` comes through the browser, signed by nobody: of it names are taken, and nothing that says who somebody is."""
    if not user or len(user) > _LONGEST_USER:
        return {}
    try:
        name = msgspec.json.decode(user, type=dict[str, Any]).get("name")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(name, dict):
        return {}
    found = {part: name[part] for part in ("firstName", "lastName") if isinstance(name.get(part), str)}
    return {**found, "name": " ".join(found.values())} if found else {}
