"""Passkeys: what an authenticator answered, verified (WebAuthn Level 3, sections 7.1 and 7.2). Pure: no clock, no storage, no settings.

https://www.w3.org/TR/webauthn-3/
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cognomen.kernel import base64url

_LONGEST = 16_384  # characters of an answer; real ones have some 1,500
_TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})
_ATTACHMENTS = frozenset({"platform", "cross-platform"})
TIMEOUT = 180_000  # milliseconds that the browser waits for the user


class BadCredential(Exception):
    """Not an answer that can be read, or not one that proves anything."""


class WrongOrigin(BadCredential):
    pass


class WrongRelyingParty(BadCredential):
    pass


class Unsupported(BadCredential):
    """An attestation or algorithm that is not taken."""


class Answer(msgspec.Struct, frozen=True):
    """What an answer says before anything in it is believed. `origin` has been checked to be one of the relying party's."""

    credential_id: str
    challenge: bytes
    origin: str
    raw: dict[str, Any]


class Registered(msgspec.Struct, frozen=True):
    credential_id: str
    public_key: bytes
    sign_count: int
    transports: list[str]
    attachment: str | None


class Asserted(msgspec.Struct, frozen=True):
    sign_count: int
    user_verified: bool


def read(credential: object, *, expected_type: str, relying_party_id: str) -> Answer:
    """Raises BadCredential, WrongOrigin. `credential` is RegistrationResponseJSON or AuthenticationResponseJSON, as text or as a value;
    `expected_type` is webauthn.create or webauthn.get."""
    raw = _parsed(credential)
    try:
        client_data = json.loads(base64url.decode(raw["response"]["clientDataJSON"]))
        kind, challenge, origin = client_data["type"], base64url.decode(client_data["challenge"]), client_data["origin"]
        credential_id = raw["id"]
    except (KeyError, TypeError, ValueError, RecursionError) as cause:
        raise BadCredential("the credential cannot be read") from cause
    if not isinstance(credential_id, str) or not isinstance(origin, str) or kind != expected_type:
        raise BadCredential("the credential answers something else")
    if not is_allowed(origin, relying_party_id):
        raise WrongOrigin(origin)
    return Answer(credential_id, challenge, origin, raw)


def _parsed(credential: object) -> dict[str, Any]:
    if isinstance(credential, str):
        if len(credential) > _LONGEST:
            raise BadCredential("the credential is too long")
        try:
            credential = json.loads(credential)
        except (ValueError, RecursionError) as cause:
            raise BadCredential("the credential is not JSON") from cause
    elif len(json.dumps(credential)) > _LONGEST:
        raise BadCredential("the credential is too long")
    if not isinstance(credential, dict) or not isinstance(credential.get("response"), dict):
        raise BadCredential("the credential is not an object")
    return credential


def is_allowed(origin: str, relying_party_id: str) -> bool:
    """May a page of this origin speak for the relying party: its own host or one below it, over https, or http on localhost."""
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        return False
    own = host == relying_party_id or host.endswith(f".{relying_party_id}")
    local = host == "localhost" or host.endswith(".localhost")
    plain = f"{parts.scheme}://{parts.netloc}" == origin and "@" not in parts.netloc
    return own and plain and (parts.scheme == "https" or (parts.scheme == "http" and local))


def registered(answer: Answer, *, expected_challenge: bytes, relying_party_id: str, require_user_verification: bool) -> Registered:
    """Raises BadCredential, WrongRelyingParty, Unsupported."""
    from webauthn import verify_registration_response  # 20 MB that a server without passkeys does not need
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = verify_registration_response(
            credential=answer.raw,
            expected_challenge=expected_challenge,
            expected_rp_id=relying_party_id,
            expected_origin=answer.origin,
            require_user_verification=require_user_verification,
        )
    except WebAuthnException as cause:
        if "RP ID" in str(cause):
            raise WrongRelyingParty("another relying party's") from cause
        raise Unsupported("the registration does not verify") from cause
    except Exception as cause:  # the library meets bytes of a stranger: whatever it raises, they prove nothing
        raise BadCredential("the registration cannot be read") from cause
    response = answer.raw["response"]
    named = response.get("transports")
    attachment = answer.raw.get("authenticatorAttachment")
    return Registered(
        credential_id=base64url.encode(verified.credential_id),
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=sorted({name for name in named if isinstance(name, str)} & _TRANSPORTS) if isinstance(named, list) else [],
        attachment=attachment if attachment in _ATTACHMENTS else None,
    )


def asserted(
    answer: Answer, *, expected_challenge: bytes, relying_party_id: str, public_key: bytes, sign_count: int, require_user_verification: bool
) -> Asserted:
    """Raises BadCredential for a wrong signature, challenge or relying party, or for a counter that did not go on (a copied key)."""
    from webauthn import verify_authentication_response

    try:
        verified = verify_authentication_response(
            credential=answer.raw,
            expected_challenge=expected_challenge,
            expected_rp_id=relying_party_id,
            expected_origin=answer.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=require_user_verification,
        )
    except Exception as cause:  # as above
        raise BadCredential("the assertion does not verify") from cause
    return Asserted(verified.new_sign_count, verified.user_verified)
