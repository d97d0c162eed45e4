"""The process that signs beside the server (signer.py): it knows private keys and digests, and nothing of tokens or people. Started by
signing_process.py with a socket as its standard input; it ends when the server lets go of that.

What comes: frames of a kind (KEY or SIGN), the body's size, and the body. KEY: a slot and the numbers of a private key, in hexadecimal: p, q, d, d mod p-1,
d mod q-1, 1/q mod p, e, n (cryptography's readers of key files would take 3 MB). SIGN: one or more pairs of a slot and
a SHA-256 digest. What goes: one byte once all is loaded, then the signatures of each SIGN frame in order, RS256, one after the other.
"""

from __future__ import annotations

import os
import signal
import socket
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from cognomen.kernel import secrecy

FRAME: Final = Struct("<BI")
SLOT: Final = Struct("<H")
PAIR: Final = Struct("<H32s")
KEY: Final = 0
SIGN: Final = 1
READY: Final = b"."
_READ: Final = 65_536
_PADDING: Final = PKCS1v15()
_DIGEST: Final = Prehashed(SHA256())


def serve(connection: socket.socket) -> None:
    """Until the other end is closed."""
    keys: dict[int, RSAPrivateKey] = {}
    left = b""
    connection.sendall(READY)
    while read := connection.recv(_READ):
        received, at = left + read, 0
        while len(received) >= at + FRAME.size:
            kind, size = FRAME.unpack_from(received, at)
            begin, end = at + FRAME.size, at + FRAME.size + size
            if len(received) < end:
                break
            body, at = received[begin:end], end
            if kind == KEY:
                keys[SLOT.unpack_from(body)[0]] = _key(body[SLOT.size :])
            else:
                connection.sendall(b"".join([keys[slot].sign(digest, _PADDING, _DIGEST) for slot, digest in PAIR.iter_unpack(body)]))
        left = received[at:]


def numbers_of(key: RSAPrivateKey) -> bytes:
    """A private key as a KEY frame has it."""
    private = key.private_numbers()
    public = private.public_numbers
    numbers = (private.p, private.q, private.d, private.dmp1, private.dmq1, private.iqmp, public.e, public.n)
    return b" ".join([b"%x" % number for number in numbers])


def _key(numbers: bytes) -> RSAPrivateKey:
    p, q, d, dmp1, dmq1, iqmp, e, n = (int(number, 16) for number in numbers.split(b" "))
    # The server has made or read it, and looked at it then.
    return RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, RSAPublicNumbers(e, n)).private_key(unsafe_skip_rsa_key_validation=True)


def main() -> None:
    secrecy.close()
    # Ctrl-C and what ends a service come to all processes at once: the server finishes what it has begun, and needs signatures for it.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    try:
        serve(socket.socket(fileno=os.dup(0)))
    except ConnectionError:  # the server is gone
        return


if __name__ == "__main__":
    main()
