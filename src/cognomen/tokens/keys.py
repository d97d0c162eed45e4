"""The signing keys of user pools: two RSA-2048 keys each, one for id tokens and one for access tokens, kept sealed and made ahead of need."""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol, final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from cognomen.kernel import base64url
from cognomen.kernel.secrets import Sealer
from cognomen.kernel.workers import Workers
from cognomen.storage.keys import SigningKeyRow

_ID_KEY: Final = "id token key"
_ACCESS_KEY: Final = "access token key"

KeyPair = tuple[RSAPrivateKey, RSAPrivateKey]


class NoKeys(Exception):
    """The pool's keys were not there after they had been stored: the pool went away meanwhile."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A loaded key. `public` is one object for as long as the key is loaded: jwt.verify remembers signatures by it."""

    kid: str
    private: RSAPrivateKey
    public: RSAPublicKey

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r}, ***)"


@dataclass(frozen=True)
class PoolKeys:
    id_key: SigningKey
    access_key: SigningKey

    @cached_property
    def public(self) -> Mapping[str, RSAPublicKey]:
        """Both public keys by kid, for jwt.verify."""
        return {key.kid: key.public for key in (self.id_key, self.access_key)}


def new_kid() -> str:
    """A key id like the live ones: 44 characters of base64 (32 random bytes)."""
    return base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def to_der(key: RSAPrivateKey) -> bytes:
    """PKCS #8, in the clear: only to be sealed at once."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_der(kid: str, der: bytes) -> SigningKey:
    # The full check of an RSA key costs 50 ms. These bytes come out of a seal that no one else can make.
    private = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, RSAPrivateKey):
        raise TypeError("a signing key must be RSA")
    return SigningKey(kid, private, private.public_key())


def jwks(keys: PoolKeys) -> dict[str, Any]:
    """The key set that `/.well-known/jwks.json` serves (RFC 7517), members in the order of the live service."""
    return {"keys": [_jwk(keys.id_key), _jwk(keys.access_key)]}


def _jwk(key: SigningKey) -> dict[str, str]:
    numbers = key.public.public_numbers()
    return {"alg": "RS256", "e": _uint(numbers.e), "kid": key.kid, "kty": "RSA", "n": _uint(numbers.n), "use": "sig"}


def _uint(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))


# --- making -----------------------------------------------------------------------------------------------------------------------


class KeyMaker(Protocol):
    """Makes the two private keys of a new pool."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    async def pair(self) -> KeyPair: ...


def generate_pair() -> KeyPair:
    """Two RSA-2048 keys: 80 to 130 ms, with the GIL released."""
    return _generate(), _generate()


