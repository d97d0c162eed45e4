"""Mails and texts arrive at services that speak as Amazon SES, Amazon SNS and Twilio do."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
import structlog
from moto.server import ThreadedMotoServer
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends

from cognomen.kernel import log
from cognomen.kernel.events import MessageFailed
from cognomen.tokens.keys import KeyPair, PreparedKeyMaker
from tests.kit.mail_server import MailServer
from tests.kit.receiver import Received, Receiver
from tests.kit.refusal import refusal
from tests.kit.server import PASSWORD, TestServer, settings_for

Start = Callable[..., Awaitable[TestServer]]
REGION = "eu-west-1"
ACCOUNT = "123456789012"  # moto's own
KEY = {"aws_access_key_id": "AKIDMAILMAILMAILMAIL", "aws_secret_access_key": "the secret of the mails"}
OWN = KEY["aws_access_key_id"]
TWILIO = {"delivery": "twilio", "twilio_account": "AC" + "1" * 32, "twilio_token": "the token of the texts", "twilio_from": "+15005550006"}
SMS = {"SnsCallerArn": f"arn:aws:iam::{ACCOUNT}:role/texts"}
UNDELIVERED = ("CodeDeliveryFailureException", "Unable to deliver the message.")
PHONE = "+4915112345678"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """moto's server, whose services know nothing of us."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def start(signing_pairs: list[KeyPair]) -> AsyncIterator[Start]:
    running: list[TestServer] = []

    async def make(**settings: Any) -> TestServer:
        given = {"mail_from": "no-reply@example.com", **KEY, **settings}
        server = await TestServer(settings_for("", **given), PreparedKeyMaker(signing_pairs)).start()
        running.append(server)
        return server

    yield make
    for server in running:
        await server.stop()


@pytest.fixture
def debug_log() -> Iterator[io.StringIO]:
    """All that is logged, put back afterwards: the log is the process's."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    log.set_up("debug", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def aws_at(url: str) -> dict[str, str]:
    return {f"aws_endpoint_{service}": url for service in ("sesv2", "sns", "sts")}


async def pool(server: TestServer, verified: str, **members: Any) -> str:
    """A client of a pool in another region than the server's own."""
    made = await server.call("CreateUserPool", region=REGION, PoolName="test", AutoVerifiedAttributes=[verified], **members)
    return await server.client(made["UserPool"]["Id"])


def sign_up(app: str, name: str, value: str) -> dict[str, Any]:
    return {"ClientId": app, "Username": "anna", "Password": PASSWORD, "UserAttributes": [{"Name": name, "Value": value}]}


async def failure(server: TestServer, request: dict[str, Any]) -> str:
    reasons: list[str] = []
    server.server.rooms.events.on(MessageFailed, lambda event: reasons.append(event.reason))
    assert await refusal(server, "SignUp", **request) == UNDELIVERED
    [reason] = reasons
    return reason


