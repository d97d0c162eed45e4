"""Signatures by threads, by processes and by the loop itself: always the same ones, whatever becomes of the processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from structlog.testing import capture_logs

from cognomen.kernel.workers import Workers
from cognomen.tokens import signing_process
from cognomen.tokens.keys import KeyPair
from cognomen.tokens.signer import Signer


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.stop()


@pytest.fixture
async def signer(workers: Workers) -> AsyncIterator[Signer]:
    """As on a machine of two cores, whatever this one has."""
    made = Signer(workers, most=1)
    yield made
    await made.stop()


@pytest.fixture
def keys(signing_pairs: list[KeyPair]) -> list[tuple[str, RSAPrivateKey]]:
    return [(f"kid-{number}", key) for number, key in enumerate(key for pair in signing_pairs[:2] for key in pair)]


def verify(keys: list[tuple[str, RSAPrivateKey]], contents: list[bytes], signatures: list[bytes]) -> None:
    for (_, key), content, signature in zip(keys, contents, signatures, strict=True):
        key.public_key().verify(signature, content, PKCS1v15(), SHA256())


async def sign(signer: Signer, keys: list[tuple[str, RSAPrivateKey]], count: int) -> None:
    """`count` jobs at once, each of two contents of its own; every signature is verified."""
    jobs = [([keys[number % len(keys)], keys[(number + 1) % len(keys)]], [b"%d" % number, b"%d too" % number]) for number in range(count)]
    for (used, contents), signatures in zip(jobs, await asyncio.gather(*(signer.begin(*job) for job in jobs)), strict=True):
        verify(used, contents, signatures)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it does not come about")


async def with_process(signer: Signer, keys: list[tuple[str, RSAPrivateKey]]) -> int:
    """Its process id."""
    before = children()
    await sign(signer, keys, 20)
    await until(lambda: signer.processes == 1)
    [pid] = children() - before
    return pid


def children() -> set[int]:
    return {int(each) for each in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def told(pid: int, what: str) -> bytes:
    return Path(f"/proc/{pid}/{what}").read_bytes()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_few_need_no_process(signer: Signer, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """Two at once are done by threads."""
    for _ in range(10):
        await sign(signer, keys, 2)
    assert signer.processes == 0


async def test_many_at_once_get_one(signer: Signer, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """The first of them are signed by threads while it starts; then it and the loop do the work, and no second one is started."""
    pid = await with_process(signer, keys)
    await sign(signer, keys, 200)
    await sign(signer, keys, 1)
    assert (signer.processes, pid in children()) == (1, True)


async def test_without_a_second_core_threads_do_it_all(workers: Workers, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """Nothing is started then."""
    signer = Signer(workers, most=0)
    await sign(signer, keys, 50)
    assert signer.processes == 0
    await signer.stop()


async def test_the_loop_helps(signer: Signer, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """A process that hangs holds up its own eight jobs; the loop does the others."""
    pid = await with_process(signer, keys)
    os.kill(pid, signal.SIGSTOP)
    jobs = [signer.begin([keys[0]], [b"%d" % number]) for number in range(30)]
    done, pending = await asyncio.wait(jobs, timeout=2)
    assert (len(done), len(pending)) == (22, 8)
    os.kill(pid, signal.SIGCONT)
    for number, signature in enumerate(await asyncio.gather(*jobs)):
        verify([keys[0]], [b"%d" % number], signature)


async def test_a_process_that_is_killed_loses_nothing(signer: Signer, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """What it had and what waited is signed by threads; for a while no other one is started."""
    pid = await with_process(signer, keys)
    os.kill(pid, signal.SIGSTOP)
    jobs = asyncio.gather(*(signer.begin([keys[0]], [b"%d" % number]) for number in range(30)))
    os.kill(pid, signal.SIGKILL)
    for number, signature in enumerate(await asyncio.wait_for(jobs, 10)):
        verify([keys[0]], [b"%d" % number], signature)
    await sign(signer, keys, 50)
    assert signer.processes == 0


async def test_one_that_can_not_be_started(signer: Signer, keys: list[tuple[str, RSAPrivateKey]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads sign everything, and the log says why."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with capture_logs() as lines:
        await sign(signer, keys, 50)
        await sign(signer, keys, 50)
    assert signer.processes == 0
    assert [(line["event"], line.get("reason")) for line in lines] == [
        ("tokens are signed by threads for a while, more slowly: a process that did it ended", None),
        ("no process can be started to sign tokens", "No such file or directory"),
    ]


async def test_one_that_ends_before_it_is_ready(
    signer: Signer, keys: list[tuple[str, RSAPrivateKey]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where its libraries are missing: threads sign everything."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    await sign(signer, keys, 50)
    await until(lambda: signer._starting is None)
    await sign(signer, keys, 50)
    assert signer.processes == 0


async def test_it_ends_when_it_has_nothing_to_do(workers: Workers, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """And gives its memory back, without a word; the next rush gets another."""
    signer = Signer(workers, most=1, idle_seconds=0.2)
    pid = await with_process(signer, keys)
    with capture_logs() as lines:
        await until(lambda: signer.processes == 0 and not alive(pid))
    assert lines == []
    assert await with_process(signer, keys) != pid
    await signer.stop()


async def test_the_end(signer: Signer, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """With `stop` its process is gone, what waited is cancelled, and nothing is taken any more."""
    pid = await with_process(signer, keys)
    os.kill(pid, signal.SIGSTOP)
    jobs = [signer.begin([keys[0]], [b"x"]) for _ in range(8)]
    os.kill(pid, signal.SIGCONT)
    await signer.stop()
    assert not alive(pid)
    for outcome in await asyncio.gather(*jobs, return_exceptions=True):
        assert isinstance(outcome, asyncio.CancelledError | list)
    with pytest.raises(RuntimeError):
        await signer.begin([keys[0]], [b"x"])


async def test_who_gives_up_harms_nobody(signer: Signer, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """The signatures of a job that was cancelled are not taken for those of the next."""
    await with_process(signer, keys)
    jobs = [signer.begin([keys[number % 4]], [b"%d" % number]) for number in range(40)]
    for job in jobs[::3]:
        job.cancel()
    await asyncio.wait(jobs)
    for number, job in enumerate(jobs):
        if number % 3:
            verify([keys[number % 4]], [b"%d" % number], job.result())


async def test_more_keys_than_it_holds(signer: Signer, keys: list[tuple[str, RSAPrivateKey]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A place is used again, and what was asked for before is signed with the key of before."""
    monkeypatch.setattr(signing_process, "_KEYS", 2)
    await with_process(signer, keys)
    await sign(signer, keys, 100)


