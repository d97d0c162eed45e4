"""Notifications of risky sign-ins, and feedback on them: by an administrator, by the link in the mail, by the token."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.kit.mfa import enrol, set_mfa
from tests.kit.refusal import refusal
from tests.kit.risk import FAR, HOME, anna, configure, events, from_server, takeover
from tests.kit.server import AwsError, TestServer

BAD = ("NotAuthorizedException", "Invalid feedback token.")
ALL = (
    "{username}|{ip-address}|{city}|{country}|{device-name}|{login-time}|{event-id}|{feedback-token}|"
    "{one-click-link-valid}|{one-click-link-invalid}|{other}"
)


async def notified(server: TestServer, action: str = "NO_ACTION", address: str = FAR, **notification: Any) -> tuple[str, str]:
    """(pool, client) after a first sign-in and a risky one that anna was told of."""
    pool, client = await anna(server)
    await configure(server, pool, takeover(action, notify=True, **notification))
    await from_server(server, pool, client)
    server.clock.advance(3_600)
    try:
        await from_server(server, pool, client, address, "laptop")
    except AwsError:
        assert action == "BLOCK"
    return pool, client


async def token_of(server: TestServer) -> str:
    link = (await server.messages("anna@example.com"))[0].link
    assert link is not None
    return parse_qs(urlsplit(link).query)["token"][0]


class TestNotification:
    @pytest.mark.parametrize(
        ("action", "member"), [("BLOCK", "BlockEmail"), ("NO_ACTION", "NoActionEmail"), ("MFA_IF_CONFIGURED", "MfaEmail")]
    )
    async def test_its_own_template_filled(self, server: TestServer, action: str, member: str) -> None:
        """Every placeholder; what is filled in is escaped in HTML; From and ReplyTo go with the mail."""
        own: dict[str, Any] = {
            "From": "a@example.com",
            "ReplyTo": "b@example.com",
            member: {"Subject": "S {username}", "HtmlBody": ALL, "TextBody": ALL},
        }
        pool, _ = await notified(server, action, **own)
        [mail] = await server.messages("anna@example.com")
        event = (await events(server, pool))[0]
        assert (mail.subject, mail.sender, mail.reply_to, mail.pool_id, mail.username) == (
            "S anna",
            "a@example.com",
            "b@example.com",
            pool,
            "anna",
        )
        assert mail.text is not None
        values = mail.text.split("|")
        assert values[:7] == ["anna", FAR, "Unknown", "Unknown", "Pixel 9", "Fri Jan 15 09:00:02 UTC 2027", event["EventId"]]
        base = f"http://localhost:2646/{pool}/authEventFeedback?"
        assert values[7:] == [
            await token_of(server),
            f"{base}value=Valid&token={values[7]}",
            f"{base}value=Invalid&token={values[7]}",
            "{other}",
        ]
        assert mail.body == mail.text.replace("&", "&amp;")

    async def test_aws_s_texts_by_default(self, server: TestServer) -> None:
        await notified(server, "BLOCK")
        [mail] = await server.messages("anna@example.com")
        assert mail.subject == "Blocked sign-in attempt"
        assert mail.text is not None and mail.text.startswith(
            "We blocked an unrecognized sign-in to your account with this information:\nTime: Fri Jan 15 09:00:02 UTC 2027\nDevice: Pixel 9\n"
        )

    async def test_a_template_of_text_alone(self, server: TestServer) -> None:
        """It is told to be text, so that no channel sends what is filled in as HTML."""
        await notified(server, NoActionEmail={"Subject": "New", "TextBody": "<{username}>"})
        [mail] = await server.messages("anna@example.com")
        assert (mail.body, mail.text) == ("<anna>", "<anna>")

    async def test_only_to_a_verified_address(self, server: TestServer) -> None:
        pool, client = await anna(server)
        unverified = [{"Name": "email_verified", "Value": "false"}]
        await server.call("AdminUpdateUserAttributes", UserPoolId=pool, Username="anna", UserAttributes=unverified)
        await configure(server, pool, takeover("NO_ACTION", notify=True))
        await from_server(server, pool, client)
        await from_server(server, pool, client, FAR)
        assert await server.messages() == []

    async def test_no_more_than_ten_an_hour(self, server: TestServer) -> None:
        """And the sign-ins go on all the same."""
        pool, client = await anna(server)
        await configure(server, pool, takeover("NO_ACTION", notify=True))
        for count in range(14):
            assert "AuthenticationResult" in await from_server(server, pool, client, f"203.{count}.113.9")
        assert len(await server.messages()) == 10

    async def test_a_second_factor_s_notice_is_told_once(self, server: TestServer) -> None:
        pool, client = await anna(server)
        await set_mfa(server, pool, "OPTIONAL", "totp")
        await configure(server, pool, takeover("MFA_REQUIRED", notify=True))
        first = await from_server(server, pool, client)
        await enrol(server, first["AuthenticationResult"]["AccessToken"])
        asked = await from_server(server, pool, client, FAR, "laptop")
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        assert [mail.subject for mail in await server.messages("anna@example.com")] == ["New sign-in attempt"]


class TestFeedbackByAdmin:
    async def test_invalid_makes_it_a_risk(self, server: TestServer) -> None:
        """Device and address of the event are High wherever they come up again; valid takes that back."""
        pool, client = await anna(server, "AUDIT")
        await from_server(server, pool, client)
        await from_server(server, pool, client, FAR, "laptop")
        event = (await events(server, pool))[0]

        async def say(value: str) -> None:
            answer = await server.call(
                "AdminUpdateAuthEventFeedback", UserPoolId=pool, Username="anna", EventId=event["EventId"], FeedbackValue=value
            )
            assert answer == {}

        await say("Invalid")
        told = (await events(server, pool))[0]
        expected = {"FeedbackValue": "Invalid", "Provider": "Admin", "FeedbackDate": server.clock.now()}
        assert told == {**event, "EventFeedback": expected}
        levels = []
        for address, device in ((HOME, "laptop"), (FAR, "phone"), (HOME, "phone")):
            server.clock.advance(3_600)
            await from_server(server, pool, client, address, device)
            levels.append((await events(server, pool))[0]["EventRisk"].get("RiskLevel"))
        assert levels == ["High", "High", None]
        await say("Valid")
        await from_server(server, pool, client, FAR, "laptop")
        assert "RiskLevel" not in (await events(server, pool))[0]["EventRisk"]

    async def test_valid_makes_what_was_blocked_known(self, server: TestServer) -> None:
        pool, client = await notified(server, "BLOCK")
        event = (await events(server, pool))[0]
        given = {"UserPoolId": pool, "Username": "anna", "EventId": event["EventId"], "FeedbackValue": "Valid"}
        await server.call("AdminUpdateAuthEventFeedback", **given)
        assert "AuthenticationResult" in await from_server(server, pool, client, FAR, "laptop")

    async def test_of_nothing(self, server: TestServer) -> None:
        """Another user's event, no event, nobody, a pool without threat protection."""
        pool, client = await anna(server, "AUDIT")
        await server.user(pool, "bea")
        await from_server(server, pool, client)
        event = (await events(server, pool))[0]["EventId"]
        operation, missing = "AdminUpdateAuthEventFeedback", ("ResourceNotFoundException", "Auth event does not exist.")
        given = {"UserPoolId": pool, "FeedbackValue": "Valid"}
        assert await refusal(server, operation, Username="bea", EventId=event, **given) == missing
        assert await refusal(server, operation, Username="anna", EventId="none", **given) == missing
        assert (await refusal(server, operation, Username="nobody", EventId=event, **given))[0] == "UserNotFoundException"
        given["UserPoolId"] = await server.pool()
        assert (await refusal(server, operation, Username="anna", EventId=event, **given))[0] == "UserPoolAddOnNotEnabledException"


