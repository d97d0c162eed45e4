"""A SAML provider for tests: its keys are made as it starts, xmlsec signs and encrypts, so that the peer shares no code with what it tests."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
ENTITY = "https://idp.example.com/metadata"
ENDPOINT = "https://signin.aws.amazon.com/saml"
ROLE = "https://aws.amazon.com/SAML/Attributes/Role"
SESSION_NAME = "https://aws.amazon.com/SAML/Attributes/RoleSessionName"
NAMES = {
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
}
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def made_key(name: str, kind: str = "rsa") -> Key:
    """Kept for the process: each name has its own."""
    del name
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 1024 if kind == "short" else 2048)


def pem(key: Key) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


@cache
def certificate(key: Key, day: int = 0) -> bytes:
    """In DER, valid for a day of 2020: dates must not count."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example.com")])
    begin = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(day + 1)
    made = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=1)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


class Provider:
    """`entity` is its name; `key` signs. `pairs` of a response: role and provider ARNs of its Role attribute."""

    def __init__(self, entity: str = ENTITY, name: str = "idp", kind: str = "rsa") -> None:
        self.entity = entity
        self.key = made_key(name, kind)
        self.certificate = certificate(self.key)

    def metadata(self, valid_until: str | None = None, certificates: list[bytes] | None = None) -> str:
        until = f' validUntil="{valid_until}"' if valid_until else ""
        keys = "".join(
            f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{NAMES["ds"]}"><ds:X509Data><ds:X509Certificate>'
            f"{base64.b64encode(one).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for one in ([self.certificate] if certificates is None else certificates)
        )
        bindings = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-"
        services = "".join(
            f'<md:{kind} Binding="{bindings}{binding}" Location="https://idp.example.com/{kind}/{binding}"/>'
            for kind in ("SingleLogoutService", "SingleSignOnService")
            for binding in ("Redirect", "POST")
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><md:EntityDescriptor xmlns:md="{NAMES["md"]}" entityID="{self.entity}"{until}>'
            f'<md:IDPSSODescriptor protocolSupportEnumeration="{NAMES["samlp"]}">{keys}{services}</md:IDPSSODescriptor></md:EntityDescriptor>'
        )

    def response(
        self,
        now: float = NOW,
        *,
        attributes: dict[str, list[str]] | None = None,
        name_id: str = "kim",
        name_format: str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        recipient: str = ENDPOINT,
        audience: str = ENDPOINT,
        number: str = "1",
        issued: float | None = None,
        session_end: float | None = None,
        status: str = "Success",
        seconds: float = 300,
    ) -> Any:
        """A Response that is not signed yet, to be changed by a test as it likes."""
        until, at = stamp(now + seconds), stamp(now if issued is None else issued)
        ends = f' SessionNotOnOrAfter="{stamp(session_end)}"' if session_end else ""
        values = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{one}</saml:AttributeValue>" for one in each)
            + "</saml:Attribute>"
            for name, each in (attributes or {"mail": ["kim@example.com"]}).items()
        )
        return etree.fromstring(
            f'<samlp:Response xmlns:samlp="{NAMES["samlp"]}" xmlns:saml="{NAMES["saml"]}" ID="_r{number}" Version="2.0" IssueInstant="{at}"'
            f' Destination="{recipient}"><saml:Issuer>{self.entity}</saml:Issuer>'
            f'<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{status}"/></samlp:Status>'
            f'<saml:Assertion ID="_a{number}" Version="2.0" IssueInstant="{at}"><saml:Issuer>{self.entity}</saml:Issuer>'
            f'<saml:Subject><saml:NameID Format="{name_format}">{name_id}</saml:NameID>'
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f'<saml:SubjectConfirmationData NotOnOrAfter="{until}" Recipient="{recipient}"/></saml:SubjectConfirmation></saml:Subject>'
            f'<saml:Conditions NotBefore="{at}" NotOnOrAfter="{until}"><saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>'
            "</saml:AudienceRestriction></saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{at}" SessionIndex="_s{number}"{ends}><saml:AuthnContext><saml:AuthnContextClassRef>'
            "urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            f"<saml:AttributeStatement>{values}</saml:AttributeStatement></saml:Assertion></samlp:Response>"
        )

    def sign(
        self, element: Any, method: Any = None, digest: Any = None, *, key_info: bytes | None = None, reference: str | None = None
    ) -> None:
        """Puts a Signature behind the element's Issuer."""
        is_ec = isinstance(self.key, ec.EllipticCurvePrivateKey)
        chosen = method or (xmlsec.Transform.ECDSA_SHA256 if is_ec else xmlsec.Transform.RSA_SHA256)
        signature = xmlsec.template.create(element, xmlsec.Transform.EXCL_C14N, chosen, ns="ds")
        element.insert(1, signature)
        uri = f"#{element.get('ID')}" if reference is None else reference
        made = xmlsec.template.add_reference(signature, digest or xmlsec.Transform.SHA256, uri=uri)
        xmlsec.template.add_transform(made, xmlsec.Transform.ENVELOPED)
        xmlsec.template.add_transform(made, xmlsec.Transform.EXCL_C14N)
        if key_info is not None:
            info = etree.SubElement(signature, f"{{{NAMES['ds']}}}KeyInfo")
            data = etree.SubElement(info, f"{{{NAMES['ds']}}}X509Data")
            etree.SubElement(data, f"{{{NAMES['ds']}}}X509Certificate").text = base64.b64encode(key_info).decode()
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(pem(self.key), xmlsec.KeyFormat.PEM)
        context.register_id(element, "ID")
        context.sign(signature)

    def signed(self, response: Any, *, assertion: bool = True, whole: bool = False) -> Any:
        if assertion:
            self.sign(response.find("saml:Assertion", NAMES))
        if whole:
            self.sign(response)
        return etree.fromstring(written(response))  # names that xmlsec made are not found by lxml's paths

    def encoded(self, now: float, **members: Any) -> str:
        """As clients send it: a signed response in base64."""
        return base64.b64encode(written(self.signed(self.response(now, **members)))).decode()


def written(response: Any) -> bytes:
    return bytes(etree.tostring(response))


def encrypt(response: Any, key: Any, block: Any = None, transport: Any = None) -> None:
    """Puts the Response's Assertion into an EncryptedAssertion, for whose private or public `key` it is."""
    assertion = response.find("saml:Assertion", NAMES)
    size = {"gcm": 256, "cbc": 128}
    chosen = block or xmlsec.Transform.AES256_GCM
    holder = etree.Element(f"{{{NAMES['saml']}}}EncryptedAssertion")
    response.replace(assertion, holder)
    holder.append(assertion)
    template = xmlsec.template.encrypted_data_create(holder, chosen, type=xmlsec.EncryptionType.ELEMENT, ns="xenc")
    xmlsec.template.encrypted_data_ensure_cipher_value(template)
    info = xmlsec.template.encrypted_data_ensure_key_info(template, ns="ds")
    carried = xmlsec.template.add_encrypted_key(info, transport or xmlsec.Transform.RSA_OAEP)
    xmlsec.template.encrypted_data_ensure_cipher_value(carried)
    manager = xmlsec.KeysManager()
    public = (key if isinstance(key, rsa.RSAPublicKey) else key.public_key()).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    manager.add_key(xmlsec.Key.from_memory(public, xmlsec.KeyFormat.PEM))
    context = xmlsec.EncryptionContext(manager)
    bits = size["gcm"] if chosen in (xmlsec.Transform.AES256_GCM, xmlsec.Transform.AES256) else size["cbc"]
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, bits, xmlsec.KeyDataType.SESSION)
    context.encrypt_xml(template, assertion)
