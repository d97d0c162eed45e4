"""User import jobs: their life, the file they are given, and the users that come of it."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

import pytest

from cognomen.userpools.imports_run import BATCH, LEASE, ImportRunner
from tests.kit.imports import (
    ENCRYPTED,
    ROLE,
    counts,
    create,
    described,
    ended,
    imported,
    logged,
    person,
    pool_for_import,
    sheet,
    started,
    upload,
)
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer

STANDARD = (
    "name given_name family_name middle_name nickname preferred_username profile picture website email email_verified gender birthdate zoneinfo"
    " locale phone_number phone_number_verified address updated_at"
).split()
OWN = ["cognito:mfa_enabled", "cognito:username"]
NOT_VERIFIED = "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)."


async def statuses(server: TestServer, pool: str) -> dict[str, str]:
    listed = (await server.call("ListUsers", UserPoolId=pool))["Users"]
    return {user["Username"]: user["UserStatus"] for user in listed}


async def attributes_of(server: TestServer, pool: str, name: str) -> dict[str, str]:
    found = await server.call("AdminGetUser", UserPoolId=pool, Username=name)
    return {item["Name"]: item["Value"] for item in found["UserAttributes"] if item["Name"] != "sub"}


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
        seen, token = [], {}
        while True:
            page = await server.call("ListUserImportJobs", UserPoolId=pool, MaxResults=2, **token)
            seen.append([job["JobId"] for job in page["UserImportJobs"]])
            if "PaginationToken" not in page:
                break
            token = {"PaginationToken": page["PaginationToken"]}
        assert [len(each) for each in seen] == [2, 2, 1]
        assert sorted(sum(seen, [])) == sorted(made)
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


class TestUsers:
    async def test_arrive_with_their_attributes(self, server: TestServer) -> None:
        """Birthdates come as mm/dd/yyyy, a comma behind a backslash; a formula is a value like another."""
        pool = await pool_for_import(server, Schema=[{"Name": "tier", "AttributeDataType": "String"}])
        row = person("anna", birthdate="02/01/1985", address="1 Road, Town", name="=1+1", **{"custom:tier": "gold"})
        job = await imported(server, pool, await sheet(server, pool, row))
        assert counts(job) == ("Succeeded", 1, 0, 0)
        assert job["CompletionMessage"] == "Import Job Completed Successfully."
        assert (job["StartDate"], job["CompletionDate"]) == (server.clock.now(), server.clock.now())
        assert await statuses(server, pool) == {"anna": "RESET_REQUIRED"}
        assert await attributes_of(server, pool, "anna") == {
            "name": "=1+1",
            "email": "anna@example.com",
            "email_verified": "true",
            "birthdate": "1985-02-01",
            "address": "1 Road, Town",
            "custom:tier": "gold",
        }
        assert (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["EstimatedNumberOfUsers"] == 1
        assert await server.store.engine.rows("SELECT 1 FROM import_parts") == []

    async def test_choose_a_password_by_a_code(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        client = await server.client(pool)
        await imported(server, pool, await sheet(server, pool, person("anna")))
        assert await refusal(
            server,
            "InitiateAuth",
            ClientId=client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "anna", "PASSWORD": PASSWORD},
        ) == ("PasswordResetRequiredException", "Password reset required for the user")
        await server.call("ForgotPassword", ClientId=client, Username="anna")
        code = await server.code("anna@example.com")
        await server.call("ConfirmForgotPassword", ClientId=client, Username="anna", ConfirmationCode=code, Password=PASSWORD)
        assert "AccessToken" in await server.sign_in(client, "anna")
        assert await statuses(server, pool) == {"anna": "CONFIRMED"}

    async def test_own_their_aliases(self, server: TestServer) -> None:
        """A verified email leads to its user; a row that would take another's fails, and is logged without the address."""
        pool = await pool_for_import(server, AliasAttributes=["email"])
        rows = [person("anna"), person("berta", email="anna@example.com"), person("clara")]
        job = await imported(server, pool, await sheet(server, pool, *rows))
        assert counts(job) == ("Succeeded", 2, 0, 1)
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="anna@example.com")
        assert found["Username"] == "anna"
        assert await logged(server, pool, job["JobId"]) == [
            (2, 2, "SUCCEEDED", "The import succeeded."),
            (3, 3, "FAILED", "An account with the given email already exists."),
            (4, 4, "SUCCEEDED", "The import succeeded."),
        ]

    async def test_are_named_by_their_email_where_the_pool_says_so(self, server: TestServer) -> None:
        pool = await pool_for_import(server, UsernameAttributes=["email"])
        rows = [
            {"cognito:username": "anna@example.com"},
            {"cognito:username": "berta@example.com", "email": "berta@example.com"},
            {"cognito:username": "clara"},
            {"cognito:username": "anna@example.com"},
        ]
        job = await imported(server, pool, (await sheet(server, pool, *rows)).replace(b",true,", b",true,", 1))
        assert counts(job) == ("Failed", 1, 0, 3)
        found = await server.call("AdminGetUser", UserPoolId=pool, Username="berta@example.com")
        assert re.fullmatch("[0-9a-f-]{36}", found["Username"])

    async def test_have_a_second_factor_where_the_row_says_so(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        sms = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sns", "ExternalId": "x"}}
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, SmsMfaConfiguration=sms, MfaConfiguration="OPTIONAL")
        rows = [
            person("anna", phone_number="+15550100", **{"cognito:mfa_enabled": "TRUE"}),
            person("berta", phone_number="+15550101", **{"cognito:mfa_enabled": "false"}),
            person("clara", **{"cognito:mfa_enabled": "yes"}),
        ]
        job = await imported(server, pool, await sheet(server, pool, *rows))
        assert counts(job) == ("Succeeded", 2, 0, 1)
        settings = [
            (await server.call("AdminGetUser", UserPoolId=pool, Username=name)).get("UserMFASettingList") for name in ("anna", "berta")
        ]
        assert settings == [["SMS_MFA"], None]

    async def test_who_are_there_are_skipped_and_unchanged(self, server: TestServer) -> None:
        """Also the second of two rows with one name, and where case does not count, another spelling."""
        pool = await pool_for_import(server, UsernameConfiguration={"CaseSensitive": False})
        await server.user(pool, "anna", name="Anna herself")
        rows = [person("Anna", name="Another"), person("berta", name="one"), person("BERTA", name="two"), person("clara"), person("dora")]
        job = await imported(server, pool, await sheet(server, pool, *rows))
        assert counts(job) == ("Succeeded", 3, 2, 0)
        assert (await attributes_of(server, pool, "anna"))["name"] == "Anna herself"
        assert (await attributes_of(server, pool, "berta"))["name"] == "one"
        assert (2, 2, "SKIPPED", "The user already exists.") in await logged(server, pool, job["JobId"])

    async def test_no_message_is_sent_and_no_trigger_asked(self, server: TestServer) -> None:
        pool = await pool_for_import(server, LambdaConfig={"PreSignUp": "arn:aws:lambda:us-east-1:123456789012:function:refuse"})
        assert counts(await imported(server, pool, await sheet(server, pool, person("anna"))))[:2] == ("Succeeded", 1)
        assert await server.messages() == []


