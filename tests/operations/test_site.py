"""What a browser or a verifier asks by GET."""

from __future__ import annotations

from typing import Any

import pytest

from cognomen.app import Server
from cognomen.config import load
from cognomen.hosted.inbox import plain
from cognomen.kernel.secrets import MasterKey
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.functions import arn
from tests.kit.server import PASSWORD, TestServer

WELL_KNOWN = ["jwks.json", "openid-configuration"]


async def signed_up(server: TestServer, username: str, email: str, **pool: Any) -> str:
    pool_id = await server.pool(AutoVerifiedAttributes=["email"], **pool)
    client = await server.client(pool_id)
    attributes = [{"Name": "email", "Value": email}]
    await server.call("SignUp", ClientId=client, Username=username, Password=PASSWORD, UserAttributes=attributes)
    return pool_id


class TestHealthAndHome:
    async def test_health(self, server: TestServer) -> None:
        reply = await server.send("GET", "/health")
        assert (reply.status, reply.json) == (200, {"status": "ok"})

    async def test_the_first_page_says_how_to_point_an_sdk_here(self, server: TestServer) -> None:
        reply = await server.send("GET", "/")
        assert reply.status == 200
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        page = reply.body.decode()
        assert "--endpoint-url http://localhost:2646" in page
        assert 'href="/inbox"' in page and 'href="/health"' in page

    async def test_a_made_up_host_is_not_repeated(self, server: TestServer) -> None:
        """The page names the server's own address unless the caller came by a loopback name."""
        page = (await server.send("GET", "/", host='evil.example"><script>')).body.decode()
        assert "evil.example" not in page
        assert "http://127.0.0.1:2646" in page


class TestInbox:
    async def test_messages_as_json(self, server: TestServer) -> None:
        """Exactly the members of the public contract, newest first, of one address where one is named."""
        pool_id = await signed_up(server, "anna", "Anna@example.com")
        server.clock.advance(5)
        await signed_up(server, "bert", "bert@example.com")
        every = (await server.send("GET", "/inbox.json")).json["messages"]
        assert [message["username"] for message in every] == ["bert", "anna"]
        reply = await server.send("GET", "/inbox.json", query="to=anna%40example.com")
        assert reply.headers["content-type"] == "application/json"
        [message] = reply.json["messages"]
        assert set(message) == {"id", "channel", "to", "pool_id", "username", "subject", "body", "code", "link", "sent_at"}
        code = message["code"]
        assert (message["channel"], message["to"], message["pool_id"], message["username"], message["link"]) == (
            "email", "Anna@example.com", pool_id, "anna", None,
        )  # fmt: skip
        assert (message["subject"], message["body"]) == ("Your verification code", f"Your verification code is {code}.")
        assert message["sent_at"] == server.clock.now() - 5

    @pytest.mark.parametrize("query", ["to=nobody%40example.com", "to=%00", "to=%F0%9F%98%80", "to=" + "x" * 5000])
    async def test_an_address_that_got_nothing(self, server: TestServer, query: str) -> None:
        await signed_up(server, "anna", "anna@example.com")
        reply = await server.send("GET", "/inbox.json", query=query)
        assert (reply.status, reply.json) == (200, {"messages": []})

    async def test_the_page_shows_code_and_text(self, server: TestServer) -> None:
        await signed_up(server, "anna", "anna@example.com")
        page = (await server.send("GET", "/inbox")).body.decode()
        assert f">{await server.code('anna@example.com')}</div>" in page
        assert "anna@example.com" in page

    async def test_hostile_values_stay_text(self, server: TestServer) -> None:
        """User names, addresses and a pool's own mail template never become markup, and no script but ours may run."""
        name = "<script>alert(1)</script>"
        template = {"EmailMessage": "<img src=x onerror=alert(2)>{####}", "EmailSubject": "<b>hi</b>"}
        await signed_up(server, name, "a@example.com", VerificationMessageTemplate=template)
        reply = await server.send("GET", "/inbox", query="to=a@example.com")
        page = reply.body.decode()
        assert "<script>alert" not in page and "<img" not in page and "<b>hi" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        echoed = (await server.send("GET", "/inbox", query="to=%22%3E%3Cscript%3E")).body.decode()
        assert '"><script>' not in echoed

    async def test_a_link_can_be_followed(self, server: TestServer) -> None:
        """The link in the mail confirms the user; to look at it (HEAD) does not."""
        template = {"DefaultEmailOption": "CONFIRM_WITH_LINK"}
        pool_id = await signed_up(server, "anna", "anna@example.com", VerificationMessageTemplate=template)
        [message] = await server.messages("anna@example.com")
        assert (message.link is not None and message.code is None) or message.link is not None
        page = (await server.send("GET", "/inbox")).body.decode()
        assert "Open the link" in page
        path, _, query = message.link.partition("://")[2].partition("/")[2].partition("?")
        assert (await server.send("HEAD", f"/{path}", query=query)).status == 200
        assert (await server.call("AdminGetUser", UserPoolId=pool_id, Username="anna"))["UserStatus"] == "UNCONFIRMED"
        reply = await server.send("GET", f"/{path}", query=query)
        assert (reply.status, b"has been confirmed" in reply.body) == (200, True)
        assert (await server.call("AdminGetUser", UserPoolId=pool_id, Username="anna"))["UserStatus"] == "CONFIRMED"

    @pytest.mark.parametrize("answer", ["raises", "nowhere"])
    async def test_a_function_afterwards_does_not_undo_it(self, server: TestServer, answer: str) -> None:
        """PostConfirmation's error is told where there is somebody to tell it to; the page tells what is: the user is confirmed."""

        def raises(event: dict[str, Any]) -> dict[str, Any]:
            raise RuntimeError("no welcome")

        named = server.functions.add("after", raises) if answer == "raises" else arn("nowhere")
        template = {"DefaultEmailOption": "CONFIRM_WITH_LINK"}
        members = {"VerificationMessageTemplate": template, "LambdaConfig": {"PostConfirmation": named}}
        pool_id = await signed_up(server, "anna", "anna@example.com", **members)
        [message] = await server.messages("anna@example.com")
        assert message.link is not None
        path, _, query = message.link.partition("://")[2].partition("/")[2].partition("?")
        reply = await server.send("GET", f"/{path}", query=query)
        assert (reply.status, b"has been confirmed" in reply.body) == (200, True)
        assert (await server.call("AdminGetUser", UserPoolId=pool_id, Username="anna"))["UserStatus"] == "CONFIRMED"

    @pytest.mark.parametrize(
        "query", ["", "client_id=x&user_name=%00&confirmation_code=1", "client_id=%00", "user_name=a&confirmation_code=b"]
    )
    async def test_a_broken_link_says_so(self, server: TestServer, query: str) -> None:
        pool_id = await server.pool()
        reply = await server.send("GET", f"/{pool_id}/confirmUser", query=query)
        assert (reply.status, b"This link does not work" in reply.body) == (400, True)

    async def test_nothing_of_it_in_production(self, signing_pairs: list[KeyPair]) -> None:
        settings = load(None, {}, mode="serve", data=":memory:", master_key="ab" * 32)
        running = TestServer.__new__(TestServer)
        running.server = Server(settings, key_maker=PreparedKeyMaker(signing_pairs), key=MasterKey(b"\x07" * 32))
        await running.start()
        try:
            for path in ("/inbox", "/inbox.json", "/inbox.js"):
                assert (await running.send("GET", path)).status == 404
            assert b"inbox" not in (await running.send("GET", "/")).body
        finally:
            await running.stop()


