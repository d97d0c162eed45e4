"""A user's device: makes a secret, brings its verifier, and proves itself later. It shares no code with the server."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

from tests.kit.server import TestServer
from tests.kit.srp_client import GENERATOR, PRIME, SrpClient, hex_of, timestamp_of

ALWAYS = {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False}
ON_OPT_IN = {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": True}


class Device:
    """`metadata` is the NewDeviceMetadata of a sign-in."""

    def __init__(self, metadata: dict[str, str]) -> None:
        self.key = metadata["DeviceKey"]
        self.group = metadata["DeviceGroupKey"]
        self.password = secrets.token_hex(20)

    def verifier(self) -> dict[str, str]:
        """DeviceSecretVerifierConfig."""
        salt = hex_of(secrets.randbits(128))
        identity = hashlib.sha256(f"{self.group}{self.key}:{self.password}".encode()).digest()
        x = int(hashlib.sha256(bytes.fromhex(salt) + identity).hexdigest(), 16)
        value = bytes.fromhex(hex_of(pow(GENERATOR, x, PRIME)))
        return {"PasswordVerifier": base64.b64encode(value).decode(), "Salt": base64.b64encode(bytes.fromhex(salt)).decode()}

    async def confirm(self, server: TestServer, tokens: Any, name: str = "Anna's phone") -> Any:
        return await server.call(
            "ConfirmDevice",
            AccessToken=tokens["AccessToken"],
            DeviceKey=self.key,
            DeviceName=name,
            DeviceSecretVerifierConfig=self.verifier(),
        )

    def srp(self) -> SrpClient:
        return SrpClient(self.group, self.password, a=secrets.randbits(256))

    def proof(self, server: TestServer, srp: SrpClient, asked: dict[str, str]) -> dict[str, str]:
        """The answer to DEVICE_PASSWORD_VERIFIER."""
        timestamp = timestamp_of(datetime.fromtimestamp(server.clock.now(), UTC))
        block = base64.b64decode(asked["SECRET_BLOCK"])
        signature = srp.signature(self.key, asked["SALT"], asked["SRP_B"], block, timestamp)
        return {
            "USERNAME": asked["USERNAME"],
            "DEVICE_KEY": self.key,
            "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
            "TIMESTAMP": timestamp,
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
        }

    async def open_srp(self, server: TestServer, client: str, srp: SrpClient, asked: Any, **extra: str) -> Any:
        """The answer to DEVICE_SRP_AUTH, with the Session if `asked` has one: what DEVICE_PASSWORD_VERIFIER asks."""
        session = {"Session": asked["Session"]} if "Session" in asked else {}
        responses = {"USERNAME": "anna", "DEVICE_KEY": self.key, "SRP_A": srp.srp_a, **extra}
        return await server.call(
            "RespondToAuthChallenge", ClientId=client, ChallengeName="DEVICE_SRP_AUTH", ChallengeResponses=responses, **session
        )

    async def prove(self, server: TestServer, client: str, asked: Any) -> Any:
        """From DEVICE_SRP_AUTH to what follows the device's proof."""
        srp = self.srp()
        opened = await self.open_srp(server, client, srp, asked)
        assert opened["ChallengeName"] == "DEVICE_PASSWORD_VERIFIER"
        answer = await server.call(
            "RespondToAuthChallenge",
            ClientId=client,
            ChallengeName="DEVICE_PASSWORD_VERIFIER",
            ChallengeResponses=self.proof(server, srp, opened["ChallengeParameters"]),
        )
        return answer.get("AuthenticationResult", answer)


async def confirmed(server: TestServer, client: str, username: str = "anna") -> tuple[Device, Any]:
    """A device that the user signed in on and confirmed, and the tokens of that sign-in."""
    tokens = await server.sign_in(client, username)
    device = Device(tokens["NewDeviceMetadata"])
    await device.confirm(server, tokens)
    return device, tokens
