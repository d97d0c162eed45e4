"""User import jobs: their life, the file they are given, and the users that come of it."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

from cognomen.userpools.imports_run import BATCH, LEASE, ImportRunner
from tests.kit.imports import (
    ENCRYPTED,
    ROLE,
    counts,
    create,
    described,
    ended,
    logged,
    person,
    pool_for_import,
    sheet,
    started,
    upload,
)
from tests.kit.refusal import refusal
from tests.kit.schema import STANDARD as ATTRIBUTES
from tests.kit.server import TestServer

STANDARD = [name for name in ATTRIBUTES if name != "sub"]
OWN = ["cognito:mfa_enabled", "cognito:username"]


async def statuses(server: TestServer, pool: str) -> dict[str, str]:
    listed = (await server.call("ListUsers", UserPoolId=pool))["Users"]
    return {user["Username"]: user["UserStatus"] for user in listed}


class TestHeader:
    async def test_is_the_schema_and_two_columns_of_aws(self, server: TestServer) -> None:
        """The developer guide's sample answer; custom attributes stand behind the standard ones, `sub` is none of them."""
        pool = await server.pool(Schema=[{"Name": "tier", "AttributeDataType": "String"}])
        assert await server.call("GetCSVHeader", UserPoolId=pool) == {
            "UserPoolId": pool,
            "CSVHeader": [*STANDARD, "custom:tier", *OWN],
        }

    async def test_needs_a_pool(self, server: TestServer) -> None:
        assert await refusal(server, "GetCSVHeader", UserPoolId="us-east-1_Nowhere00") == (
            "ResourceNotFoundException",
            "User pool us-east-1_Nowhere00 does not exist.",
        )


