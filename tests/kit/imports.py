"""Import jobs as a client runs them: made, given a file, started, and looked at until they end."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from tests.kit.server import Reply, TestServer

ROLE = "arn:aws:iam::123456789012:role/CognitoCloudWatchLogsRole"
ENCRYPTED = {"x-amz-server-side-encryption": "aws:kms"}
UNFINISHED = ("Pending", "InProgress", "Stopping")


async def pool_for_import(server: TestServer, **members: Any) -> str:
    return await server.pool(**{"AutoVerifiedAttributes": ["email"], **members})


async def sheet(server: TestServer, pool: str, *rows: dict[str, str], extra: tuple[str, ...] = ()) -> bytes:
    """A file of these rows, under the pool's own header. Of what a row leaves out, only email_verified is not empty."""
    header = [*(await server.call("GetCSVHeader", UserPoolId=pool))["CSVHeader"], *extra]
    lines = [",".join(header)]
    for row in rows:
        cells = {"email_verified": "true", **row}
        assert cells.keys() <= set(header)
        lines.append(",".join(cells.get(name, "").replace(",", "\\,") for name in header))
    return "\n".join(lines).encode() + b"\n"


def person(name: str, /, **more: str) -> dict[str, str]:
    return {"cognito:username": name, "email": f"{name}@example.com", **more}


async def create(server: TestServer, pool: str, **members: Any) -> Any:
    made = await server.call("CreateUserImportJob", **{"JobName": "people", "UserPoolId": pool, "CloudWatchLogsRoleArn": ROLE, **members})
    return made["UserImportJob"]


async def upload(server: TestServer, url: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    parts = urlsplit(url)
    return await server.send("PUT", parts.path, body, ENCRYPTED if headers is None else headers, query=parts.query)


async def described(server: TestServer, pool: str, job_id: str) -> Any:
    return (await server.call("DescribeUserImportJob", UserPoolId=pool, JobId=job_id))["UserImportJob"]


async def started(server: TestServer, pool: str, body: bytes, **members: Any) -> str:
    """The id of a job with this file, started."""
    job = await create(server, pool, **members)
    assert (await upload(server, job["PreSignedUrl"], body)).status == 200
    await server.call("StartUserImportJob", UserPoolId=pool, JobId=job["JobId"])
    return str(job["JobId"])


async def ended(server: TestServer, pool: str, job_id: str) -> Any:
    """The job, once it has ended."""
    for _ in range(2000):
        job = await described(server, pool, job_id)
        if job["Status"] not in UNFINISHED:
            return job
        await asyncio.sleep(0.01)
    raise AssertionError("the job does not end")


async def imported(server: TestServer, pool: str, body: bytes, **members: Any) -> Any:
    """The job of this file, once it has ended."""
    return await ended(server, pool, await started(server, pool, body, **members))


def counts(job: Any) -> tuple[str, int, int, int]:
    return job["Status"], job["ImportedUsers"], job["SkippedUsers"], job["FailedUsers"]


async def logged(server: TestServer, pool: str, job_id: str) -> list[tuple[int, int, str, str]]:
    runs = await server.store.imports.log(pool, job_id, 0, limit=1000)
    return [(run.first, run.last, run.outcome, run.reason) for run in runs]
