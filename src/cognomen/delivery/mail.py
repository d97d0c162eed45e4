"""A message as a mail (RFC 5322): both parts, headers into which nothing can be smuggled, addresses of all scripts (RFC 6531, 5891)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from html.parser import HTMLParser

import idna
import msgspec

from cognomen.delivery.message import Message, NotDelivered
from cognomen.delivery.sender import Sender

# RFC 5321's characters of an unquoted local part, and RFC 6531's: what ends or divides an address is not among them.
_LOCAL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\-\u00a1-\U0010ffff]{1,64}")
_NAMED = re.compile(r"(?:(?P<name>[^<>]*)<)?\s*(?P<address>[^<>\s]+)\s*(?(name)>)")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BLOCKS = frozenset(("p", "div", "br", "tr", "li", "table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "hr"))
_UNSEEN = frozenset(("style", "script", "head", "title"))


class Mailbox(msgspec.Struct, frozen=True):
    """One address as SMTP takes it: the domain in ASCII, the local part as its owner writes it."""

    local: str
    domain: str
    name: str = ""

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def header(self) -> Address:
        return Address(self.name, self.local, self.domain)


def mailbox(text: str, whose: str) -> Mailbox:
    """`whose` is "recipient" or "sender", for the error. Raises NotDelivered for what is not exactly one address."""
    local, _, domain = text.rpartition("@")
    try:
        if not _LOCAL.fullmatch(local):
            raise NotDelivered(f"the {whose}'s address is none that mail can be sent to")
        return Mailbox(local, idna.encode(domain, uts46=True).decode())
    except (idna.IDNAError, UnicodeError) as error:
        raise NotDelivered(f"the domain of the {whose}'s address is none that mail can be sent to") from error


def named_mailbox(text: str) -> Mailbox:
    """Of `address` or `Name <address>`, where the name may be encoded (RFC 2047) as AWS asks for it. Raises NotDelivered."""
    # Stricter than email.utils.parseaddr, which finds an address in the name as well.
    parts = _NAMED.fullmatch(one_line(text))
    if parts is None:
        raise NotDelivered("the sender's address is none that mail can be sent to")
    found = mailbox(parts["address"], "sender")
    name = (parts["name"] or "").strip().removeprefix('"').removesuffix('"')
    try:
        name = str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, ValueError):
        name = ""
    return Mailbox(found.local, found.domain, one_line(name))


def one_line(text: str) -> str:
    """For a header: what would end its line is a blank."""
    return _BREAKS.sub(" ", text).strip()


class Composed(msgspec.Struct, frozen=True):
    """A whole mail and its envelope. `beyond_ascii` where an address has letters that only SMTPUTF8 carries."""

    content: bytes
    sender: str
    to: str
    beyond_ascii: bool


def compose(message: Message, sender: Sender, *, message_id: str, at: float) -> Composed:
    """`at` in epoch seconds. Raises NotDelivered for addresses that are none."""
    to, by = mailbox(message.to, "recipient"), named_mailbox(sender.mail_from)
    reply_to = mailbox(sender.reply_to, "sender") if sender.reply_to else None
    ascii_only = all(each.local.isascii() for each in (to, by, reply_to) if each is not None)
    mail = EmailMessage(SMTP if ascii_only else SMTPUTF8)
    mail["From"] = by.header
    mail["To"] = to.header
    if reply_to is not None:
        mail["Reply-To"] = reply_to.header
    mail["Subject"] = one_line(message.subject)
    mail["Date"] = datetime.fromtimestamp(at, UTC)
    mail["Message-ID"] = f"<{message_id}@{by.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office note comes back
    # Base64 and not 8bit: relays that know no 8BITMIME take it, and no long line is broken.
    mail.set_content(message.text or plain(message.body), cte="base64")
    if message.text != message.body:  # else it has no HTML
        mail.add_alternative(message.body, subtype="html", cte="base64")
    return Composed(mail.as_bytes(), by.address, to.address, not ascii_only)


def plain(markup: str) -> str:
    """The mail's words for those who read no HTML; the address of a link stands behind its words."""
    reader = _Words()
    reader.feed(markup)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.words).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._unseen = 0
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _BLOCKS:
            self.words.append("\n")
        elif tag == "a":
            self._link = dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(self._unseen - 1, 0)
        elif tag in _BLOCKS:
            self.words.append("\n")
        elif tag == "a" and self._link:
            self.words.append(f" ({self._link})")
            self._link = ""

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.words.append(data)
