"""Texts by Amazon SNS, or what speaks like it: Publish to a phone number, as a pool's SmsConfiguration says.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from __future__ import annotations

from cognomen.delivery.message import SMS, Message, NotDelivered, Unavailable
from cognomen.delivery.phone import phone_number
from cognomen.delivery.sender import Sender, Senders
from cognomen.delivery.tries import Tries
from cognomen.kernel.aws import Aws, AwsError
from cognomen.kernel.aws_roles import Roles
from cognomen.kernel.clock import Clock


class Sns:
    """`assumes` makes it take the role that the pool's SmsConfiguration names (SnsCallerArn, ExternalId) before it publishes."""

    name = "sns"
    serves = frozenset((SMS,))

    def __init__(self, aws: Aws, senders: Senders, tries: Tries, clock: Clock, *, assumes: bool) -> None:
        self._aws = aws
        self._senders = senders
        self._tries = tries
        self._assumes = assumes
        self._roles = Roles(aws, clock)

    async def send(self, message: Message) -> None:
        sender = await self._senders.of(message)
        request = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "PhoneNumber": phone_number(message.to),
            "Message": message.body,
            # What AWS documents for messages that somebody waits for.
            "MessageAttributes.entry.1.Name": "AWS.SNS.SMS.SMSType",
            "MessageAttributes.entry.1.Value.DataType": "String",
            "MessageAttributes.entry.1.Value.StringValue": "Transactional",
        }

        async def once() -> None:
            await self._tries.in_thread(self._publish, sender, request)

        await self._tries.until_taken(once)

    async def check(self) -> str:
        """GetSMSAttributes. A key that may send but not ask has proved itself too."""
        region = self._senders.own.sms_region
        request = {"Action": "GetSMSAttributes", "Version": "2010-03-31"}
        try:
            await self._tries.in_thread(self._aws.query, "sns", region, request)
        except AwsError as error:
            if error.code not in ("AuthorizationError", "AccessDenied"):
                raise NotDelivered(str(error)) from error
            return f"Amazon SNS in {region} knows the key, which may not ask GetSMSAttributes"
        return f"Amazon SNS in {region} answers"

    def _publish(self, sender: Sender, request: dict[str, str]) -> None:
        try:
            aws = self._aws
            if self._assumes and sender.sms_role:
                aws = self._roles.taken(sender.sms_role, sender.sms_region, sender.sms_external_id)
            aws.query("sns", sender.sms_region, request)
        except AwsError as error:
            raise (Unavailable if error.again else NotDelivered)(str(error)) from error
