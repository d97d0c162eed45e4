"""Signed parts of SAML responses: what is moved, swapped, unsigned, wrongly signed or weakly signed is never read."""

from __future__ import annotations

import base64
import hashlib
import hmac
from copy import deepcopy
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives import serialization
from lxml import etree

from cognomen.saml.errors import BadSignature, Invalid, Malformed
from cognomen.saml.response import Assertion, Expected, verify
from tests.kit.saml import ENDPOINT, ENTITY, NAMES, NOW, Provider, certificate, made_key, written

EXPECTED = Expected(issuer=ENTITY, audiences={ENDPOINT}, recipients={ENDPOINT}, now=NOW)
PROVIDER = Provider()
DS, SAML, SAMLP = (f"{{{NAMES[name]}}}" for name in ("ds", "saml", "samlp"))


def read(response: Any, *certificates: bytes, **members: Any) -> Assertion:
    data = response if isinstance(response, bytes) else written(response)
    return verify(data, EXPECTED, certificates=certificates or [PROVIDER.certificate], **members)


def refused(response: Any, *certificates: bytes, **members: Any) -> type[Invalid]:
    with pytest.raises(Invalid) as raised:
        read(response, *certificates, **members)
    return type(raised.value)


@pytest.mark.parametrize("parts", [{}, {"whole": True}, {"whole": True, "assertion": False}])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_signed_response_is_read(parts: dict[str, bool], kind: str) -> None:
    """The assertion, the whole, or both may be signed; with RSA or ECDSA; one of several certificates is enough."""
    provider = Provider(name=f"idp {kind}", kind=kind)
    found = read(provider.signed(provider.response(), **parts), certificate(made_key("other")), provider.certificate)
    assert (found.id, found.name_id, found.attributes, found.recipient) == ("_a1", "kim", {"mail": ["kim@example.com"]}, ENDPOINT)


def evil_assertion(response: Any, identifier: str) -> Any:
    """A copy without signature, for someone else."""
    copy = deepcopy(response.find("saml:Assertion", NAMES))
    for own in copy.findall("ds:Signature", NAMES):
        copy.remove(own)
    copy.set("ID", identifier)
    copy.find(".//saml:NameID", NAMES).text = "admin"
    return copy


def xsw1(identifier: str) -> Any:
    original = PROVIDER.signed(PROVIDER.response(), assertion=False, whole=True)
    evil = deepcopy(original)
    evil.set("ID", identifier)
    evil.find(".//saml:NameID", NAMES).text = "admin"
    inner = deepcopy(original)
    inner.remove(inner.find("ds:Signature", NAMES))
    evil.find("ds:Signature", NAMES).append(inner)
    return evil


def xsw2(identifier: str) -> Any:
    original = PROVIDER.signed(PROVIDER.response(), assertion=False, whole=True)
    evil = deepcopy(original)
    evil.set("ID", identifier)
    evil.find(".//saml:NameID", NAMES).text = "admin"
    inner = deepcopy(original)
    inner.remove(inner.find("ds:Signature", NAMES))
    evil.find("ds:Signature", NAMES).addprevious(inner)
    return evil


def xsw3(identifier: str) -> Any:
    response = PROVIDER.signed(PROVIDER.response())
    response.find("saml:Assertion", NAMES).addprevious(evil_assertion(response, identifier))
    return response


def xsw4(identifier: str) -> Any:
    response = PROVIDER.signed(PROVIDER.response())
    original = response.find("saml:Assertion", NAMES)
    evil = evil_assertion(response, identifier)
    response.replace(original, evil)
    evil.append(original)
    return response


def with_its_signature(response: Any, identifier: str) -> tuple[Any, Any, Any]:
    """The original without its signature, the evil one with it, and the signature."""
    original = response.find("saml:Assertion", NAMES)
    evil = evil_assertion(response, identifier)
    own = original.find("ds:Signature", NAMES)
    original.remove(own)
    evil.insert(1, own)
    return original, evil, own


def xsw5(identifier: str) -> Any:
    response = PROVIDER.signed(PROVIDER.response())
    original, evil, _ = with_its_signature(response, identifier)
    original.addprevious(evil)
    return response


def xsw6(identifier: str) -> Any:
    response = PROVIDER.signed(PROVIDER.response())
    original, evil, own = with_its_signature(response, identifier)
    response.replace(original, evil)
    own.append(original)
    return response


def xsw7(identifier: str) -> Any:
    response = PROVIDER.signed(PROVIDER.response())
    extensions = etree.Element(f"{SAMLP}Extensions")
    extensions.append(evil_assertion(response, identifier))
    response.insert(1, extensions)
    return response


def xsw8(identifier: str) -> Any:
    response = PROVIDER.signed(PROVIDER.response())
    original, evil, own = with_its_signature(response, identifier)
    response.replace(original, evil)
    etree.SubElement(own, f"{DS}Object").append(original)
    return response


