"""Mail by SMTP to the relay that the settings name; relays are often private, so the guard of private networks is not asked.

A server's refusal is told by its numbers alone (RFC 5321, 3463): its words may repeat an address or the mail.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator

import aiosmtplib
import msgspec

from cognomen.delivery import mail
from cognomen.delivery.message import EMAIL, Message, NotDelivered, Unavailable
from cognomen.delivery.sender import Senders
from cognomen.delivery.tries import Tries
from cognomen.kernel import ids
from cognomen.kernel.clock import Clock

_ENHANCED = re.compile(r"\d\.\d{1,3}\.\d{1,3}(?=\s|$)")


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """`security` is "starttls" (refused if the server has none), "tls" (from the first byte) or "none". `ca_file` is trusted instead of the
    system's authorities. `own_name` is what the server is greeted with."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = ""
    ca_file: str = ""
    own_name: str = "localhost"


class Smtp:
    name = "smtp"
    serves = frozenset((EMAIL,))

    def __init__(self, relay: Relay, senders: Senders, tries: Tries, clock: Clock) -> None:
        self._relay = relay
        self._senders = senders
        self._tries = tries
        self._clock = clock
        self._tls: ssl.SSLContext | None = None

    async def send(self, message: Message) -> None:
        sender = await self._senders.of(message)
        composed = mail.compose(message, sender, message_id=ids.uuid(), at=self._clock.now())
        options = ["SMTPUTF8", "BODY=8BITMIME"] if composed.beyond_ascii else []

        async def once() -> None:
            async with self._connected() as client:
                if options:
                    await client.ehlo()
                    if not client.supports_extension("smtputf8"):
                        raise NotDelivered(f"{self._place} takes no address with letters beyond ASCII (SMTPUTF8)")
                await client.sendmail(composed.sender, [composed.to], composed.content, mail_options=options)

        await self._tries.until_taken(once)

    async def check(self) -> str:
        async with self._connected() as client:
            await client.noop()
        how = {"starttls": "with STARTTLS", "tls": "with TLS", "none": "unencrypted"}[self._relay.security]
        return f"{self._place} answers, {how}" + (f", and takes the user {self._relay.user}" if self._relay.user else "")

    @property
    def _place(self) -> str:
        return f"the mail server {self._relay.host}:{self._relay.port}"

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A client that greeted and, where there is a user, logged in. Raises NotDelivered for whatever fails until it is left."""
        client = aiosmtplib.SMTP(
            hostname=self._relay.host,
            port=self._relay.port,
            username=self._relay.user or None,
            password=self._relay.password or None,
            local_hostname=self._relay.own_name,
            timeout=self._tries.each,
            use_tls=self._relay.security == "tls",
            start_tls=self._relay.security == "starttls",
            tls_context=self._trusted() if self._relay.security != "none" else None,
        )
        try:
            await client.connect()
            yield client
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._failure(error) from error
        else:
            # The answer to a goodbye is not waited for: a server that is slow with it has taken the mail all the same.
            if isinstance(client.transport, asyncio.WriteTransport):
                client.transport.write(b"QUIT\r\n")
        finally:
            client.close()

    def _trusted(self) -> ssl.SSLContext:
        if self._tls is None:
            try:
                self._tls = ssl.create_default_context(cafile=self._relay.ca_file or None)
            except OSError as error:
                raise NotDelivered(f"smtp_ca_file cannot be read: {error.strerror or 'it holds no certificate'}") from error
        return self._tls

    def _failure(self, error: Exception) -> NotDelivered:
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            return self._refusal("refuses the recipient", error.recipients[0])
        if isinstance(error, aiosmtplib.SMTPSenderRefused):
            return self._refusal("refuses the sender", error)
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            return self._refusal("refuses the user or the password", error)
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return self._refusal("does not take the mail", error)
        if isinstance(error, TimeoutError):
            return Unavailable(f"{self._place} does not answer in time")
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return NotDelivered(f"the certificate of {self._place} is not trusted: {cause.verify_message}")
            if isinstance(cause, ssl.SSLError):
                return Unavailable(f"{self._place} speaks no TLS there")
            cause = cause.__cause__
        if isinstance(error, aiosmtplib.SMTPNotSupported) or not isinstance(error, OSError | aiosmtplib.SMTPConnectError):
            wanted = "STARTTLS" if self._relay.security == "starttls" else "a log-in"
            return NotDelivered(f"{self._place} does not offer {wanted}")
        return Unavailable(f"{self._place} cannot be reached, or hung up")

    def _refusal(self, what: str, error: aiosmtplib.SMTPResponseException) -> NotDelivered:
        """4xx may pass (RFC 5321, 4.2.1), and so may an answer that is none."""
        enhanced = _ENHANCED.match(error.message)
        text = f"{self._place} {what} ({error.code}{f' {enhanced[0]}' if enhanced else ''})"
        return NotDelivered(text) if error.code >= 500 else Unavailable(text)
