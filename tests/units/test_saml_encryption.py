"""Encrypted assertions: opened with the right key and algorithms, refused in one and the same way otherwise."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric import rsa

from cognomen.saml import encryption
from cognomen.saml.errors import BadSignature
from cognomen.saml.response import Assertion, Expected, verify
from tests.kit.saml import ENDPOINT, ENTITY, NAMES, NOW, Provider, encrypt, made_key, pem, written

EXPECTED = Expected(issuer=ENTITY, audiences={ENDPOINT}, recipients={ENDPOINT}, now=NOW)
PROVIDER = Provider()
MINE = encryption.private_key(pem(made_key("mine")))
OTHER = encryption.private_key(pem(made_key("other")))


def read(response: Any, *keys: rsa.RSAPrivateKey, **members: Any) -> Assertion:
    data = response if isinstance(response, bytes) else written(response)
    return verify(data, EXPECTED, certificates=[PROVIDER.certificate], private_keys=keys, **members)


def text_of_refusal(response: Any, *keys: rsa.RSAPrivateKey, **members: Any) -> str:
    with pytest.raises(BadSignature) as raised:
        read(response, *keys, **members)
    return str(raised.value)


ONE_TEXT = "the encrypted assertion is not signed by the provider, or cannot be decrypted"


@pytest.mark.parametrize(
    "block", [xmlsec.Transform.AES128_GCM, xmlsec.Transform.AES256_GCM, xmlsec.Transform.AES128, xmlsec.Transform.AES256]
)
def test_an_encrypted_assertion_is_read(block: Any) -> None:
    """Signed inside, or as part of a signed Response; with one of several keys."""
    response = PROVIDER.signed(PROVIDER.response())
    encrypt(response, MINE, block)
    assert read(response, OTHER, MINE, only_encrypted=True).name_id == "kim"
    response = PROVIDER.response()
    encrypt(response, MINE, block)
    PROVIDER.sign(response)
    assert read(response, MINE).name_id == "kim"


def test_everyone_can_encrypt_so_it_must_be_signed() -> None:
    response = PROVIDER.response()
    encrypt(response, MINE)
    assert text_of_refusal(response, MINE) == ONE_TEXT
    thief = Provider(name="thief")
    response = thief.signed(thief.response())
    encrypt(response, MINE)
    assert text_of_refusal(response, MINE) == ONE_TEXT


def test_without_the_key() -> None:
    response = PROVIDER.signed(PROVIDER.response())
    encrypt(response, MINE)
    assert [text_of_refusal(response), text_of_refusal(response, OTHER)] == [ONE_TEXT] * 2


def test_pkcs1_is_refused() -> None:
    """RSA with PKCS #1 v1.5 tells, to who asks often, what a key was (Bleichenbacher)."""
    response = PROVIDER.signed(PROVIDER.response())
    encrypt(response, MINE, transport=xmlsec.Transform.RSA_PKCS1)
    assert text_of_refusal(response, MINE) == ONE_TEXT


def test_where_encryption_is_required() -> None:
    assert text_of_refusal(PROVIDER.signed(PROVIDER.response()), MINE, only_encrypted=True) == "the assertion is not encrypted"


@pytest.mark.parametrize("block", [xmlsec.Transform.AES256_GCM, xmlsec.Transform.AES256])
def test_a_changed_cipher_text_tells_nothing(block: Any) -> None:
    """Every bit that is turned, and every length, is refused with the same words."""
    response = PROVIDER.signed(PROVIDER.response())
    encrypt(response, MINE, block)
    value = response.findall(".//{http://www.w3.org/2001/04/xmlenc#}CipherValue")[-1]
    sealed = base64.b64decode(value.text)
    changes = [
        bytes([*sealed[:place], sealed[place] ^ bit, *sealed[place + 1 :]]) for place in range(0, len(sealed), 97) for bit in (1, 128)
    ]
    for changed in [*changes, b"", sealed[:12], sealed[:16], sealed[:32], sealed[:-16], sealed[:-1], sealed + sealed]:
        value.text = base64.b64encode(changed).decode()
        assert text_of_refusal(response, MINE) == ONE_TEXT
    value.text = "no base64!"
    assert text_of_refusal(response, MINE) == ONE_TEXT


def test_an_assertion_twice_or_in_another() -> None:
    """A plain one beside the encrypted one, and encrypted ones that hold more than one."""
    response = PROVIDER.signed(PROVIDER.response())
    encrypt(response, MINE)
    response.append(PROVIDER.signed(PROVIDER.response(number="2")).find("saml:Assertion", NAMES))
    with pytest.raises(Exception, match="there are several assertions"):
        read(response, MINE)
    response = PROVIDER.signed(PROVIDER.response())
    assertion = response.find("saml:Assertion", NAMES)
    assertion.append(PROVIDER.signed(PROVIDER.response(number="2")).find("saml:Assertion", NAMES))
    encrypt(response, MINE)
    assert text_of_refusal(response, MINE) == ONE_TEXT


@pytest.mark.parametrize(
    "given",
    ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", pem(made_key("ec", "ec")), pem(made_key("s", "short"))],
)
def test_keys_that_are_none(given: str) -> None:
    with pytest.raises(encryption.BadKey):
        encryption.private_key(given)
