"""What the parts of an operation cost alone on this machine, in milliseconds of processor time: the server cannot be faster than their sum."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gmpy2 import mpz, powmod_sec

from bench.operations import PAGE, Population
from bench.servers import BENCH, ROOT, Running, Server, load
from bench.srp import N

ROWS = 20_000
# Operation -> floor: the two sizes of answers that the bare server gives.
HTTP = {"AdminGetUser": "http", "ListUsers": "http_page"}
_OPTIONS = [
    "--host",
    "127.0.0.1",
    "--port",
    "{port}",
    "--loop",
    "uvloop",
    "--http",
    "httptools",
    "--no-access-log",
    "--log-level",
    "warning",
]
# uvicorn with uvloop and httptools, and under it nothing.
BARE = Server(name="bare", command=[sys.executable, "-m", "uvicorn", "bench.bare:app", *_OPTIONS], folder=ROOT)
GROUP = 16  # rows that one commit carries


def alone() -> dict[str, float]:
    """The floors that need no server, each by its name."""
    return {**signatures(), "modexp": modexp(), **database()}


def each(work: Callable[[], object], seconds: float = 0.12, batches: int = 4) -> float:
    """Milliseconds of this process's time for one call, in the quietest of some batches: a floor is what a disturbed machine hides."""
    work()
    found = []
    for _ in range(batches):
        count, began = 0, time.process_time()
        while (used := time.process_time() - began) < seconds:
            work()
            count += 1
        found.append(used / count * 1e3)
    return min(found)


def http(bare: Running, operation: str, seconds: float, rounds: int) -> float:
    """The bare server's time for an answer of the operation's size, in the quietest round."""
    there = Population(pool="us-east-1_000000000", client="0", users=1000, confirmed=1000)
    return min(float(load(bare, operation, seconds=seconds, there=there)["server_cpu_ms"]) for _ in range(rounds))


def signatures() -> dict[str, float]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = secrets.token_bytes(900)
    signed = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    public = key.public_key()
    return {
        "signature": each(lambda: key.sign(text, padding.PKCS1v15(), hashes.SHA256())),
        "verification": each(lambda: public.verify(signed, text, padding.PKCS1v15(), hashes.SHA256())),
    }


def modexp() -> float:
    """One exponentiation in the 3072-bit group with a secret exponent of 256 bits."""
    base, exponent, modulus = mpz(secrets.randbits(3071)), mpz(secrets.randbits(256) | 1 << 255), mpz(N)
    return each(lambda: powmod_sec(base, exponent, modulus))


def database() -> dict[str, float]:
    with users() as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM users LIMIT 1000 OFFSET 500")]
        turn = iter(range(sys.maxsize))

        def read() -> None:
            connection.execute("SELECT name, sub, body FROM users WHERE pool = ? AND name = ?", ("p", names[next(turn) % 1000])).fetchone()

        def read_page() -> None:
            query = "SELECT name, sub, body FROM users WHERE pool = ? AND name > ? ORDER BY name LIMIT ?"
            connection.execute(query, ("p", names[next(turn) % 1000], PAGE + 1)).fetchall()

        return {"read": each(read), "read_page": each(read_page), "write": write(connection)}


def write(connection: sqlite3.Connection) -> float:
    """One row with its index, durable, its commit shared with the others of its group."""

    def group() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(GROUP):
            connection.execute(
                "INSERT INTO users VALUES (?, ?, ?, ?)", ("p", secrets.token_hex(9), secrets.token_hex(16), secrets.token_bytes(600))
            )
        connection.execute("COMMIT")

    return each(group) / GROUP


@contextmanager
def users() -> Iterator[sqlite3.Connection]:
    """A database as the server would keep it, on the same disk."""
    BENCH.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=BENCH) as folder,
        closing(sqlite3.connect(Path(folder, "floor.db"), isolation_level=None)) as connection,
    ):
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;")
        connection.execute("CREATE TABLE users (pool TEXT, name TEXT, sub TEXT, body BLOB, PRIMARY KEY (pool, name)) WITHOUT ROWID")
        connection.execute("CREATE UNIQUE INDEX users_by_sub ON users (pool, sub)")
        connection.execute("BEGIN")
        names = (hashlib.sha256(str(number).encode()).hexdigest()[:18] for number in range(ROWS))
        rows = (("p", name, secrets.token_hex(16), secrets.token_bytes(600)) for name in names)
        connection.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        yield connection
