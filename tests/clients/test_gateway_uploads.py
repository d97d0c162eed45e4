"""Uploads that were tampered with, cut off or misannounced, and stores that misbehave: nothing of them is kept, nobody is misled."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer

from tests.kit.gateway import STORE_KEYS, allow, assumed, gateway_url, role, running
from tests.kit.live import Live

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TRAILED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
NOTHING = hashlib.sha256(b"").hexdigest()
DATA = [b"a" * 65536, b"b" * 65536, b"c" * 100]
SUM = b"x-amz-checksum-crc32:"


class Badly:
    """A store that takes a connection and does what it is told."""

    def __init__(self) -> None:
        self.answer: Callable[[socket.socket, bytes], None] = lambda connection, head: None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, self.answer), daemon=True).start()

    def _serve(self, connection: socket.socket, answer: Callable[[socket.socket, bytes], None]) -> None:
        head = b""
        with connection, contextlib.suppress(OSError):
            while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
                head += piece
            answer(connection, head)


class Stage:
    def __init__(self, live: Live, url: str, store: Any, bad: Badly) -> None:
        self.live = live
        self.url = url
        self.store = store
        self.bad = bad
        all_of_it = allow({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
        self.key = assumed(live, role(live, "All", all_of_it))

    def kept(self, name: str) -> bytes | None:
        found = self.store.list_objects_v2(Bucket="files", Prefix=name)
        return self.store.get_object(Bucket="files", Key=name)["Body"].read() if found["KeyCount"] else None

    def signed(self, method: str, target: str, payload: str, host: str = "", **headers: str) -> tuple[dict[str, str], str]:
        """Headers, and the signature in them."""
        netloc = urlsplit(self.url).netloc
        url = f"http://{host or netloc}{target}"
        request = AWSRequest(method=method, url=url, headers={**headers, "Host": host or netloc})
        request.context["payload_signing_enabled"] = True
        key = Credentials(self.key["aws_access_key_id"], self.key["aws_secret_access_key"], self.key["aws_session_token"])
        signer = S3SigV4Auth(key, "s3", "us-east-1")
        signer.payload = lambda _: payload
        signer.add_auth(request)
        given = dict(request.headers.items())
        return given, given["Authorization"].rpartition("Signature=")[2]

    def put(self, name: str, payload: str, body: bytes, host: str = "", **headers: str) -> tuple[int, bytes]:
        given, _ = self.signed("PUT", f"/files/{name}", payload, host, **headers)
        return self.send("PUT", f"/files/{name}", given, body)

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            connection.request(method, target, body, headers)
            with connection.getresponse() as answer:
                return answer.status, answer.read()
        finally:
            connection.close()

    def chunks(self, name: str, payload: str, *, trailer: bytes = b"", change: Callable[[list[bytes]], None] | None = None) -> Any:
        """A chunked upload of DATA; `change` may do what it likes to the pieces of its body."""
        extra = {"x-amz-decoded-content-length": str(sum(map(len, DATA))), "content-encoding": "aws-chunked"}
        if trailer:
            extra["x-amz-trailer"] = trailer.partition(b":")[0].decode()
        headers, previous = self.signed("PUT", f"/files/{name}", payload, **extra)
        at = headers["X-Amz-Date"]
        scope = f"{at[:8]}/us-east-1/s3/aws4_request"
        key = f"AWS4{self.key['aws_secret_access_key']}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")

        def sign(algorithm: str, digest: str) -> str:
            return hmac.digest(key, f"{algorithm}\n{at}\n{scope}\n{previous}\n{digest}".encode(), "sha256").hex()

        pieces = []
        for data in (*DATA, b""):
            if payload != UNSIGNED:
                previous = sign("AWS4-HMAC-SHA256-PAYLOAD", f"{NOTHING}\n{hashlib.sha256(data).hexdigest()}")
            signature = f";chunk-signature={previous}" if payload != UNSIGNED else ""
            pieces.append(f"{len(data):x}{signature}\r\n".encode() + data + (b"\r\n" if data else b""))
        if trailer:
            pieces.append(trailer + b"\r\n")
        if trailer and payload == TRAILED:
            pieces.append(
                b"x-amz-trailer-signature:"
                + sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(trailer + b"\n").hexdigest()).encode()
                + b"\r\n"
            )
        pieces.append(b"\r\n")
        if change is not None:
            change(pieces)
        return self.send("PUT", f"/files/{name}", headers, b"".join(pieces))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    store = boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    store.create_bucket(Bucket="files")
    bad = Badly()
    routes = {
        "files": {"kind": "s3", "url": f"http://{host}:{port}", **STORE_KEYS},
        "bad": {"kind": "s3", "url": f"http://127.0.0.1:{bad.port}", "host": "bad.localhost", "seconds": 1, **STORE_KEYS},
        "dead": {"kind": "s3", "url": "http://127.0.0.1:1", "host": "dead.localhost", **STORE_KEYS},
    }
    with running(tmp_path_factory.mktemp("gateway") / "data", routes) as (live, _):
        yield Stage(live, gateway_url(live), store, bad)
    moto.stop()


def checksum() -> bytes:
    import base64
    import zlib

    return SUM + base64.b64encode(zlib.crc32(b"".join(DATA)).to_bytes(4, "big"))


@pytest.mark.parametrize(("payload", "trailed"), [(SIGNED, False), (TRAILED, True), (UNSIGNED, True), (UNSIGNED, False)])
def test_uploads_in_chunks_arrive_whole(stage: Stage, payload: str, trailed: bool) -> None:
    status, answer = stage.chunks("whole", payload, trailer=checksum() if trailed else b"")
    assert (status, answer) == (200, b"")
    assert stage.kept("whole") == b"".join(DATA)


def swap(pieces: list[bytes]) -> None:
    pieces[0], pieces[1] = pieces[1], pieces[0]


def alter(at: int) -> Callable[[list[bytes]], None]:
    def change(pieces: list[bytes]) -> None:
        pieces[at] = pieces[at][:-10] + b"x" * 8 + pieces[at][-2:]

    return change


def drop(pieces: list[bytes]) -> None:
    del pieces[1]


def unsign(pieces: list[bytes]) -> None:
    pieces[0] = b"10000\r\n" + DATA[0] + b"\r\n"


def end_early(pieces: list[bytes]) -> None:
    del pieces[2:]


def insert_header(pieces: list[bytes]) -> None:
    pieces.insert(len(pieces) - 1, b"x-amz-acl:public-read\r\n")


TAMPERED: list[tuple[str, bool, Any, str]] = [
    (SIGNED, False, alter(0), "SignatureDoesNotMatch"),
    (SIGNED, False, alter(2), "SignatureDoesNotMatch"),
    (SIGNED, False, swap, "SignatureDoesNotMatch"),
    (SIGNED, False, drop, "SignatureDoesNotMatch"),
    (SIGNED, False, unsign, "SignatureDoesNotMatch"),
    (SIGNED, False, end_early, "IncompleteBody"),
    (SIGNED, False, insert_header, "MalformedTrailerError"),
    (TRAILED, True, alter(4), "SignatureDoesNotMatch"),
    (TRAILED, True, insert_header, "SignatureDoesNotMatch"),
    (UNSIGNED, True, drop, "IncompleteBody"),
    (UNSIGNED, True, insert_header, "MalformedTrailerError"),
]


@pytest.mark.parametrize(("payload", "trailed", "change", "code"), TAMPERED)
def test_a_body_that_is_not_what_was_signed_leaves_nothing(stage: Stage, payload: str, trailed: bool, change: Any, code: str) -> None:
    """Altered in the first or the last chunk, swapped, dropped, cut, with a field that was not announced."""
    name = f"tampered-{uuid.uuid4()}"
    status, answer = stage.chunks(name, payload, trailer=checksum() if trailed else b"", change=change)
    assert (status in (400, 403), f"<Code>{code}</Code>".encode() in answer) == (True, True), answer
    assert stage.kept(name) is None


def test_a_body_with_another_hash_leaves_nothing(stage: Stage) -> None:
    wrong = hashlib.sha256(b"other").hexdigest()
    for body in (b"x", b"x" * 1_000_000):
        status, answer = stage.put("hash", wrong, body)
        assert (status, b"<Code>XAmzContentSHA256Mismatch</Code>" in answer) == (400, True)
    assert stage.kept("hash") is None
    assert stage.put("hash", hashlib.sha256(b"x").hexdigest(), b"x")[0] == 200


def test_an_upload_whose_client_goes_away_leaves_nothing(stage: Stage) -> None:
    headers, _ = stage.signed("PUT", "/files/gone", "UNSIGNED-PAYLOAD")
    head = "PUT /files/gone HTTP/1.1\r\ncontent-length: 1000000\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
    host, port = urlsplit(stage.url).netloc.split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + b"x" * 500_000)
        time.sleep(0.3)
    time.sleep(0.5)
    assert stage.kept("gone") is None


def test_100_continue_comes_after_the_decision(stage: Stage) -> None:
    """Whoever may not is told so before the body, and the connection ends with it; whoever may is asked for it."""
    headers, _ = stage.signed("PUT", "/files/expected", "UNSIGNED-PAYLOAD")
    host, port = urlsplit(stage.url).netloc.split(":")

    def ask(lines: dict[str, str]) -> tuple[bytes, bytes]:
        head = "PUT /files/expected HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 5\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(head.encode())
            first = connection.recv(65536)
            if first.startswith(b"HTTP/1.1 100"):
                connection.sendall(b"hello")
            rest = b""
            connection.settimeout(1)
            try:
                while piece := connection.recv(65536):
                    rest += piece
            except TimeoutError:
                rest += b"(open)"
        return first, rest

    first, rest = ask(headers)
    assert (first, rest.startswith(b"HTTP/1.1 200 OK"), stage.kept("expected")) == (b"HTTP/1.1 100 Continue\r\n\r\n", True, b"hello")
    first, rest = ask({**headers, "X-Amz-Date": "20200101T000000Z"})
    assert (first.startswith(b"HTTP/1.1 40"), b"connection: close" in first, rest.endswith(b"(open)")) == (True, True, False)


def test_a_body_needs_its_length(stage: Stage) -> None:
    headers, _ = stage.signed("PUT", "/files/length", "UNSIGNED-PAYLOAD")
    connection = http.client.HTTPConnection(urlsplit(stage.url).netloc, timeout=20)
    connection.request("PUT", "/files/length", iter([b"x"]), headers, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, b"<Code>MissingContentLength</Code>" in answer.read()) == (411, True)
    connection.close()


def test_a_store_that_fails(stage: Stage) -> None:
    """Dead, silent, hanging up, speaking no HTTP: an error that clients try again. Breaking off: no whole answer."""

    def get(host: str) -> tuple[int, bytes]:
        headers, _ = stage.signed("GET", "/files/x", NOTHING, host)
        return stage.send("GET", "/files/x", headers, b"")

    assert get("dead.localhost")[0] == 503
    stage.bad.answer = lambda connection, head: time.sleep(2)
    assert get("bad.localhost")[0] == 504
    stage.bad.answer = lambda connection, head: None
    assert get("bad.localhost")[0] == 503
    stage.bad.answer = lambda connection, head: connection.sendall(b"nonsense\r\n\r\n")
    assert get("bad.localhost")[0] == 503
    stage.bad.answer = lambda connection, head: connection.sendall(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000)
    assert get("bad.localhost")[0] == 503
    stage.bad.answer = lambda connection, head: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    with pytest.raises((http.client.IncompleteRead, ConnectionError, http.client.RemoteDisconnected)):
        get("bad.localhost")
    two = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
    stage.bad.answer = lambda connection, head: connection.sendall(two)
    assert [get("bad.localhost") for _ in range(2)] != [(200, b"ok"), (200, b"evil")]


def test_large_bodies_pass_in_little_memory(stage: Stage) -> None:
    """200 MB down and up: the process grows by less than 30 MB."""
    size = 200 << 20
    piece = b"x" * (1 << 20)

    def large(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % size)
        for _ in range(200):
            connection.sendall(piece)

    def swallow(connection: socket.socket, head: bytes) -> None:
        got = len(head.partition(b"\r\n\r\n")[2])
        while got < size and (more := connection.recv(1 << 20)):
            got += len(more)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    process = psutil.Process(stage.live.pid)
    idle = process.memory_info().rss
    most = idle
    stop = threading.Event()

    def watch() -> None:
        nonlocal most
        while not stop.wait(0.02):
            most = max(most, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        stage.bad.answer = large
        headers, _ = stage.signed("GET", "/files/x", NOTHING, "bad.localhost")
        connection = http.client.HTTPConnection(urlsplit(stage.url).netloc, timeout=20)
        connection.request("GET", "/files/x", None, headers)
        answer, got = connection.getresponse(), 0
        while more := answer.read(1 << 20):
            got += len(more)
        stage.bad.answer = swallow
        headers, _ = stage.signed("PUT", "/files/x", "UNSIGNED-PAYLOAD", "bad.localhost")
        connection.request("PUT", "/files/x", (piece for _ in range(200)), {**headers, "content-length": str(size)})
        status = connection.getresponse().status
        connection.close()
    finally:
        stop.set()
        watching.join()
    assert (got, status) == (size, 200)
    assert most - idle < 30 << 20
