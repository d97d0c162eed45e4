"""Users who bring a password hash: checked at their first sign-in, and kept as all others are from then on."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from pathlib import Path

import bcrypt
import pyotp
import pytest

from cognomen.cli.seed_file import BadSeed
from tests.kit.imports import counts, imported, logged, person, pool_for_import, sheet
from tests.kit.pages import Site
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, srp_sign_in
from tests.operations.test_seed import apply

INCORRECT = "Incorrect username or password."


def django(password: str) -> str:
    return f"pbkdf2_sha256$1000$salt${b64encode(hashlib.pbkdf2_hmac('sha256', password.encode(), b'salt', 1000)).decode()}"


async def with_hash(server: TestServer, text: str, algorithm: str = "PBKDF2_SHA256") -> tuple[str, str]:
    """A pool with anna, who brings this hash, and its client."""
    pool = await pool_for_import(server)
    body = await sheet(server, pool, person("anna", password_hash=text), extra=("password_hash",))
    assert counts(await imported(server, pool, body, PasswordHashingAlgorithm=algorithm)) == ("Succeeded", 1, 0, 0)
    return pool, await server.client(
        pool, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )


async def kept(server: TestServer, pool: str) -> bytes:
    return bytes((await server.store.users.by_username(pool, "anna")).credential)


class TestForeignPasswords:
    @pytest.mark.parametrize("algorithm", ["BCRYPT", "PBKDF2_SHA256"])
    async def test_signs_in_and_is_kept_as_others_are(self, server: TestServer, algorithm: str) -> None:
        """The hash lies sealed; after the first success there is a verifier, by which SRP works too."""
        text = django(PASSWORD) if algorithm != "BCRYPT" else bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        pool, client = await with_hash(server, text, algorithm)
        assert (await server.call("AdminGetUser", UserPoolId=pool, Username="anna"))["UserStatus"] == "CONFIRMED"
        before = await kept(server, pool)
        assert text.encode() not in before
        with pytest.raises(AwsError, match=INCORRECT):
            await server.sign_in(client, "anna", WRONG)
        assert await kept(server, pool) == before
        assert "AccessToken" in await server.sign_in(client, "anna")
        assert await kept(server, pool) != before
        assert "AccessToken" in await server.sign_in(client, "anna")
        assert "AuthenticationResult" in await srp_sign_in(server, pool, client, "anna")
        with pytest.raises(AwsError, match=INCORRECT):
            await server.sign_in(client, "anna", WRONG)

    async def test_in_a_browser(self, server: TestServer) -> None:
        """The first sign-in gives tokens there too, and other clients take it."""
        site = Site(server)
        site.pool, _ = await with_hash(server, django(PASSWORD))
        await site.another()
        assert await site.user_of(await site.sign_in()) == "anna"
        assert await site.user_of(await site.opened()) == "anna"

    async def test_with_a_second_factor(self, server: TestServer) -> None:
        """The challenge after the first password goes on."""
        pool, client = await with_hash(server, django(PASSWORD))
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": True})
        begun = await server.call("AssociateSoftwareToken", Session=(await server.sign_in(client, "anna"))["Session"])
        code = pyotp.TOTP(begun["SecretCode"]).at(int(server.clock.now()))
        verified = await server.call("VerifySoftwareToken", Session=begun["Session"], UserCode=code)
        answer = {"ClientId": client, "ChallengeName": "MFA_SETUP", "Session": verified["Session"]}
        assert "AuthenticationResult" in await server.call("RespondToAuthChallenge", **answer, ChallengeResponses={"USERNAME": "anna"})

    async def test_two_first_sign_ins_at_one_moment(self, server: TestServer) -> None:
        _, client = await with_hash(server, django(PASSWORD))
        both = await asyncio.gather(server.sign_in(client, "anna"), server.sign_in(client, "anna"))
        assert ["AccessToken" in one for one in both] == [True, True]

    async def test_srp_answers_before_as_to_a_wrong_password(self, server: TestServer) -> None:
        pool, client = await with_hash(server, django(PASSWORD))
        with pytest.raises(AwsError, match=INCORRECT):
            await srp_sign_in(server, pool, client, "anna")
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_guesses_lock_out(self, server: TestServer) -> None:
        _, client = await with_hash(server, django(PASSWORD))
        for _ in range(5):
            with pytest.raises(AwsError, match=INCORRECT):
                await server.sign_in(client, "anna", WRONG)
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await server.sign_in(client, "anna")

    async def test_a_reset_replaces_it_and_history_knows_it(self, server: TestServer) -> None:
        """A forgotten password ends the hash; where the pool remembers passwords, it may not be chosen again."""
        pool = await pool_for_import(server, Policies={"PasswordPolicy": {"PasswordHistorySize": 3}})
        client = await server.client(pool)
        body = await sheet(server, pool, person("anna", password_hash=django(PASSWORD)), extra=("password_hash",))
        await imported(server, pool, body, PasswordHashingAlgorithm="PBKDF2_SHA256")

        async def choose(password: str) -> tuple[str, str]:
            return await refusal(server, "AdminSetUserPassword", UserPoolId=pool, Username="anna", Password=password, Permanent=True)

        used = ("PasswordHistoryPolicyViolationException", "Password has previously been used.")
        assert await choose(PASSWORD) == used
        await server.call("AdminSetUserPassword", UserPoolId=pool, Username="anna", Password="Another-Horse-8", Permanent=True)
        assert await choose(PASSWORD) == used
        assert "AccessToken" in await server.sign_in(client, "anna", "Another-Horse-8")
        with pytest.raises(AwsError, match=INCORRECT):
            await server.sign_in(client, "anna")

    async def test_rows_with_and_without(self, server: TestServer) -> None:
        """Another algorithm's, and one that costs too much, fail their rows; no hash at all means RESET_REQUIRED. No hash is logged."""
        pool = await pool_for_import(server)
        rows = [
            person("anna", password_hash=django(PASSWORD)),
            person("berta"),
            person("clara", password_hash="$2b$04$" + "a" * 53),
            person("dora", password_hash="pbkdf2_sha256$99999999$salt$" + "A" * 43),
            person("emma"),
        ]
        job = await imported(
            server, pool, await sheet(server, pool, *rows, extra=("password_hash",)), PasswordHashingAlgorithm="PBKDF2_SHA256"
        )
        assert (*counts(job), job["PasswordHashingAlgorithm"]) == ("Succeeded", 3, 0, 2, "PBKDF2_SHA256")
        users = (await server.call("ListUsers", UserPoolId=pool))["Users"]
        assert {user["Username"]: user["UserStatus"] for user in users} == {
            "anna": "CONFIRMED",
            "berta": "RESET_REQUIRED",
            "emma": "RESET_REQUIRED",
        }
        reason = "password_hash: The value is no hash of the job's algorithm, or costs too much to check."
        assert (4, 5, "FAILED", reason) in await logged(server, pool, job["JobId"])

    async def test_a_job_with_an_algorithm_needs_the_column(self, server: TestServer) -> None:
        pool = await pool_for_import(server)
        job = await imported(server, pool, await sheet(server, pool, person("anna")), PasswordHashingAlgorithm="BCRYPT")
        assert (job["Status"], job["CompletionMessage"]) == (
            "Failed",
            "The csv file lacks a column of the header that GetCSVHeader gives, or password_hash.",
        )

    async def test_a_seed_file_brings_them(self, server: TestServer, tmp_path: Path) -> None:
        """Set when the user is made, and not again: a second start leaves the verifier that took its place. A bad one names its line."""
        seed = """
            pools:
              - Id: us-east-1_Example02
                PoolName: app
                Clients:
                  - {ClientId: app, ClientName: app, ExplicitAuthFlows: [ALLOW_USER_PASSWORD_AUTH, ALLOW_REFRESH_TOKEN_AUTH]}
                Users:
                  - {Username: anna, PasswordHash: "%s"}
            """
        await apply(server, tmp_path, seed % django(PASSWORD))
        assert "AccessToken" in await server.sign_in("app", "anna")
        before = await server.store.users.by_username("us-east-1_Example02", "anna")
        await apply(server, tmp_path, seed % django(PASSWORD))
        assert await server.store.users.by_username("us-east-1_Example02", "anna") == before
        with pytest.raises(BadSeed, match=r":8: PasswordHash is no hash of a kind that can be imported, or costs too much to check\.$"):
            await apply(server, tmp_path, (seed % "5f4dcc3b5aa765d61d8327deb882cf99").replace("anna", "berta"))
