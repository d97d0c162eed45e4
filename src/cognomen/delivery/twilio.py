"""Texts by Twilio's API over HTTPS, or a service that speaks like it. The setting names the address, so it may be a private one.

https://www.twilio.com/docs/messaging/api/message-resource
"""

from __future__ import annotations

import base64
import re
from urllib.parse import urlencode

import msgspec

from cognomen.delivery.message import SMS, Message, NotDelivered, Unavailable
from cognomen.delivery.phone import phone_number
from cognomen.delivery.tries import Tries
from cognomen.kernel import outbound, received

_SERVICE = re.compile(r"MG[0-9a-f]{32}")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`sent_from` is a phone number, a sender's name, or a messaging service (`MG` and 32 hexadecimal digits)."""

    url: str
    account: str
    token: str
    sent_from: str


class Twilio:
    name = "twilio"
    serves = frozenset((SMS,))

    def __init__(self, account: Account, tries: Tries) -> None:
        self._account = account
        self._tries = tries
        self._base = f"{account.url.rstrip('/')}/2010-04-01/Accounts/{account.account}"
        self._headers = {
            "authorization": "Basic " + base64.b64encode(f"{account.account}:{account.token}".encode()).decode(),
            "accept": "application/json",
        }

    async def send(self, message: Message) -> None:
        sender = "MessagingServiceSid" if _SERVICE.fullmatch(self._account.sent_from) else "From"
        form = urlencode({"To": phone_number(message.to), sender: self._account.sent_from, "Body": message.body}).encode()

        async def once() -> None:
            await self._tries.in_thread(self._call, "POST", f"{self._base}/Messages.json", form)

        await self._tries.until_taken(once)

    async def check(self) -> str:
        await self._tries.in_thread(self._call, "GET", f"{self._base}.json", None)
        return f"{self._account.url} knows the account"

    def _call(self, method: str, url: str, form: bytes | None) -> None:
        headers = {**self._headers, "content-type": "application/x-www-form-urlencoded"} if form is not None else self._headers
        try:
            answer = outbound.send(method, url, headers=headers, body=form, timeout=self._tries.each)
        except outbound.Unreachable as error:
            # A call that got no answer may have had its effect: a second one could cost a second text.
            raise (NotDelivered if isinstance(error.__cause__, TimeoutError) else Unavailable)(str(error)) from error
        if answer.status not in (200, 201):
            text = f"{self._account.url} answered {answer.status}{_error(answer.body)}"
            raise (Unavailable if answer.status == 429 or answer.status >= 500 else NotDelivered)(text)


def _error(body: bytes) -> str:
    """Twilio's number of the error; its words repeat the phone number."""
    try:
        found = received.json(body)
    except received.NotJson:
        return ""
    code = found.get("code") if isinstance(found, dict) else None
    return f" (error {code})" if isinstance(code, int) else ""
