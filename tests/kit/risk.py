"""Pools with threat protection, and what a device says of itself: EncodedData made as AWS's libraries make it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from tests.kit.server import PASSWORD, TestServer

HOME, NEAR, FAR = "198.51.100.7", "198.51.77.1", "203.0.113.9"  # NEAR lies in HOME's /16
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
ARN = "arn:aws:ses:us-east-1:000000000000:identity/a@example.com"
ALLOW: dict[str, Any] = {"EventAction": "NO_ACTION", "Notify": False}


def encoded(pool: str, client: str, device: str = "phone", *, key: str = "", version: str = "ANDROID20171114", **context: Any) -> str:
    """EncodedData. `key` signs with another key than the client's id."""
    data = {"DeviceId": device, "DeviceName": "Pixel 9", "ClientTimezone": "02:00", "UserAgent": CHROME, **context}
    payload = json.dumps({"contextData": data, "username": "anna", "userPoolId": pool, "timestamp": "1800000000000"})
    signature = hmac.digest((key or client).encode(), (version + payload).encode(), hashlib.sha256)
    envelope = {"payload": payload, "signature": base64.b64encode(signature).decode(), "version": version}
    return base64.b64encode(json.dumps(envelope).encode()).decode()


async def protected_pool(server: TestServer, mode: str = "ENFORCED", **members: Any) -> str:
    return await server.pool(UserPoolTier="PLUS", UserPoolAddOns={"AdvancedSecurityMode": mode}, **members)


async def anna(server: TestServer, mode: str = "ENFORCED", **members: Any) -> tuple[str, str]:
    """(pool, client) of a user with a verified address."""
    pool = await protected_pool(server, mode, **members)
    await server.user(pool, "anna", email="anna@example.com", email_verified="true")
    return pool, await server.client(pool)


async def from_server(
    server: TestServer, pool: str, client: str, address: str = HOME, device: str = "phone", password: str = PASSWORD, **members: Any
) -> Any:
    """A sign-in through the app's own server, which tells where its user is."""
    server.clock.advance(1)  # so that the history has an order
    context = {
        "IpAddress": address,
        "ServerName": "app.example.com",
        "ServerPath": "/login",
        "HttpHeaders": [{"headerName": "User-Agent", "headerValue": CHROME}],
        **({"EncodedData": encoded(pool, client, device)} if device else {}),
    }
    return await server.call(
        "AdminInitiateAuth",
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "anna", "PASSWORD": password},
        ContextData=context,
        **members,
    )


async def from_app(server: TestServer, client: str, password: str = PASSWORD, *, said: Any = None, **parameters: str) -> Any:
    """A sign-in of an app on the user's own device, whose UserContextData is `said`."""
    server.clock.advance(1)
    return await server.call(
        "InitiateAuth",
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "anna", "PASSWORD": password, **parameters},
        **({"UserContextData": said} if said is not None else {}),
    )


async def events(server: TestServer, pool: str, username: str = "anna", **members: Any) -> list[Any]:
    """The history, newest first."""
    found: list[Any] = (await server.call("AdminListUserAuthEvents", UserPoolId=pool, Username=username, **members))["AuthEvents"]
    return found


def takeover(action: str, *, notify: bool = False, **notification: Any) -> dict[str, Any]:
    """AccountTakeoverRiskConfiguration with one action at every level."""
    each = {"EventAction": action, "Notify": notify}
    block: dict[str, Any] = {"Actions": {"LowAction": each, "MediumAction": each, "HighAction": each}}
    if notification:
        block["NotifyConfiguration"] = {"SourceArn": ARN, **notification}
    return block


async def configure(server: TestServer, pool: str, takeover_block: dict[str, Any] | None = None, **members: Any) -> None:
    blocks: dict[str, Any] = {"AccountTakeoverRiskConfiguration": takeover_block} if takeover_block else {}
    await server.call("SetRiskConfiguration", UserPoolId=pool, **blocks, **members)


def secret_hash(username: str, client: str, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), (username + client).encode(), hashlib.sha256)).decode()