@pytest.mark.parametrize("identifier", ["_evil", "_a1", "_r1"])
@pytest.mark.parametrize("form", [xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8])
def test_a_wrapped_signature_is_refused(form: Any, identifier: str) -> None:
    """In the eight forms XSW1 to XSW8 of "On Breaking SAML: Be Whoever You Want to Be" (USENIX Security 2012), with a new ID and with the old one."""
    assert refused(form(identifier)) in (BadSignature, Malformed)


def test_nothing_unsigned_is_read() -> None:
    assert refused(PROVIDER.response()) is BadSignature


def test_a_signed_response_with_another_assertion() -> None:
    """The Response's signature covers what is in it, also where the swapped assertion is signed by the provider."""
    response = PROVIDER.signed(PROVIDER.response(), whole=True)
    other = PROVIDER.signed(PROVIDER.response(name_id="lee", number="1")).find("saml:Assertion", NAMES)
    response.replace(response.find("saml:Assertion", NAMES), other)
    assert refused(response) is BadSignature


def test_a_wrong_signature_counts_beside_a_right_one() -> None:
    """The whole is signed rightly over an assertion that was signed by another."""
    response = PROVIDER.response()
    Provider(name="thief").sign(response.find("saml:Assertion", NAMES))
    PROVIDER.sign(response)
    assert refused(response) is BadSignature


def test_values_that_were_changed() -> None:
    for path, value in ((".//saml:NameID", "admin"), (".//saml:AttributeValue", "root@example.com"), (".//saml:Audience", "x")):
        response = PROVIDER.signed(PROVIDER.response())
        response.find(path, NAMES).text = value
        assert refused(response) is BadSignature


def test_another_key_is_refused_whatever_it_says_of_itself() -> None:
    """Also where the Signature brings its certificate along in KeyInfo, or the right one."""
    thief = Provider(name="thief")
    for key_info in (None, thief.certificate, PROVIDER.certificate):
        response = thief.response()
        thief.sign(response.find("saml:Assertion", NAMES), key_info=key_info)
        assert refused(response) is BadSignature
    response = PROVIDER.response()
    PROVIDER.sign(response.find("saml:Assertion", NAMES), key_info=thief.certificate)
    assert read(response).name_id == "kim"


@pytest.mark.parametrize(
    ("method", "digest"),
    [(xmlsec.Transform.RSA_SHA1, xmlsec.Transform.SHA256), (xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA1)],
)
def test_sha1_is_refused_unless_it_is_asked_for(method: Any, digest: Any) -> None:
    response = PROVIDER.response()
    PROVIDER.sign(response.find("saml:Assertion", NAMES), method, digest)
    assert refused(response) is BadSignature
    assert read(response, sha1=True).name_id == "kim"


@pytest.mark.parametrize("method", [xmlsec.Transform.RSA_SHA384, xmlsec.Transform.RSA_SHA512])
def test_longer_digests(method: Any) -> None:
    response = PROVIDER.response()
    PROVIDER.sign(response.find("saml:Assertion", NAMES), method, xmlsec.Transform.SHA512)
    assert read(response).name_id == "kim"


def test_a_short_key_is_refused() -> None:
    weak = Provider(name="weak", kind="short")
    assert refused(weak.signed(weak.response()), weak.certificate) is BadSignature


def changed(**algorithms: str) -> Any:
    """A signed response whose SignedInfo says something else; what is refused by its form needs no right digest."""
    response = PROVIDER.signed(PROVIDER.response())
    for name, value in algorithms.items():
        response.find(f".//ds:{name}", NAMES).set("Algorithm", value)
    return response


MORE = "http://www.w3.org/2001/04/xmldsig-more#"


