"""Clients that are slow, broken or hostile below the operations: the server answers or hangs up, and goes on serving the others."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psutil
import pytest
import uvicorn
from uvicorn.server import ServerState

from cognomen.wire import connection as connections
from tests.faults.load import call
from tests.kit.live import Live
from tests.kit.server import TARGETS

BODY = b'{"MaxResults": 5}'
HEAD = f"host: localhost\r\ncontent-type: application/x-amz-json-1.1\r\nx-amz-target: {TARGETS['cognito-idp']}.ListUserPools\r\n".encode()
GOOD = b"POST / HTTP/1.1\r\n" + HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("http") / "data") as running:
        yield running


def connection(live: Live) -> socket.socket:
    return socket.create_connection(("127.0.0.1", live.port), timeout=15)


def answers(open_: socket.socket, number: int) -> list[tuple[int, bytes]]:
    """So many whole answers, as (status, body); fewer where the server hangs up."""
    found: list[tuple[int, bytes]] = []
    received = b""
    while len(found) < number:
        head, separator, rest = received.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        if separator and len(rest) >= length:
            found.append((int(head.split(b" ", 2)[1]), rest[:length]))
            received = rest[length:]
            continue
        try:
            more = open_.recv(65536)
        except ConnectionResetError:
            more = b""
        if not more:
            break
        received += more
    return found


def is_well(live: Live) -> bool:
    with closing(connection(live)) as open_:
        open_.sendall(GOOD)
        return answers(open_, 1)[0][0] == 200


def test_pipelined_requests(live: Live) -> None:
    """Sent at once on one connection, answered in order."""
    with closing(connection(live)) as open_:
        open_.sendall(GOOD * 5 + GOOD.replace(b"ListUserPools", b"NoSuchThing") + GOOD)
        found = answers(open_, 7)
    assert [status for status, _ in found] == [200] * 5 + [400, 200]
    assert json.loads(found[5][1])["__type"] == "UnknownOperationException"


def test_a_slow_request(live: Live) -> None:
    """A byte now and then is a request too; meanwhile the others are answered."""
    with closing(connection(live)) as open_:
        for place in range(0, len(GOOD), 40):
            open_.sendall(GOOD[place : place + 40])
            time.sleep(0.02)
            if place % 160 == 0:
                assert is_well(live)
        assert answers(open_, 1)[0][0] == 200


@pytest.mark.parametrize("part", [b"POST / HT", b"POST / HTTP/1.1\r\n" + HEAD, GOOD[:-5]], ids=["line", "head", "body"])
def test_half_a_request(live: Live, part: bytes) -> None:
    """A hundred clients that send half and wait keep nobody else from being answered; those who go away leave nothing behind."""
    held = [connection(live) for _ in range(100)]
    for open_ in held:
        open_.sendall(part)
    assert is_well(live)
    for open_ in held:
        open_.close()
    assert is_well(live)
    assert live.stderr.count("operation failed") == 0


@pytest.mark.parametrize("path", ["/oauth2/token", "/login", "/saml2/idpresponse", "/authEventFeedback"])
def test_half_a_form(live: Live, path: str) -> None:
    """Who hangs up in the middle of one leaves no bug in the log."""
    pool = call(live.http, live.url, "CreateUserPool", PoolName="http")["UserPool"]["Id"]
    flows = {"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"]}
    more = {"CallbackURLs": ["https://app.example/back"], "SupportedIdentityProviders": ["COGNITO"]}
    made = call(live.http, live.url, "CreateUserPoolClient", UserPoolId=pool, ClientName="app", **flows, **more)
    query = f"client_id={made['UserPoolClient']['ClientId']}&response_type=code&redirect_uri=https://app.example/back"
    kind = "content-type: application/x-www-form-urlencoded\r\ncontent-length: 99"
    with closing(connection(live)) as open_:
        open_.sendall(f"POST /{pool}{path}?{query} HTTP/1.1\r\nhost: localhost\r\n{kind}\r\n\r\ngrant_type=".encode())
        time.sleep(0.2)
    time.sleep(0.2)
    assert is_well(live)
    assert "Exception" not in live.stderr


def test_a_head_without_an_end(live: Live) -> None:
    """Headers are read into memory: a client that sends them for ever is hung up on long before they are many."""
    before = psutil.Process(live.pid).memory_info().rss
    sent = 0
    with closing(connection(live)) as open_:
        open_.sendall(b"POST / HTTP/1.1\r\n" + HEAD)
        try:
            for _ in range(1024):
                open_.sendall(b"x-more: " + b"a" * (64 << 10) + b"\r\n")
                sent += 64 << 10
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert sent < 16 << 20, "what the system itself keeps for a connection is less"
    assert psutil.Process(live.pid).memory_info().rss - before < 32 << 20
    assert is_well(live)


async def slow_answer(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(0.6)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def listening() -> asyncio.Server:
    config = uvicorn.Config(slow_answer, http=connections.Connection, lifespan="off", log_config=None, port=0)
    config.load()
    state = ServerState()
    return await asyncio.get_running_loop().create_server(lambda: connections.Connection(config, state, {}), "127.0.0.1", 0)


async def test_a_request_that_is_never_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hung up on once its time is over: before its first byte, in its head and in its body; a finished one is answered however long that takes."""
    monkeypatch.setattr(connections, "SECONDS", 0.3)
    server = await listening()
    port = server.sockets[0].getsockname()[1]
    for part, answered in ((b"", b""), (GOOD[:40], b""), (GOOD[:-3], b""), (GOOD, b"HTTP/1.1 204")):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(part)
        started = time.monotonic()
        assert (await asyncio.wait_for(reader.read(12), 5)) == answered
        assert time.monotonic() - started < 3
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_an_idle_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept for the next request, and hung up on when none comes."""
    monkeypatch.setattr(connections, "SECONDS", 0.3)
    monkeypatch.setattr(connections, "IDLE", 0.8)
    server = await listening()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    for _ in range(2):
        writer.write(GOOD)
        assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 204")
        await asyncio.sleep(0.4)
    assert await asyncio.wait_for(reader.read(1), 5) == b""
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


TRAILED = b"POST / HTTP/1.1\r\n" + HEAD + b"transfer-encoding: chunked\r\ntrailer: x-amz-target\r\n\r\n"
CHUNKED = b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    "trailer",
    [
        b"x-amz-target: AWSCognitoIdentityProviderService.NoSuchThing",
        b"content-type: application/x-www-form-urlencoded",
        b"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ],
)
def test_what_comes_behind_a_body_is_no_header(live: Live, trailer: bytes, apart: bool) -> None:
    """Whether it comes with the head or when the request is under way: it neither adds a header nor changes one."""
    with closing(connection(live)) as open_:
        pieces = [TRAILED, CHUNKED, trailer + b"\r\n\r\n"]
        for piece in pieces if apart else [b"".join(pieces)]:
            open_.sendall(piece)
            time.sleep(0.05)
        open_.sendall(GOOD)
        found = answers(open_, 2)
    assert [status for status, _ in found] == [200, 200]


def test_a_trailer_names_no_caller(live: Live) -> None:
    """Dev believes a signature's name, but not one that stands behind the body."""
    form = b"Action=GetCallerIdentity&Version=2011-06-15"
    head = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\ntransfer-encoding: chunked\r\n\r\n"
    scope = b"Credential=AKIDOTHER/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=00"
    trailer = b"authorization: AWS4-HMAC-SHA256 " + scope + b"\r\nx-forwarded-for: 203.0.113.9\r\n\r\n"
    with closing(connection(live)) as open_:
        open_.sendall(head + b"%x\r\n%b\r\n0\r\n" % (len(form), form) + trailer)
        [(status, body)] = answers(open_, 1)
    assert (status, b"<Arn>arn:aws:iam::000000000000:root</Arn>" in body) == (200, True)