class TestSes:
    async def test_a_mail(self, aws: str, start: Start) -> None:
        """In the pool's region, from the setting's address."""
        boto3.client("sesv2", endpoint_url=aws, region_name=REGION, **KEY).create_email_identity(EmailIdentity="no-reply@example.com")
        server = await start(delivery="ses", **aws_at(aws))
        app = await pool(server, "email")
        await server.call("SignUp", **sign_up(app, "email", "anna@example.org"))
        sent: Any = ses_backends[ACCOUNT][REGION].sent_messages[-1]
        assert (sent.source, sent.destinations["ToAddresses"], sent.subject) == (
            "no-reply@example.com",
            ["anna@example.org"],
            "Your verification code",
        )
        code = sent.body.removeprefix("Your verification code is ").removesuffix(".")
        await server.call("ConfirmSignUp", ClientId=app, Username="anna", ConfirmationCode=code)

    async def test_an_identity_that_is_not_verified(self, aws: str, start: Start) -> None:
        server = await start(delivery="ses", mail_from="unknown@example.net", **aws_at(aws))
        reason = await failure(server, sign_up(await pool(server, "email"), "email", "anna@example.org"))
        assert reason.startswith("ses: sesv2 answered 400")

    async def test_the_pools_configuration(self, start: Start) -> None:
        """SourceArn's region is asked, with the identity, the reply address and the configuration set; both parts go along."""
        arn = "arn:aws:ses:eu-north-1:123456789012:identity/hello@pool.example"
        email = {
            "EmailSendingAccount": "DEVELOPER",
            "SourceArn": arn,
            "ReplyToEmailAddress": "help@pool.example",
            "ConfigurationSet": "opened-and-clicked",
        }
        with Receiver((200, b'{"MessageId":"1"}')) as receiver:
            server = await start(delivery="ses", **aws_at(receiver.url))
            app = await pool(server, "email", EmailConfiguration=email, EmailVerificationMessage="<i>{####}</i>")
            await server.call("SignUp", **sign_up(app, "email", "anna@example.org"))
            [received] = receiver.received
        request = json.loads(received.body)
        content = request.pop("Content")["Simple"]
        code = content["Body"]["Text"]["Data"].strip()
        assert (received.method, received.path) == ("POST", "/v2/email/outbound-emails")
        assert "/eu-north-1/ses/aws4_request" in received.header("authorization")
        assert request == {
            "FromEmailAddress": "hello@pool.example",
            "Destination": {"ToAddresses": ["anna@example.org"]},
            "ReplyToAddresses": ["help@pool.example"],
            "FromEmailAddressIdentityArn": arn,
            "ConfigurationSetName": "opened-and-clicked",
        }
        assert content["Body"]["Html"] == {"Data": f"<i>{code}</i>", "Charset": "UTF-8"}
        await server.call("ConfirmSignUp", ClientId=app, Username="anna", ConfirmationCode=code)

    async def test_a_name_beyond_ascii(self, start: Start) -> None:
        """SES takes a sender's name in ASCII, encoded (RFC 2047)."""
        with Receiver((200, b"{}")) as receiver:
            server = await start(delivery="ses", **aws_at(receiver.url))
            app = await pool(server, "email", EmailConfiguration={"From": "Jürgen <j@pool.example>"})
            await server.call("SignUp", **sign_up(app, "email", "anna@example.org"))
            [received] = receiver.received
        assert json.loads(received.body)["FromEmailAddress"] == "=?utf-8?q?J=C3=BCrgen?= <j@pool.example>"

    async def test_busy_then_not(self, start: Start) -> None:
        """Throttling and server errors are tried again, a refusal is not."""
        with Receiver((429, b"{}"), (503, b"busy"), (200, b"{}")) as receiver:
            server = await start(delivery="ses", **aws_at(receiver.url))
            await server.call("SignUp", **sign_up(await pool(server, "email"), "email", "anna@example.org"))
        assert len(receiver.received) == 3
        with Receiver((400, b'{"message":"anna@example.org is not verified"}')) as receiver:
            server = await start(delivery="ses", **aws_at(receiver.url))
            reason = await failure(server, sign_up(await pool(server, "email"), "email", "anna@example.org"))
        assert (reason, len(receiver.received)) == ("ses: sesv2 answered 400", 1)


