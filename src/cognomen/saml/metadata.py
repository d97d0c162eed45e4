"""What a provider publishes of itself: its entity id, its signing certificates, where it is asked. A signature of the metadata is not looked at:
who hands them in trusts them (as IAM does).

Source: saml-metadata-2.0-os, 2.4.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from cryptography import x509

from cognomen.saml import xml
from cognomen.saml.errors import Malformed
from cognomen.saml.signature import is_strong
from cognomen.saml.xml import DS, METADATA, Element

MOST: Final = 10_000_000
_REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_POST: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
_MOST_CERTIFICATES: Final = 32
_LONGEST_ENTITY_ID: Final = 1024


class IdentityProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`certificates` in DER; addresses empty where there is none; `valid_until` in epoch seconds."""

    entity_id: str
    certificates: list[bytes]
    sso_redirect: str = ""
    sso_post: str = ""
    slo_redirect: str = ""
    slo_post: str = ""
    wants_signed_requests: bool = False
    valid_until: float | None = None


def read_metadata(document: bytes) -> IdentityProvider:
    """The one identity provider that the document describes. Raises Malformed."""
    root = xml.parse(document, most=MOST)
    entity, role = _provider(root)
    entity_id = xml.attribute(entity, "entityID")
    if len(entity_id) > _LONGEST_ENTITY_ID:
        raise Malformed(f"the entityID is longer than {_LONGEST_ENTITY_ID} characters")
    sso, slo = f"{METADATA}SingleSignOnService", f"{METADATA}SingleLogoutService"
    ends = [xml.instant(value) for element in (root, entity, role) if (value := element.get("validUntil"))]
    return IdentityProvider(
        entity_id=entity_id,
        certificates=_certificates(role),
        sso_redirect=_location(role, sso, _REDIRECT),
        sso_post=_location(role, sso, _POST),
        slo_redirect=_location(role, slo, _REDIRECT),
        slo_post=_location(role, slo, _POST),
        wants_signed_requests=role.get("WantAuthnRequestsSigned") in ("true", "1"),
        valid_until=min(ends, default=None),
    )


def _provider(root: Element) -> tuple[Element, Element]:
    entities = [root] if root.tag == f"{METADATA}EntityDescriptor" else list(root.iterchildren(f"{METADATA}EntityDescriptor"))
    if root.tag not in (f"{METADATA}EntityDescriptor", f"{METADATA}EntitiesDescriptor"):
        raise Malformed("the document is not metadata of SAML 2.0")
    found = [
        (entity, role)
        for entity in entities
        for role in xml.children(entity, f"{METADATA}IDPSSODescriptor")
        if _PROTOCOL in role.get("protocolSupportEnumeration", "").split()
    ]
    if len(found) != 1:
        raise Malformed("the document describes not exactly one identity provider of SAML 2.0")
    return found[0]


def _certificates(role: Element) -> list[bytes]:
    found = dict.fromkeys(_signing(role))
    if not found:
        raise Malformed("the provider has no certificate for signing")
    if len(found) > _MOST_CERTIFICATES:
        raise Malformed(f"the provider has more than {_MOST_CERTIFICATES} certificates")
    return list(found)


def _signing(role: Element) -> Iterable[bytes]:
    for key in xml.children(role, f"{METADATA}KeyDescriptor"):
        if key.get("use", "signing") != "signing":
            continue
        for certificate in key.iter(f"{DS}X509Certificate"):
            der = xml.decoded(xml.text(certificate))
            try:
                read = x509.load_der_x509_certificate(der)
            except ValueError as cause:
                raise Malformed("a certificate is none") from cause
            if not is_strong(read):
                raise Malformed("a certificate's key is neither RSA of 2048 bits or more nor of a curve of NIST")
            yield der


def _location(role: Element, service: str, binding: str) -> str:
    """The first of its kind: indexes and defaults are for endpoints that are chosen, these are not."""
    return next((str(one.get("Location", "")) for one in xml.children(role, service) if one.get("Binding") == binding), "")
