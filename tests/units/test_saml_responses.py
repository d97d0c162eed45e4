"""For whom a response is, when it counts, what form it has. All of them are signed rightly."""

from __future__ import annotations

import time
from typing import Any

import pytest
from lxml import etree

from cognomen.saml import errors, xml
from cognomen.saml.response import MOST, Assertion, Expected, verify
from tests.kit.saml import ENDPOINT, ENTITY, NAMES, NOW, Provider, stamp, written

PROVIDER = Provider()
SAML = f"{{{NAMES['saml']}}}"


def read(data: Any, at: float = 0, **members: Any) -> Assertion:
    expected: dict[str, Any] = {"issuer": ENTITY, "audiences": {ENDPOINT}, "recipients": {ENDPOINT}, "now": NOW + at, **members}
    return verify(data if isinstance(data, bytes) else written(data), Expected(**expected), certificates=[PROVIDER.certificate])


def refused(response: Any, at: float = 0, **members: Any) -> type[errors.Invalid]:
    with pytest.raises(errors.Invalid) as raised:
        read(response, at, **members)
    return type(raised.value)


def signed(change: Any = None, **members: Any) -> Any:
    response = PROVIDER.response(**members)
    if change is not None:
        change(response)
    return PROVIDER.signed(response)


def setting(path: str, name: str, value: str) -> Any:
    return lambda response: response.find(path, NAMES).set(name, value)


def dropping(path: str) -> Any:
    return lambda response: (found := response.find(path, NAMES)).getparent().remove(found)


def unset(path: str, name: str) -> Any:
    return lambda response: response.find(path, NAMES).attrib.pop(name)


def test_all_that_is_said_is_given_back() -> None:
    """With values of attributes of one name together, and a NameID that stands for a value."""

    def change(response: Any) -> None:
        name = response.find(".//saml:NameID", NAMES)
        name.set("NameQualifier", "idp")
        name.set("SPNameQualifier", "sp")
        response.find(".//saml:SubjectConfirmationData", NAMES).set("InResponseTo", "_q")
        statement = response.find(".//saml:AttributeStatement", NAMES)
        for value in ("c", None):
            attribute = etree.SubElement(statement, f"{SAML}Attribute", Name="groups")
            holder = etree.SubElement(attribute, f"{SAML}AttributeValue")
            if value is None:
                etree.SubElement(holder, f"{SAML}NameID").text = "persistent id"
            else:
                holder.text = value

    response = signed(change, attributes={"groups": ["a", " b &amp; b\n"], "empty": []}, session_end=NOW + 3600)
    assert read(response, -5) == Assertion(
        id="_a1",
        issuer=ENTITY,
        issued_at=NOW,
        name_id="kim",
        name_id_format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        name_qualifier="idp",
        sp_name_qualifier="sp",
        recipient=ENDPOINT,
        attributes={"groups": ["a", "b & b", "c", "persistent id"], "empty": []},
        authn_instant=NOW,
        session_index="_s1",
        session_not_on_or_after=NOW + 3600,
        not_on_or_after=NOW + 360,
        in_response_to="_q",
    )


def test_time_with_skew() -> None:
    """A minute is allowed on both sides, and not a second more; the end itself is outside."""
    response = signed()
    assert [read(response, at).id for at in (-60, 0, 359)] == ["_a1"] * 3
    assert [refused(response, at) for at in (-61, 360, 1e9)] == [errors.Expired] * 3
    assert [refused(response, at, skew=0) for at in (-1, 300)] == [errors.Expired] * 2
    assert read(response, 299, skew=0).not_on_or_after == NOW + 300


def test_each_end_counts() -> None:
    early = stamp(NOW - 61)
    for path, name in (
        (".//saml:Conditions", "NotOnOrAfter"),
        (".//saml:SubjectConfirmationData", "NotOnOrAfter"),
        (".//saml:AuthnStatement", "SessionNotOnOrAfter"),
    ):
        assert refused(signed(setting(path, name, early))) is errors.Expired
    assert refused(signed(setting(".//saml:Conditions", "NotBefore", stamp(NOW + 61)))) is errors.Expired
    assert refused(signed(issued=NOW + 61)) is errors.Expired


