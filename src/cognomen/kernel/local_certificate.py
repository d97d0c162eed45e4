"""A certificate for this machine's own names, by an authority of its own, for development: browsers and Amplify insist on https.

The authority signs for loopback names alone (RFC 5280, 4.2.1.10), so that whoever gets hold of its key can pose as no one else to those who trust it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# `*.auth.localhost` is where hosted pages of a pool's domain are. (A star right below `localhost` is one that most clients refuse.)
NAMES = ("localhost", "*.auth.localhost")
ADDRESSES = ("127.0.0.1", "::1")
_AUTHORITY_DAYS = 3_650
_DAYS = 397  # the longest that browsers take
_RENEWED_BEFORE = timedelta(days=30)
_SKEW = timedelta(hours=1)


class Pem(NamedTuple):
    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Pem(***)"


def make_authority(now: datetime) -> Pem:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cognomen, for development on this machine")])
    loopback = [x509.IPAddress(ipaddress.ip_network(network)) for network in ("127.0.0.0/8", "::1/128")]
    permitted: list[x509.GeneralName] = [x509.DNSName("localhost"), *loopback]
    certificate = (
        _builder(name, name, key, now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True)
        .sign(key, SHA256())
    )
    return _pem(certificate, key)


def make_certificate(authority: Pem, now: datetime) -> Pem:
    """For NAMES and ADDRESSES."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = load_pem_private_key(authority.key, None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not one of ours")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        _builder(subject, issuer.subject, key, now, _DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternatives()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, SHA256())
    )
    return _pem(certificate, key)


def lasts(certificate: bytes, now: datetime) -> bool:
    """Is it good for some weeks more?"""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc > now + _RENEWED_BEFORE


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days) - _SKEW)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _alternatives() -> Sequence[x509.GeneralName]:
    return [*(x509.DNSName(name) for name in NAMES), *(x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES)]


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pem:
    return Pem(certificate.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
