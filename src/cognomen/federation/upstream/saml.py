"""SAML 2.0 as a service provider: an AuthnRequest by redirect, a Response by POST (saml-bindings-2.0-os, 3.4; saml-profiles-2.0-os, 4.1).

The Response is verified by saml/response.py, for the pool's own name, this callback and the request that was made. That it is good once is
asked by who keeps marks.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from cognomen.federation.connector import Refused
from cognomen.federation.upstream.port import Departure, Registered, Told, Trip

REQUEST: Final = "request"
_RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_POST: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_LONGEST: Final = 1_500_000
_LONGEST_HINT: Final = 320


class Saml:
    async def leave(self, provider: Registered, trip: Trip) -> Departure:
        request_id = f"_{secrets.token_hex(20)}"
        destination = str(provider.facts["sso_redirect"])
        document = _request(provider, trip, request_id, destination)
        packed = zlib.compressobj(wbits=-15)  # DEFLATE without a header (saml-bindings, 3.4.4.1)
        message = base64.b64encode(packed.compress(document.encode()) + packed.flush()).decode()
        # The signature covers the parameters in this order, as they are written here.
        query = f"SAMLRequest={quote(message, safe='')}&RelayState={quote(trip.state, safe='')}"
        if provider.signing_key is not None:
            query += f"&SigAlg={quote(_RSA_SHA256, safe='')}"
            signature = _private(provider.signing_key).sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
            query += f"&Signature={quote(base64.b64encode(signature).decode(), safe='')}"
        return Departure(f"{destination}{'&' if '?' in destination else '?'}{query}", {REQUEST: request_id})

    async def take(self, provider: Registered, returned: Mapping[str, str], kept: Mapping[str, str], trip: Trip) -> Told:
        from cognomen.saml.errors import Invalid
        from cognomen.saml.response import Expected, verify

        response = returned.get("SAMLResponse", "")
        if not response or len(response) > _LONGEST:
            raise Refused("the identity provider sent no SAML response")
        request_id = kept.get(REQUEST)
        expected = Expected(
            issuer=str(provider.facts["entity_id"]),
            audiences=frozenset([provider.entity_id]),
            recipients=frozenset([trip.callback]),
            now=trip.now,
            request_id=request_id,
        )
        keys = [] if provider.encryption_key is None else [_private(provider.encryption_key)]
        try:
            document = base64.b64decode("".join(response.split()), validate=True)
            certificates = [base64.b64decode(one) for one in provider.facts["certificates"]]
            proof = partial(verify, document, expected, certificates=certificates, private_keys=keys, only_encrypted=bool(keys))
            found = await asyncio.to_thread(proof)
        except (binascii.Error, ValueError) as cause:
            raise Refused("the SAML response is not base64") from cause
        except Invalid as cause:
            raise Refused(str(cause)) from cause
        if request_id is None and found.in_response_to:
            raise Refused("the assertion answers a request that was not made here")
        if not found.name_id:
            raise Refused("the assertion has no NameID")
        claims: dict[str, Any] = {**found.attributes, "NameID": found.name_id}
        return Told(
            subject=found.name_id,
            claims=claims,
            issuer=found.issuer,
            saml_response=found.attributes,
            assertion_id=found.id,
            until=found.not_on_or_after,
        )


def _request(provider: Registered, trip: Trip, request_id: str, destination: str) -> str:
    issued = datetime.fromtimestamp(trip.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    hint = trip.login_hint[:_LONGEST_HINT]
    subject = ""
    if hint and hint.isprintable():
        form = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
        subject = f'<saml:Subject><saml:NameID Format="{form}">{escape(hint)}</saml:NameID></saml:Subject>'
    return (
        '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
        f' ID="{request_id}" Version="2.0" IssueInstant="{issued}" Destination={quoteattr(destination)} ProtocolBinding="{_POST}"'
        f" AssertionConsumerServiceURL={quoteattr(trip.callback)}{' ForceAuthn=' + quoteattr('true') if trip.fresh else ''}>"
        f"<saml:Issuer>{escape(provider.entity_id)}</saml:Issuer>{subject}</samlp:AuthnRequest>"
    )


def _private(der: bytes) -> rsa.RSAPrivateKey:
    key = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("a pool's SAML key must be RSA")
    return key