def test_times_that_are_none() -> None:
    for value in (
        "",
        "yesterday",
        "2026-01-01",
        "2026-13-01T00:00:00Z",
        "2026-01-01T00:00:00ZZ",
        "٢٠٢٦-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ):
        assert refused(signed(setting(".//saml:SubjectConfirmationData", "NotOnOrAfter", value))) in (errors.Malformed, errors.Expired)
    assert read(signed(setting(".//saml:SubjectConfirmationData", "NotOnOrAfter", "2026-01-01T01:01:00.123456789+01:00"))).id == "_a1"


def test_for_whom_it_is() -> None:
    """Audience, recipient and destination; each exactly as written."""
    for members in ({"audience": "urn:other"}, {"recipient": "https://other.example.com/saml"}, {"audience": ENDPOINT + "/"}):
        assert refused(signed(**members)) is errors.WrongAudience
    assert refused(signed(setting(".", "Destination", "https://other.example.com"))) is errors.WrongAudience
    assert refused(signed(dropping(".//saml:AudienceRestriction"))) is errors.WrongAudience
    assert refused(signed(dropping(".//saml:Audience"))) is errors.WrongAudience
    assert read(signed(unset(".", "Destination"))).id == "_a1"

    def two(response: Any) -> None:
        restriction = etree.SubElement(response.find(".//saml:Conditions", NAMES), f"{SAML}AudienceRestriction")
        etree.SubElement(restriction, f"{SAML}Audience").text = "urn:other"

    assert refused(signed(two)) is errors.WrongAudience  # each restriction must hold (saml-core, 2.5.1.4)


def test_of_whom_it_is() -> None:
    for path in ("saml:Issuer", "saml:Assertion/saml:Issuer"):
        response = PROVIDER.response()
        response.find(path, NAMES).text = "https://other.example.com"
        assert refused(PROVIDER.signed(response)) is errors.WrongIssuer
    assert refused(signed(setting("saml:Assertion/saml:Issuer", "Format", "urn:x"))) is errors.WrongIssuer
    assert refused(signed(), issuer="https://other.example.com") is errors.WrongIssuer
    assert read(signed(dropping("saml:Issuer"))).issuer == ENTITY


def test_which_request_it_answers() -> None:
    """Where one was made; the assertion must say so itself."""

    def answering(response: Any) -> None:
        response.set("InResponseTo", "_q")
        response.find(".//saml:SubjectConfirmationData", NAMES).set("InResponseTo", "_q")

    assert read(signed(answering), request_id="_q").in_response_to == "_q"
    assert refused(signed(answering), request_id="_other") is errors.WrongAudience
    assert refused(signed(setting(".", "InResponseTo", "_q")), request_id="_q") is errors.WrongAudience
    assert refused(signed(), request_id="_q") is errors.WrongAudience


def test_the_status_is_success() -> None:
    assert refused(signed(status="Responder")) is errors.Refused
    assert refused(signed(dropping("samlp:Status"))) is errors.Malformed


@pytest.mark.parametrize(
    "change",
    [
        setting(".", "Version", "1.1"),
        setting("saml:Assertion", "Version", "1.1"),
        unset(".", "ID"),
        unset(".", "IssueInstant"),
        unset("saml:Assertion", "IssueInstant"),
        setting(".//saml:SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
        setting(".//saml:SubjectConfirmationData", "NotBefore", stamp(NOW)),
        unset(".//saml:SubjectConfirmationData", "NotOnOrAfter"),
        unset(".//saml:SubjectConfirmationData", "Recipient"),
        dropping(".//saml:SubjectConfirmationData"),
        dropping(".//saml:SubjectConfirmation"),
        dropping(".//saml:Subject"),
        dropping(".//saml:NameID"),
        dropping(".//saml:Conditions"),
        dropping(".//saml:AuthnStatement"),
        dropping("saml:Assertion/saml:Issuer"),
        unset(".//saml:AuthnStatement", "AuthnInstant"),
        unset(".//saml:Attribute", "Name"),
        lambda response: etree.SubElement(response.find(".//saml:Conditions", NAMES), f"{SAML}Condition"),
        lambda response: etree.SubElement(response.find(".//saml:AttributeValue", NAMES), "{urn:x}deep"),
        lambda response: response.find(".//saml:NameID", NAMES).clear(),
    ],
)
def test_what_is_missing_or_too_much(change: Any) -> None:
    assert refused(signed(change)) is errors.Malformed


def test_one_assertion_exactly() -> None:
    response = PROVIDER.response()
    response.remove(response.find("saml:Assertion", NAMES))
    PROVIDER.sign(response)
    assert refused(response) is errors.Malformed
    response = signed()
    response.append(PROVIDER.signed(PROVIDER.response(number="2")).find("saml:Assertion", NAMES))
    assert refused(response) is errors.Malformed
    assert refused(signed().find("saml:Assertion", NAMES)) is errors.Malformed


BOMB = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10))


