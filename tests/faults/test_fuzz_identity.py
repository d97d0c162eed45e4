"""Whatever is sent to whichever operation of identity pools: a success or an error of the model comes back, and never a 5xx.

The seed is printed with a failure; COGNOMEN_FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from typing import Any

from cognomen.api.operation import OPERATIONS
from cognomen.identitypools import operations
from tests.faults.requests import Known, Maker
from tests.kit.identity import Directory, identity, identity_pool
from tests.kit.server import TestServer

SERVICE = "cognito-identity"
operations.load()
NAMES = sorted(name for service, name in OPERATIONS.by_name if service == SERVICE)
SECONDS = 8.0


async def values(server: TestServer, directory: Directory) -> Known:
    """A pool with a user's identity and a developer's: what valid requests are about."""
    pool = await identity_pool(server, CognitoIdentityProviders=[directory.provider()], DeveloperProviderName="login.shop")
    logins = await directory.logins("kim")
    kim = (await identity(server, "GetId", IdentityPoolId=pool, Logins=logins))["IdentityId"]
    shop = {"IdentityPoolId": pool, "IdentityId": kim, "Logins": {"login.shop": "kim"}}
    token = (await identity(server, "GetOpenIdTokenForDeveloperIdentity", **shop))["Token"]
    known = Known()
    for name, value in (
        ("IdentityPoolId", pool), ("IdentityId", kim), ("IdentityIdsToDelete", kim), ("DeveloperProviderName", "login.shop"),
        ("DeveloperUserIdentifier", "kim"), ("SourceUserIdentifier", "kim"), ("DestinationUserIdentifier", "kim"),
        ("IdentityProviderName", directory.name), ("ProviderName", directory.name), ("ClientId", directory.client), ("NextToken", "x"),
        ("ResourceArn", f"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/{pool}"), ("AccountId", "000000000000"),
        ("LoginsToRemove", directory.name), ("CustomRoleArn", "arn:aws:iam::000000000000:role/x"), ("RoleType", "authenticated"),
        ("IdentityProviderToken", logins[directory.name]), ("IdentityProviderToken", token),
    ):  # fmt: skip
        known.add(name, value)
    return known


def with_logins(request: Any, chance: random.Random, known: Known) -> Any:
    """Half of the requests carry logins that mean something."""
    if isinstance(request, dict) and "Logins" in request and chance.random() < 0.6:
        good, own = known.by_name["identityprovidertoken"][:2]
        name = known.by_name["identityprovidername"][0]
        request["Logins"] = chance.choice(({name: good}, {"cognito-identity.amazonaws.com": own}, {"login.shop": "kim"}, {}))
    return request


async def test_any_request(server: TestServer) -> None:
    """Eight seconds on each database; most operations get through at least once."""
    seed = os.environ.get("COGNOMEN_FUZZ_SEED") or str(random.SystemRandom().randrange(10**9))
    print(f"COGNOMEN_FUZZ_SEED={seed}")
    chance = random.Random(seed)
    directory = await Directory.made(server)
    await directory.user("kim")
    outcomes: Counter[str] = Counter()
    succeeded: set[str] = set()
    deadline, known = time.monotonic() + SECONDS, await values(server, directory)
    rounds = 0
    while time.monotonic() < deadline or rounds < 3:
        rounds += 1
        maker = Maker(chance, known, SERVICE)
        for operation in chance.sample(NAMES, len(NAMES)):
            request = with_logins(maker.valid(operation), chance, known)
            body = maker.spoilt(operation) if chance.random() < 0.4 else json.dumps(request).encode()
            reply = await server.raw(operation, body, SERVICE)
            told = f"{operation} {body[:1000]!r} {reply.body[:300]!r}"
            assert reply.status in (200, 400, 413), told
            answer = reply.json
            assert reply.status == 200 or (answer["__type"] and isinstance(answer["message"], str)), told
            outcomes[answer.get("__type", "success")] += 1
            if reply.status == 200:
                succeeded.add(operation)
                known.learn(answer)
        described = await server.raw("DescribeIdentity", json.dumps({"IdentityId": known.by_name["identityid"][0]}).encode(), SERVICE)
        if described.status != 200:
            known = await values(server, directory)
    print(dict(outcomes))
    assert outcomes["success"] > sum(outcomes.values()) * 0.1
    assert len(succeeded) > len(NAMES) * 0.6, sorted(set(NAMES) - succeeded)
