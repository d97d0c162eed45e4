"""A real mail server on loopback (aiosmtpd): takes mail, asks for TLS and a log-in, refuses, hangs up; and one that says nothing at all."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from types import TracebackType
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, SECRET = "cognomen", "a relay's password"


class Mails:
    """What arrived, and what the next recipients and mails are answered (the last answer stays; empty is yes)."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.greeted: list[str] = []
        self.tls: list[bool] = []
        self.to_recipients: list[str] = [""]
        self.to_data: list[str] = [""]
        self.hangs_up = 0
        self.goodbyes = 0
        self.seconds = 0.0
        self.tries = 0

    @property
    def mails(self) -> list[EmailMessage]:
        return [parsed(envelope) for envelope in self.taken]

    async def handle_EHLO(self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]) -> list[str]:
        self.greeted.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:
        """Slower than anybody waits."""
        self.goodbyes += 1
        await asyncio.sleep(self.seconds)
        return "221 Bye"

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        self.tries += 1
        answer = next_of(self.to_recipients)
        if not answer:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self.seconds)
        if self.hangs_up:
            self.hangs_up -= 1
            assert server.transport is not None
            server.transport.close()
            return "250 nobody reads this"
        answer = next_of(self.to_data)
        if not answer:
            self.taken.append(envelope)
            self.tls.append(session.ssl is not None or isinstance(server.transport.get_extra_info("sslcontext"), ssl.SSLContext))  # type: ignore[union-attr]
        return answer or "250 OK"


def next_of(answers: list[str]) -> str:
    return answers.pop(0) if len(answers) > 1 else answers[0]


def parsed(envelope: Envelope) -> EmailMessage:
    assert isinstance(envelope.content, bytes)
    found = message_from_bytes(envelope.content, policy=SMTPUTF8)
    assert isinstance(found, EmailMessage)
    return found


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


class MailServer(Mails):
    """A context manager. `security` as the setting `smtp_security`; with `folder`, in which its certificate is made."""

    def __init__(self, security: str = "none", folder: Path | None = None, *, login: bool = False, utf8: bool = True) -> None:
        super().__init__()
        context = None
        if folder is not None:
            self.ca_file = str(folder / "mail.pem")
            make_certificate(Path(self.ca_file))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ca_file)
        options: dict[str, Any] = {"enable_SMTPUTF8": utf8}
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if login:
            options |= {"auth_required": True, "authenticator": authenticate, "auth_require_tls": security == "starttls"}
        self.port = free_port()
        self._controller = Controller(
            self, hostname="127.0.0.1", port=self.port, ssl_context=context if security == "tls" else None, **options
        )

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._controller.stop()


def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), SECRET.encode())
    return AuthResult(success=right, handled=False)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def make_certificate(file: Path) -> None:
    """Of 127.0.0.1, signed by itself; key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))


class Silence:
    """Takes connections and says nothing. A context manager."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(16)
        self.port = int(self._socket.getsockname()[1])

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()
