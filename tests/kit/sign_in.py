"""A whole SRP sign-in, by a client that shares no code with the server."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from typing import Any

import jwt

from tests.kit.server import PASSWORD, TestServer
from tests.kit.srp_client import SrpClient, timestamp_of

WRONG = "Wrong-Horse-9"


async def srp_sign_in(server: TestServer, pool: str, client: str, username: str, password: str = PASSWORD, **extra: Any) -> Any:
    """A whole USER_SRP_AUTH sign-in by a client that shares no code with the server."""
    srp = srp_client(pool, password)
    begun = await server.call(
        "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": username, "SRP_A": srp.srp_a, **extra}
    )
    assert begun["ChallengeName"] == "PASSWORD_VERIFIER"
    responses = srp_responses(server, srp, begun["ChallengeParameters"])
    return await server.call(
        "RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses={**responses, **extra}
    )


def srp_client(pool: str, password: str = PASSWORD) -> SrpClient:
    """A short secret keeps Python's own `pow` quick; the server's work is the same."""
    return SrpClient(pool.split("_", 1)[1], password, a=secrets.randbits(256))


def srp_responses(server: TestServer, srp: SrpClient, asked: dict[str, str]) -> dict[str, str]:
    timestamp = timestamp_of(datetime.fromtimestamp(server.clock.now(), UTC))
    block = base64.b64decode(asked["SECRET_BLOCK"])
    signature = srp.signature(asked["USER_ID_FOR_SRP"], asked["SALT"], asked["SRP_B"], block, timestamp)
    return {
        "USERNAME": asked["USER_ID_FOR_SRP"],
        "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
        "TIMESTAMP": timestamp,
        "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
    }


def claims(token: str) -> dict[str, Any]:
    """What a token says, unverified: other tests prove the signature."""
    return dict(jwt.decode(token, options={"verify_signature": False}))