class TestFeedbackByToken:
    async def test_is_the_user_s_and_good_once(self, server: TestServer) -> None:
        pool, _ = await notified(server)
        event = (await events(server, pool))[0]["EventId"]
        token = await token_of(server)
        given = {"UserPoolId": pool, "Username": "anna", "EventId": event, "FeedbackToken": token, "FeedbackValue": "Invalid"}
        assert await server.call("UpdateAuthEventFeedback", **given) == {}
        told = (await events(server, pool))[0]["EventFeedback"]
        assert (told["FeedbackValue"], told["Provider"]) == ("Invalid", "User")
        assert await refusal(server, "UpdateAuthEventFeedback", **given) == BAD
        for change in ({"FeedbackValue": "Valid"}, {"FeedbackToken": f"{token}="}, {"FeedbackToken": f"{token}=="}):
            assert await refusal(server, "UpdateAuthEventFeedback", **{**given, **change}) == BAD

    async def test_no_other_will_do(self, server: TestServer) -> None:
        """Forged, for another event, user or pool, or a week old: one answer, and nothing changed."""
        pool, _ = await notified(server)
        newest, first = await events(server, pool)
        token = await token_of(server)
        await server.user(pool, "bea")
        other, _ = await anna(server)
        given = {"UserPoolId": pool, "Username": "anna", "EventId": newest["EventId"], "FeedbackToken": token, "FeedbackValue": "Valid"}
        changes: list[dict[str, str]] = [
            {"FeedbackToken": token[:-3] + "AAA"},
            {"FeedbackToken": "A"},
            {"FeedbackToken": "."},
            {"EventId": first["EventId"]},
            {"Username": "bea"},
            {"Username": "nobody"},
            {"UserPoolId": other},
        ]
        for change in changes:
            assert (change, await refusal(server, "UpdateAuthEventFeedback", **{**given, **change})) == (change, BAD)
        server.clock.advance(7 * 86_400)
        assert await refusal(server, "UpdateAuthEventFeedback", **given) == BAD
        assert all("EventFeedback" not in each for each in await events(server, pool))


