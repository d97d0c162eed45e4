"""The lockout after wrong passwords."""

from __future__ import annotations

import asyncio

import pytest

from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, srp_sign_in


class TestLockout:
    async def fail(self, server: TestServer, client: str, name: str, times: int) -> list[str]:
        texts = []
        for _ in range(times):
            with pytest.raises(AwsError) as refused:
                await server.sign_in(client, name, WRONG)
            texts.append(refused.value.message)
        return texts

    async def test_seven_wrong_ones_at_human_speed_do_not_lock_out(self, server: TestServer) -> None:
        """FIDELITY B.2.19, measured live."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        for _ in range(7):
            await self.fail(server, client, "anna", 1)
            server.clock.advance(5)
        assert "AccessToken" in await server.sign_in(client, "anna")

    @pytest.mark.parametrize("name", ["anna", "nobody"])
    async def test_grows_and_ends(self, server: TestServer, name: str) -> None:
        """From the fifth failure on 2^(n-5) seconds; refused attempts do not lengthen it; a name that nobody has is locked alike."""
        pool = await server.pool()
        client = await server.client(pool, PreventUserExistenceErrors="ENABLED")
        await server.user(pool, "anna")
        incorrect, exceeded = "Incorrect username or password.", "Password attempts exceeded"
        assert await self.fail(server, client, name, 7) == [incorrect] * 5 + [exceeded] * 2
        server.clock.advance(1)
        assert await self.fail(server, client, name, 2) == [incorrect, exceeded]
        server.clock.advance(1.9)
        assert await self.fail(server, client, name, 1) == [exceeded]
        server.clock.advance(0.2)
        assert await self.fail(server, client, name, 2) == [incorrect, exceeded]

    async def test_is_fifteen_minutes_at_most_and_forgotten_then(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        for _ in range(15):
            await self.fail(server, client, "anna", 1)
            server.clock.advance(899)
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await server.sign_in(client, "anna")
        server.clock.advance(2)
        assert "AccessToken" in await server.sign_in(client, "anna")

    async def test_locks_the_right_password_and_srp_too(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        await self.fail(server, client, "anna", 5)
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await server.sign_in(client, "anna")
        with pytest.raises(AwsError, match="Password attempts exceeded"):
            await srp_sign_in(server, pool, client, "anna")

    async def test_a_success_forgets(self, server: TestServer) -> None:
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        await self.fail(server, client, "anna", 4)
        await server.sign_in(client, "anna")
        assert await self.fail(server, client, "anna", 4) == ["Incorrect username or password."] * 4

    async def test_guesses_made_at_once_are_counted(self, server: TestServer) -> None:
        """Forty guesses at one moment, the right one last: the lock that the others set holds it off, also between check and success, and its
        answer is that of the wrong ones beside it: five are told that they are wrong, and no more.

        On PostgreSQL sixteen units run side by side, so the right one may be among the first to be decided; later than those it must not pass.
        """
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        answers: list[str] = []

        async def guess(password: str) -> None:
            try:
                await server.sign_in(client, "anna", password)
                answers.append("in")
            except AwsError as refused:
                answers.append(refused.message)

        await asyncio.gather(*(guess(password) for password in [WRONG] * 39 + [PASSWORD]))
        assert len(answers) == 40
        assert "in" not in answers[21:]
        assert set(answers) <= {"in", "Incorrect username or password.", "Password attempts exceeded"}
        assert answers.count("Incorrect username or password.") <= 5 + 5 * answers.count("in")

    async def test_guesses_at_a_present_password_are_answered_alike(self, server: TestServer) -> None:
        """ChangePassword with somebody else's token: in a burst that locks, the right guess neither passes nor shows, unless on PostgreSQL, where
        units run side by side, it was among the first."""
        pool = await server.pool()
        client = await server.client(pool)
        await server.user(pool, "anna")
        token = (await server.sign_in(client, "anna"))["AccessToken"]

        async def guess(password: str) -> str:
            try:
                await server.call("ChangePassword", AccessToken=token, PreviousPassword=password, ProposedPassword="Another-Horse-9")
            except AwsError as refused:
                return refused.message
            return "changed"

        answers = await asyncio.gather(*(guess(password) for password in [WRONG] * 39 + [PASSWORD]))
        changed = answers[-1] == "changed"
        assert changed or answers[-1] == "Password attempts exceeded"
        assert answers.count("Incorrect username or password.") <= 5 + 5 * changed
        server.clock.advance(900)
        assert "AccessToken" in await server.sign_in(client, "anna", "Another-Horse-9" if changed else PASSWORD)

    async def test_codes_guessed_at_once_are_answered_alike(self, server: TestServer) -> None:
        """Five wrong codes are told so; what comes after them in the same burst is told the limit, the right one too, unless it was among the
        first, as it may be on PostgreSQL."""
        pool = await server.pool(AutoVerifiedAttributes=["email"])
        client = await server.client(pool)
        email = [{"Name": "email", "Value": "anna@example.com"}]
        await server.call("SignUp", ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=email)
        right = await server.code("anna@example.com")
        wrong = "000000" if right != "000000" else "000001"

        async def guess(code: str) -> str:
            try:
                await server.call("ConfirmSignUp", ClientId=client, Username="anna", ConfirmationCode=code)
            except AwsError as refused:
                return refused.code
            return "confirmed"

        answers = await asyncio.gather(*(guess(code) for code in [wrong] * 39 + [right]))
        assert answers[-1] in ("confirmed", "LimitExceededException")
        assert answers.count("CodeMismatchException") <= 5