@pytest.mark.parametrize(
    "algorithms",
    [
        {"SignatureMethod": f"{MORE}hmac-sha256"},
        {"SignatureMethod": "http://www.w3.org/2000/09/xmldsig#dsa-sha1"},
        {"SignatureMethod": f"{MORE}rsa-md5"},
        {"SignatureMethod": "none"},
        {"SignatureMethod": ""},
        {"DigestMethod": f"{MORE}md5"},
        {"CanonicalizationMethod": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"},
        {"CanonicalizationMethod": "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"},
        {"Transform": "http://www.w3.org/TR/1999/REC-xslt-19991116"},
        {"Transform": "http://www.w3.org/TR/1999/REC-xpath-19991116"},
        {"Transform": "http://www.w3.org/2000/09/xmldsig#base64"},
    ],
)
def test_algorithms_that_are_not_taken(algorithms: dict[str, str]) -> None:
    assert refused(changed(**algorithms)) is BadSignature


def test_hmac_with_the_public_key_is_refused() -> None:
    """A verifier that takes the signer's word for the algorithm takes the certificate, which all know, for a shared secret."""
    response = changed(SignatureMethod=f"{MORE}hmac-sha256")
    info = response.find(".//ds:SignedInfo", NAMES)
    canonical = etree.tostring(info, method="c14n", exclusive=True)
    public = made_key("idp").public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (public, PROVIDER.certificate):
        forged = base64.b64encode(hmac.new(secret, canonical, hashlib.sha256).digest()).decode()
        response.find(".//ds:SignatureValue", NAMES).text = forged
        assert refused(response) is BadSignature


@pytest.mark.parametrize("reference", ["", "#_r1", "#xpointer(/)", "http://127.0.0.1:9/x", "#"])
def test_references_to_anything_else(reference: str) -> None:
    """Signed rightly, but of the document, of another element, or of something elsewhere."""
    response = PROVIDER.signed(PROVIDER.response())
    response.find(".//ds:Reference", NAMES).set("URI", reference)
    assert refused(response) is BadSignature
    if reference == "":
        response = PROVIDER.response()
        PROVIDER.sign(response.find("saml:Assertion", NAMES), reference="")
        assert refused(response) is BadSignature


def test_other_parts_of_a_signature() -> None:
    """Two references, no reference, an Object, a Manifest, two signed infos, more or fewer transforms."""

    def with_change(change: Any) -> type[Invalid]:
        response = PROVIDER.signed(PROVIDER.response())
        change(response.find(".//ds:Signature", NAMES))
        return refused(response)

    def twice(path: str) -> Any:
        return lambda own: (found := own.find(path, NAMES)).addnext(deepcopy(found))

    def without(path: str) -> Any:
        return lambda own: (found := own.find(path, NAMES)).getparent().remove(found)

    for path in (".//ds:Reference", "ds:SignedInfo", "ds:SignatureValue", ".//ds:Transform", ".//ds:DigestMethod", ".//ds:DigestValue"):
        assert with_change(twice(path)) is BadSignature
        assert with_change(without(path)) is BadSignature
    assert with_change(without(".//ds:Transforms")) is BadSignature
    assert with_change(lambda own: etree.SubElement(own, f"{DS}Object")) is BadSignature


def test_several_signatures_of_one_element() -> None:
    response = PROVIDER.signed(PROVIDER.response())
    own = response.find(".//ds:Signature", NAMES)
    own.addnext(deepcopy(own))
    assert refused(response) is BadSignature


def test_two_elements_with_one_id() -> None:
    """In any spelling of the attribute."""
    for name in ("ID", "Id", "id", "{http://www.w3.org/XML/1998/namespace}id", "{urn:x}ID"):
        response = PROVIDER.signed(PROVIDER.response())
        response.find("samlp:Status", NAMES).set(name, "_a1")
        assert refused(response) is Malformed


@pytest.mark.parametrize("comment", ["<!---->", "<!-- x -->"])
def test_a_comment_does_not_cut_a_value(comment: str) -> None:
    """A signer's canonical form has no comments: put in later they change nothing, and the whole name is read (CVE-2018-0489 and its kind)."""
    signed = PROVIDER.signed(PROVIDER.response(name_id="kim@example.com.evil.example"))
    late = written(signed).replace(b"kim@example.com.evil", f"kim@example.com{comment}.evil".encode())
    early = PROVIDER.signed(PROVIDER.response(name_id=f"kim@example.com{comment}.evil.example"))
    assert [read(late).name_id, read(early).name_id] == ["kim@example.com.evil.example"] * 2
    early = PROVIDER.signed(PROVIDER.response(attributes={"mail": [f"kim{comment}@example.com"]}))
    assert read(early).attributes == {"mail": ["kim@example.com"]}


def test_a_comment_in_the_digest_changes_nothing() -> None:
    """A verifier that reads DigestValue's first text alone compares with what an attacker put there (CVE-2025-29775)."""
    response = PROVIDER.signed(PROVIDER.response())
    digest = response.find(".//ds:DigestValue", NAMES)
    right = digest.text
    response.find(".//saml:NameID", NAMES).text = "admin"
    copy = deepcopy(response.find("saml:Assertion", NAMES))
    copy.remove(copy.find("ds:Signature", NAMES))
    wrong = base64.b64encode(hashlib.sha256(etree.tostring(copy, method="c14n", exclusive=True)).digest()).decode()
    for first, second in ((wrong, right), (right, wrong)):
        data = written(response).replace(right.encode(), f"<!--{first}-->{second}".encode())
        assert refused(data) is BadSignature


def test_foreign_namespaces_are_foreign() -> None:
    """An Assertion, a Subject or a NameID of another namespace is none, whatever its prefix."""
    for name in ("Assertion", "Subject", "NameID"):
        response = PROVIDER.response()
        element = response.find(f".//saml:{name}", NAMES)
        element.tag = f"{{urn:evil}}{name}"
        if name == "Assertion":
            PROVIDER.sign(response)
        else:
            PROVIDER.signed(response)
        assert refused(response) is Malformed
    shadowed = written(PROVIDER.signed(PROVIDER.response())).replace(b"<saml:NameID ", b'<saml:NameID xmlns:saml="urn:evil" ')
    assert refused(shadowed) is BadSignature


def test_a_certificate_that_is_none_is_passed_over() -> None:
    assert read(PROVIDER.signed(PROVIDER.response()), b"nonsense", PROVIDER.certificate).name_id == "kim"
    assert refused(PROVIDER.signed(PROVIDER.response()), b"nonsense") is BadSignature
