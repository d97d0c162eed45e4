"""Sign-ins with a code of an authenticator app behind the password: at each server in turn, by users of their own in a pool of their own.

A server that takes a code once only needs a user for each sign-in; one that takes it again is given few. One that takes a wrong code is not compared with.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from typing import Any

import msgspec
import pyotp
import uvloop

from bench.loadgen import FLOWS, LANES, TROUBLE, cpu, spread
from bench.operations import PASSWORD, create, sign_in
from bench.servers import COGNOMEN, Running
from bench.srp import Client
from bench.wire import Connection, Endpoint, Refused, ask

PASSWORD_TOTP, SRP_TOTP = "PasswordTotp", "SrpTotp"
NAMES = (PASSWORD_TOTP, SRP_TOTP)
_FEW, _MANY = 64, 12_000
_STEP = 30  # seconds of a code's life
_WRONG = "000000"


class Pool(msgspec.Struct, kw_only=True):
    server: Endpoint
    pool: str
    client: str
    # of the users by number: the app, and what it shows now
    apps: dict[int, pyotp.TOTP] = {}
    codes: dict[int, str] = {}

    @staticmethod
    def name(number: int) -> str:
        return f"totp{number:06d}"

    async def look(self) -> None:
        """Waits for the next step, and reads all codes."""
        await asyncio.sleep(_STEP - time.time() % _STEP + 0.2)
        now = time.time()
        self.codes = {number: app.at(now) for number, app in self.apps.items()}


def measure(there: Mapping[str, Running], seconds: float) -> dict[str, dict[str, dict[str, Any]]]:
    """Rows as the generator's by operation, of each server that can. The others get a second try: ministack refuses, in some runs, a token that it has just given."""
    found = {name: uvloop.run(_at(running, seconds)) for name, running in there.items()}
    for name, running in there.items():
        if name != COGNOMEN.name and "first_error" in found[name].get(PASSWORD_TOTP, {}):
            found[name] = uvloop.run(_at(running, seconds))
    return found


async def _at(running: Running, seconds: float) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    try:
        there = await _pool(Endpoint(running.url))
        await spread(there.server, range(_FEW), lambda lane, number: _enrol(there, lane, number), time.perf_counter() + 60)
        await there.look()
        checked = {"users": 1_000, "refuses_wrong_password": await _refuses(there, _WRONG)}
        once = not await _takes_again(there)
        if once:
            await spread(there.server, range(_FEW, _MANY), lambda lane, number: _enrol(there, lane, number), time.perf_counter() + 120)
        for operation in NAMES:
            await there.look()
            rows[operation] = checked | await _load(there, operation, running.pid, seconds, once=once)
    except TROUBLE as error:
        rows.setdefault(PASSWORD_TOTP, {"first_error": f"{type(error).__name__}: {error}"[:300]})
    return rows


async def _pool(server: Endpoint) -> Pool:
    lane = server.connect()
    pool = (await server.call(lane, "CreateUserPool", PoolName="second-factor"))["UserPool"]["Id"]
    made = await server.call(lane, "CreateUserPoolClient", UserPoolId=pool, ClientName="second-factor", ExplicitAuthFlows=FLOWS)
    await server.call(
        lane, "SetUserPoolMfaConfig", UserPoolId=pool, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="OPTIONAL"
    )
    return Pool(server=server, pool=pool, client=made["UserPoolClient"]["ClientId"])


async def _enrol(there: Pool, lane: Connection, number: int) -> None:
    server, name = there.server, there.name(number)
    await create(server, lane, there.pool, name, [{"Name": "email", "Value": f"{name}@example.com"}])
    await server.call(lane, "AdminSetUserPassword", UserPoolId=there.pool, Username=name, Password=PASSWORD, Permanent=True)
    request = sign_in(server, there.client, "USER_PASSWORD_AUTH", USERNAME=name, PASSWORD=PASSWORD)
    token = (await ask(lane, request, "InitiateAuth", "AuthenticationResult"))["AuthenticationResult"]["AccessToken"]
    app = pyotp.TOTP((await server.call(lane, "AssociateSoftwareToken", AccessToken=token))["SecretCode"])
    await server.call(lane, "VerifySoftwareToken", AccessToken=token, UserCode=app.now())
    preferred = {"Enabled": True, "PreferredMfa": True}
    await server.call(lane, "SetUserMFAPreference", AccessToken=token, SoftwareTokenMfaSettings=preferred)
    there.apps[number] = app