class TestMailText:
    @pytest.mark.parametrize(
        ("mail", "text"),
        [
            ("Your code is 1.", "Your code is 1."),
            ("<p>Hello</p><p>Your <b>code</b> is 1.</p>", "Hello\nYour code is 1."),
            ('Click <a href="http://localhost/x?a=1&amp;b=2">here</a>', "Click here (http://localhost/x?a=1&b=2)"),
            ("<style>p {}</style><script>x</script>a &lt;b&gt;", "a <b>"),
            ("a <b unclosed", "a <b unclosed"),
            ("</a></style></script>text", "text"),
        ],
    )
    def test_a_mail_as_its_reader_sees_it(self, mail: str, text: str) -> None:
        assert plain(mail) == text


class TestWellKnown:
    async def test_keys(self, server: TestServer) -> None:
        pool_id = await server.pool()
        reply = await server.send("GET", f"/{pool_id}/.well-known/jwks.json")
        assert reply.status == 200
        assert [(key["alg"], key["kty"], key["use"], key["e"]) for key in reply.json["keys"]] == [("RS256", "RSA", "sig", "AQAB")] * 2
        assert reply.headers["access-control-allow-origin"] == "*"

    async def test_discovery_names_this_server(self, server: TestServer) -> None:
        pool_id = await server.pool()
        found = (await server.send("GET", f"/{pool_id}/.well-known/openid-configuration")).json
        assert found["issuer"] == f"http://localhost:2646/{pool_id}"
        assert found["jwks_uri"] == f"http://localhost:2646/{pool_id}/.well-known/jwks.json"

    @pytest.mark.parametrize("name", WELL_KNOWN)
    async def test_any_page_may_ask(self, server: TestServer, name: str) -> None:
        pool_id = await server.pool()
        asked = {"origin": "http://app.example", "access-control-request-method": "GET", "access-control-request-headers": "x-own"}
        reply = await server.send("OPTIONS", f"/{pool_id}/.well-known/{name}", headers=asked)
        assert reply.status == 204
        assert reply.headers["access-control-allow-origin"] == "*"
        assert reply.headers["access-control-allow-headers"] == "x-own"
        assert (await server.send("HEAD", f"/{pool_id}/.well-known/{name}")).status == 200

    @pytest.mark.parametrize("name", WELL_KNOWN)
    @pytest.mark.parametrize("pool_id", ["us-east-1_Nobody000", "x", "\0", "us-east-1_\0", "ü_1"])
    async def test_a_pool_that_is_not_there(self, server: TestServer, name: str, pool_id: str) -> None:
        reply = await server.send("GET", f"/{pool_id}/.well-known/{name}")
        assert (reply.status, reply.json) == (404, {"message": "User pool does not exist."})
        assert reply.headers["access-control-allow-origin"] == "*"


class TestPaths:
    @pytest.mark.parametrize("path", ["/nothing", "/a/b/c", "/inbox/", "/health/x", "/%2e%2e/etc"])
    async def test_an_unknown_path(self, server: TestServer, path: str) -> None:
        reply = await server.send("GET", path)
        assert reply.status in (404, 307)
        if reply.status == 404:
            assert reply.json == {"message": "There is nothing at this path."}

    @pytest.mark.parametrize(("method", "path"), [("POST", "/health"), ("PUT", "/"), ("DELETE", "/inbox.json"), ("PATCH", "/inbox")])
    async def test_a_method_that_a_path_does_not_take(self, server: TestServer, method: str, path: str) -> None:
        reply = await server.send(method, path)
        assert (reply.status, reply.json) == (405, {"message": "This path does not take this method."})
        assert sorted(reply.headers["allow"].split(", ")) == ["GET", "HEAD"]

    @pytest.mark.parametrize("path", ["/", "/health", "/inbox", "/inbox.json", "/inbox.js"])
    async def test_head(self, server: TestServer, path: str) -> None:
        assert (await server.send("HEAD", path)).status == 200
