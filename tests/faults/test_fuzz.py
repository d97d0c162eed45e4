"""Whatever is sent to whichever operation: a success or an error of the model comes back, soon, and never a 5xx.

The seed is printed with a failure; COGNOMEN_FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import Counter

import pytest

from cognomen.api.operation import OPERATIONS
from cognomen.userpools import operations
from cognomen.wire.dispatch import LIMIT
from tests.faults.requests import SERVICE, Known, Maker
from tests.kit.server import PASSWORD, TestServer

operations.load()
NAMES = sorted(name for service, name in OPERATIONS.by_name if service == SERVICE)
LONGEST = 10.0  # seconds that any one request may take on a busy machine


class Fuzz:
    """One seeded run against one server."""

    def __init__(self, server: TestServer, seed: str) -> None:
        self.server = server
        self.seed = seed
        self.known = Known()
        self.sent = 0
        self.outcomes: Counter[str] = Counter()
        self.succeeded: set[str] = set()

    async def prepare(self) -> None:
        """A pool with a client, a user who has signed in, a group: the values that valid requests are about."""
        server, known = self.server, self.known
        pool = await server.pool(AliasAttributes=["email", "phone_number"], AutoVerifiedAttributes=["email"])
        client = await server.client(pool)
        await server.user(pool, "anna", email="anna@example.com", email_verified="true")
        await server.call("CreateGroup", UserPoolId=pool, GroupName="staff")
        tokens = await server.sign_in(client, "anna")
        arn = (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["Arn"]
        begun = await server.call(
            "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "anna", "SRP_A": "f" * 700}
        )
        for name, value in (
            ("UserPoolId", pool), ("ClientId", client), ("Username", "anna"), ("GroupName", "staff"), ("AccessToken", tokens["AccessToken"]),
            ("RefreshToken", tokens["RefreshToken"]), ("Token", tokens["RefreshToken"]), ("Password", PASSWORD), ("ResourceArn", arn),
            ("PreviousPassword", PASSWORD), ("ProposedPassword", PASSWORD + "1"), ("ConfirmationCode", "123456"), ("Code", "123456"),
            ("Session", begun.get("Session", "x" * 30)), ("AttributeName", "email"), ("NextToken", "x"), ("PaginationToken", "x"),
            ("ClientSecretId", "x"), ("AttributeNameType", "email"), ("Filter", 'email ^= "a"'),
        ):  # fmt: skip
            known.add(name, str(value))

    async def send(self, operation: str, body: bytes) -> None:
        self.sent += 1
        told = f"seed {self.seed}, request {self.sent}, {operation}: {body[:2000]!r}"
        started = time.monotonic()
        try:
            reply = await asyncio.wait_for(self.server.raw(operation, body), LONGEST)
        except (Exception, TimeoutError) as bug:
            raise AssertionError(told) from bug
        assert time.monotonic() - started < LONGEST, told
        assert reply.status in ((413,) if len(body) > LIMIT else (200, 400)), f"{reply.status} {reply.body[:300]!r} {told}"
        answer = reply.json
        assert isinstance(answer, dict), told
        if reply.status >= 400:
            assert answer["__type"] and isinstance(answer["message"], str), told
            assert reply.headers["x-amzn-errortype"] == answer["__type"], told
        self.outcomes[answer.get("__type", "success")] += 1
        if reply.status == 200:
            self.succeeded.add(operation)
            self.known.learn(answer)

    async def run(self, seconds: float) -> None:
        """Operations in random order, spoilt and valid requests in turn, until the time is over; each operation at least twice."""
        deadline = time.monotonic() + seconds
        number = 0
        while time.monotonic() < deadline or number < 2:
            number += 1
            chance = random.Random(f"{self.seed}:{number}")
            maker = Maker(chance, self.known)
            for operation in chance.sample(NAMES, len(NAMES)):
                for _ in range(2):
                    valid = json.dumps(maker.valid(operation)).encode()
                    await self.send(operation, maker.spoilt(operation) if chance.random() < 0.5 else valid)
                    if number > 2 and time.monotonic() > deadline:
                        return
            if "DeleteUserPool" in NAMES and not await self._pool_stands():
                await self.prepare()

    async def _pool_stands(self) -> bool:
        """The pool, the client and the user are there: without them every valid request would be about nothing."""
        pool, client = self.known.by_name["userpoolid"][0], self.known.by_name["clientid"][0]
        for operation, members in (
            ("DescribeUserPoolClient", {"UserPoolId": pool, "ClientId": client}),
            ("AdminGetUser", {"UserPoolId": pool, "Username": "anna"}),
            ("GetUser", {"AccessToken": self.known.by_name["accesstoken"][0]}),
        ):
            if (await self.server.raw(operation, json.dumps(members).encode())).status != 200:
                self.known = Known()
                return False
        return True


async def fuzzed(server: TestServer, seconds: float) -> None:
    seed = os.environ.get("COGNOMEN_FUZZ_SEED") or str(random.SystemRandom().randrange(10**9))
    print(f"COGNOMEN_FUZZ_SEED={seed}")
    fuzz = Fuzz(server, seed)
    await fuzz.prepare()
    await fuzz.run(seconds)
    never = sorted(set(NAMES) - fuzz.succeeded)
    print(f"{fuzz.sent} requests: {dict(fuzz.outcomes.most_common(12))}; never succeeded: {never}")
    assert fuzz.outcomes["success"] > fuzz.sent * 0.04, "most valid requests were refused: the fuzz no longer reaches the operations"
    assert len(never) < len(NAMES) / 2, "operations that no request ever gets through are not tested here"
    assert fuzz.outcomes["SerializationException"] and fuzz.outcomes["InvalidParameterException"]


async def test_any_request(server: TestServer) -> None:
    """Ten seconds on each database."""
    await fuzzed(server, 10)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_any_request_for_long(server: TestServer) -> None:
    """Five minutes on each database."""
    await fuzzed(server, 300)
