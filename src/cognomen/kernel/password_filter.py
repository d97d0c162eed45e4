"""A set of passwords in little space, that can be asked but not read: sorted fingerprints in buckets, made once, read where they lie (mmap).

A password is its SHA-1, as published lists have it. The first `bits` of it choose one of 2^bits buckets, the next 24 are its fingerprint.
A bucket holds 16 fingerprints on average at most, so a password that is not in the list is taken for one with a chance of 16 / 2^24: about
one in a million. An entry costs 3 bytes and its share of the table (4 bytes a bucket): at most 3.5 bytes.

Layout: MAGIC, `bits` (1 byte), 7 bytes of zeros, the number of entries (8 bytes), 2^bits + 1 bounds (4 bytes each), fingerprints (3 bytes
each). Numbers are little-endian, fingerprints big-endian.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from array import array
from collections.abc import Iterable
from typing import BinaryIO, Final, final

MAGIC: Final = b"CGNMPWD\x01"
PREFIX: Final = 8  # bytes of a SHA-1 that count
_HEAD = struct.Struct("<8sB7xQ")
_LOAD = 16  # entries of a bucket, on average at most
_WIDTH = 3  # bytes of a fingerprint
_MOST_BITS = 32


class BadFilter(Exception):
    """The bytes are no filter, or not a whole one. The text says what is wrong."""


def digest(password: str) -> bytes:
    """The SHA-1 under which lists name a password; this is no protection of it, and nothing is kept of it."""
    return hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()


@final
class PasswordFilter:
    """A filter over `content`: bytes, or a mapped file. Raises BadFilter."""

    __slots__ = ("_bits", "_bounds_at", "_content", "_entries_at", "count")

    def __init__(self, content: bytes | memoryview) -> None:
        if len(content) < _HEAD.size:
            raise BadFilter("it is too short")
        magic, bits, count = _HEAD.unpack(content[: _HEAD.size])
        if magic != MAGIC or bits > _MOST_BITS:
            raise BadFilter("it was not made by `cognomen passwords build`")
        self._content = content
        self._bits: int = bits
        self._bounds_at = _HEAD.size
        self._entries_at = _HEAD.size + 4 * ((1 << bits) + 1)
        self.count: int = count
        if len(content) != self._entries_at + _WIDTH * count:
            raise BadFilter("it is not whole")

    def contains(self, password: str) -> bool:
        """One hash, two reads, and the whole bucket compared, whatever the answer."""
        bucket, fingerprint = _split(int.from_bytes(digest(password)[:PREFIX], "big"), self._bits)
        at = self._bounds_at + 4 * bucket
        start, end = struct.unpack("<II", self._content[at : at + 8])
        entries = bytes(self._content[self._entries_at + _WIDTH * start : self._entries_at + _WIDTH * end])
        wanted = fingerprint.to_bytes(_WIDTH, "big")
        found = False
        for place in range(0, len(entries), _WIDTH):
            found |= entries[place : place + _WIDTH] == wanted
        return found


def write(out: BinaryIO, prefixes: Iterable[int], most: int) -> int:
    """Writes a filter of ascending 64-bit prefixes, repeated ones once; returns how many. `most` is at least as many as there are.

    `out` is seekable. Memory: the table of bounds, 4 bytes a bucket. Raises ValueError when the prefixes do not ascend.
    """
    bits = max(-(-most // _LOAD) - 1, 0).bit_length()
    bounds = array("I", bytes(4 * ((1 << bits) + 1)))
    out.write(_HEAD.pack(MAGIC, bits, 0) + bytes(4 * len(bounds)))
    count, last, held = 0, -1, bytearray()
    for prefix in prefixes:
        if prefix == last:
            continue
        if prefix < last:
            raise ValueError("prefixes must ascend")
        last = prefix
        bucket, fingerprint = _split(prefix, bits)
        bounds[bucket + 1] += 1
        held += fingerprint.to_bytes(_WIDTH, "big")
        count += 1
        if len(held) >= 1 << 20:
            out.write(held)
            held.clear()
    out.write(held)
    for bucket in range(1, len(bounds)):
        bounds[bucket] += bounds[bucket - 1]
    if sys.byteorder == "big":
        bounds.byteswap()
    out.seek(0)
    out.write(_HEAD.pack(MAGIC, bits, count))
    bounds.tofile(out)
    return count


def _split(prefix: int, bits: int) -> tuple[int, int]:
    """(bucket, fingerprint) of the first 64 bits of a SHA-1."""
    return prefix >> (64 - bits), (prefix >> (64 - bits - 8 * _WIDTH)) & 0xFFFFFF