class TestFeedbackPage:
    @pytest.mark.parametrize(("value", "words"), [("Valid", "marked as yours"), ("Invalid", "marked as not yours")])
    async def test_a_look_changes_nothing_the_button_does(self, server: TestServer, value: str, words: str) -> None:
        pool, _ = await notified(server)
        token = await token_of(server)
        path, query = f"/{pool}/authEventFeedback", urlencode({"value": value, "token": token})
        for method in ("GET", "HEAD", "GET"):
            assert (await server.send(method, path, query=query)).status == 200
        page = (await server.send("GET", path, query=query)).body.decode()
        assert '<form method="post">' in page and token in page
        assert "EventFeedback" not in (await events(server, pool))[0]
        headers = {"content-type": "application/x-www-form-urlencoded"}
        reply = await server.send("POST", path, query.encode(), headers)
        assert (reply.status, words in reply.body.decode()) == (200, True)
        assert (await events(server, pool))[0]["EventFeedback"]["FeedbackValue"] == value
        again = await server.send("POST", path, query.encode(), headers)
        assert (again.status, "This link does not work" in again.body.decode()) == (400, True)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "value=Valid",
            "token=x",
            "value=Other&token={}",
            "value=%22%3E%3Cscript%3E&token={}",
            "&" * 100,
            "value=Valid&token=" + "x" * 9999,
        ],
    )
    async def test_broken_links(self, server: TestServer, query: str) -> None:
        pool, _ = await notified(server)
        query = query.replace("{}", await token_of(server))
        for method, body in (("GET", b""), ("POST", query.encode()), ("POST", b"\xff" * 20_000)):
            reply = await server.send(method, f"/{pool}/authEventFeedback", body, query="" if body else query)
            assert (reply.status, "This link does not work" in reply.body.decode()) == (400, True)
            assert "<script>" not in reply.body.decode()
        assert (await server.send("GET", "/us-east-1_none/authEventFeedback", query=query)).status == 400