class TestSns:
    async def test_a_text(self, aws: str, start: Start) -> None:
        server = await start(delivery="sns", **aws_at(aws))
        app = await pool(server, "phone_number", SmsConfiguration=SMS)
        await server.call("SignUp", **sign_up(app, "phone_number", PHONE))
        [(number, text)] = list(sns_backends[ACCOUNT][REGION].sms_messages.values())[-1:]
        assert number == PHONE
        code = text.removeprefix("Your verification code is ").removesuffix(".")
        await server.call("ConfirmSignUp", ClientId=app, Username="anna", ConfirmationCode=code)

    async def test_as_aws_sends(self, start: Start) -> None:
        """SnsRegion is asked; the message is one that somebody waits for."""
        with Receiver((200, b"<PublishResponse/>")) as receiver:
            server = await start(delivery="sns", **aws_at(receiver.url))
            app = await pool(
                server, "phone_number", SmsConfiguration={**SMS, "SnsRegion": "ap-northeast-1"}, SmsVerificationMessage="ß{####}"
            )
            await server.call("SignUp", **sign_up(app, "phone_number", PHONE))
            [received] = receiver.received
        form = dict(parse_qsl(received.body.decode()))
        assert "/ap-northeast-1/sns/aws4_request" in received.header("authorization")
        assert form.pop("Message").removeprefix("ß").isdigit()
        assert form == {
            "Action": "Publish",
            "Version": "2010-03-31",
            "PhoneNumber": PHONE,
            "MessageAttributes.entry.1.Name": "AWS.SNS.SMS.SMSType",
            "MessageAttributes.entry.1.Value.DataType": "String",
            "MessageAttributes.entry.1.Value.StringValue": "Transactional",
        }

    async def test_in_a_role(self, start: Start) -> None:
        """SnsCallerArn is assumed with ExternalId where the setting says so, once for as long as its credentials are good."""
        roles = b"<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey><SessionToken>t/+=</SessionToken>"
        with Receiver((200, roles), (200, b""), (200, b""), (200, roles), (200, b"")) as receiver:
            server = await start(delivery="sns", sns_assume_role=True, **aws_at(receiver.url))
            app = await pool(server, "phone_number", SmsConfiguration={**SMS, "ExternalId": "the pool's own"})
            await server.call("SignUp", **sign_up(app, "phone_number", PHONE))
            await server.call("ResendConfirmationCode", ClientId=app, Username="anna")
            server.clock.advance(800)
            await server.call("ResendConfirmationCode", ClientId=app, Username="anna")
            forms = [dict(parse_qsl(received.body.decode())) for received in receiver.received]
        assert [form["Action"] for form in forms] == ["AssumeRole", "Publish", "Publish", "AssumeRole", "Publish"]
        assert (forms[0]["RoleArn"], forms[0]["ExternalId"]) == (SMS["SnsCallerArn"], "the pool's own")
        assert [key_of(received) for received in receiver.received] == [OWN, "ASIAROLE", "ASIAROLE", OWN, "ASIAROLE"]
        assert receiver.received[1].header("x-amz-security-token") == "t/+="

    async def test_nothing_secret_in_the_log(self, start: Start, debug_log: io.StringIO) -> None:
        """At its most talkative: neither session token nor number nor message, as they are or as a form spells them."""
        settings = {"aws_session_token": "the/session+token"}
        with Receiver((200, b"")) as receiver:
            server = await start(delivery="sns", **settings, **aws_at(receiver.url))
            await server.call("SignUp", **sign_up(await pool(server, "phone_number", SmsConfiguration=SMS), "phone_number", PHONE))
            [received] = receiver.received
        code = dict(parse_qsl(received.body.decode()))["Message"].removeprefix("Your verification code is ").removesuffix(".")
        assert received.header("x-amz-security-token") == "the/session+token"
        said = debug_log.getvalue()
        assert [secret for secret in ("the/session+token", KEY["aws_secret_access_key"], PHONE, PHONE[1:], code) if secret in said] == []

    async def test_a_role_that_is_refused(self, start: Start) -> None:
        with Receiver((403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>arn</Message></Error></ErrorResponse>")) as receiver:
            server = await start(delivery="sns", sns_assume_role=True, **aws_at(receiver.url))
            app = await pool(server, "phone_number", SmsConfiguration=SMS)
            assert await failure(server, sign_up(app, "phone_number", PHONE)) == "sns: sts answered 403 AccessDenied"


def key_of(received: Received) -> str:
    return received.header("authorization").partition("Credential=")[2].partition("/")[0]


class TestTwilio:
    async def test_a_text(self, start: Start) -> None:
        """Basic authentication and the form's fields, as Twilio's own libraries send them."""
        with Receiver((201, b'{"sid":"SM1","status":"queued"}')) as receiver:
            server = await start(**TWILIO, twilio_url=f"{receiver.url}/base/")
            app = await pool(server, "phone_number", SmsConfiguration=SMS)
            await server.call("SignUp", **sign_up(app, "phone_number", PHONE))
            [received] = receiver.received
        assert received.path == f"/base/2010-04-01/Accounts/{TWILIO['twilio_account']}/Messages.json"
        kind, _, proof = received.header("authorization").partition(" ")
        assert (kind, base64.b64decode(proof).decode()) == ("Basic", f"{TWILIO['twilio_account']}:{TWILIO['twilio_token']}")
        assert received.header("content-type") == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(received.body.decode()))
        text = form.pop("Body")
        assert form == {"To": PHONE, "From": TWILIO["twilio_from"]}
        code = text.removeprefix("Your verification code is ").removesuffix(".")
        await server.call("ConfirmSignUp", ClientId=app, Username="anna", ConfirmationCode=code)

    async def test_a_messaging_service(self, start: Start) -> None:
        """It is named by another field than a number."""
        service = "MG" + "0a" * 16
        with Receiver((201, b"{}")) as receiver:
            server = await start(**{**TWILIO, "twilio_from": service}, twilio_url=receiver.url)
            await server.call("SignUp", **sign_up(await pool(server, "phone_number", SmsConfiguration=SMS), "phone_number", PHONE))
            [received] = receiver.received
        form = dict(parse_qsl(received.body.decode()))
        assert (form["MessagingServiceSid"], "From" in form) == (service, False)

    @pytest.mark.parametrize(
        ("answer", "told", "tries"),
        [
            ((400, b'{"code":21211,"message":"The number +4915112345678 is not valid"}'), "answered 400 (error 21211)", 1),
            ((401, b'{"code":20003}'), "answered 401 (error 20003)", 1),
            ((302, b"elsewhere"), "answered 302", 1),
            ((503, b"[]"), "answered 503", 4),
            ((429, b'{"code":"the number +4915112345678"}'), "answered 429", 4),
        ],
    )
    async def test_refusals(self, start: Start, answer: tuple[int, bytes], told: str, tries: int) -> None:
        """Told by numbers: words may repeat the phone number. What may pass is tried again."""
        with Receiver(answer) as receiver:
            server = await start(**TWILIO, twilio_url=receiver.url)
            app = await pool(server, "phone_number", SmsConfiguration=SMS)
            reason = await failure(server, sign_up(app, "phone_number", PHONE))
        assert (reason, len(receiver.received)) == (f"twilio: {receiver.url} {told}", tries)


class TestSeveral:
    async def test_each_by_its_own_way(self, start: Start) -> None:
        """Mails by one channel, texts by another, and a copy of both in the inbox."""
        with MailServer() as mails, Receiver((201, b"{}")) as receiver:
            settings = {**TWILIO, "delivery": "inbox, smtp,twilio", "smtp_host": "127.0.0.1", "smtp_port": mails.port}
            server = await start(**settings, smtp_security="none", twilio_url=receiver.url)
            await server.call("SignUp", **sign_up(await pool(server, "email"), "email", "anna@example.org"))
            app = await pool(server, "phone_number", SmsConfiguration=SMS)
            await server.call("SignUp", **sign_up(app, "phone_number", PHONE))
            assert (len(mails.taken), len(receiver.received)) == (1, 1)
        assert [message.to for message in await server.messages()] == [PHONE, "anna@example.org"]
        assert (await server.send("GET", "/inbox.json")).status == 200

    async def test_one_of_two_fails(self, start: Start) -> None:
        """Every channel outside must take a message; the others' mail has gone out, and its code is good."""
        with MailServer() as mails, Receiver((400, b"{}")) as receiver:
            settings = {"delivery": "smtp,ses", "smtp_host": "127.0.0.1", "smtp_port": mails.port, "smtp_security": "none"}
            server = await start(**settings, **aws_at(receiver.url))
            app = await pool(server, "email")
            assert await failure(server, sign_up(app, "email", "anna@example.org")) == "ses: sesv2 answered 400"
            [mail] = mails.mails
        code = mail.get_body(("plain",)).get_content().split()[-1].strip(".")  # type: ignore[union-attr]
        await server.call("ConfirmSignUp", ClientId=app, Username="anna", ConfirmationCode=code)

    async def test_a_kind_that_nothing_serves(self, start: Start) -> None:
        """A text is not a mail: with channels for mail alone it fails, and says why."""
        server = await start(delivery="ses", **aws_at("http://127.0.0.1:9"))
        app = await pool(server, "phone_number", SmsConfiguration=SMS)
        assert await failure(server, sign_up(app, "phone_number", PHONE)) == "no sms delivery is configured"
        assert (await server.send("GET", "/inbox.json")).status == 404
