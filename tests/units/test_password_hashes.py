"""Foreign password hashes: published ones are verified, and what would cost too much is not read."""

from __future__ import annotations

import base64

import bcrypt
import pytest

from cognomen.kernel import password_hashes


def unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


RFC_PBKDF2 = bytes.fromhex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
RFC_SCRYPT = bytes.fromhex(
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
)
# bcrypt: crypt_blowfish's own test; argon2id: test.c of the reference implementation; scrypt and PBKDF2: RFC 7914, sections 12 and 11.
PUBLISHED = [
    ("BCRYPT", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("BCRYPT", "U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("ARGON2ID", "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("SCRYPT", "pleaseletmein", f"$scrypt$ln=14,r=8,p=1${unpadded(b'SodiumChloride')}${unpadded(RFC_SCRYPT)}"),
    ("PBKDF2_SHA256", "passwd", f"$pbkdf2-sha256$1${unpadded(b'salt')}${unpadded(RFC_PBKDF2).replace('+', '.')}"),
    ("PBKDF2_SHA256", "passwd", f"$pbkdf2-sha256$i=1,l=32${unpadded(b'salt')}${unpadded(RFC_PBKDF2)}"),
    ("PBKDF2_SHA256", "passwd", f"pbkdf2_sha256$1$salt${base64.b64encode(RFC_PBKDF2).decode()}"),
]


@pytest.mark.parametrize(("algorithm", "password", "text"), PUBLISHED)
def test_published_hashes(algorithm: str, password: str, text: str) -> None:
    found = password_hashes.read(text)
    assert found is not None
    assert found.algorithm == algorithm
    typed = (password, password.upper() + "x", "", f"{password}\0", "\ud800")
    assert [password_hashes.verify(text, each) for each in typed] == [True] + [False] * 4


def test_bcrypt_of_long_passwords() -> None:
    """bcrypt has never seen more than 72 bytes of a password: a longer one that begins alike is taken, as it was before."""
    text = bcrypt.hashpw(b"p" * 72, bcrypt.gensalt(4)).decode()
    assert [password_hashes.verify(text, "p" * count) for count in (72, 256, 71)] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "password",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2x$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$argon2id$v=19$m=999999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=9999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=4,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=99$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$scrypt$ln=30,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        "$scrypt$ln=16,r=999,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        "$scrypt$ln=10,r=8,p=99$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        "$pbkdf2-sha256$99999999$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
        "$pbkdf2-sha256$0$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
        "pbkdf2_sha256$1$salt$AAAAAAAAAAAAAAAAAAAAA",
        "pbkdf2_sha256$1$salt$" + "A" * 1_000_000,
        "$2a$12$" + "A" * 600,
        "$2a$12$CCCCCCCCCCCCCCCCCCCCCrE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    ],
)
def test_others_are_not_read(text: str) -> None:
    assert password_hashes.read(text) is None
    assert not password_hashes.verify(text, "password")