def test_trailers_without_an_end(live: Live) -> None:
    """One long field or many: the server hangs up, having kept little of them."""
    for field in (b"a" * 4096, b"x-padding: %b\r\n" % (b"a" * 4096)):
        with closing(connection(live)) as open_:
            open_.sendall(TRAILED + CHUNKED)
            time.sleep(0.05)
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                open_.sendall(field * 5000)  # 20 MB, more than the system's own buffers hold
    assert is_well(live)


def test_chunked_bodies(live: Live) -> None:
    """A body in pieces is put together; one without an end, or with a broken length, is refused."""
    head = b"POST / HTTP/1.1\r\n" + HEAD + b"transfer-encoding: chunked\r\n\r\n"
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (BODY[:5], BODY[5:6], BODY[6:]))
    with closing(connection(live)) as open_:
        open_.sendall(head + pieces + b"0\r\n\r\n" + GOOD)
        assert [status for status, _ in answers(open_, 2)] == [200, 200]
    with closing(connection(live)) as open_:
        open_.sendall(head + b"zz\r\nnot hexadecimal\r\n0\r\n\r\n")
        assert [status for status, _ in answers(open_, 1)] in ([400], [])
    assert is_well(live)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit(live: Live, chunked: bool) -> None:
    """A little over 1 MiB: 413 with AWS's form of an error, read by a client that sends all of it first."""
    body = b'{"PoolName": "' + b"a" * (1 << 20) + b'"}'
    with closing(connection(live)) as open_:
        if chunked:
            open_.sendall(b"POST / HTTP/1.1\r\n" + HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        else:
            open_.sendall(b"POST / HTTP/1.1\r\n" + HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
        status, answer = answers(open_, 1)[0]
    assert (status, json.loads(answer)["__type"]) == (413, "RequestEntityTooLargeException")
    assert is_well(live)


def test_a_body_of_just_the_limit(live: Live) -> None:
    """1 MiB itself is read, and judged as what it says."""
    body = b'{"MaxResults": 5, "NextToken": "' + b" " * ((1 << 20) - 34) + b'"}'
    with closing(connection(live)) as open_:
        open_.sendall(b"POST / HTTP/1.1\r\n" + HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
        status, answer = answers(open_, 1)[0]
    assert (len(body), status, json.loads(answer)["__type"]) == (1 << 20, 400, "InvalidParameterException")


def test_a_body_that_is_only_announced(live: Live) -> None:
    """A terabyte in the header alone is refused at once; nothing is waited for or set aside."""
    with closing(connection(live)) as open_:
        open_.sendall(b"POST / HTTP/1.1\r\n" + HEAD + b"content-length: 1000000000000\r\n\r\n")
        started = time.monotonic()
        assert answers(open_, 1)[0][0] == 413
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "broken",
    [
        b"POST / HTTP/1.1\r\n" + HEAD + b"x-long: " + b"a" * (2 << 20) + b"\r\n\r\n",
        b"GET /" + b"a" * (2 << 20) + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HEAD + b"content-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n12345",
        b"POST / HTTP/1.1\r\n" + HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/9.9\r\nhost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 1000,
        b"POST / HTTP/1.1\r\nhost: x\r\nx-bad\0name: y\r\n\r\n",
    ],
    ids=[
        "header of 2 MiB",
        "path of 2 MiB",
        "negative length",
        "two lengths",
        "length and chunks",
        "version",
        "TLS",
        "NUL",
        "NUL in a header",
    ],
)
def test_what_is_no_request(live: Live, broken: bytes) -> None:
    """Refused with a 4xx or hung up on, never answered with a 5xx, and the next client is served."""
    with closing(connection(live)) as open_:
        try:
            open_.sendall(broken)
            open_.shutdown(socket.SHUT_WR)
            found = answers(open_, 1)
        except OSError:  # hung up on while it was still sending
            found = []
    assert all(400 <= status < 500 for status, _ in found), found
    assert is_well(live)
