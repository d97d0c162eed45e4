"""What is put under load: each operation as a function that makes, for one connection, the coroutine which performs it once."""

from __future__ import annotations

import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from bench.srp import Client
from bench.wire import Connection, Endpoint, Refused, ask

PASSWORD = "Correct-Horse-9-Battery"
WRONG = "Wrong-Horse-9-Battery"
PAGE = 60


class Population(msgspec.Struct, kw_only=True):
    """What stands in a server: kept in a file between runs, so that a larger one grows out of a smaller."""

    pool: str = ""
    client: str = ""
    users: int = 0
    # the first so many can sign in
    confirmed: int = 0
    access_tokens: list[str] = []
    refresh_tokens: list[str] = []
    # pagination tokens by the number of the page that they lead to
    pages: dict[str, str] = {}


Step = Callable[[Connection], Awaitable[object]]
Maker = Callable[[Endpoint, Population, int], Step]


def username(number: int) -> str:
    return f"user{number:06d}"


def fixed(request: bytes, what: str, needs: str) -> Step:
    """The same bytes each time."""

    async def step(connection: Connection) -> None:
        await ask(connection, request, what, needs)

    return step


def sign_up(server: Endpoint, there: Population, _lane: int) -> Step:
    async def step(connection: Connection) -> None:
        name = f"s{secrets.token_hex(8)}"
        email = [{"Name": "email", "Value": f"{name}@example.com"}]
        await server.call(connection, "SignUp", ClientId=there.client, Username=name, Password=PASSWORD, UserAttributes=email)

    return step


def admin_create_user(server: Endpoint, there: Population, _lane: int) -> Step:
    """AdminCreateUser and AdminSetUserPassword, counted as one."""

    async def step(connection: Connection) -> None:
        name = f"c{secrets.token_hex(8)}"
        await create(server, connection, there.pool, name, [{"Name": "email", "Value": f"{name}@example.com"}])
        await server.call(connection, "AdminSetUserPassword", UserPoolId=there.pool, Username=name, Password=PASSWORD, Permanent=True)

    return step


async def create(server: Endpoint, connection: Connection, pool: str, name: str, attributes: list[dict[str, str]]) -> None:
    await server.call(
        connection,
        "AdminCreateUser",
        UserPoolId=pool,
        Username=name,
        MessageAction="SUPPRESS",
        TemporaryPassword=PASSWORD,
        UserAttributes=attributes,
    )


def sign_in(server: Endpoint, client: str, flow: str, **parameters: str) -> bytes:
    return server.request("InitiateAuth", AuthFlow=flow, ClientId=client, AuthParameters=parameters)


def password_sign_in(server: Endpoint, there: Population, _lane: int, password: str = PASSWORD) -> Step:
    async def step(connection: Connection) -> None:
        name = username(random.randrange(there.confirmed))
        request = sign_in(server, there.client, "USER_PASSWORD_AUTH", USERNAME=name, PASSWORD=password)
        await ask(connection, request, "InitiateAuth", "AuthenticationResult")

    return step


def srp_sign_in(server: Endpoint, there: Population, _lane: int, password: str = PASSWORD) -> Step:
    """InitiateAuth and RespondToAuthChallenge, counted as one."""
    srp = Client()

    async def step(connection: Connection) -> None:
        name = username(random.randrange(there.confirmed))
        request = sign_in(server, there.client, "USER_SRP_AUTH", USERNAME=name, SRP_A=srp.public)
        asked = await ask(connection, request, "InitiateAuth", "ChallengeParameters")
        members: dict[str, Any] = {"Session": asked["Session"]} if asked.get("Session") else {}
        members["ChallengeResponses"] = srp.answer(there.pool, asked["ChallengeParameters"], password)
        answered = server.request("RespondToAuthChallenge", ChallengeName="PASSWORD_VERIFIER", ClientId=there.client, **members)
        await ask(connection, answered, "RespondToAuthChallenge", "AuthenticationResult")

    return step


def refresh(server: Endpoint, there: Population, lane: int) -> Step:
    token = there.refresh_tokens[lane % len(there.refresh_tokens)]
    return fixed(sign_in(server, there.client, "REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token), "InitiateAuth", "AuthenticationResult")


def get_user(server: Endpoint, there: Population, lane: int) -> Step:
    token = there.access_tokens[lane % len(there.access_tokens)]
    return fixed(server.request("GetUser", AccessToken=token), "GetUser", "Username")


def admin_get_user(server: Endpoint, there: Population, _lane: int) -> Step:
    async def step(connection: Connection) -> None:
        await server.call(connection, "AdminGetUser", UserPoolId=there.pool, Username=username(random.randrange(there.users)))

    return step


def list_users(server: Endpoint, there: Population, _lane: int) -> Step:
    return fixed(server.request("ListUsers", UserPoolId=there.pool, Limit=PAGE), "ListUsers", "Users")


def list_users_page(number: int) -> Maker:
    def make(server: Endpoint, there: Population, _lane: int) -> Step:
        token = there.pages[str(number)]
        return fixed(server.request("ListUsers", UserPoolId=there.pool, Limit=PAGE, PaginationToken=token), "ListUsers", "Users")

    return make


def list_users_filter(server: Endpoint, there: Population, _lane: int) -> Step:
    async def step(connection: Connection) -> None:
        wanted = f'username = "{username(random.randrange(there.users))}"'
        found = (await server.call(connection, "ListUsers", UserPoolId=there.pool, Limit=PAGE, Filter=wanted))["Users"]
        if len(found) != 1:
            raise Refused(f"ListUsers: {len(found)} users for {wanted}")

    return step


def jwks(server: Endpoint, there: Population, _lane: int) -> Step:
    return fixed(server.get(f"/{there.pool}/.well-known/jwks.json"), "jwks.json", "keys")


OPERATIONS: dict[str, Maker] = {
    "SignUp": sign_up,
    "AdminCreateUser": admin_create_user,
    "InitiateAuthPassword": password_sign_in,
    "InitiateAuthSrp": srp_sign_in,
    "Refresh": refresh,
    "GetUser": get_user,
    "AdminGetUser": admin_get_user,
    "ListUsers": list_users,
    "ListUsersPage2": list_users_page(2),
    "ListUsersPage1000": list_users_page(1000),
    "ListUsersFilter": list_users_filter,
    "Jwks": jwks,
}
# a server that lets a wrong password in has no check behind its numbers
CHECKED: dict[str, Maker] = {
    "InitiateAuthPassword": lambda server, there, lane: password_sign_in(server, there, lane, WRONG),
    "InitiateAuthSrp": lambda server, there, lane: srp_sign_in(server, there, lane, WRONG),
}
PAGES_NEEDED = {"ListUsersPage2": 2, "ListUsersPage1000": 1000}