def _generate() -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@final
class RsaKeyMaker:
    """Keeps `ahead` pairs in stock, made by one thread that sleeps while the stock is full. With an empty stock, or not
    started, a pair is made on the spot."""

    def __init__(self, ahead: int = 4) -> None:
        self._ahead = ahead
        self._stock: deque[KeyPair] = deque()
        self._wanted = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._stopping = False
            self._wanted.set()
            # A daemon: a process that ends without `stop` does not wait for keys that no one will use.
            self._thread = threading.Thread(target=self._keep_stocked, name="key-maker", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread, after the key that it is making; the stock remains."""
        self._stopping = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    async def pair(self) -> KeyPair:
        try:
            return self._stock.popleft()
        except IndexError:
            return await asyncio.to_thread(generate_pair)
        finally:
            self._wanted.set()

    def _keep_stocked(self) -> None:
        while not self._stopping:
            self._wanted.clear()
            # One key at a time, so that `stop` waits for one at the most (50 ms on average).
            while len(self._stock) < self._ahead and not self._stopping:
                one = _generate()
                if not self._stopping:
                    self._stock.append((one, _generate()))
            if not self._stopping:
                self._wanted.wait()


@final
class PreparedKeyMaker:
    """Hands out the pairs it was given, over and over: the twin for tests, which need many pools and no waiting."""

    def __init__(self, pairs: Iterable[KeyPair]) -> None:
        self._pairs = deque(pairs)

    def start(self) -> None:
        """Nothing runs."""

    def stop(self) -> None:
        """Nothing runs."""

    async def pair(self) -> KeyPair:
        self._pairs.rotate(-1)
        return self._pairs[-1]


# --- keeping ----------------------------------------------------------------------------------------------------------------------


class KeyRows(Protocol):
    """Where sealed keys lie. `add` keeps what is there already."""

    async def get(self, pool_id: str) -> SigningKeyRow | None: ...

    async def add(self, pool_id: str, keys: SigningKeyRow) -> None: ...


@final
class SigningKeys:
    """Finds a pool's keys: opened once and then kept loaded, the `keep` pools used last. Lives in the event loop's thread."""

    def __init__(self, rows: KeyRows, sealer: Sealer, maker: KeyMaker, workers: Workers, *, keep: int = 1000) -> None:
        self._rows, self._sealer, self._maker, self._workers, self._keep = rows, sealer, maker, workers, keep
        self._loaded: OrderedDict[str, PoolKeys] = OrderedDict()
        self._loading: dict[str, asyncio.Task[PoolKeys]] = {}

    async def for_pool(self, pool_id: str) -> PoolKeys:
        """The keys of a pool that exists; made and stored if it has none yet. Raises NoKeys, and what storage raises."""
        keys = self._loaded.get(pool_id)
        if keys is not None:
            self._loaded.move_to_end(pool_id)
            return keys
        loading = self._loading.get(pool_id)
        if loading is None:
            loading = self._loading[pool_id] = asyncio.create_task(self._load(pool_id))
            # Should it fail after everyone who asked has gone, its error is not reported as forgotten.
            loading.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Those who ask at once share one load; a caller who is cut off does not take it from the others.
        return await asyncio.shield(loading)

    def prepare(self, pool_id: str) -> None:
        """Makes a new pool's keys beside the request that made the pool, so that neither it nor the first sign-in waits for them."""
        preparing = asyncio.ensure_future(self.for_pool(pool_id))
        preparing.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def new_row(self, pool_id: str) -> SigningKeyRow:
        """Fresh keys for a pool, sealed and not yet stored: for whoever stores them together with the pool."""
        one, other = await self._maker.pair()
        return SigningKeyRow(
            id_kid=new_kid(),
            id_key=self._seal(_ID_KEY, one, pool_id),
            access_kid=new_kid(),
            access_key=self._seal(_ACCESS_KEY, other, pool_id),
        )

    def forget(self, pool_id: str) -> None:
        """Drops a deleted pool's keys from memory."""
        self._loaded.pop(pool_id, None)
        self._loading.pop(pool_id, None)

    async def _load(self, pool_id: str) -> PoolKeys:
        try:
            row = await self._rows.get(pool_id)
            if row is None:
                await self._rows.add(pool_id, await self.new_row(pool_id))
                # Read again: had another process added its own first, those are the pool's keys.
                row = await self._rows.get(pool_id)
            if row is None:
                raise NoKeys(pool_id)
            keys = await self._workers.run(self._open, pool_id, row)
            if self._loading.get(pool_id) is asyncio.current_task():  # else it was forgotten meanwhile
                self._loaded[pool_id] = keys
                if len(self._loaded) > self._keep:
                    self._loaded.popitem(last=False)
            return keys
        finally:
            # A failed load is not remembered: the next caller tries again.
            if self._loading.get(pool_id) is asyncio.current_task():
                del self._loading[pool_id]

    def _open(self, pool_id: str, row: SigningKeyRow) -> PoolKeys:
        bound = pool_id.encode()
        return PoolKeys(
            from_der(row.id_kid, self._sealer.open(_ID_KEY, row.id_key, bound)),
            from_der(row.access_kid, self._sealer.open(_ACCESS_KEY, row.access_key, bound)),
        )

    def _seal(self, purpose: str, key: RSAPrivateKey, pool_id: str) -> bytes:
        return self._sealer.seal(purpose, to_der(key), pool_id.encode())
