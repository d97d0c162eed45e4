"""A user's passkeys: registered in two steps, listed, deleted.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import base64url, chance, paging
from cognomen.kernel.secrets import Unsealable
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Taken
from cognomen.storage.passkeys import Passkey
from cognomen.storage.pools import Pool
from cognomen.userpools import access, domains, find, pages
from cognomen.userpools.access import Access
from cognomen.userpools.rules import first_factors, web_authn

_PURPOSE = "passkey registration"
_SECONDS = 300.0
_MOST = 20  # passkeys of a user
_ALGORITHMS = (-7, -257, -8)  # ES256, RS256, EdDSA (IANA COSE algorithms)


class Registration(msgspec.Struct, frozen=True):
    """What the challenge itself says, sealed: so nothing is kept between the two steps."""

    pool_id: str
    sub: str
    client_id: str
    expires_at: float
    mark: bytes


@op
async def start_web_authn_registration(cx: Context, request: idp.StartWebAuthnRegistrationRequest) -> idp.StartWebAuthnRegistrationResponse:
    of = await access.of_whoever(cx, request.access_token)
    relying_party_id = await relying_party(cx, of.pool)
    present = await cx.store.passkeys.of_user(of.pool.pool_id, of.user.sub)
    _refuse_too_many(present)
    registration = Registration(of.pool.pool_id, of.user.sub, of.client.client_id, cx.clock.now() + _SECONDS, chance.draw(16))
    attributes = of.user.attributes
    options: dict[str, Any] = {
        "rp": {"id": relying_party_id, "name": relying_party_id},
        "user": {
            "id": base64url.encode(of.user.sub.encode()),
            "name": of.user.username,
            "displayName": attributes.get("name") or attributes.get("email") or of.user.username,
        },
        "challenge": base64url.encode(cx.sealer.seal(_PURPOSE, msgspec.json.encode(registration))),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in _ALGORITHMS],
        "timeout": web_authn.TIMEOUT,
        "excludeCredentials": [descriptor(passkey) for passkey in present],
        "authenticatorSelection": {
            "requireResidentKey": True,
            "residentKey": "required",
            "userVerification": user_verification(of.pool),
        },
        "attestation": "none",
    }
    return idp.StartWebAuthnRegistrationResponse(credential_creation_options=options)


async def relying_party(cx: Context, pool: Pool) -> str:
    """The pool's relying party id: the configured one, or else the host of its custom domain, or of its prefix domain. Raises
    WebAuthnNotEnabledException, WebAuthnConfigurationMissingException."""
    if first_factors.WEB_AUTHN not in first_factors.allowed(pool):
        raise errors.WebAuthnNotEnabledException("WebAuthn is not enabled for this user pool.")
    configured = pool.settings.mfa.web_authn_configuration
    if configured is not None and configured.relying_party_id:
        return configured.relying_party_id
    host = await domains.host(cx, pool)
    if host is None:
        raise errors.WebAuthnConfigurationMissingException("The user pool has no relying party id.")
    return host


def user_verification(pool: Pool) -> str:
    configured = pool.settings.mfa.web_authn_configuration
    if configured is None:
        return "preferred"
    both = configured.factor_configuration == "MULTI_FACTOR_WITH_USER_VERIFICATION"
    return "required" if both else configured.user_verification or "preferred"


def descriptor(passkey: Passkey) -> dict[str, Any]:
    """PublicKeyCredentialDescriptorJSON."""
    return {"type": "public-key", "id": passkey.credential_id, "transports": passkey.transports}


@op
async def complete_web_authn_registration(
    cx: Context, request: idp.CompleteWebAuthnRegistrationRequest
) -> idp.CompleteWebAuthnRegistrationResponse:
    of = await access.of_whoever(cx, request.access_token)
    relying_party_id = await relying_party(cx, of.pool)
    try:
        answer = web_authn.read(request.credential, expected_type="webauthn.create", relying_party_id=relying_party_id)
        registration = _registration(cx, of, answer.challenge)
        made = web_authn.registered(
            answer,
            expected_challenge=answer.challenge,
            relying_party_id=relying_party_id,
            require_user_verification=user_verification(of.pool) == "required",
        )
    except web_authn.WrongOrigin as cause:
        raise errors.WebAuthnOriginNotAllowedException("The origin is not allowed for the relying party.") from cause
    except web_authn.WrongRelyingParty as cause:
        raise errors.WebAuthnRelyingPartyMismatchException("The credential belongs to another relying party.") from cause
    except web_authn.Unsupported as cause:
        raise errors.WebAuthnCredentialNotSupportedException("The credential is not supported.") from cause
    except web_authn.BadCredential as cause:
        raise errors.InvalidParameterException("The credential is not a registration response.") from cause
    passkey = Passkey(
        pool_id=of.pool.pool_id,
        sub=of.user.sub,
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        relying_party_id=relying_party_id,
        attachment=made.attachment,
        transports=made.transports,
        name=_friendly_name(made.transports),
        created_at=cx.clock.now(),
    )

    async def unit(tx: Tx) -> None:
        if not await cx.store.used_marks.add(tx, of.pool.pool_id, registration.mark, cx.clock.now() + _SECONDS):
            raise _no_challenge()
        if await cx.store.users.by_sub(of.pool.pool_id, of.user.sub, tx) is None:
            raise errors.NotAuthorizedException("Access Token has been revoked")
        _refuse_too_many(await cx.store.passkeys.of_user(of.pool.pool_id, of.user.sub, tx=tx))
        await cx.store.passkeys.add(tx, passkey)

    try:
        await cx.store.write(unit)
    except Taken as cause:
        raise errors.WebAuthnCredentialNotSupportedException("The credential is registered already.") from cause
    return idp.CompleteWebAuthnRegistrationResponse()


def _registration(cx: Context, of: Access, challenge: bytes) -> Registration:
    """What the challenge was given out for. Raises WebAuthnChallengeNotFoundException, WebAuthnClientMismatchException."""
    try:
        found = msgspec.json.decode(cx.sealer.open(_PURPOSE, challenge), type=Registration)
    except (Unsealable, msgspec.DecodeError) as cause:
        raise _no_challenge() from cause
    if (found.pool_id, found.sub) != (of.pool.pool_id, of.user.sub) or found.expires_at <= cx.clock.now():
        raise _no_challenge()
    if found.client_id != of.client.client_id:
        raise errors.WebAuthnClientMismatchException("The registration was started by another app client.")
    return found


def _no_challenge() -> errors.WebAuthnChallengeNotFoundException:
    return errors.WebAuthnChallengeNotFoundException("There is no registration with this challenge.")


def _refuse_too_many(present: list[Passkey]) -> None:
    if len(present) >= _MOST:
        raise errors.LimitExceededException(f"A user can have at most {_MOST} passkeys.")


def _friendly_name(transports: list[str]) -> str:
    if "internal" in transports:
        return "Passkey on this device" if "hybrid" not in transports else "Passkey"
    if {"usb", "nfc", "ble", "smart-card"} & set(transports):
        return "Security key"
    return "Passkey"


@op
async def list_web_authn_credentials(cx: Context, request: idp.ListWebAuthnCredentialsRequest) -> idp.ListWebAuthnCredentialsResponse:
    of = await access.of_whoever(cx, request.access_token)
    bound = paging.bound("ListWebAuthnCredentials", of.pool.pool_id, of.user.sub)
    after = pages.position(cx, bound, request.next_token)
    limit = request.max_results or _MOST
    found = await cx.store.passkeys.of_user(of.pool.pool_id, of.user.sub, after[0] if after else "", limit + 1)
    shown = [
        idp.WebAuthnCredentialDescription(
            credential_id=passkey.credential_id,
            friendly_credential_name=passkey.name,
            relying_party_id=passkey.relying_party_id,
            authenticator_attachment=passkey.attachment,
            authenticator_transports=passkey.transports,
            created_at=passkey.created_at,
        )
        for passkey in found[:limit]
    ]
    more = cx.pager.token(bound, [found[limit - 1].credential_id]) if len(found) > limit else None
    return idp.ListWebAuthnCredentialsResponse(credentials=shown, next_token=more)


@op
async def delete_web_authn_credential(cx: Context, request: idp.DeleteWebAuthnCredentialRequest) -> idp.DeleteWebAuthnCredentialResponse:
    of = await access.of_whoever(cx, request.access_token)
    removed = await find.write(cx, lambda tx: cx.store.passkeys.remove(tx, of.pool.pool_id, of.user.sub, request.credential_id))
    if not removed:
        raise errors.ResourceNotFoundException("The passkey does not exist.")
    return idp.DeleteWebAuthnCredentialResponse()
