"""Sealing and authenticating with keys derived from the master key, which never lies in the database.

Every purpose has keys of its own (HKDF-SHA256, RFC 5869), so what was sealed as one thing can not be passed off as another, and
`bound` ties a sealed value to where it belongs (a pool, a user), so rows can not be swapped. Nonces are 96 random bits: NIST SP
800-38D allows 2^32 seals for each purpose before a collision is likelier than 2^-32.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cognomen.kernel import base64url, chance

_FORMAT: Final = b"\x01"  # AES-256-GCM, 12 bytes of nonce; another first byte will mean another format
_NONCE: Final = 12
_TAG: Final = 16


class Unsealable(Exception):
    """What was given was not sealed by this key, for this purpose and place; or it was altered."""


class BadMasterKey(Exception):
    """The master key can not be read. The text says where and why, never what."""


@final
class MasterKey:
    """The 32 bytes from which all other keys come."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 32:
            raise BadMasterKey("The master key must be 32 bytes, written as 64 hexadecimal digits or as base64.")
        self.raw: Final = raw

    @classmethod
    def generate(cls) -> MasterKey:
        return cls(secrets.token_bytes(32))

    @classmethod
    def from_text(cls, text: str) -> MasterKey:
        """Reads 64 hexadecimal digits, or base64 (either alphabet, padded or not) of 32 bytes. Raises BadMasterKey."""
        text = text.strip()
        if len(text) == 64:
            with contextlib.suppress(ValueError):
                return cls(bytes.fromhex(text))
        standard = text.rstrip("=").translate(str.maketrans("-_", "+/"))
        try:
            return cls(base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True))
        except (binascii.Error, ValueError):
            raise BadMasterKey("The master key must be 32 bytes, written as 64 hexadecimal digits or as base64.") from None

    @classmethod
    def from_file(cls, path: Path) -> MasterKey:
        """Reads a key file as `create_master_key_file` writes it, or 32 raw bytes. Raises BadMasterKey, naming the file."""
        try:
            content = path.read_bytes()
        except OSError as cause:
            raise BadMasterKey(f"The master key file {path} can not be read: {cause.strerror}.") from cause
        if len(content) == 32:
            return cls(content)
        try:
            return cls.from_text(content.decode("ascii"))
        except (BadMasterKey, UnicodeDecodeError):
            raise BadMasterKey(f"The master key file {path} does not hold 32 bytes in hexadecimal or base64.") from None

    def __repr__(self) -> str:
        return "MasterKey(***)"


def create_master_key_file(path: Path) -> MasterKey:
    """Makes a new key in a file that only its owner can read. Two processes that start at once agree: the first one's file stays.

    The file appears whole or not at all: after a power loss an empty key file would mean that nothing can be opened any more."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_bytes(32).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # unlike a rename, a link never replaces a key that is there
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return MasterKey.from_file(path)


def equal(one: bytes | str, other: bytes | str) -> bool:
    """Compares without telling by its time where the two differ. Any text will do, lone surrogates too."""
    return hmac.compare_digest(_bytes(one), _bytes(other))


@final
class Sealer:
    """Seals, opens and authenticates small values. Safe to use from several threads."""

    __slots__ = ("_ciphers", "_macs", "_master")

    def __init__(self, master: bytes | MasterKey) -> None:
        key = master if isinstance(master, MasterKey) else MasterKey(master)
        self._master = key.raw
        self._ciphers: dict[str, AESGCM] = {}
        self._macs: dict[str, hmac.HMAC] = {}

    def seal(self, purpose: str, plaintext: bytes, bound: bytes = b"") -> bytes:
        nonce = chance.draw(_NONCE)
        return _FORMAT + nonce + self._cipher(purpose).encrypt(nonce, plaintext, _FORMAT + bound)

    def open(self, purpose: str, sealed: bytes, bound: bytes = b"") -> bytes:
        """Gives back what was sealed; raises Unsealable for anything else, whatever its length or form."""
        if len(sealed) < 1 + _NONCE + _TAG or sealed[:1] != _FORMAT:
            raise Unsealable("not a sealed value")
        try:
            return self._cipher(purpose).decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], _FORMAT + bound)
        except InvalidTag:
            raise Unsealable("sealed with another key, for another purpose or place, or altered") from None

    def seal_text(self, purpose: str, plaintext: bytes, bound: bytes = b"") -> str:
        """The same, as base64url text."""
        return base64url.encode(self.seal(purpose, plaintext, bound))

    def open_text(self, purpose: str, sealed: str, bound: bytes = b"") -> bytes:
        try:
            raw = base64url.decode(sealed)
        except ValueError:
            raise Unsealable("not a sealed text") from None
        return self.open(purpose, raw, bound)

    def mac(self, purpose: str, *parts: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) over the parts. Each is preceded by its length, so ("ab", "c") and ("a", "bc") differ."""
        begun = self._macs.get(purpose)
        if begun is None:
            begun = self._macs[purpose] = hmac.new(self._derive("mac", purpose), digestmod="sha256")
        # A copy of what was begun: hmac.digest() lets go of the interpreter's lock, for which it then waits behind the other threads.
        mac = begun.copy()
        mac.update(b"".join([len(part).to_bytes(8, "big") + part for part in parts]))
        return mac.digest()

    def _cipher(self, purpose: str) -> AESGCM:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            # Two threads may both derive it; the results are equal. Purposes are words of ours, so the cache is small.
            cipher = self._ciphers[purpose] = AESGCM(self._derive("seal", purpose))
        return cipher

    def _derive(self, use: str, purpose: str) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"cognomen/1/{use}/{purpose}".encode()).derive(self._master)

    def __repr__(self) -> str:
        return "Sealer(***)"


def _bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
