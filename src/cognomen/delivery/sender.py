"""In whose name a pool's messages leave: its EmailConfiguration and SmsConfiguration, else the server's settings.

https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_EmailConfigurationType.html
"""

from __future__ import annotations

import msgspec

from cognomen.api import idp
from cognomen.delivery.message import Message
from cognomen.storage.pools import Pool, Pools


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """`mail_from` is an address or `Name <address>`. The regions are those of the services that AWS would call."""

    mail_from: str
    reply_to: str = ""
    identity_arn: str = ""
    configuration_set: str = ""
    mail_region: str
    sms_region: str
    pool_region: str
    sms_role: str = ""
    sms_external_id: str = ""
    eums: idp.EumsSmsConfigurationType | None = None


class Senders:
    def __init__(self, pools: Pools | None, mail_from: str, region: str) -> None:
        self._pools = pools
        self._own = Sender(mail_from=mail_from, mail_region=region, sms_region=region, pool_region=region)

    @property
    def own(self) -> Sender:
        """The server itself, where there is no pool."""
        return self._own

    async def of(self, message: Message) -> Sender:
        """The pool's, unless the message names its own; the server itself where there is no such pool (a test message)."""
        pool = await self._pools.get(message.pool_id) if self._pools is not None and message.pool_id else None
        sender = self._own if pool is None else self._of_pool(pool)
        if message.reply_to:
            sender = msgspec.structs.replace(sender, reply_to=message.reply_to)
        if message.sender and message.sender != sender.mail_from:
            # The pool's identity is proved for the pool's address alone.
            sender = msgspec.structs.replace(sender, mail_from=message.sender, identity_arn="")
        return sender

    def _of_pool(self, pool: Pool) -> Sender:
        email, sms = pool.settings.pool.email_configuration, pool.settings.pool.sms_configuration
        arn = (email and email.source_arn) or ""
        return Sender(
            mail_from=(email and email.from_) or _address_in(arn) or self._own.mail_from,
            reply_to=(email and email.reply_to_email_address) or "",
            identity_arn=arn,
            configuration_set=(email and email.configuration_set) or "",
            mail_region=_region_in(arn) or pool.region,
            sms_region=(sms and sms.sns_region) or pool.region,
            pool_region=pool.region,
            sms_role=(sms and sms.sns_caller_arn) or "",
            sms_external_id=(sms and sms.external_id) or "",
            eums=sms.eums_sms if sms is not None else None,
        )


def _address_in(arn: str) -> str:
    """`arn:aws:ses:REGION:ACCOUNT:identity/NAME` names an address or a domain; a domain alone sends nothing."""
    identity = arn.partition(":identity/")[2]
    return identity if "@" in identity else ""


def _region_in(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 and parts[2] == "ses" else ""
