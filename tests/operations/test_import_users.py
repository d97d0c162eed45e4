"""What comes of the rows of an import: users, and faults by line."""

from __future__ import annotations

import re

import pytest

from tests.kit.imports import (
    counts,
    imported,
    logged,
    person,
    pool_for_import,
    sheet,
)
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer

NOT_VERIFIED = "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)."


async def statuses(server: TestServer, pool: str) -> dict[str, str]:
    listed = (await server.call("ListUsers", UserPoolId=pool))["Users"]
    return {user["Username"]: user["UserStatus"] for user in listed}


async def attributes_of(server: TestServer, pool: str, name: str) -> dict[str, str]:
    found = await server.call("AdminGetUser", UserPoolId=pool, Username=name)
    return {item["Name"]: item["Value"] for item in found["UserAttributes"] if item["Name"] != "sub"}


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
        job = await imported(server, pool, await sheet(server, pool, *rows))
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