async def _refuses(there: Pool, code: str) -> bool:
    there.codes[0], right = code, there.codes[0]
    try:
        await _by_password(there, there.server.connect(), 0)
    except Refused as error:
        return ": 4" in str(error)
    finally:
        there.codes[0] = right
    return False


async def _takes_again(there: Pool) -> bool:
    lane = there.server.connect()
    await _by_password(there, lane, 1)
    try:
        await _by_password(there, lane, 1)
    except Refused:
        return False
    return True


async def _by_password(there: Pool, lane: Connection, number: int) -> None:
    request = sign_in(there.server, there.client, "USER_PASSWORD_AUTH", USERNAME=there.name(number), PASSWORD=PASSWORD)
    await _second(there, lane, number, await ask(lane, request, "InitiateAuth", "Session"))


async def _by_srp(there: Pool, lane: Connection, number: int, srp: Client) -> None:
    server, name = there.server, there.name(number)
    request = sign_in(server, there.client, "USER_SRP_AUTH", USERNAME=name, SRP_A=srp.public)
    asked = await ask(lane, request, "InitiateAuth", "ChallengeParameters")
    members: dict[str, Any] = {"Session": asked["Session"]} if asked.get("Session") else {}
    members["ChallengeResponses"] = srp.answer(there.pool, asked["ChallengeParameters"], PASSWORD)
    answer = server.request("RespondToAuthChallenge", ChallengeName="PASSWORD_VERIFIER", ClientId=there.client, **members)
    await _second(there, lane, number, await ask(lane, answer, "RespondToAuthChallenge", "Session"))


async def _second(there: Pool, lane: Connection, number: int, asked: dict[str, Any]) -> None:
    responses = {"USERNAME": there.name(number), "SOFTWARE_TOKEN_MFA_CODE": there.codes[number]}
    members = {"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": asked["Session"], "ChallengeResponses": responses}
    answer = there.server.request("RespondToAuthChallenge", ClientId=there.client, **members)
    await ask(lane, answer, "RespondToAuthChallenge", "AuthenticationResult")


async def _load(there: Pool, operation: str, pid: int, seconds: float, *, once: bool) -> dict[str, Any]:
    """Until the time or, where a code is taken once, the users are over; then it counts how far it came."""
    latencies: list[float] = []
    errors: list[str] = []
    numbers = itertools.count(2)  # the first two have tried theirs
    processor, began = cpu(pid), time.perf_counter()

    async def lane() -> None:
        connection, srp = there.server.connect(), Client()
        while (start := time.perf_counter()) < began + seconds:
            number = next(numbers)
            if once and number not in there.codes:
                return
            number = 2 + number % (len(there.codes) - 2)
            try:
                await (_by_srp(there, connection, number, srp) if operation == SRP_TOTP else _by_password(there, connection, number))
                latencies.append(time.perf_counter() - start)
            except TROUBLE as error:
                errors.append(f"{type(error).__name__}: {error}"[:300])
                await asyncio.sleep(0.002)

    await asyncio.gather(*[lane() for _ in range(LANES)])
    wall, count = time.perf_counter() - began, len(latencies)
    row: dict[str, Any] = {"op": operation, "ops": count, "errors": len(errors), "ops_per_s": round(count / wall, 1)}
    if errors:
        row["first_error"] = errors[0]
    if count:
        latencies.sort()
        row |= {"p50_ms": round(latencies[count // 2] * 1e3, 3), "server_cpu_ms": round((cpu(pid) - processor) / count * 1e3, 4)}
    return row
