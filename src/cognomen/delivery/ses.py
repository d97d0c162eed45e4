"""Mail by Amazon SES, API version 2, or what speaks like it.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from __future__ import annotations

from email.utils import formataddr
from typing import Any

from cognomen.delivery import mail
from cognomen.delivery.message import EMAIL, Message, NotDelivered, Unavailable
from cognomen.delivery.sender import Sender, Senders
from cognomen.delivery.tries import Tries
from cognomen.kernel.aws import Aws, AwsError


class Ses:
    name = "ses"
    serves = frozenset((EMAIL,))

    def __init__(self, aws: Aws, senders: Senders, tries: Tries) -> None:
        self._aws = aws
        self._senders = senders
        self._tries = tries

    async def send(self, message: Message) -> None:
        sender = await self._senders.of(message)
        request = _request(message, sender)

        async def once() -> None:
            await self._call(sender.mail_region, "POST", "/v2/email/outbound-emails", request)

        await self._tries.until_taken(once)

    async def check(self) -> str:
        """GetAccount. A key that may send but not ask has proved itself too."""
        region = self._senders.own.mail_region
        try:
            answer = await self._tries.in_thread(self._aws.rest, "sesv2", region, "GET", "/v2/email/account", None)
        except AwsError as error:
            if error.code != "AccessDeniedException":
                raise NotDelivered(str(error)) from error
            return f"Amazon SES in {region} knows the key, which may not ask GetAccount"
        if answer.get("SendingEnabled") is False:
            raise NotDelivered(f"Amazon SES in {region} has paused this account's sending")
        return f"Amazon SES in {region} answers"

    async def _call(self, region: str, method: str, path: str, request: dict[str, Any]) -> None:
        try:
            await self._tries.in_thread(self._aws.rest, "sesv2", region, method, path, request)
        except AwsError as error:
            raise (Unavailable if error.again else NotDelivered)(str(error)) from error


def _request(message: Message, sender: Sender) -> dict[str, Any]:
    """SendEmail's. Raises NotDelivered for addresses that are none."""
    by = mail.named_mailbox(sender.mail_from)
    body = {"Text": _text(message.text or mail.plain(message.body))}
    if message.text != message.body:  # else it has no HTML
        body["Html"] = _text(message.body)
    request: dict[str, Any] = {
        "FromEmailAddress": formataddr((by.name, by.address)) if by.address.isascii() else by.address,
        "Destination": {"ToAddresses": [mail.mailbox(message.to, "recipient").address]},
        "Content": {
            "Simple": {
                "Subject": _text(mail.one_line(message.subject)),
                "Body": body,
            }
        },
    }
    if sender.reply_to:
        request["ReplyToAddresses"] = [mail.mailbox(sender.reply_to, "sender").address]
    if sender.identity_arn:
        request["FromEmailAddressIdentityArn"] = sender.identity_arn
    if sender.configuration_set:
        request["ConfigurationSetName"] = sender.configuration_set
    return request


def _text(data: str) -> dict[str, str]:
    return {"Data": data, "Charset": "UTF-8"}
