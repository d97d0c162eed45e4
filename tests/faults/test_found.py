"""Each fault that a fuzz or a contract found once, as the shortest request that shows it."""

from __future__ import annotations

import pytest

from tests.kit.server import AwsError, TestServer


async def test_signing_out_after_deletion(server: TestServer) -> None:
    """GlobalSignOut's model has no UserNotFoundException: the token of a deleted user is a revoked one there."""
    pool = await server.pool()
    client = await server.client(pool)
    await server.user(pool, "anna")
    token = (await server.sign_in(client, "anna"))["AccessToken"]
    await server.call("AdminDeleteUser", UserPoolId=pool, Username="anna")
    with pytest.raises(AwsError) as refused:
        await server.call("GlobalSignOut", AccessToken=token)
    assert (refused.value.code, refused.value.message) == ("NotAuthorizedException", "Access Token has been revoked")


async def test_nul_in_a_path(server: TestServer) -> None:
    """A pool id of a path is looked up as it stands."""
    reply = await server.send("GET", "/us-east-1_a\0b/.well-known/jwks.json")
    assert reply.status == 404
