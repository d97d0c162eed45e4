"""What happens to a user while a sign-in goes on: a function may run for seconds between the password's proof and the tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.kit.server import AwsError, TestServer
from tests.kit.sign_in import srp_sign_in

Change = Callable[[TestServer, dict[str, Any]], Awaitable[None]]


async def _sign_out(server: TestServer, who: dict[str, Any]) -> None:
    await server.call("AdminUserGlobalSignOut", **who)


async def _set_password(server: TestServer, who: dict[str, Any]) -> None:
    await server.call("AdminSetUserPassword", **who, Password="Another-Horse-9", Permanent=True)


async def _disable(server: TestServer, who: dict[str, Any]) -> None:
    await server.call("AdminDisableUser", **who)


async def _disable_for_a_moment(server: TestServer, who: dict[str, Any]) -> None:
    await server.call("AdminDisableUser", **who)
    await server.call("AdminEnableUser", **who)


async def _delete(server: TestServer, who: dict[str, Any]) -> None:
    await server.call("AdminDeleteUser", **who)


MEANWHILE: list[tuple[Change, str]] = [
    (_sign_out, "Invalid session for the user."),
    (_set_password, "Incorrect username or password."),
    (_disable, "User is disabled."),
    (_disable_for_a_moment, "Invalid session for the user."),
    (_delete, "Incorrect username or password."),
]


@pytest.mark.parametrize("flow", ["password", "srp"])
@pytest.mark.parametrize(("change", "text"), MEANWHILE)
async def test_no_session_outlives_what_an_administrator_did_meanwhile(server: TestServer, change: Change, text: str, flow: str) -> None:
    who: dict[str, Any] = {}

    async def meanwhile(_: dict[str, Any]) -> dict[str, Any]:
        await change(server, who)
        return {}

    pool = await server.pool(LambdaConfig={"PostAuthentication": server.functions.add("slow", meanwhile)})
    client = await server.client(pool)
    sub = await server.user(pool, "anna")
    who |= {"UserPoolId": pool, "Username": "anna"}
    with pytest.raises(AwsError) as refused:
        await (server.sign_in(client, "anna") if flow == "password" else srp_sign_in(server, pool, client, "anna"))
    assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", text)
    assert await server.store.engine.rows("SELECT origin_jti FROM sessions WHERE pool_id = $1 AND sub = $2", pool, sub) == []


async def test_two_changes_of_a_password_at_once(server: TestServer) -> None:
    """Only one of two requests that prove the same present password replaces it: the other proved what is no longer the password."""
    pool = await server.pool(UserPoolAddOns={"AdvancedSecurityMode": "OFF"})
    client = await server.client(pool)
    await server.user(pool, "anna")
    token = (await server.sign_in(client, "anna"))["AccessToken"]
    requests = [
        server.raw(
            "ChangePassword",
            b'{"AccessToken": "%s", "PreviousPassword": "Correct-Horse-9", "ProposedPassword": "Another-Horse-%d"}' % (token.encode(), n),
        )
        for n in (1, 2)
    ]
    replies = await asyncio.gather(*requests)
    assert sorted(reply.status for reply in replies) == [200, 400]
    winner = next(n for n, reply in enumerate(replies, start=1) if reply.status == 200)
    assert "AccessToken" in await server.sign_in(client, "anna", f"Another-Horse-{winner}")
