"""A Response of SAML 2.0 (Web Browser SSO) verified: everything that is given back stands in an element that one of the provider's keys signed.

Sources: saml-core-2.0-os, saml-profiles-2.0-os (4.1.4), and on signatures that are moved about: Somorovsky and others, "On Breaking SAML: Be
Whoever You Want to Be", USENIX Security 2012. That an assertion is used once is the caller's part: keep its id until `not_on_or_after`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from cognomen.saml import encryption, signature, xml
from cognomen.saml.errors import BadSignature, Expired, Invalid, Malformed, Refused, WrongAudience, WrongIssuer
from cognomen.saml.xml import DS, SAML, SAMLP, Element

MOST: Final = 1_000_000  # bytes of a response
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
_ENTITY: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
UNSPECIFIED: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of a user. Times in epoch seconds; `not_on_or_after` is when it counts no more, whatever the skew that was allowed;
    `session_not_on_or_after` when what was made from it should end."""

    id: str
    issuer: str
    issued_at: float
    name_id: str
    name_id_format: str
    name_qualifier: str
    sp_name_qualifier: str
    recipient: str
    attributes: dict[str, list[str]]
    authn_instant: float
    session_index: str
    session_not_on_or_after: float | None
    not_on_or_after: float
    in_response_to: str


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a response must be made. `now` and `skew` in seconds; `request_id` is that of the request that is answered, where one was made."""

    issuer: str
    audiences: Collection[str]
    recipients: Collection[str]
    now: float
    skew: float = 60.0
    request_id: str | None = None


def verify(
    response: bytes,
    expected: Expected,
    *,
    certificates: Sequence[bytes],
    private_keys: Sequence[rsa.RSAPrivateKey] = (),
    only_encrypted: bool = False,
    sha1: bool = False,
) -> Assertion:
    """The response's one assertion. `certificates` are the provider's, in DER. Raises Invalid, in its kinds."""
    root = xml.parse(response, most=MOST)
    if root.tag != f"{SAMLP}Response":
        raise Malformed("the document is not a Response of SAML 2.0")
    signature.check_identifiers(root)
    _check_places(root)
    signed_whole = signature.signature_of(root) is not None
    if signed_whole:
        root = signature.verified(root, certificates, sha1=sha1)
    _check_response(root, expected)
    encrypted = xml.children(root, f"{SAML}EncryptedAssertion")
    if only_encrypted and not encrypted:
        raise BadSignature("the assertion is not encrypted")
    if encrypted:
        assertion = _from_encrypted(root, encrypted[0], certificates, private_keys, signed_whole=signed_whole, sha1=sha1)
    else:
        assertion = _signed_assertion(xml.child(root, f"{SAML}Assertion"), certificates, signed_whole=signed_whole, sha1=sha1)
    return _read(assertion, expected)


def _check_places(root: Element) -> None:
    """One Response, one assertion right below it, and no signature but theirs: there is nowhere to move what was signed."""
    assertions = [f"{SAML}Assertion", f"{SAML}EncryptedAssertion"]
    for element in xml.elements(root):
        parent = element.getparent()
        if element.tag == f"{SAMLP}Response" and parent is not None:
            raise Malformed("there is a Response inside of the Response")
        if element.tag in assertions and parent is not root:
            raise Malformed("there is an assertion at another place than the Response's own")
        if element.tag == f"{DS}Signature" and parent is not root and (parent.tag != assertions[0] or parent.getparent() is not root):
            raise Malformed("there is a signature at another place than the Response's and the assertion's own")
    if sum(child.tag in assertions for child in root) > 1:
        raise Malformed("there are several assertions")


def _check_response(root: Element, expected: Expected) -> None:
    """What may be said by nobody's key; it can only refuse."""
    if root.get("Version") != "2.0":
        raise Malformed("the Response is not of version 2.0")
    xml.attribute(root, "ID")
    xml.instant(xml.attribute(root, "IssueInstant"))
    for issuer in xml.children(root, f"{SAML}Issuer"):
        if xml.text(issuer) != expected.issuer:
            raise WrongIssuer("the Response is of another issuer")
    code = xml.child(xml.child(root, f"{SAMLP}Status"), f"{SAMLP}StatusCode").get("Value")
    if code != _SUCCESS:
        raise Refused("the provider's status is not Success")
    if root.get("Destination") and root.get("Destination") not in expected.recipients:
        raise WrongAudience("the Response has another destination")
    if expected.request_id is not None and root.get("InResponseTo") != expected.request_id:
        raise WrongAudience("the Response answers another request")


def _from_encrypted(
    root: Element,
    encrypted: Element,
    certificates: Sequence[bytes],
    private_keys: Sequence[rsa.RSAPrivateKey],
    *,
    signed_whole: bool,
    sha1: bool,
) -> Element:
    """All that can go wrong until a signature is verified looks alike: see encryption.py."""
    try:
        assertion = encryption.decrypted(encrypted, private_keys)
        taken = {value for element in xml.elements(root) if (value := element.get("ID"))}
        signature.check_identifiers(assertion)
        if taken & {element.get("ID") for element in xml.elements(assertion)}:
            raise Malformed("two elements have one ID")
        inner = {f"{SAML}Assertion", f"{SAML}EncryptedAssertion", f"{DS}Signature"}
        if any(element.tag in inner and element.getparent() not in (None, assertion) for element in xml.elements(assertion)):
            raise Malformed("there is an assertion or a signature inside of the assertion")
        if xml.children(assertion, f"{SAML}Assertion"):
            raise Malformed("there is an assertion inside of the assertion")
        return _signed_assertion(assertion, certificates, signed_whole=signed_whole, sha1=sha1)
    except Invalid as cause:
        raise BadSignature("the encrypted assertion is not signed by the provider, or cannot be decrypted") from cause


