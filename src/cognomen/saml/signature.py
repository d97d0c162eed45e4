"""Signatures of SAML: an element that is signed as a whole, by its own ID, with one of the given certificates, is given back as it was signed.

Everything in the Signature that could make it mean something else is refused before the library sees it: it verifies one form alone (saml-core,
5.4). KeyInfo is dropped: it is the sender's word. Of a certificate its key counts, not its dates, as IAM has it.
"""

from __future__ import annotations

import binascii
import logging
from collections.abc import Sequence
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cognomen.saml import xml
from cognomen.saml.errors import BadSignature, Malformed
from cognomen.saml.xml import DS, Element

logging.getLogger("signxml").setLevel(logging.WARNING)  # it would log what was signed

_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
METHODS: Final = frozenset(
    [*(f"{_MORE}{kind}-sha{size}" for kind in ("rsa", "ecdsa") for size in (256, 384, 512))]
    + [f"http://www.w3.org/2007/05/xmldsig-more#sha{size}-rsa-MGF1" for size in (256, 384, 512)]
)
DIGESTS: Final = frozenset(
    ["http://www.w3.org/2001/04/xmlenc#sha256", f"{_MORE}sha384", "http://www.w3.org/2001/04/xmlenc#sha512"],
)
_SHA1_METHODS: Final = frozenset(["http://www.w3.org/2000/09/xmldsig#rsa-sha1"])
_SHA1_DIGESTS: Final = frozenset(["http://www.w3.org/2000/09/xmldsig#sha1"])
_MOST: Final = 8_000_000
_SHORTEST_RSA: Final = 2048
_CURVES: Final = frozenset(["secp256r1", "secp384r1", "secp521r1"])


def signature_of(element: Element) -> Element | None:
    """The element's own Signature: a child of it. Raises BadSignature for several."""
    found = xml.children(element, f"{DS}Signature")
    if len(found) > 1:
        raise BadSignature("there are several signatures of one element")
    return found[0] if found else None


def verified(element: Element, certificates: Sequence[bytes], *, sha1: bool = False) -> Element:
    """The element as it was signed, without the signature: a new document, made from the bytes that were digested. `certificates` are DER.
    Raises BadSignature, Malformed."""
    alone = xml.parse(xml.written(element), most=_MOST)
    own = signature_of(alone)
    if own is None:
        raise BadSignature("the element is not signed")
    _check_form(own, xml.attribute(alone, "ID"), sha1=sha1)
    for key_info in xml.children(own, f"{DS}KeyInfo"):
        own.remove(key_info)
    document = xml.written(alone)
    for certificate in certificates:
        signed = _signed(document, certificate, sha1=sha1)
        if signed is None:
            continue
        root = xml.parse(signed, most=_MOST)
        if (root.tag, root.get("ID")) != (element.tag, element.get("ID")) or signature_of(root) is not None:
            raise BadSignature("the signature covers another element")
        return root
    raise BadSignature("the signature is by none of the provider's keys, or of another text")


def _check_form(signature: Element, identifier: str, *, sha1: bool) -> None:
    """One reference to the whole element, enveloped and exclusive canonicalization, algorithms that are good."""
    names = [part.tag for part in signature]
    expected = [f"{DS}SignedInfo", f"{DS}SignatureValue"]
    if names not in (expected, [*expected, f"{DS}KeyInfo"]):
        raise BadSignature("the signature has other parts than SignedInfo, SignatureValue and KeyInfo")
    info = signature[0]
    if [part.tag for part in info] != [f"{DS}CanonicalizationMethod", f"{DS}SignatureMethod", f"{DS}Reference"]:
        raise BadSignature("the signature has not exactly one reference")
    canonical, method, reference = info
    _check_exclusive(canonical)
    _check_algorithm(method, METHODS | (_SHA1_METHODS if sha1 else frozenset()))
    if reference.get("URI") != f"#{identifier}":
        raise BadSignature("the signature is not of the element in which it stands")
    if [part.tag for part in reference] != [f"{DS}Transforms", f"{DS}DigestMethod", f"{DS}DigestValue"]:
        raise BadSignature("the reference has other parts than Transforms, DigestMethod and DigestValue")
    transforms, digest, _ = reference
    _check_algorithm(digest, DIGESTS | (_SHA1_DIGESTS if sha1 else frozenset()))
    if [part.tag for part in transforms] != [f"{DS}Transform"] * 2:
        raise BadSignature("the transforms are not enveloped-signature and exclusive canonicalization")
    _check_algorithm(transforms[0], frozenset([_ENVELOPED]))
    _check_exclusive(transforms[1])


def _check_algorithm(element: Element, known: frozenset[str]) -> None:
    """Without parameters: those of the algorithms known here have none that must be given."""
    if element.get("Algorithm") not in known or len(element):
        raise BadSignature(f"the algorithm of {xml.local(element)} is not taken")


def _check_exclusive(element: Element) -> None:
    parts = [part.tag for part in element]
    if element.get("Algorithm") != _EXCLUSIVE or parts not in ([], [f"{{{_EXCLUSIVE}}}InclusiveNamespaces"]):
        raise BadSignature("the canonicalization is not the exclusive one")


def _signed(document: bytes, certificate: bytes, *, sha1: bool) -> bytes | None:
    """The bytes that were signed; None where it was not with this certificate's key."""
    from lxml import etree
    from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier
    from signxml.exceptions import SignXMLException

    try:
        read = x509.load_der_x509_certificate(certificate)
        if not is_strong(read):
            return None
        configuration = SignatureConfiguration(
            require_x509=True,
            location="./",
            expect_references=1,
            signature_methods=frozenset(map(SignatureMethod, METHODS | (_SHA1_METHODS if sha1 else frozenset()))),
            digest_algorithms=frozenset(map(DigestAlgorithm, DIGESTS | (_SHA1_DIGESTS if sha1 else frozenset()))),
            verification_time=read.not_valid_before_utc,  # its dates do not count: IAM's guide, id_roles_providers_saml.html
        )
        result: Any = XMLVerifier().verify(document, x509_cert=read, expect_config=configuration, id_attribute="ID")
    except (SignXMLException, etree.LxmlError, binascii.Error, ValueError, TypeError, KeyError):
        return None
    return bytes(result.signed_data)


def is_strong(certificate: x509.Certificate) -> bool:
    """RSA of 2048 bits or more, or one of NIST's curves."""
    try:
        key = certificate.public_key()
    except Exception:  # noqa: BLE001  # of an algorithm that the library has not; it names several exceptions
        return False
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _SHORTEST_RSA
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES


def check_identifiers(root: Element) -> None:
    """No two elements of a document answer to one ID, in any spelling of that attribute. Raises Malformed."""
    seen: set[str] = set()
    for element in xml.elements(root):
        for name, value in element.attrib.items():
            if name.rpartition("}")[2].lower() == "id":
                if value in seen:
                    raise Malformed("two elements have one ID")
                seen.add(value)
