"""The way out keeps its time limit whatever the other side does."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest

from cognomen.kernel import outbound
from tests.kit.dripping import HEAD, Dripping
from tests.kit.http2_server import certificate
from tests.kit.receiver import Receiver


def refused(url: str, seconds: float = 0.5) -> tuple[str, float]:
    """What is said of an address that does not end its answer, and after how long."""
    begun = time.monotonic()
    with pytest.raises(outbound.Unreachable) as error:
        outbound.send("POST", url, body=b"{}", timeout=seconds)
    assert isinstance(error.value.__cause__, TimeoutError)
    return str(error.value), time.monotonic() - begun


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", HEAD], ids=["status", "header", "body"])
def test_an_answer_that_drips_is_given_up(first: bytes) -> None:
    """A socket's own limit begins again with each byte, and would hold this thread for a day."""
    with Dripping(first) as server:
        text, took = refused(server.url)
    assert (text, 0.4 < took < 1.5) == (f"{server.url} does not answer: timed out", True)


def test_also_one_that_comes_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path, tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Dripping(tls=context) as server:
        text, took = refused(server.url)
    assert (text[-9:], 0.4 < took < 1.5) == ("timed out", True)


def test_the_next_address_of_a_name_is_tried() -> None:
    """`localhost` is ::1 first on many machines; a server on 127.0.0.1 is found all the same."""
    with Receiver((200, b'{"here": true}')) as receiver:
        assert outbound.get_json(receiver.url.replace("127.0.0.1", "localhost"), 2.0) == {"here": True}