class TestJobs:
    async def test_is_created_and_shown(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        made = await create(server, pool)
        assert re.fullmatch("import-[0-9A-Za-z]{10}", made["JobId"])
        assert made["PreSignedUrl"].startswith(f"http://localhost:2646/user-import/{pool}/{made['JobId']}?Expires=")
        assert {name: value for name, value in made.items() if name not in ("JobId", "PreSignedUrl")} == {
            "JobName": "people",
            "UserPoolId": pool,
            "CreationDate": server.clock.now(),
            "Status": "Created",
            "CloudWatchLogsRoleArn": ROLE,
            "ImportedUsers": 0,
            "SkippedUsers": 0,
            "FailedUsers": 0,
        }
        assert await described(server, pool, made["JobId"]) == made

    async def test_lists_the_newest_first_in_pages(self, server: TestServer) -> None:
        pool, other = await pool_for_import(server), await pool_for_import(server)
        await create(server, other)
        made = []
        for n in range(5):
            made.append((await create(server, pool, JobName=f"job {n}"))["JobId"])
            server.clock.advance(n % 2)  # some in the same moment
        seen: list[list[str]] = []
        token: dict[str, str] = {}
        while True:
            page = await server.call("ListUserImportJobs", UserPoolId=pool, MaxResults=2, **token)
            seen.append([job["JobId"] for job in page["UserImportJobs"]])
            if "PaginationToken" not in page:
                break
            token = {"PaginationToken": page["PaginationToken"]}
        assert [len(each) for each in seen] == [2, 2, 1]
        assert sorted(job for each in seen for job in each) == sorted(made)
        assert seen[0][0] == made[4]
        assert await refusal(server, "ListUserImportJobs", UserPoolId=other, MaxResults=2, **token) == (
            "InvalidParameterException",
            "Invalid pagination token given.",
        )

    async def test_is_not_found_in_another_pool(self, server: TestServer) -> None:
        pool, other = await pool_for_import(server), await pool_for_import(server)
        job = (await create(server, pool))["JobId"]
        for operation in ("DescribeUserImportJob", "StartUserImportJob", "StopUserImportJob"):
            assert await refusal(server, operation, UserPoolId=other, JobId=job) == (
                "ResourceNotFoundException",
                f"User import job {job} does not exist.",
            )

    async def test_does_not_start_without_a_file(self, server: TestServer) -> None:
        """Text: amplify-js #6416, of the live service."""
        pool = await pool_for_import(server)
        job = (await create(server, pool))["JobId"]
        assert await refusal(server, "StartUserImportJob", UserPoolId=pool, JobId=job) == (
            "PreconditionNotMetException",
            f"No csv file was uploaded for {job}",
        )

    async def test_does_not_start_where_nothing_is_verified(self, server: TestServer) -> None:
        """Developer guide: "If the user pool has no auto-verified attributes, the import job will not start." """
        pool = await server.pool()
        job = await create(server, pool)
        await upload(server, job["PreSignedUrl"], await sheet(server, pool, person("anna")))
        assert await refusal(server, "StartUserImportJob", UserPoolId=pool, JobId=job["JobId"]) == (
            "PreconditionNotMetException",
            "The user pool must have at least one auto verified attribute.",
        )

    async def test_expires_after_a_day_and_its_file_goes(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        job = await create(server, pool)
        await upload(server, job["PreSignedUrl"], await sheet(server, pool, person("anna")))
        server.clock.advance(86_399)
        assert (await described(server, pool, job["JobId"]))["Status"] == "Created"
        server.clock.advance(1)
        assert (await described(server, pool, job["JobId"]))["Status"] == "Expired"
        assert await refusal(server, "StartUserImportJob", UserPoolId=pool, JobId=job["JobId"]) == (
            "PreconditionNotMetException",
            f"The user import job {job['JobId']} cannot be started: its status is Expired.",
        )
        await server.server.imports.tidy()
        assert await server.store.engine.rows("SELECT 1 FROM import_parts") == []
        assert (await described(server, pool, job["JobId"]))["Status"] == "Expired"

    async def test_one_is_at_work_at_a_time(self, server: TestServer) -> None:
        await server.alone()
        pool, other = await pool_for_import(server), await pool_for_import(server)
        await started(server, pool, await sheet(server, pool, person("anna")))
        second = await create(server, other)
        await upload(server, second["PreSignedUrl"], await sheet(server, other, person("anna")))
        assert await refusal(server, "StartUserImportJob", UserPoolId=other, JobId=second["JobId"]) == (
            "PreconditionNotMetException",
            "Another user import job is in progress.",
        )
        await server.server.imports.work()
        await server.call("StartUserImportJob", UserPoolId=other, JobId=second["JobId"])

    async def test_goes_with_its_pool(self, server: TestServer) -> None:
        await server.alone()
        pool = await pool_for_import(server)
        job = await create(server, pool)
        await upload(server, job["PreSignedUrl"], await sheet(server, pool, person("anna")))
        await server.call("DeleteUserPool", UserPoolId=pool)
        while await server.store.pools.remove_part(pool, 500):
            pass
        assert await server.store.imports.find(job["JobId"]) is None
        assert await server.store.engine.rows("SELECT 1 FROM import_parts") == []


class TestUpload:
    async def test_needs_its_signature(self, server: TestServer) -> None:
        """Another job's, another time's and no signature are refused, in S3's words."""
        pool = await pool_for_import(server)
        one, two = await create(server, pool), await create(server, pool)
        parts, other = urlsplit(one["PreSignedUrl"]), urlsplit(two["PreSignedUrl"])
        for path, query in (
            (other.path, parts.query),
            (parts.path, parts.query.replace("Expires=", "Expires=9")),
            (parts.path, ""),
            (parts.path, "Expires=x&Signature=%F0%9F%98%80"),
        ):
            reply = await server.send("PUT", path, b"x", ENCRYPTED, query=query)
            assert (reply.status, b"<Code>SignatureDoesNotMatch</Code>" in reply.body) == (403, True)

    async def test_is_good_for_fifteen_minutes(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        job = await create(server, pool)
        server.clock.advance(901)
        reply = await upload(server, job["PreSignedUrl"], b"x")
        assert (reply.status, b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in reply.body) == (403, True)

    async def test_takes_a_hundred_megabytes_and_no_more(self, server: TestServer) -> None:
        """Where the length is told nothing is read; an earlier file stays."""
        pool = await pool_for_import(server)
        job = await create(server, pool)
        await upload(server, job["PreSignedUrl"], await sheet(server, pool, person("anna")))
        reply = await upload(server, job["PreSignedUrl"], b"x", {**ENCRYPTED, "content-length": str((100 << 20) + 1)})
        assert (reply.status, b"<Code>EntityTooLarge</Code>" in reply.body) == (400, True)
        await server.call("StartUserImportJob", UserPoolId=pool, JobId=job["JobId"])
        assert counts(await ended(server, pool, job["JobId"])) == ("Succeeded", 1, 0, 0)

    async def test_a_second_file_takes_the_place_of_the_first(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        job = await create(server, pool)
        for name in ("anna", "berta"):
            await upload(server, job["PreSignedUrl"], await sheet(server, pool, person(name)))
        await server.call("StartUserImportJob", UserPoolId=pool, JobId=job["JobId"])
        await ended(server, pool, job["JobId"])
        assert await statuses(server, pool) == {"berta": "RESET_REQUIRED"}

    async def test_is_closed_once_the_job_has_started(self, server: TestServer) -> None:
        await server.alone()
        pool = await pool_for_import(server)
        job = await create(server, pool)
        await upload(server, job["PreSignedUrl"], await sheet(server, pool, person("anna")))
        await server.call("StartUserImportJob", UserPoolId=pool, JobId=job["JobId"])
        reply = await upload(server, job["PreSignedUrl"], b"x")
        assert (reply.status, b"<Code>OperationAborted</Code>" in reply.body) == (409, True)

    async def test_lies_sealed(self, server: TestServer) -> None:
        """The file holds people's data: what a thief of the database finds does not show it."""
        await server.alone()
        pool = await pool_for_import(server)
        job = await create(server, pool)
        await upload(server, job["PreSignedUrl"], await sheet(server, pool, person("anna")))
        rows = await server.store.engine.rows("SELECT data FROM import_parts")
        assert [b"anna" in row[0] for row in rows] == [False]

    async def test_an_empty_file_is_refused(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        job = await create(server, pool)
        assert (await upload(server, job["PreSignedUrl"], b"")).status == 400


class TestWork:
    async def people(self, server: TestServer, pool: str, count: int) -> bytes:
        return await sheet(server, pool, *(person(f"user{n:04}") for n in range(count)))

    async def test_stops_when_told(self, server: TestServer) -> None:
        """Before it began at once; at work behind the batch at hand."""
        await server.alone()
        pool = await pool_for_import(server)
        job = await started(server, pool, await self.people(server, pool, 3 * BATCH))
        stopped = (await server.call("StopUserImportJob", UserPoolId=pool, JobId=job))["UserImportJob"]
        assert (stopped["Status"], stopped["CompletionMessage"]) == ("Stopped", "The Import Job was stopped by the developer.")
        job = await started(server, pool, await self.people(server, pool, 3 * BATCH))
        claimed = await server.store.imports.claim(server.server.imports.owner, server.clock.now(), server.clock.now() + LEASE)
        asked: list[asyncio.Future[Any]] = []

        def stop(_: object) -> None:
            asked.append(asyncio.ensure_future(server.call("StopUserImportJob", UserPoolId=pool, JobId=job)))

        await server.server.imports.finish(claimed, stop)
        await asyncio.wait(asked)
        assert asked[0].result()["UserImportJob"]["Status"] == "Stopping"
        done = await described(server, pool, job)
        assert done["Status"] == "Stopped"
        assert BATCH <= done["ImportedUsers"] < 3 * BATCH
        assert await refusal(server, "StopUserImportJob", UserPoolId=pool, JobId=job) == (
            "PreconditionNotMetException",
            f"The user import job {job} cannot be stopped: its status is Stopped.",
        )

    async def test_goes_on_where_a_dead_process_left_it(self, server: TestServer) -> None:
        """Another process takes the job once the lease is over, not before; each user is made once, each line logged once."""
        await server.alone()
        pool = await pool_for_import(server)
        job = await started(server, pool, await self.people(server, pool, 2 * BATCH + 50))
        now = server.clock.now()
        claimed = await server.store.imports.claim("dead", now, now + LEASE)
        dead = ImportRunner(server.store, server.clock, server.server.rooms.sealer, asyncio.Event())
        batches = dead._batches(await dead._begin(claimed))
        await anext(batches)
        assert (await described(server, pool, job))["ImportedUsers"] == BATCH
        await server.server.imports.work()
        assert (await described(server, pool, job))["Status"] == "InProgress"
        server.clock.advance(LEASE)
        await server.server.imports.work()
        assert counts(await described(server, pool, job)) == ("Succeeded", 2 * BATCH + 50, 0, 0)
        assert await logged(server, pool, job) == [
            (2, BATCH + 1, "SUCCEEDED", "The import succeeded."),
            (BATCH + 2, 2 * BATCH + 1, "SUCCEEDED", "The import succeeded."),
            (2 * BATCH + 2, 2 * BATCH + 51, "SUCCEEDED", "The import succeeded."),
        ]
        assert await server.store.users.estimate(pool) == 2 * BATCH + 50

    async def test_a_process_that_lost_its_job_writes_nothing_more(self, server: TestServer) -> None:
        await server.alone()
        pool = await pool_for_import(server)
        job = await started(server, pool, await self.people(server, pool, 2 * BATCH))
        now = server.clock.now()
        slow = await server.store.imports.claim("slow", now, now + LEASE)
        server.clock.advance(LEASE)
        quick = await server.store.imports.claim("quick", server.clock.now(), server.clock.now() + LEASE)
        await server.server.imports.finish(slow)
        assert counts(await described(server, pool, job)) == ("Pending", 0, 0, 0)
        await server.server.imports.finish(quick)
        assert counts(await described(server, pool, job)) == ("Succeeded", 2 * BATCH, 0, 0)