async def test_more_than_the_socket_takes(signer: Signer, keys: list[tuple[str, RSAPrivateKey]], monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is sent when there is room, whole and in order."""
    pid = await with_process(signer, keys)
    monkeypatch.setattr("cognomen.tokens.signer._DEPTH", 3_000)
    os.kill(pid, signal.SIGSTOP)
    signing = asyncio.create_task(sign(signer, keys, 3_000))
    await asyncio.sleep(0.3)
    os.kill(pid, signal.SIGCONT)
    await asyncio.wait_for(signing, 60)


async def test_ctrl_c_and_the_like_are_not_for_it(signer: Signer, keys: list[tuple[str, RSAPrivateKey]]) -> None:
    """The server decides when it ends: answers that are begun need signatures."""
    pid = await with_process(signer, keys)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, each)
    await sign(signer, keys, 50)
    assert (signer.processes, alive(pid)) == (1, True)


async def test_it_knows_no_settings(signer: Signer, keys: list[tuple[str, RSAPrivateKey]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment holds neither the master key nor credentials, its command line no key."""
    monkeypatch.setenv("COGNOMEN_MASTER_KEY", "c2VjcmV0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    pid = await with_process(signer, keys)
    names = {entry.partition(b"=")[0] for entry in told(pid, "environ").split(b"\0") if entry}
    assert names <= {b"PYTHONPATH", b"PYTHONHOME", b"LD_LIBRARY_PATH", b"OPENSSL_CONF"}
    assert told(pid, "cmdline").endswith(b"-P\0-s\0-m\0cognomen.tokens.signing_child\0")


SERVER = """
import asyncio, sys
from cognomen.kernel.workers import Workers
from cognomen.tokens.keys import generate_pair
from cognomen.tokens.signer import Signer

async def main():
    signer = Signer(Workers(), most=1)
    key = generate_pair()[0]
    while not signer.processes:
        await asyncio.gather(*(signer.begin([("kid", key)], [b"x"]) for _ in range(20)))
    print(open(f"/proc/self/task/{__import__('os').getpid()}/children").read().split()[0], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_it_does_not_outlive_the_server() -> None:
    """Not even one that is killed."""
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(SERVER)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        assert alive(pid)
        server.kill()
    ends = time.monotonic() + 10
    while alive(pid) and time.monotonic() < ends:
        time.sleep(0.01)
    assert not alive(pid)
