"""The log of an import job in CloudWatch Logs: as AWS writes it, made when it is missing, and no matter of the import's own success."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cognomen.kernel.clock import ManualClock
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.imports import counts, imported, person, pool_for_import, sheet
from tests.kit.server import TestServer, settings_for

KEY = {"aws_access_key_id": "AKIDLOGSLOGSLOGSLOGS", "aws_secret_access_key": "the secret of the logs"}


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["there", "away", "not named"])
async def server(request: pytest.FixtureRequest, aws: str, signing_pairs: list[KeyPair]) -> AsyncIterator[TestServer]:
    """On today's time, since CloudWatch Logs takes no other."""
    endpoint = {"there": aws, "away": "http://127.0.0.1:9", "not named": ""}[request.param]
    settings = settings_for("", **KEY, aws_endpoint_logs=endpoint)
    running = await TestServer(settings, PreparedKeyMaker(signing_pairs), ManualClock(time.time())).start()
    yield running
    await running.stop()


async def test_its_lines(server: TestServer, aws: str) -> None:
    """ "[SUCCEEDED] Line Number 5956 - The import succeeded." (developer guide)"""
    pool = await pool_for_import(server, PoolName="my people")
    rows = [person("anna"), person("anna"), person("b b"), *(person(f"user{n}") for n in range(600))]
    assert counts(await imported(server, pool, await sheet(server, pool, *rows))) == ("Succeeded", 601, 1, 1)
    (job,) = (await server.call("ListUserImportJobs", UserPoolId=pool, MaxResults=5))["UserImportJobs"]
    group = f"/aws/cognito/userpools/{pool}/my_people"
    logs = boto3.client("logs", endpoint_url=aws, region_name="us-east-1", **KEY)
    groups = [found["logGroupName"] for found in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]]
    if server.server.settings.aws_endpoint_logs != aws:
        assert groups == []
        return
    assert groups == [group]
    found = logs.get_log_events(logGroupName=group, logStreamName=job["JobId"], limit=1000, startFromHead=True)["events"]
    said = [event["message"] for event in found]
    assert len(said) == 603
    assert said[:3] == [
        "[SUCCEEDED] Line Number 2 - The import succeeded.",
        "[SKIPPED] Line Number 3 - The user already exists.",
        "[FAILED] Line Number 4 - cognito:username: The user name has spaces or control characters.",
    ]
