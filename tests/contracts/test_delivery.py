"""What every channel promises: it hands over what it is given, whole; a recipient that is none, and a service that is away, are NotDelivered
in words that hold neither the message nor the address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import parse_qs

import msgspec
import pytest

from cognomen.delivery.eums import Eums
from cognomen.delivery.inbox import Inbox
from cognomen.delivery.message import EMAIL, SMS, Channel, Delivery, Message, NotDelivered, Unavailable
from cognomen.delivery.null import NoDelivery
from cognomen.delivery.outbox import Outbox
from cognomen.delivery.sender import Senders
from cognomen.delivery.ses import Ses
from cognomen.delivery.smtp import Relay, Smtp
from cognomen.delivery.sns import Sns
from cognomen.delivery.tries import Tries
from cognomen.delivery.twilio import Account, Twilio
from cognomen.kernel.aws import Aws
from cognomen.kernel.clock import ManualClock
from cognomen.kernel.secrets import MasterKey, Sealer
from cognomen.storage.store import Store
from tests.kit.mail_server import MailServer, body, free_port
from tests.kit.receiver import Receiver

MAIL = Message(
    channel=EMAIL,
    to="anna@example.org",
    pool_id="",
    username="anna",
    subject="Grüße",
    body="<p>Für Sie: 123456 &amp; mehr</p>",
    code="123456",
)
TEXT = msgspec.structs.replace(MAIL, channel=SMS, to="+4915112345678", subject="", body="Für Sie: 123456 & mehr")
TO_NOBODY = {
    EMAIL: ["", "anna", "@example.org", "anna@", "a@b@c", "anna@exa mple.org", "anna\r\n@example.org", "anna@-.org", "a" * 65 + "@x.org"]
}
TO_NOBODY[SMS] = ["", "15112345678", "+0123", "+49 151", "arn:aws:sns:us-east-1:1:topic", "+4915112345678\n", "+" + "1" * 16, "+١٢٣٤"]


class Way(NamedTuple):
    """A channel, and what arrived by it: (to, subject, text)."""

    channel: Channel
    arrived: Callable[[], list[tuple[str, str, str]]]


def smtp(port: int, tries: Tries) -> Channel:
    return Smtp(Relay(host="127.0.0.1", port=port, security="none"), SENDERS, tries, ManualClock())


def ses(url: str, tries: Tries) -> Channel:
    return Ses(Aws("AKID", "secret", endpoints={"sesv2": url}), SENDERS, tries)


def sns(url: str, tries: Tries) -> Channel:
    return Sns(Aws("AKID", "secret", endpoints={"sns": url}), SENDERS, tries, ManualClock(), assumes=False)


def eums(url: str, tries: Tries) -> Channel:
    return Eums(Aws("AKID", "secret", endpoints={"sms-voice": url}), SENDERS, tries, ManualClock(), assumes=False)


def twilio(url: str, tries: Tries) -> Channel:
    return Twilio(Account(url=url, account="AC1", token="token", sent_from="+15005550006"), tries)


SENDERS = Senders(None, "no-reply@example.com", "us-east-1")
BY_HTTP = {"ses": ses, "sns": sns, "eums": eums, "twilio": twilio}


@pytest.fixture
def tries() -> Iterator[Tries]:
    made = Tries(2.0)
    yield made
    made.stop()


@pytest.fixture(params=["smtp", *BY_HTTP])
def way(request: pytest.FixtureRequest, tries: Tries) -> Iterator[Way]:
    with ExitStack() as stack:
        if request.param == "smtp":
            mails = stack.enter_context(MailServer())
            yield Way(
                smtp(mails.port, tries),
                lambda: [
                    (envelope.rcpt_tos[0], mail["Subject"], body(mail, "plain"))
                    for envelope, mail in zip(mails.taken, mails.mails, strict=True)
                ],
            )
        else:
            receiver = stack.enter_context(Receiver())
            yield Way(BY_HTTP[request.param](receiver.url, tries), lambda: [read(request.param, each.body) for each in receiver.received])


def read(name: str, sent: bytes) -> tuple[str, str, str]:
    if name == "ses":
        mail = json.loads(sent)
        simple = mail["Content"]["Simple"]
        return mail["Destination"]["ToAddresses"][0], simple["Subject"]["Data"], simple["Body"]["Text"]["Data"].rstrip("\n")
    if name == "eums":
        asked = json.loads(sent)
        return asked["DestinationPhoneNumber"], "", asked["MessageBody"]
    form = {key: values[0] for key, values in parse_qs(sent.decode()).items()}
    return (form["PhoneNumber"], "", form["Message"]) if name == "sns" else (form["To"], "", form["Body"])


def message(channel: Channel) -> Message:
    return MAIL if EMAIL in channel.serves else TEXT


async def why(delivery: Channel | Delivery, sent: Message) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        await delivery.send(sent)
    for secret in ("123456", "anna", "4915112345678", "token", "secret"):
        assert secret not in str(caught.value)
    return caught.value


async def test_it_arrives(way: Way) -> None:
    sent = message(way.channel)
    await way.channel.send(sent)
    assert way.arrived() == [(sent.to, sent.subject, "Für Sie: 123456 & mehr")]


async def test_its_own_sender_and_words(tries: Tries) -> None:
    """A message may name sender, reply address and plain text; where that is all it has, there is no HTML part."""
    named = {"sender": "Safety <safety@example.com>", "reply_to": "help@example.com"}
    both = msgspec.structs.replace(MAIL, text="The words.", **named)
    words = msgspec.structs.replace(MAIL, text="<b>", body="<b>", **named)
    with MailServer() as mails, Receiver() as receiver:
        for channel in (smtp(mails.port, tries), ses(receiver.url, tries)):
            await channel.send(both)
            await channel.send(words)
        first, second = mails.mails
        asked = [json.loads(each.body) for each in receiver.received]
    assert [(mail["From"], mail["Reply-To"]) for mail in (first, second)] == [(named["sender"], named["reply_to"])] * 2
    assert [(mail["FromEmailAddress"], mail["ReplyToAddresses"]) for mail in asked] == [(named["sender"], [named["reply_to"]])] * 2
    assert (body(first, "plain"), body(first, "html")) == ("The words.", MAIL.body)
    assert (body(second, "plain"), second.get_body(("html",))) == ("<b>", None)
    bodies = [{kind: part["Data"] for kind, part in mail["Content"]["Simple"]["Body"].items()} for mail in asked]
    assert bodies == [{"Text": "The words.", "Html": MAIL.body}, {"Text": "<b>"}]


async def test_to_nobody(way: Way) -> None:
    """Nothing is handed over, and nothing is tried again."""
    sent = message(way.channel)
    for address in TO_NOBODY[sent.channel]:
        error = await why(way.channel, msgspec.structs.replace(sent, to=address))
        assert not isinstance(error, Unavailable)
    assert way.arrived() == []


@pytest.mark.parametrize("name", ["smtp", *BY_HTTP])
async def test_nobody_is_there(name: str, tries: Tries) -> None:
    """A sentence, within the bound, from `send` and from `check`."""
    port = free_port()
    channel = smtp(port, tries) if name == "smtp" else BY_HTTP[name](f"http://127.0.0.1:{port}", tries)
    assert f"127.0.0.1:{port}" in str(await why(channel, message(channel)))
    with pytest.raises(NotDelivered, match=f"127.0.0.1:{port}"):
        await channel.check()


@pytest.mark.parametrize(
    ("name", "answer", "found"),
    [
        ("ses", (200, b'{"SendingEnabled":true}'), "Amazon SES in us-east-1 answers"),
        ("sns", (200, b"<GetSMSAttributesResponse/>"), "Amazon SNS in us-east-1 answers"),
        ("eums", (200, b"{}"), "AWS End User Messaging SMS in us-east-1 answers"),
        (
            "eums",
            (400, b'{"__type":"AccessDeniedException"}'),
            "AWS End User Messaging SMS in us-east-1 knows the key, which may not ask DescribeAccountAttributes",
        ),
        (
            "sns",
            (403, b"<Error><Code>AuthorizationError</Code></Error>"),
            "Amazon SNS in us-east-1 knows the key, which may not ask GetSMSAttributes",
        ),
    ],
)
async def test_a_check_sends_nothing(name: str, answer: tuple[int, bytes], found: str, tries: Tries) -> None:
    with Receiver(answer) as receiver:
        assert await BY_HTTP[name](receiver.url, tries).check() == found
        [asked] = receiver.received
    assert (asked.method, asked.path) == (("GET", "/v2/email/account") if name == "ses" else ("POST", "/"))
    assert b"Publish" not in asked.body and "SendTextMessage" not in asked.header("x-amz-target")


async def test_a_check_of_twilio(tries: Tries) -> None:
    with Receiver((200, b"{}"), (401, b'{"code":20003}')) as receiver:
        channel = twilio(receiver.url, tries)
        assert await channel.check() == f"{receiver.url} knows the account"
        with pytest.raises(NotDelivered, match=r"answered 401 \(error 20003\)"):
            await channel.check()
    assert {(asked.method, asked.path) for asked in receiver.received} == {("GET", "/2010-04-01/Accounts/AC1.json")}


async def test_a_check_of_a_paused_account(tries: Tries) -> None:
    with Receiver((200, b'{"SendingEnabled":false}')) as receiver, pytest.raises(NotDelivered, match="has paused this account's sending"):
        await ses(receiver.url, tries).check()


async def test_a_check_of_smtp(tries: Tries) -> None:
    with MailServer() as mails:
        assert await smtp(mails.port, tries).check() == f"the mail server 127.0.0.1:{mails.port} answers, unencrypted"
    assert mails.tries == 0


@pytest.fixture
async def inbox(store: Store) -> Inbox:
    return Inbox(store.inbox, Sealer(MasterKey(b"\x07" * 32)), ManualClock())


class TestOutbox:
    async def test_the_inbox_keeps_all(self, inbox: Inbox) -> None:
        outbox = Outbox(inbox, [])
        await outbox.send(MAIL)
        await outbox.send(TEXT)
        assert [(kept.to, kept.subject, kept.body, kept.code) for kept in await inbox.newest()] == [
            (each.to, each.subject, each.body, each.code) for each in (TEXT, MAIL)
        ]
        await outbox.pretend(EMAIL)

    async def test_a_copy_of_what_failed(self, inbox: Inbox, tries: Tries) -> None:
        """The inbox's copy is no delivery where another channel serves the kind."""
        with Receiver((400, b"{}")) as receiver:
            assert str(await why(Outbox(inbox, [twilio(receiver.url, tries)]), TEXT)) == f"twilio: {receiver.url} answered 400"
        assert [kept.to for kept in await inbox.newest()] == [TEXT.to]

    async def test_all_that_failed(self, tries: Tries) -> None:
        with Receiver((400, b"{}")) as receiver:
            error = await why(Outbox(None, [twilio(receiver.url, tries), sns(receiver.url, tries), ses(receiver.url, tries)]), TEXT)
        assert str(error) == f"twilio: {receiver.url} answered 400; sns: sns answered 400"

    @pytest.mark.parametrize("delivery", [NoDelivery(), Outbox(None, [])])
    async def test_none(self, delivery: Delivery) -> None:
        """For a user who does not exist as well."""
        assert str(await why(delivery, TEXT)) == "no sms delivery is configured"
        with pytest.raises(NotDelivered, match="no email delivery is configured"):
            await delivery.pretend(EMAIL)

    async def test_a_text_without_end(self, inbox: Inbox) -> None:
        assert (
            str(await why(Outbox(inbox, []), msgspec.structs.replace(TEXT, body="x" * 1_601))) == "the text has more than 1600 characters"
        )
        assert await inbox.newest() == []
