"""An HTTP/2 server over TLS on loopback that keeps what it gets and answers as it is told: the captured twin of Apple's push service."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from tests.kit.receiver import Received


class Http2Server:
    """`answers` are (status, body) for the next requests; the last one stays. `hang_ups` closes the connection after each answer."""

    def __init__(self, folder: Path, *answers: tuple[int, bytes], hang_ups: bool = False) -> None:
        self.answers = list(answers or [(200, b"")])
        self.received: list[Received] = []
        self.connections = 0
        self.hang_ups = hang_ups
        self.ca_file = str(folder / "ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder, Path(self.ca_file)))
        context.set_alpn_protocols(["h2"])
        self._tls = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Http2Server:
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError), self._tls.wrap_socket(plain, server_side=True) as connected:
                connected.settimeout(10)
                self._serve(connected)

    def _serve(self, connected: ssl.SSLSocket) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        connected.sendall(connection.data_to_send())
        headers: dict[int, list[tuple[str, str]]] = {}
        bodies: dict[int, bytes] = {}
        while data := connected.recv(1 << 16):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    headers[event.stream_id] = [(str(name), str(value)) for name, value in event.headers]
                    bodies[event.stream_id] = b""
                elif isinstance(event, DataReceived):
                    bodies[event.stream_id] += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    given = dict(headers[event.stream_id])
                    self.received.append(Received(given[":method"], given[":path"], headers[event.stream_id], bodies[event.stream_id]))
                    status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    connection.send_headers(event.stream_id, [(":status", str(status))])
                    connection.send_data(event.stream_id, body, end_stream=True)
                    if self.hang_ups:
                        connected.sendall(connection.data_to_send())
                        return
            connected.sendall(connection.data_to_send())


def certificate(folder: Path, ca_file: Path) -> str:
    """A file with key and certificate of 127.0.0.1, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "push")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    ca_file.write_bytes(made.public_bytes(Encoding.PEM))
    both = folder / "server.pem"
    both.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM))
    return str(both)
