"""Whatever is sent to whichever of Cognito Sync's 17 operations, by path, query, headers and body: a success or an error of the model, never a 5xx.

The seed is printed with a failure; COGNOMEN_FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from typing import Any
from urllib.parse import quote, urlencode

from cognomen.api import model
from cognomen.api.operation import OPERATIONS
from cognomen.sync import operations
from tests.faults.requests import ODD, Known, Maker
from tests.kit.server import Reply, TestServer
from tests.kit.sync import Device, pool_for_guests

SERVICE = "cognito-sync"
operations.load()
NAMES = sorted(name for service, name in OPERATIONS.by_name if service == SERVICE)
SECONDS = 8.0
STREAM = {"StreamName": "changes", "RoleArn": "arn:aws:iam::123456789012:role/stream", "StreamingStatus": "DISABLED"}


def test_all_operations_are_there() -> None:
    assert set(NAMES) == set(model.load(SERVICE).operations) and len(NAMES) == 17


async def values(device: Device) -> Known:
    """An identity with a dataset: what valid requests are about."""
    await device.put(a="1")
    known = Known()
    for name, value in (*device.who.items(), ("DatasetName", "settings"), ("DeviceId", "x"), ("NextToken", "x"), ("Key", "a"),
                        ("SyncSessionToken", await device.token()), ("StreamName", "changes"), ("Token", "t")):  # fmt: skip
        known.add(name, str(value))
    return known


async def send(server: TestServer, operation: str, request: dict[str, Any], body: bytes | None, headers: dict[str, str]) -> Reply:
    """Members in their places; a body that is given takes the place of theirs."""
    described = model.load(SERVICE)
    call = described.operations[operation]
    path, rest, given = call.http.requestUri, dict(request), dict(headers)
    query: dict[str, bytes] = {}
    for member, reference in described.shapes[call.input.shape].members.items():
        value = rest.pop(member, "") if reference.location else None
        if reference.location == "uri":
            path = path.replace(f"{{{reference.locationName}}}", quote(str(value).encode("utf-8", "surrogatepass"), safe="") or "x")
        elif reference.location == "querystring" and value != "":
            query[reference.locationName or member] = str(value).encode("utf-8", "surrogatepass")
        elif reference.location == "header" and value != "":
            given[reference.locationName or member] = str(value).encode("latin-1", "replace").decode("latin-1")
    text = json.dumps(rest).encode() if body is None else body
    return await server.send(call.http.method, path, text, given, query=urlencode(query))


async def test_any_request(server: TestServer) -> None:
    """Eight seconds on each database, as a developer and as the identity; most operations get through at least once."""
    seed = os.environ.get("COGNOMEN_FUZZ_SEED") or str(random.SystemRandom().randrange(10**9))
    print(f"COGNOMEN_FUZZ_SEED={seed}")
    chance = random.Random(seed)
    device = await Device.guest(server, await pool_for_guests(server, "*"))
    outcomes: Counter[str] = Counter()
    succeeded: set[str] = set()
    deadline, known = time.monotonic() + SECONDS, await values(device)
    rounds = 0
    while time.monotonic() < deadline or rounds < 3:
        rounds += 1
        maker = Maker(chance, known, SERVICE)
        for operation in chance.sample(NAMES, len(NAMES)):
            request = maker.valid(operation)
            if chance.random() < 0.2 and request:
                request[chance.choice(list(request))] = chance.choice(ODD)
            if operation == "SetIdentityPoolConfiguration":
                request["CognitoStreams"] = STREAM  # what is on would be delivered
            body = maker.spoilt(operation) if chance.random() < 0.2 else None
            headers = device.headers if chance.random() < 0.5 else {}
            reply = await send(server, operation, request, body, headers)
            told = f"{operation} {request} {body!r} {reply.body[:300]!r}"
            assert reply.status < 500, told
            answer = reply.json if reply.body else {}
            assert reply.status == 200 or (answer["__type"] and isinstance(answer["message"], str)), told
            outcomes[answer.get("__type", "success") if reply.status >= 300 else "success"] += 1
            if reply.status == 200:
                succeeded.add(operation)
                known.learn(answer)
    print(dict(outcomes))
    assert outcomes["success"] > sum(outcomes.values()) * 0.1
    assert len(succeeded) > len(NAMES) * 0.6, sorted(set(NAMES) - succeeded)
