"""A message of the AWS Encryption SDK, encrypted: format version 1, suite 0x0378 (AES-256-GCM, HKDF with SHA-384, signed by ECDSA P-384),
which is what Amazon Cognito sends custom senders. Pure; every AWS Encryption SDK decrypts it.

https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SUITE = bytes.fromhex("0378")
_IV_BYTES = 12
_TAG_BITS = 128
_FRAME = 4096
_LAST = b"\xff\xff\xff\xff"


class DataKey(NamedTuple):
    """A data key as its wrapper encrypted it."""

    provider: bytes
    info: bytes
    encrypted: bytes


Wrap = Callable[[Mapping[str, str]], tuple[bytes, DataKey]]  # encryption context -> a data key of 32 bytes, in the clear and wrapped


def encrypt(plaintext: bytes, context: Mapping[str, str], wrap: Wrap) -> bytes:
    """The message, of up to 4,096 bytes of plaintext. `context` is authenticated and readable."""
    if len(plaintext) > _FRAME:
        raise ValueError("more than one frame")
    signing = ec.generate_private_key(ec.SECP384R1())
    point = signing.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    context = {**context, "aws-crypto-public-key": base64.b64encode(point).decode()}
    data_key, wrapped = wrap(context)
    message_id = secrets.token_bytes(16)
    key = AESGCM(HKDF(hashes.SHA384(), 32, salt=None, info=_SUITE + message_id).derive(data_key))
    pairs = serialized(context)
    wrappings = (1).to_bytes(2, "big") + b"".join(_sized(part) for part in wrapped)
    header = b"\x01\x80" + _SUITE + message_id + _sized(pairs) + wrappings
    header += b"\x02" + bytes(4) + bytes([_IV_BYTES]) + _FRAME.to_bytes(4, "big")
    iv = bytes(_IV_BYTES)
    header_auth = iv + key.encrypt(iv, b"", header)
    number = (1).to_bytes(4, "big")
    iv = (1).to_bytes(_IV_BYTES, "big")
    bound = message_id + b"AWSKMSEncryptionClient Final Frame" + number + len(plaintext).to_bytes(8, "big")
    body = _LAST + number + iv + len(plaintext).to_bytes(4, "big") + key.encrypt(iv, plaintext, bound)
    signed = header + header_auth + body
    return signed + _sized(signing.sign(signed, ec.ECDSA(hashes.SHA384())))


def raw_aes(namespace: str, name: str, wrapping_key: bytes) -> Wrap:
    """Data keys as the SDKs' raw AES keyring of this namespace and name wraps them, under 32 bytes of our own."""

    def wrap(context: Mapping[str, str]) -> tuple[bytes, DataKey]:
        data_key, iv = secrets.token_bytes(32), secrets.token_bytes(_IV_BYTES)
        info = name.encode() + _TAG_BITS.to_bytes(4, "big") + _IV_BYTES.to_bytes(4, "big") + iv
        return data_key, DataKey(namespace.encode(), info, AESGCM(wrapping_key).encrypt(iv, data_key, serialized(context)))

    return wrap


def serialized(context: Mapping[str, str]) -> bytes:
    pairs = sorted((name.encode(), value.encode()) for name, value in context.items())
    return len(pairs).to_bytes(2, "big") + b"".join(_sized(name) + _sized(value) for name, value in pairs)


def _sized(part: bytes) -> bytes:
    return len(part).to_bytes(2, "big") + part
