"""Senders' names, addresses and the words of HTML, as text goes in and comes out."""

from __future__ import annotations

import pytest

from cognomen.delivery import mail
from cognomen.delivery.mail import Mailbox
from cognomen.delivery.message import NotDelivered


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("a@b.org", "", "a@b.org"),
        (" <a@b.org> ", "", "a@b.org"),
        ("Anna <a@b.org>", "Anna", "a@b.org"),
        ('"Anna, of B" <a@b.org>', "Anna, of B", "a@b.org"),
        ("=?UTF-8?B?SsO8cmdlbg==?= <a@b.org>", "Jürgen", "a@b.org"),
        ("=?nonsense?B?SsO8?= <a@b.org>", "", "a@b.org"),
        ("=?UTF-8?Q?A=0D=0ABcc:_e@x.org?= <a@b.org>", "A Bcc: e@x.org", "a@b.org"),
        ("e@x.org\r\n <a@b.org>", "e@x.org", "a@b.org"),
        ("A\u2028B\x00C <a@BÜCHER.example>", "A B C", "a@xn--bcher-kva.example"),
    ],
)
def test_a_sender(text: str, name: str, address: str) -> None:
    found = mail.named_mailbox(text)
    assert (found.name, found.address) == (name, address)


@pytest.mark.parametrize(
    "text", ["", "Anna", "Anna <>", "Anna <a>", "a@b.org, c@d.org", "<a@b.org> <c@d.org>", "<a@b.org", "a@b.org>", "A <a@b.org> B"]
)
def test_no_sender(text: str) -> None:
    with pytest.raises(NotDelivered, match="the sender's address"):
        mail.named_mailbox(text)


def test_an_address_is_the_owners() -> None:
    """IDNA 2008: ß is not ss, which may be somebody else's domain. The local part is never changed."""
    assert mail.mailbox("A.b+c@straße.example", "recipient") == Mailbox("A.b+c", "xn--strae-oqa.example")


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("Your code is 1.", "Your code is 1."),
        ("<p>a</p><p>b<br>c</p>", "a\n\nb\nc"),
        ("<style>p {}</style><script>x()</script>a &lt;b&gt; &amp;", "a <b> &"),
        ('<a href="https://x/?a=1&amp;b=2">here</a>', "here (https://x/?a=1&b=2)"),
        ("</style><a>b</a>", "b"),
        ("  a\n\n\n\n\n b  c ", "a\n\nb c"),
        ("", ""),
    ],
)
def test_words(markup: str, words: str) -> None:
    assert mail.plain(markup) == f"{words}\n"
