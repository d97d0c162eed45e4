"""Encrypted assertions: AES-GCM or AES-CBC under a key that came with RSA-OAEP (XML Encryption 1.1). RSA with PKCS #1 v1.5 is not taken.

Whatever goes wrong has one text: who may ask often must not learn from it what a changed cipher text became (Jager and Somorovsky, CCS 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree

from cognomen.saml import xml
from cognomen.saml.errors import BadSignature, Malformed
from cognomen.saml.xml import DS, SAML, XENC, XENC11, Element

_XENC: Final = XENC[1:-1]
_XENC11: Final = XENC11[1:-1]
_CBC: Final = {f"{_XENC}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
_GCM: Final = {f"{_XENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
_OAEP_SHA1: Final = f"{_XENC}rsa-oaep-mgf1p"
_OAEP: Final = f"{_XENC11}rsa-oaep"
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "http://www.w3.org/2000/09/xmldsig#sha1": hashes.SHA1,
    f"{_XENC}sha256": hashes.SHA256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384,
    f"{_XENC}sha512": hashes.SHA512,
}
_MASKS: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    f"{_XENC11}mgf1sha1": hashes.SHA1,
    f"{_XENC11}mgf1sha256": hashes.SHA256,
    f"{_XENC11}mgf1sha384": hashes.SHA384,
    f"{_XENC11}mgf1sha512": hashes.SHA512,
}
_MOST_KEYS: Final = 4
_MOST: Final = 8_000_000


class BadKey(Exception):
    """No private key in PEM that can be used here."""


def private_key(pem: str) -> rsa.RSAPrivateKey:
    """An RSA key without a pass phrase, of 2048 to 8192 bits. Raises BadKey."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except Exception as cause:  # the library names many, and a pass phrase is a TypeError
        raise BadKey("no private key in PEM without a pass phrase") from cause
    if not isinstance(key, rsa.RSAPrivateKey) or not 2048 <= key.key_size <= 8192:
        raise BadKey("the key is not RSA of 2048 to 8192 bits")
    return key


def decrypted(encrypted: Element, keys: Sequence[rsa.RSAPrivateKey]) -> Element:
    """The Assertion in an EncryptedAssertion, as a document of its own. It is not verified by this: everyone can encrypt. Raises BadSignature."""
    try:
        data = xml.child(encrypted, f"{XENC}EncryptedData")
        method = xml.attribute(xml.child(data, f"{XENC}EncryptionMethod"), "Algorithm")
        inside = [key for info in xml.children(data, f"{DS}KeyInfo") for key in xml.children(info, f"{XENC}EncryptedKey")]
        carried = [*inside, *xml.children(encrypted, f"{XENC}EncryptedKey")][:_MOST_KEYS]
        for one in carried:
            for key in keys:
                plain = _opened(method, _unwrapped(one, key), _cipher_value(data))
                if plain is not None:
                    return _assertion(plain, encrypted)
    except Malformed as cause:
        raise BadSignature("the assertion cannot be decrypted") from cause
    raise BadSignature("the assertion cannot be decrypted")


def _cipher_value(element: Element) -> bytes:
    return xml.decoded(xml.text(xml.child(xml.child(element, f"{XENC}CipherData"), f"{XENC}CipherValue")))


def _unwrapped(carried: Element, key: rsa.RSAPrivateKey) -> bytes | None:
    method = xml.child(carried, f"{XENC}EncryptionMethod")
    algorithm = method.get("Algorithm")
    if algorithm not in (_OAEP_SHA1, _OAEP):
        return None
    digests = xml.children(method, f"{DS}DigestMethod")
    masks = xml.children(method, f"{XENC11}MGF") if algorithm == _OAEP else []
    labels = xml.children(method, f"{XENC}OAEPparams")
    digest = _HASHES.get(digests[0].get("Algorithm"), None) if digests else hashes.SHA1
    mask = _MASKS.get(masks[0].get("Algorithm"), None) if masks else hashes.SHA1
    if digest is None or mask is None:
        return None
    label = xml.decoded(xml.text(labels[0])) if labels else None
    try:
        return key.decrypt(_cipher_value(carried), padding.OAEP(padding.MGF1(mask()), digest(), label))
    except ValueError:
        return None


def _opened(method: str, key: bytes | None, sealed: bytes) -> bytes | None:
    if key is None or len(key) != _GCM.get(method, _CBC.get(method)):
        return None
    if method in _GCM:
        try:
            return AESGCM(key).decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, ValueError):
            return None
    if len(sealed) < 32 or len(sealed) % 16:
        return None
    decryptor = Cipher(algorithms.AES(key), modes.CBC(sealed[:16])).decryptor()
    plain = decryptor.update(sealed[16:]) + decryptor.finalize()
    filled = plain[-1]  # the last byte counts the filling, the others of it may be anything (xmlenc-core, 5.2)
    return plain[:-filled] if 1 <= filled <= 16 else None


def _assertion(plain: bytes, encrypted: Element) -> Element:
    """Some senders leave out namespaces that were declared around what they encrypted: the place where it stood has them."""
    around = xml.written(etree.Element("holder", nsmap=encrypted.nsmap)).removesuffix(b"/>")
    holder = xml.parse(around + b">" + plain + b"</holder>", most=_MOST)
    if len(holder) != 1:
        raise Malformed("what was encrypted is not one element")
    return xml.parse(xml.written(xml.child(holder, f"{SAML}Assertion")), most=_MOST)
