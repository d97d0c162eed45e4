"""OpenID Connect (Core 1.0, 3.1): the id token verified as federation/oidc.py does it, with the nonce of this sign-in, and the userinfo of the
same subject. Google and Apple are this with an address of their own."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final

from cognomen.federation import oidc
from cognomen.federation.connector import Expected, Refused
from cognomen.federation.keys import RemoteKeys
from cognomen.federation.upstream import code_flow
from cognomen.federation.upstream.calls import Caller
from cognomen.federation.upstream.port import Departure, Registered, Told, Trip

_LONGEST_HINT: Final = 320


class OpenId:
    def __init__(self, calls: Caller, keys: RemoteKeys) -> None:
        self.calls = calls
        self._keys = keys

    async def leave(self, provider: Registered, trip: Trip, more: Mapping[str, str] | None = None) -> Departure:
        kept = {code_flow.NONCE: secrets.token_urlsafe(24)}
        asked = {
            "nonce": kept[code_flow.NONCE],
            "login_hint": trip.login_hint[:_LONGEST_HINT],
            "ui_locales": trip.lang[:64],
            "acr_values": trip.acr,
            "prompt": "login" if trip.fresh else "",
            **(more or {}),
        }
        return Departure(code_flow.address(provider, trip, kept, asked), kept)

    async def take(self, provider: Registered, returned: Mapping[str, str], kept: Mapping[str, str], trip: Trip) -> Told:
        _check_sender(provider, returned)
        answer = await code_flow.exchanged(self.calls, provider, returned, kept, trip)
        claims = await self.verified(provider, answer, kept, trip)
        return await self.told(provider, answer, claims)

    async def verified(self, provider: Registered, answer: Mapping[str, Any], kept: Mapping[str, str], trip: Trip) -> dict[str, Any]:
        """The id token's claims. Raises Refused, Unavailable."""
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Refused("the identity provider gave no id token")
        unverified = oidc.read(token)
        claims = unverified.claims
        if not _same_issuer(claims.get("iss"), provider):
            raise Refused("the id token's issuer is not the identity provider's")
        oidc.check_claims(claims, Expected(provider=provider.name, audiences=(provider.details["client_id"],), now=trip.now))
        oidc.signed(token, unverified, await self._keys.at(provider.details["jwks_uri"], unverified.kid, trip.now))
        nonce, expected = claims.get("nonce"), kept.get(code_flow.NONCE, "")
        if not expected or not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), expected.encode()):
            raise Refused("the id token was not made for this sign-in")
        return claims

    async def told(self, provider: Registered, answer: Mapping[str, Any], claims: dict[str, Any]) -> Told:
        """With what the userinfo endpoint says, where there is one."""
        info: dict[str, Any] | None = None
        if url := provider.details.get("attributes_url", ""):
            token = str(answer["access_token"])
            by_post = provider.details.get("attributes_request_method") == "POST"
            info = await (self.calls.post(url, {}, token=token) if by_post else self.calls.get(url, token=token))
            # Tokens may be swapped: the subject of both must be one (Core, 5.3.2).
            if info.get("sub") != claims["sub"]:
                raise Refused("the userinfo response is of another user")
        return told(claims, answer, info)


def told(claims: Mapping[str, Any], answer: Mapping[str, Any], info: Mapping[str, Any] | None) -> Told:
    return Told(
        subject=claims["sub"],
        claims={**claims, **(info or {}), **code_flow.tokens_of(answer)},
        issuer=str(claims.get("iss", "")),
        token_response=answer,
        id_token=claims,
        user_info=info,
    )


def _check_sender(provider: Registered, returned: Mapping[str, str]) -> None:
    """A provider that names itself in its answers (RFC 9207) always does: an answer of another is never taken for its own. Raises Refused."""
    named = returned.get("iss")
    if (named is not None or provider.facts.get("names_itself")) and not _same_issuer(named, provider):
        raise Refused("the answer is of another identity provider")


def _same_issuer(issuer: object, provider: Registered) -> bool:
    """One slash at the end is no difference."""
    known = {provider.details["oidc_issuer"], *provider.facts.get("issuers", ())}
    return isinstance(issuer, str) and issuer.removesuffix("/") in {each.removesuffix("/") for each in known}