@pytest.mark.parametrize(
    "begin",
    [
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]>',
        f'<!DOCTYPE r [<!ENTITY l0 "lol">{BOMB}]>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x">',
        "<!DOCTYPE r>",
        "<?x y?>",
        '<?xml-stylesheet href="http://127.0.0.1:9/x"?>',
    ],
)
def test_documents_with_dtd_entities_or_instructions(begin: str) -> None:
    """XXE, the billion laughs, external DTDs: refused before anything is resolved."""
    document = begin.encode() + written(signed(name_id="kim"))
    assert refused(document) is errors.Malformed
    assert refused(document.replace(b">kim<", b">&x;<")) is errors.Malformed


def test_processing_instructions_inside() -> None:
    """Canonical form keeps them, and a text would end at one: signed or not, they are refused."""
    assert refused(signed(name_id="kim<?x?>.evil")) is errors.Malformed


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1", "cp037"])
def test_other_encodings(encoding: str) -> None:
    """What one parser takes for UTF-7 and another for ASCII says two things."""
    body = written(signed(name_id="kim")).decode()
    assert refused(f'<?xml version="1.0" encoding="{encoding}"?>{body}'.encode(encoding)) is errors.Malformed
    assert refused(f'<?xml version="1.0" encoding="{encoding}"?>{body}'.encode()) is errors.Malformed


def test_utf8_with_its_mark_and_declaration() -> None:
    body = written(signed(name_id="kïm")).replace(b"k&#239;m", "kïm".encode())
    assert read(b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n' + body + b"\n").name_id == "kïm"


def test_what_is_no_document() -> None:
    valid = written(signed())
    for data in (
        b"",
        b"x",
        b"\0",
        b"\xff\xfe",
        b"{}",
        valid[:-1],
        valid + b"x",
        valid + valid,
        valid.replace(b"kim", b"k\0m"),
        b"<a>&#0;</a>",
    ):
        assert refused(data) is errors.Malformed
    assert refused(b"<Response/>") is errors.Malformed
    assert refused(b'<Response xmlns="urn:oasis:names:tc:SAML:1.0:protocol"/>') is errors.Malformed


def test_huge_and_deep_documents() -> None:
    valid = written(signed())
    assert refused(valid + b" " * MOST) is errors.Malformed
    assert refused(b"<a>" * 300_000) is errors.Malformed
    deep = b"<a>" * (xml.DEEPEST + 1) + b"</a>" * (xml.DEEPEST + 1)
    assert refused(deep) is errors.Malformed
    assert refused(valid.replace(b"<samlp:Status>", deep + b"<samlp:Status>")) is errors.Malformed
    many = b"<a " + b" ".join(b"a%d=''" % number for number in range(95_000)) + b"/>"
    names = b"<a " + b" ".join(b"xmlns:a%d='a'" % number for number in range(50_000)) + b"/>"
    for data in (many, names):
        began = time.perf_counter()
        assert refused(data) is errors.Malformed
        assert time.perf_counter() - began < 1.0, "libxml2 compares each attribute with each"
