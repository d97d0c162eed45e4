"""Pools that ask for a second factor, and a user's authenticator app: one that is not ours (pyotp's own clock is the server's here)."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest

from tests.kit.server import AwsError, TestServer

SMS: dict[str, Any] = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms", "ExternalId": "x"}}
OWN_SENDER: dict[str, Any] = {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:us-east-1:000000000000:identity/a@example.com"}
TOTP: dict[str, Any] = {"Enabled": True}
CONTACTS = {"email": "anna@example.com", "phone_number": "+15550001234"}


async def mfa_pool(server: TestServer, mode: str = "OPTIONAL", *kinds: str, **members: Any) -> str:
    """A pool with these kinds of second factor: sms, email, totp (all where none is named)."""
    pool = await server.pool(EmailConfiguration=OWN_SENDER, **members)
    await set_mfa(server, pool, mode, *kinds)
    return pool


async def set_mfa(server: TestServer, pool: str, mode: str, *kinds: str, **members: Any) -> None:
    kinds = kinds or ("sms", "email", "totp")
    blocks: dict[str, Any] = {}
    if "sms" in kinds:
        blocks["SmsMfaConfiguration"] = {**SMS, "SmsAuthenticationMessage": "Text code {####} for {username}"}
    if "email" in kinds:
        blocks["EmailMfaConfiguration"] = {"Message": "Mail code {####}", "Subject": "Sign-in code"}
    if "totp" in kinds:
        blocks["SoftwareTokenMfaConfiguration"] = TOTP
    await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration=mode, **(blocks if mode != "OFF" else {}), **members)


def totp_code(server: TestServer, secret: str, steps: int = 0) -> str:
    """What the app shows at the server's present time, or `steps` half minutes later."""
    return pyotp.TOTP(secret).at(int(server.clock.now()) + 30 * steps)


async def enrol(server: TestServer, access_token: str) -> str:
    """Sets up an authenticator app for a signed-in user; returns its secret."""
    given = await server.call("AssociateSoftwareToken", AccessToken=access_token)
    secret = str(given["SecretCode"])
    code = totp_code(server, secret)
    verified = await server.call("VerifySoftwareToken", AccessToken=access_token, UserCode=code, FriendlyDeviceName="Anna's phone")
    assert verified == {"Status": "SUCCESS"}
    server.clock.advance(30)  # the code that proved the app is used up
    return secret


async def answer(server: TestServer, client: str, asked: Any, username: str = "anna", **responses: str) -> Any:
    """The answer to a challenge: AuthenticationResult or the next challenge."""
    result = await server.call(
        "RespondToAuthChallenge",
        ClientId=client,
        ChallengeName=asked["ChallengeName"],
        Session=asked["Session"],
        ChallengeResponses={"USERNAME": username, **responses},
    )
    return result.get("AuthenticationResult", result)


ON = {"Enabled": True}
PREFERRED = {"Enabled": True, "PreferredMfa": True}


async def anna(server: TestServer, mode: str = "OPTIONAL", *kinds: str, **pool_members: Any) -> tuple[str, str]:
    """(pool, client) of a user with both contacts, unverified."""
    pool = await mfa_pool(server, mode, *kinds, **pool_members)
    await server.user(pool, "anna", **CONTACTS)
    return pool, await server.client(pool)


async def prefer(server: TestServer, pool: str, **settings: Any) -> None:
    await server.call("AdminSetUserMFAPreference", UserPoolId=pool, Username="anna", **settings)


async def wrong_code(server: TestServer, client: str, asked: Any, **responses: str) -> tuple[str, str]:
    """(code, text) of a refused answer."""
    with pytest.raises(AwsError) as refused:
        await answer(server, client, asked, **responses)
    return refused.value.code, refused.value.message