class TestRows:
    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ({"cognito:username": ""}, "cognito:username: The user name is required."),
            ({"cognito:username": "an na"}, "cognito:username: The user name has spaces or control characters."),
            ({"cognito:username": "x" * 129}, "cognito:username: The user name is longer than 128 characters."),
            ({"email_verified": "false"}, NOT_VERIFIED),
            ({"email_verified": ""}, NOT_VERIFIED),
            ({"email_verified": "perhaps"}, "email_verified: The attribute value is not a valid boolean."),
            ({"email": ""}, "email: The attribute email is required, since email_verified is true."),
            ({"email": "nobody"}, "email: Invalid email address format."),
            ({"phone_number": "0123"}, "phone_number: Invalid phone number format."),
            ({"birthdate": "1985-02-01"}, "birthdate: Invalid birthdate format."),
            ({"birthdate": "13/01/1985"}, "birthdate: Invalid birthdate format."),
            ({"family_name": ""}, "family_name: The attribute family_name is required."),
            ({"updated_at": "now"}, "updated_at: The attribute value is not a valid number."),
            ({"cognito:mfa_enabled": "true"}, "cognito:mfa_enabled: The value must be false, since the user pool does not use MFA."),
            ({"name": "x" * 2049}, "name: String attribute value is longer than the maximum length of 2048."),
            ({"name": "x" * 16_000}, "The row is longer than 16000 characters."),
            ({"name": "x" * 1_000_000}, "The row is longer than 16000 characters."),
        ],
    )
    async def test_a_bad_one_is_logged_by_its_line_and_skipped(self, server: TestServer, row: dict[str, str], reason: str) -> None:
        pool = await pool_for_import(server, Schema=[{"Name": "family_name", "Required": True}])
        good = [person(name, family_name="X") for name in ("anna", "berta")]
        job = await imported(server, pool, await sheet(server, pool, good[0], {**person("bad", family_name="X"), **row}, good[1]))
        assert counts(job) == ("Succeeded", 2, 0, 1)
        assert (await logged(server, pool, job["JobId"]))[1] == (3, 3, "FAILED", reason)
        assert sorted(await statuses(server, pool)) == ["anna", "berta"]

    async def test_bytes_that_are_no_text(self, server: TestServer) -> None:
        """A row in another encoding, one with too many values, one with a NUL; empty lines count, but are no rows."""
        pool = await pool_for_import(server)
        header, anna, berta = (await sheet(server, pool, person("anna"), person("berta", name="NAME"))).splitlines()
        body = b"\r\n".join([b"\xef\xbb\xbf" + header, berta.replace(b"NAME", "é".encode("latin-1")), b"", anna + b",", anna, b"\0,\0"])
        job = await imported(server, pool, body)
        assert counts(job) == ("Failed", 1, 0, 3)
        assert [run[:3] for run in await logged(server, pool, job["JobId"])] == [
            (2, 2, "FAILED"),
            (4, 4, "FAILED"),
            (5, 5, "SUCCEEDED"),
            (6, 6, "FAILED"),
        ]

    async def test_a_header_in_another_order_is_as_good(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        lines = (await sheet(server, pool, person("anna"), person("berta"))).decode().splitlines()
        body = "\n".join(",".join(reversed(line.split(","))) for line in lines).encode()
        assert counts(await imported(server, pool, body)) == ("Succeeded", 2, 0, 0)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda text: text.replace("nickname,", ""), "The csv file lacks a column of the header that GetCSVHeader gives."),
            (lambda text: "shoe_size," + text, "The csv file has a column that GetCSVHeader does not give."),
            (lambda text: "name," + text, "The csv file names a column twice."),
            (lambda text: "x" * 300_000 + text, "The first row of the csv file is too long."),
            (lambda text: "password_hash," + text, "The csv file has a column that GetCSVHeader does not give."),
        ],
    )
    async def test_a_bad_header_fails_the_job(self, server: TestServer, change: object, message: str) -> None:
        pool = await pool_for_import(server)
        text = (await sheet(server, pool, person("anna"))).decode()
        job = await imported(server, pool, change(text).encode())  # type: ignore[operator]
        assert (job["Status"], job["CompletionMessage"]) == ("Failed", message)
        assert await statuses(server, pool) == {}

    async def test_a_file_in_utf_16_fails_the_job(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        job = await imported(server, pool, (await sheet(server, pool, person("anna"))).decode().encode("utf-16"))
        assert (job["Status"], job["CompletionMessage"]) == ("Failed", "The csv file is not UTF-8.")

    async def test_more_than_half_a_million_fail_the_job_before_the_first(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        body = await sheet(server, pool, person("anna"))
        job = await imported(server, pool, body + b"\n" * 500_000)
        assert (job["Status"], job["CompletionMessage"]) == ("Failed", "The csv file has more than 500000 rows.")
        assert await statuses(server, pool) == {}

    async def test_too_many_bad_ones_fail_the_job(self, server: TestServer) -> None:
        """What is good is imported all the same, as in the job of aws-solutions/cognito-user-profiles-export-reference-architecture #9."""
        pool = await pool_for_import(server)
        rows = [person("anna"), person("berta", email_verified=""), person("clara", email_verified="")]
        job = await imported(server, pool, await sheet(server, pool, *rows))
        assert counts(job) == ("Failed", 1, 0, 2)
        assert job["CompletionMessage"] == "Too many users have failed or been skipped during the import."


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
        asked = []

        def stop(_: object) -> None:
            asked.append(asyncio.ensure_future(server.call("StopUserImportJob", UserPoolId=pool, JobId=job)))

        work = asyncio.ensure_future(server.server.imports.finish(claimed, stop))
        await work
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert answers[0]["UserImportJob"]["Status"] == "Stopping"
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
        await batches.aclose()
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
