"""A passkey authenticator in software: what a phone or security key does, and, where a test says so, what none should do."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One key pair. The members can be changed by tests that lie."""

    def __init__(self, origin: str = "https://example.com", relying_party_id: str = "example.com") -> None:
        self.origin = origin
        self.relying_party_id = relying_party_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.count = 0
        self.counts = True
        self.verifies = True

    def register(self, options: dict[str, Any], *, kind: str = "webauthn.create") -> dict[str, Any]:
        """RegistrationResponseJSON."""
        client_data = self._client_data(kind, options["challenge"])
        numbers = self.key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self._data(_ATTESTED) + attested})
        response = {"clientDataJSON": encode(client_data), "attestationObject": encode(attestation), "transports": ["internal", "hybrid"]}
        return self._credential(response)

    def sign(self, options: dict[str, Any], *, kind: str = "webauthn.get") -> dict[str, Any]:
        """AuthenticationResponseJSON."""
        if self.counts:
            self.count += 1
        client_data = self._client_data(kind, options["challenge"])
        data = self._data(0)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": encode(client_data), "authenticatorData": encode(data), "signature": encode(signature)}
        return self._credential(response)

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": encode(self.credential_id),
            "rawId": encode(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, flags: int) -> bytes:
        flags |= _PRESENT | (_VERIFIED if self.verifies else 0)
        return hashlib.sha256(self.relying_party_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")
