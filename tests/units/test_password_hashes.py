"""Foreign password hashes: published ones are verified, and what would cost too much is not read."""

from __future__ import annotations

import base64

import bcrypt
import pytest

from cognomen.kernel import password_hashes


def unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


RFC_PBKDF2 = bytes.fromhex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
ARGON2I = bytes.fromhex("c1628832147d9720c5bd1cfd61367078729f6dfb6f8fea9ff98158e0d7816ed0")


def firebase(signer: str, salt: str, hashed: str) -> str:
    return f"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={signer}${salt}${hashed}"


SHA512 = "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252c02d470a285a0501bad999bfe943c08f050235d7d68b1da55e63f73b60a57fce"
RFC_SCRYPT = bytes.fromhex(
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
)
# bcrypt: crypt_blowfish's own test; Argon2: test.c of the reference implementation; scrypt and PBKDF2: RFC 7914, sections 12
# and 11; crypt(5)'s scrypt: libscrypt's and libsodium's tests; PBKDF2 with SHA-512: Authelia's documentation; Firebase: the README of
# github.com/firebase/scrypt, and GoTrue's test of its own text.
PUBLISHED = [
    ("BCRYPT", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("BCRYPT", "U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("ARGON2ID", "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("SCRYPT", "pleaseletmein", f"$scrypt$ln=14,r=8,p=1${unpadded(b'SodiumChloride')}${unpadded(RFC_SCRYPT)}"),
    ("PBKDF2_SHA256", "passwd", f"$pbkdf2-sha256$1${unpadded(b'salt')}${unpadded(RFC_PBKDF2).replace('+', '.')}"),
    ("PBKDF2_SHA256", "passwd", f"$pbkdf2-sha256$i=1,l=32${unpadded(b'salt')}${unpadded(RFC_PBKDF2)}"),
    ("BCRYPT", "U*U", "{bcrypt}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("ARGON2I", "password", f"$argon2i$v=19$m=65536,t=2,p=1${unpadded(b'somesalt')}${unpadded(ARGON2I)}"),
    ("SCRYPT", "pleaseletmein", "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"),
    ("SCRYPT", "pleaseletmein", f"scrypt:16384:8:1$SodiumChloride${RFC_SCRYPT.hex()}"),
    ("PBKDF2_SHA256", "passwd", f"pbkdf2:sha256:1$salt${RFC_PBKDF2.hex()}"),
    (
        "PBKDF2_SHA512",
        "insecure_secret",
        "$pbkdf2-sha512$310000$c8p78n7pUMln0jzvd4aK4Q$JNRBzwAo0ek5qKn50cFzzvE9RXV88h1wJn5KGiHrD0YKtZaR/nCb2CJPOsKaPK0hjf.9yHxzQGZziziccp6Yng",
    ),
    ("PBKDF2_SHA512", "password", f"pbkdf2:sha512:1$salt${SHA512}"),
    (
        "FIREBASE_SCRYPT",
        "user1password",
        firebase(
            "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
            "42xEC+ixf3L2lw==",
            "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
        ),
    ),
    (
        "FIREBASE_SCRYPT",
        "mytestpassword",
        firebase(
            "ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==",
            "C0sHCg9ek77hsg==",
            "zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw==",
        ),
    ),
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
        "$argon2x$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2d$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2i$v=19$m=999999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "{bcrypt}$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "{argon2}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$7$zzzzzzzzzzzSodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
        "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8",
        "scrypt:32769:8:1$salt$" + "ab" * 64,
        "scrypt:99999999:8:1$salt$" + "ab" * 64,
        "scrypt:0:8:1$salt$" + "ab" * 64,
        "pbkdf2:sha256:99999999$salt$" + "ab" * 32,
        "pbkdf2:md5:1000$salt$" + "ab" * 16,
        "$pbkdf2-sha512$99999999$c8p78n7pUMln0jzvd4aK4Q$" + "A" * 86,
        "$fbscrypt$v=1,n=30,r=8,p=1,ss=Bw==,sk=" + "A" * 86 + "==$AAAA$" + "A" * 86 + "==",
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=AAAA$AAAA$" + "A" * 86 + "==",
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