def _signed_assertion(assertion: Element, certificates: Sequence[bytes], *, signed_whole: bool, sha1: bool) -> Element:
    """A signature of its own is verified also where the whole Response was: a wrong one is a sign of harm."""
    if signature.signature_of(assertion) is not None:
        return signature.verified(assertion, certificates, sha1=sha1)
    if not signed_whole:
        raise BadSignature("neither the Response nor its assertion is signed")
    return assertion


def _read(assertion: Element, expected: Expected) -> Assertion:
    if assertion.get("Version") != "2.0":
        raise Malformed("the assertion is not of version 2.0")
    issuer = xml.child(assertion, f"{SAML}Issuer")
    if xml.text(issuer) != expected.issuer or issuer.get("Format", _ENTITY) != _ENTITY:
        raise WrongIssuer("the assertion is of another issuer")
    issued_at = xml.instant(xml.attribute(assertion, "IssueInstant"))
    if issued_at > expected.now + expected.skew:
        raise Expired("the assertion is from the future")
    subject = xml.child(assertion, f"{SAML}Subject")
    name = xml.child(subject, f"{SAML}NameID")
    if not xml.text(name):
        raise Malformed("the NameID is empty")
    bearer, confirmed_until = _confirmation(subject, expected)
    until = min(confirmed_until, *_conditions(xml.child(assertion, f"{SAML}Conditions"), expected))
    statements = xml.children(assertion, f"{SAML}AuthnStatement")
    if not statements:
        raise Malformed("the assertion has no AuthnStatement")
    ends = [xml.instant(value) for one in statements if (value := one.get("SessionNotOnOrAfter"))]
    if any(end <= expected.now - expected.skew for end in ends):
        raise Expired("the provider's session has ended")
    return Assertion(
        id=xml.attribute(assertion, "ID"),
        issuer=expected.issuer,
        issued_at=issued_at,
        name_id=xml.text(name),
        name_id_format=name.get("Format") or UNSPECIFIED,
        name_qualifier=name.get("NameQualifier", ""),
        sp_name_qualifier=name.get("SPNameQualifier", ""),
        recipient=bearer.get("Recipient"),
        attributes=_attributes(assertion),
        authn_instant=xml.instant(xml.attribute(statements[0], "AuthnInstant")),
        session_index=statements[0].get("SessionIndex", ""),
        session_not_on_or_after=min(ends, default=None),
        not_on_or_after=until + expected.skew,
        in_response_to=bearer.get("InResponseTo", ""),
    )


def _confirmation(subject: Element, expected: Expected) -> tuple[Element, float]:
    """The data of the one bearer confirmation, and until when it holds (saml-profiles, 4.1.4.2)."""
    bearers = [one for one in xml.children(subject, f"{SAML}SubjectConfirmation") if one.get("Method") == BEARER]
    if len(bearers) != 1:
        raise Malformed("there is not exactly one SubjectConfirmation of the method bearer")
    data = xml.child(bearers[0], f"{SAML}SubjectConfirmationData")
    if data.get("NotBefore"):
        raise Malformed("a bearer's SubjectConfirmationData has a NotBefore")
    until = xml.instant(xml.attribute(data, "NotOnOrAfter"))
    if until <= expected.now - expected.skew:
        raise Expired("the assertion's confirmation has expired")
    if xml.attribute(data, "Recipient") not in expected.recipients:
        raise WrongAudience("the assertion has another recipient")
    if expected.request_id is not None and data.get("InResponseTo") != expected.request_id:
        raise WrongAudience("the assertion answers another request")
    return data, until


def _conditions(conditions: Element, expected: Expected) -> list[float]:
    """Until when they hold. A condition that is not known here makes the assertion's validity indeterminate: it is refused (saml-core, 2.5.1.1)."""
    known = {f"{SAML}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
    if any(element.tag not in known for element in conditions.iterchildren("*")):
        raise Malformed("the assertion has a condition that is not known")
    begins = conditions.get("NotBefore")
    if begins and xml.instant(begins) > expected.now + expected.skew:
        raise Expired("the assertion counts from a later time")
    ends = [xml.instant(value) for value in [conditions.get("NotOnOrAfter")] if value]
    if any(end <= expected.now - expected.skew for end in ends):
        raise Expired("the assertion has expired")
    restrictions = xml.children(conditions, f"{SAML}AudienceRestriction")
    for restriction in restrictions:
        if not any(xml.text(audience) in expected.audiences for audience in xml.children(restriction, f"{SAML}Audience")):
            raise WrongAudience("the assertion is for another audience")
    if not restrictions:
        raise WrongAudience("the assertion names no audience")
    return ends


def _attributes(assertion: Element) -> dict[str, list[str]]:
    """Values by the attribute's Name, in their order, those of attributes of one name together."""
    found: dict[str, list[str]] = {}
    for statement in xml.children(assertion, f"{SAML}AttributeStatement"):
        for attribute in xml.children(statement, f"{SAML}Attribute"):
            values = found.setdefault(xml.attribute(attribute, "Name"), [])
            values.extend(map(_value, xml.children(attribute, f"{SAML}AttributeValue")))
    return found


def _value(element: Element) -> str:
    """Text, or the NameID that stands for it (eduPersonTargetedID)."""
    inner = xml.children(element, f"{SAML}NameID")
    return xml.text(inner[0] if len(inner) == 1 and len(element) == 1 else element)
