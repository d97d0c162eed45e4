"""What the gateway costs: milliseconds that it adds to a small request (one connection, median, against the same service without it), memory that it
takes for a large one, and a policy decision with ten statements. `python -m bench.gateway [MEGABYTES]`; the promise is for 1000."""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import psutil
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.targets import Verdict
from cognomen.policies.document import parse
from cognomen.policies.evaluate import Request, decide
from tests.kit.gateway import STORE_KEYS, allow, assumed, gateway_url, role, running
from tests.kit.live import Live

REQUESTS = 1000
PIECE = b"x" * (1 << 20)


class Store:
    """A process of its own, so that neither it nor this one's clients wait for one lock: a canned answer, or as many megabytes as the key says."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.gateway", "--store"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def serve() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    held = b""
    while True:
        while b"\r\n\r\n" not in held:
            piece = connection.recv(1 << 20)
            if not piece:
                return
            held += piece
        head, _, held = held.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        got = len(held)
        held = b""
        while got < length:
            got += len(connection.recv(1 << 20))
        path = head.split(b" ")[1]
        if head.startswith(b"GET") and path.startswith(b"/b-1/large-"):
            size = int(path.rpartition(b"-")[2])
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (size << 20))
            for _ in range(size):
                connection.sendall(PIECE)
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")


def headers(key: dict[str, str], port: int, method: str, path: str, payload: str) -> dict[str, str]:
    request = AWSRequest(method=method, url=f"http://127.0.0.1:{port}{path}", headers={"Host": f"127.0.0.1:{port}"})
    signer = S3SigV4Auth(Credentials(key["aws_access_key_id"], key["aws_secret_access_key"], key["aws_session_token"]), "s3", "us-east-1")
    signer.payload = lambda _: payload
    signer.add_auth(request)
    return dict(request.headers.items())


def median(port: int, sent: dict[str, str]) -> float:
    """Milliseconds of a small GET on one connection."""
    connection = HTTPConnection("127.0.0.1", port)
    took = []
    for _ in range(REQUESTS):
        start = time.perf_counter()
        connection.request("GET", "/b-1/small", headers=sent)
        answer = connection.getresponse()
        body = answer.read()
        took.append(time.perf_counter() - start)
        assert (answer.status, body) == (200, b"hello"), body
    connection.close()
    return statistics.median(took[REQUESTS // 10 :]) * 1000


def streamed(live: Live, port: int, key: dict[str, str], size: int) -> tuple[float, float, float]:
    """MB above idle at the most, seconds down, seconds up."""
    process, stop = psutil.Process(live.pid), threading.Event()
    idle = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not stop.wait(0.01):
            most = max(most, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    connection = HTTPConnection("127.0.0.1", port)
    start = time.perf_counter()
    path = f"/b-1/large-{size}"
    connection.request("GET", path, headers=headers(key, port, "GET", path, "UNSIGNED-PAYLOAD"))
    answer, got = connection.getresponse(), 0
    while piece := answer.read(1 << 20):
        got += len(piece)
    down = time.perf_counter() - start
    assert got == size << 20
    start = time.perf_counter()
    given = headers(key, port, "PUT", path, "UNSIGNED-PAYLOAD") | {"content-length": str(size << 20)}
    connection.request("PUT", path, (PIECE for _ in range(size)), given)
    assert connection.getresponse().read() == b"hello"
    up = time.perf_counter() - start
    stop.set()
    watching.join()
    return (most - idle) / 1e6, down, up


def decision() -> float:
    """Microseconds of one decision among ten statements, the last of which allows."""
    others = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::other-{number}/*"} for number in range(9)]
    own = {"Effect": "Allow", "Action": ["s3:Get*", "s3:PutObject"], "Resource": "arn:aws:s3:::b-1/${cognito-identity.amazonaws.com:sub}/*"}
    policy = parse(json.dumps({"Version": "2012-10-17", "Statement": [*others, own]}), name="bench")
    sub = "us-east-1:11111111-1111-4111-8111-111111111111"
    asked = Request("s3:GetObject", f"arn:aws:s3:::b-1/{sub}/a", {"AWS": "arn"}, {"cognito-identity.amazonaws.com:sub": [sub]})
    assert decide([policy], asked).allowed
    took = []
    for _ in range(10):  # the best of ten: others use this processor too
        start = time.perf_counter()
        for _ in range(500):
            decide([policy], asked)
        took.append((time.perf_counter() - start) / 500 * 1e6)
    return min(took)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("megabytes", type=int, nargs="?", default=1000)
    parser.add_argument("--store", action="store_true")
    given = parser.parse_args()
    if given.store:
        serve()
    for row in verdicts(given.megabytes):
        print(f"{row.name:48} {row.value:>9.3f} {row.unit:3} under {row.target:g} {row.unit} {row.word} {row.note}")


def verdicts(megabytes: int) -> list[Verdict]:
    """The rows of `make bench`."""
    store = Store()
    os.environ.pop("COGNOMEN_GATEWAY", None)
    with tempfile.TemporaryDirectory(prefix="cognomen-bench-") as folder:
        routes = {"files": {"kind": "s3", "url": f"http://127.0.0.1:{store.port}", **STORE_KEYS}}
        with running(Path(folder) / "data", routes) as (live, _):
            key = assumed(live, role(live, "All", allow({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})))
            port = int(gateway_url(live).rpartition(":")[2])
            sent = headers(key, port, "GET", "/b-1/small", "UNSIGNED-PAYLOAD")
            straight, through = median(store.port, sent), median(port, sent)
            memory, down, up = streamed(live, port, key, megabytes)
    store.stop()
    rows = [
        ("a small request, added", through - straight, 1.0, "ms", f"straight {straight:.3f} ms"),
        (f"{megabytes:,} MB down and up, memory", memory, 30.0, "MB", f"{megabytes / down:.0f} MB/s down, {megabytes / up:.0f} MB/s up"),
        ("a decision, ten statements", decision(), 50.0, "us", ""),
    ]
    return [
        Verdict(part="gateway", name=name, value=value, target=target, at="most", unit=unit, note=note)
        for name, value, target, unit, note in rows
    ]


if __name__ == "__main__":
    main()
