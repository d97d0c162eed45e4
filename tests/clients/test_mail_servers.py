"""Mails arrive at real SMTP servers, as what they are; and a server that refuses, hangs or hangs up is one that an operation survives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cognomen.kernel.events import MessageFailed
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.mail_server import SECRET, USER, MailServer, Silence, body, free_port
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer, settings_for

Start = Callable[..., Awaitable[TestServer]]
UNDELIVERED = ("CodeDeliveryFailureException", "Unable to deliver the message.")
FROM = "Example <no-reply@example.com>"


@pytest.fixture
async def start(signing_pairs: list[KeyPair]) -> AsyncIterator[Start]:
    """A server with a mail server, by port and further settings."""
    running: list[TestServer] = []

    async def make(port: int, **more: Any) -> TestServer:
        given = {"delivery": "smtp", "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "mail_from": FROM, **more}
        server = await TestServer(settings_for("", **given), PreparedKeyMaker(signing_pairs)).start()
        running.append(server)
        return server

    yield make
    for server in running:
        await server.stop()


async def pool(server: TestServer, **members: Any) -> str:
    """A client of a pool that verifies mail addresses."""
    return await server.client(await server.pool(AutoVerifiedAttributes=["email"], **members))


def sign_up(app: str, email: str = "anna@example.org", username: str = "anna") -> dict[str, Any]:
    return {"ClientId": app, "Username": username, "Password": PASSWORD, "UserAttributes": [{"Name": "email", "Value": email}]}


async def failure(server: TestServer, app: str, **more: Any) -> str:
    """Why a sign-up's mail did not arrive, as the pool's owner reads it."""
    reasons: list[str] = []
    server.server.rooms.events.on(MessageFailed, lambda event: reasons.append(event.reason))
    assert await refusal(server, "SignUp", **sign_up(app, **more)) == UNDELIVERED
    [reason] = reasons
    return reason


class TestArrival:
    async def test_what_arrives(self, start: Start) -> None:
        """Both parts, the sender, and headers that say that a machine wrote it; the code in it is the code."""
        with MailServer() as mails:
            server = await start(mails.port)
            app = await pool(server)
            await server.call("SignUp", **sign_up(app))
            [mail], [envelope] = mails.mails, mails.taken
        assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@example.com", ["anna@example.org"])
        assert [mail[name] for name in ("From", "To", "Subject")] == [FROM, "anna@example.org", "Your verification code"]
        assert mail["Reply-To"] is None
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Message-ID"].endswith("@example.com>")
        assert mail["Date"].datetime.timestamp() == int(server.clock.now())
        assert body(mail, "plain") == body(mail, "html")
        code = body(mail, "plain").removeprefix("Your verification code is ").removesuffix(".")
        await server.call("ConfirmSignUp", ClientId=app, Username="anna", ConfirmationCode=code)
        assert (await server.call("AdminGetUser", UserPoolId=(await only_pool(server)), Username="anna"))["UserStatus"] == "CONFIRMED"

    async def test_the_pools_own_sender(self, start: Start) -> None:
        """From and ReplyToEmailAddress of the pool count more than the setting, with a name in any script."""
        email = {"From": "Ünï Cödé <hello@pool.example>", "ReplyToEmailAddress": "help@pool.example"}
        with MailServer() as mails:
            server = await start(mails.port)
            await server.call("SignUp", **sign_up(await pool(server, EmailConfiguration=email)))
            [mail], [envelope] = mails.mails, mails.taken
        assert (envelope.mail_from, mail["From"], mail["Reply-To"]) == ("hello@pool.example", email["From"], "help@pool.example")

    async def test_a_link(self, start: Start) -> None:
        """The link is clickable in HTML and spelled out in the text."""
        template = {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "<p>Welcome.</p><p>{##Here & now##}</p>"}
        with MailServer() as mails:
            server = await start(mails.port)
            await server.call("SignUp", **sign_up(await pool(server, VerificationMessageTemplate=template)))
            [mail] = mails.mails
        html, text = body(mail, "html"), body(mail, "plain")
        link = text.rpartition("(")[2].removesuffix(")")
        assert text == f"Welcome.\n\nHere & now ({link})"
        assert html == f'<p>Welcome.</p><p><a href="{link.replace("&", "&amp;")}">Here &amp; now</a></p>'

    async def test_a_large_template_in_all_scripts(self, start: Start) -> None:
        """20,000 characters in one line arrive whole."""
        template = "{####}" + "日本語ñ🐈" * 3_998 + "!!!!"
        assert len(template) == 20_000
        with MailServer() as mails:
            server = await start(mails.port)
            await server.call(
                "SignUp", **sign_up(await pool(server, EmailVerificationMessage=template, EmailVerificationSubject="日本 🐈"))
            )
            [mail] = mails.mails
        assert (mail["Subject"], body(mail, "html")[6:]) == ("日本 🐈", template[6:])

    async def test_addresses_beyond_ascii(self, start: Start) -> None:
        """A domain travels in its ASCII form (IDNA 2008, where ß is ß), a local part as it is, by SMTPUTF8."""
        with MailServer() as mails:
            server = await start(mails.port)
            app = await pool(server)
            await server.call("SignUp", **sign_up(app, "anna@straße.example"))
            await server.call("SignUp", **sign_up(app, "用户@例え.jp", "user"))
        assert [envelope.rcpt_tos for envelope in mails.taken] == [["anna@xn--strae-oqa.example"], ["用户@xn--r8jz45g.jp"]]
        assert [envelope.smtp_utf8 for envelope in mails.taken] == [False, True]
        assert "To: 用户@xn--r8jz45g.jp\r\n".encode() in mails.taken[1].content  # type: ignore[operator]

    async def test_a_server_that_knows_ascii_only(self, start: Start) -> None:
        """It is not sent an address that it would mangle."""
        with MailServer(utf8=False) as mails:
            server = await start(mails.port)
            reason = await failure(server, await pool(server), email="用户@例え.jp")
        assert reason == f"smtp: the mail server 127.0.0.1:{mails.port} takes no address with letters beyond ASCII (SMTPUTF8)"
        assert mails.taken == []

    @pytest.mark.parametrize("subject", ["Code\r\nBcc: eve@example.net", "Code\nBcc: eve@example.net"])
    async def test_no_header_from_a_subject(self, start: Start, subject: str) -> None:
        """The model lets line breaks into a subject; they leave it as blanks."""
        with MailServer() as mails:
            server = await start(mails.port)
            await server.call("SignUp", **sign_up(await pool(server, EmailVerificationSubject=subject)))
            [mail], [envelope] = mails.mails, mails.taken
        assert (mail["Subject"], mail["Bcc"], envelope.rcpt_tos) == ("Code Bcc: eve@example.net", None, ["anna@example.org"])

    async def test_no_header_from_a_sender(self, start: Start) -> None:
        """From is any text to the model: neither a line break nor a second address in it has an effect."""
        email = {"From": "Bank\r\nBcc: eve@example.net\r\n <bank@example.com>"}
        with MailServer() as mails:
            server = await start(mails.port)
            await server.call("SignUp", **sign_up(await pool(server, EmailConfiguration=email)))
            [mail], [envelope] = mails.mails, mails.taken
        assert (mail["Bcc"], envelope.rcpt_tos, envelope.mail_from) == (None, ["anna@example.org"], "bank@example.com")

    @pytest.mark.parametrize(
        "address",
        [
            "anna,eve@example.net",
            'anna"@example.net',
            "anna>@example.net",
            "anna;eve@example.net",
            "a(b)@x.org",
        ],
    )
    async def test_no_second_recipient(self, start: Start, address: str) -> None:
        """What would end an address, or begin another, is none that mail is sent to."""
        with MailServer() as mails:
            server = await start(mails.port)
            assert "address is none that mail can be sent to" in await failure(server, await pool(server), email=address)
        assert mails.tries == 0

    async def test_a_user_name_is_no_markup(self, start: Start) -> None:
        """What people name themselves is shown, not run."""
        invitation = {"EmailMessage": "<b>{username}</b> {####}", "EmailSubject": "Hello"}
        name = "<script>alert(1)</script>"
        with MailServer() as mails:
            server = await start(mails.port)
            pool_id = await server.pool(AdminCreateUserConfig={"InviteMessageTemplate": invitation})
            attributes = [{"Name": "email", "Value": "eve@example.org"}]
            await server.call(
                "AdminCreateUser", UserPoolId=pool_id, Username=name, UserAttributes=attributes, DesiredDeliveryMediums=["EMAIL"]
            )
            [mail] = mails.mails
        assert body(mail, "html").startswith("<b>&lt;script&gt;alert(1)&lt;/script&gt;</b> ")
        assert body(mail, "plain").startswith(f"{name} ")


async def only_pool(server: TestServer) -> str:
    [found] = (await server.call("ListUserPools", MaxResults=10))["UserPools"]
    return str(found["Id"])


class TestSecurity:
    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_encrypted_and_logged_in(self, start: Start, tmp_path: Path, security: str) -> None:
        """The user and the password go to a server whose certificate is trusted, encrypted."""
        with MailServer(security, tmp_path, login=security == "starttls") as mails:
            login = {"smtp_user": USER, "smtp_password": SECRET} if security == "starttls" else {}
            server = await start(mails.port, smtp_security=security, smtp_ca_file=mails.ca_file, **login)
            await server.call("SignUp", **sign_up(await pool(server)))
        assert (len(mails.taken), mails.tls) == (1, [True])

    @pytest.mark.parametrize("security", ["starttls", "tls"])
    async def test_a_certificate_that_nobody_trusts(self, start: Start, tmp_path: Path, security: str) -> None:
        """A server that could be anybody gets neither mail nor password."""
        with MailServer(security, tmp_path, login=security == "starttls") as mails:
            server = await start(mails.port, smtp_security=security, smtp_user=USER, smtp_password=SECRET)
            reason = await failure(server, await pool(server))
        assert reason == f"smtp: the certificate of the mail server 127.0.0.1:{mails.port} is not trusted: self-signed certificate"
        assert mails.taken == []

    async def test_no_starttls(self, start: Start) -> None:
        """STARTTLS that is asked for and not offered is no reason to go on without."""
        with MailServer() as mails:
            server = await start(mails.port, smtp_security="starttls")
            reason = await failure(server, await pool(server))
        assert (reason, mails.taken) == (f"smtp: the mail server 127.0.0.1:{mails.port} does not offer STARTTLS", [])

    async def test_a_wrong_password(self, start: Start, tmp_path: Path) -> None:
        """It is not tried twice, and stands in no reason."""
        with MailServer("starttls", tmp_path, login=True) as mails:
            settings = {"smtp_security": "starttls", "smtp_ca_file": mails.ca_file, "smtp_user": USER, "smtp_password": "wrong and secret"}
            server = await start(mails.port, **settings)
            reason = await failure(server, await pool(server))
        assert reason == f"smtp: the mail server 127.0.0.1:{mails.port} refuses the user or the password (535 5.7.8)"


class TestRefusals:
    async def test_for_good(self, start: Start, capfd: pytest.CaptureFixture[str]) -> None:
        """5xx is told by its numbers, at once and once: the server's words may hold the address or the mail."""
        with MailServer() as mails:
            mails.to_recipients = ["550 5.1.1 <anna@example.org> is unknown here"]
            server = await start(mails.port)
            reason = await failure(server, await pool(server))
        assert reason == f"smtp: the mail server 127.0.0.1:{mails.port} refuses the recipient (550 5.1.1)"
        assert mails.tries == 1
        assert "anna@example.org" not in "".join(capfd.readouterr())

    async def test_the_mail_itself(self, start: Start) -> None:
        with MailServer() as mails:
            mails.to_data = ["554 5.7.1 spam: Your verification code"]
            server = await start(mails.port)
            reason = await failure(server, await pool(server))
        assert reason == f"smtp: the mail server 127.0.0.1:{mails.port} does not take the mail (554 5.7.1)"

    async def test_for_now(self, start: Start) -> None:
        """4xx is tried again: a greylisting that lifts is not noticed."""
        with MailServer() as mails:
            mails.to_recipients = ["451 4.7.1 greylisted", "450 later", ""]
            server = await start(mails.port)
            await server.call("SignUp", **sign_up(await pool(server)))
        assert (len(mails.taken), mails.tries) == (1, 3)

    async def test_for_too_long(self, start: Start) -> None:
        with MailServer() as mails:
            mails.to_recipients = ["451 4.7.1 greylisted"]
            server = await start(mails.port)
            reason = await failure(server, await pool(server))
        assert (reason, mails.tries) == (f"smtp: the mail server 127.0.0.1:{mails.port} refuses the recipient (451 4.7.1)", 4)

    async def test_a_server_that_hangs_up(self, start: Start) -> None:
        """In the middle of the mail: another try brings the same mail, by its Message-ID."""
        with MailServer() as mails:
            mails.hangs_up = 2
            server = await start(mails.port)
            await server.call("SignUp", **sign_up(await pool(server)))
        assert (len(mails.taken), mails.tries) == (1, 3)

    async def test_a_server_that_says_nothing(self, start: Start) -> None:
        """The operation ends within its bound."""
        with Silence() as silence:
            server = await start(silence.port, delivery_seconds=1)
            app = await pool(server)
            began = time.monotonic()
            reason = await failure(server, app)
            took = time.monotonic() - began
        assert reason == f"smtp: the mail server 127.0.0.1:{silence.port} does not answer in time"
        assert 0.9 < took < 2

    async def test_a_server_that_is_slow_to_part(self, start: Start) -> None:
        """What it took is sent; its goodbye is not waited for."""
        with MailServer() as mails:
            mails.seconds = 1.0
            server = await start(mails.port, delivery_seconds=4)
            began = time.monotonic()
            await server.call("SignUp", **sign_up(await pool(server)))
            took = time.monotonic() - began
            for _ in range(100):
                await asyncio.sleep(0.02)
                if mails.goodbyes:
                    break
        assert (len(mails.taken), mails.goodbyes) == (1, 1)
        assert 1.0 < took < 1.8

    async def test_no_server(self, start: Start) -> None:
        port = free_port()
        server = await start(port, delivery_seconds=1)
        assert await failure(server, await pool(server)) == f"smtp: the mail server 127.0.0.1:{port} cannot be reached, or hung up"


class TestHiding:
    async def test_a_user_who_does_not_exist_takes_as_long(self, start: Start) -> None:
        """A mail that takes its time would tell who is there."""
        with MailServer() as mails:
            mails.seconds = 0.5
            server = await start(mails.port)
            pool_id = await server.pool(AutoVerifiedAttributes=["email"])
            app = await server.client(pool_id, PreventUserExistenceErrors="ENABLED")
            await server.user(pool_id, "anna", email="anna@example.org", email_verified="true")
            seconds = []
            for username in ("anna", "nobody"):
                began = time.monotonic()
                answer = await server.call("ForgotPassword", ClientId=app, Username=username)
                seconds.append(time.monotonic() - began)
                assert answer["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
        assert 0.5 < seconds[0] < 1
        assert abs(seconds[0] - seconds[1]) < 0.1
