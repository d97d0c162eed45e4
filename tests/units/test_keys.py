"""Signing keys: made ahead, sealed to their pool, loaded once, the same for all processes."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import KeySet, KeySetSerialization

from cognomen.kernel.secrets import Sealer, Unsealable
from cognomen.kernel.workers import Workers
from cognomen.storage.keys import SigningKeyRow
from cognomen.tokens import jwt, keys
from cognomen.tokens.keys import NoKeys, PoolKeys, PreparedKeyMaker, RsaKeyMaker, SigningKeys

PAIRS = [keys.generate_pair() for _ in range(2)]
sealer = Sealer(b"m" * 32)


class Rows:
    """Storage as SigningKeys sees it, slow enough for others to come in between."""

    def __init__(self) -> None:
        self.rows: dict[str, SigningKeyRow] = {}
        self.reads = 0
        self.lost = False
        self.broken = False

    async def get(self, pool_id: str) -> SigningKeyRow | None:
        self.reads += 1
        await asyncio.sleep(0.01)
        if self.broken:
            raise OSError("no database")
        return self.rows.get(pool_id)

    async def add(self, pool_id: str, row: SigningKeyRow) -> None:
        await asyncio.sleep(0.01)
        if not self.lost:
            self.rows.setdefault(pool_id, row)


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.stop()


def kids(found: PoolKeys) -> tuple[str, str]:
    return found.id_key.kid, found.access_key.kid


class TestForms:
    def test_kids(self) -> None:
        """44 characters of base64, all different."""
        made = {keys.new_kid() for _ in range(50)}
        assert len(made) == 50
        assert all(len(kid) == 44 and len(base64.b64decode(kid, validate=True)) == 32 for kid in made)

    def test_der(self) -> None:
        """A key that was written and read signs as before."""
        private = PAIRS[0][0]
        read = keys.from_der("kid", keys.to_der(private))
        assert read.public == private.public_key()
        assert jwt.sign({}, "kid", read.private) == jwt.sign({}, "kid", private)

    def test_only_rsa(self) -> None:
        """Another kind of key is refused when it is read, not when someone signs in."""
        other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(TypeError):
            keys.from_der("kid", other)

    def test_jwks(self) -> None:
        """Members and their order as live; both keys; nothing private; a library reads the same numbers from it."""
        found = PoolKeys(*(keys.SigningKey(keys.new_kid(), key, key.public_key()) for key in PAIRS[0]))
        made = keys.jwks(found)
        assert list(made) == ["keys"]
        assert [list(key) for key in made["keys"]] == [["alg", "e", "kid", "kty", "n", "use"]] * 2
        assert [(key["alg"], key["e"], key["kty"], key["use"]) for key in made["keys"]] == [("RS256", "AQAB", "RSA", "sig")] * 2
        assert tuple(key["kid"] for key in made["keys"]) == kids(found)
        read = KeySet.import_key_set(cast(KeySetSerialization, made))
        for key in (found.id_key, found.access_key):
            public = read.get_by_kid(key.kid).public_key
            assert isinstance(public, RSAPublicKey)
            assert public.public_numbers() == key.public.public_numbers()

    def test_nothing_is_shown(self) -> None:
        """A key's repr has its kid and no more."""
        key = keys.SigningKey("kid", PAIRS[0][0], PAIRS[0][0].public_key())
        assert repr(key) == "SigningKey(kid='kid', ***)"
        assert repr(PoolKeys(key, key)).count("***") == 2


class TestMaking:
    async def test_on_the_spot(self) -> None:
        """A maker that was not started makes keys when they are wanted: two different ones of 2048 bits with exponent 65537."""
        one, other = await RsaKeyMaker().pair()
        assert one.public_key() != other.public_key()
        assert [(key.key_size, key.public_key().public_numbers().e) for key in (one, other)] == [(2048, 65537)] * 2

    async def test_ahead(self) -> None:
        """A started maker fills its stock, hands out from it at once, and fills it again, no key twice."""
        maker = RsaKeyMaker(ahead=2)
        maker.start()
        try:
            await self._stocked(maker, 2)
            before = time.perf_counter()
            first, second = await maker.pair(), await maker.pair()
            assert time.perf_counter() - before < 0.02  # making one takes five times as long
            await self._stocked(maker, 2)
            third, _ = await maker.pair(), await maker.pair()
        finally:
            maker.stop()
        assert len({key.public_key().public_numbers().n for pair in (first, second, third) for key in pair}) == 6

    async def test_a_stopped_maker_is_still(self) -> None:
        """After `stop` no thread works on; it can be started again, and `stop` may come twice or first."""
        maker = RsaKeyMaker(ahead=1)
        maker.stop()
        maker.start()
        thread = maker._thread
        assert thread is not None
        maker.start()
        assert maker._thread is thread
        maker.stop()
        assert not thread.is_alive()
        maker.stop()
        maker.start()
        await self._stocked(maker, 1)
        maker.stop()

    async def test_prepared(self) -> None:
        """The twin hands out what it was given, one after the other, over and over."""
        maker = PreparedKeyMaker(PAIRS)
        assert [await maker.pair() for _ in range(3)] == [PAIRS[0], PAIRS[1], PAIRS[0]]

    @staticmethod
    async def _stocked(maker: RsaKeyMaker, count: int) -> None:
        async with asyncio.timeout(20):
            while len(maker._stock) < count:  # noqa: ASYNC110 - the stock is filled by a thread, which has no event to give
                await asyncio.sleep(0.01)


class TestKeeping:
    async def test_made_on_first_use(self, workers: Workers) -> None:
        """A pool without keys gets some; they are stored, and loaded once only."""
        rows = Rows()
        signing = SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers)
        found = await signing.for_pool("p")
        assert kids(found) == (rows.rows["p"].id_kid, rows.rows["p"].access_kid)
        assert found.id_key.public != found.access_key.public
        reads = rows.reads
        assert await signing.for_pool("p") is found
        assert rows.reads == reads

    async def test_kept_over_a_restart(self, workers: Workers) -> None:
        """Another process, with the same master key, signs with the same keys."""
        rows = Rows()
        found = await SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers).for_pool("p")
        again = await SigningKeys(rows, Sealer(b"m" * 32), PreparedKeyMaker([]), workers).for_pool("p")
        token = jwt.sign({"sub": "s"}, again.access_key.kid, again.access_key.private)
        assert jwt.verify(token, found.public) == {"sub": "s"}

    async def test_many_at_once(self, workers: Workers) -> None:
        """A hundred first sign-ins load the keys once, and get the same ones."""
        rows = Rows()
        signing = SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers)
        found = await asyncio.gather(*(signing.for_pool("p") for _ in range(100)))
        assert len({id(one) for one in found}) == 1
        assert rows.reads == 2

    async def test_two_processes_agree(self, workers: Workers) -> None:
        """Both make keys at the same time: one row is kept, and both use it."""
        rows = Rows()
        one, other = await asyncio.gather(*(SigningKeys(rows, sealer, PreparedKeyMaker([pair]), workers).for_pool("p") for pair in PAIRS))
        assert kids(one) == kids(other) == (rows.rows["p"].id_kid, rows.rows["p"].access_kid)
        assert one.public == other.public

    async def test_one_who_leaves(self, workers: Workers) -> None:
        """A request that is cut off while the keys load does not take them from those who wait with it."""
        signing = SigningKeys(Rows(), sealer, PreparedKeyMaker(PAIRS), workers)
        leaves, stays = asyncio.create_task(signing.for_pool("p")), asyncio.create_task(signing.for_pool("p"))
        await asyncio.sleep(0)
        leaves.cancel()
        assert kids(await stays) == kids(await signing.for_pool("p"))
        with pytest.raises(asyncio.CancelledError):
            await leaves

    async def test_a_failure_passes(self, workers: Workers) -> None:
        """With the database gone everyone who waits gets its error; with the database back the next gets keys."""
        rows = Rows()
        signing = SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers)
        rows.broken = True
        results = await asyncio.gather(*(signing.for_pool("p") for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [OSError] * 3
        rows.broken = False
        assert kids(await signing.for_pool("p")) == (rows.rows["p"].id_kid, rows.rows["p"].access_kid)

    async def test_a_pool_that_goes_away(self, workers: Workers) -> None:
        """Deleted while its keys are being made, a pool has none: NoKeys, and no token is signed with keys that no one can look up."""
        rows = Rows()
        rows.lost = True
        with pytest.raises(NoKeys):
            await SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers).for_pool("p")

    async def test_rows_can_not_be_swapped(self, workers: Workers) -> None:
        """Keys copied to another pool, or the two of a pool exchanged, do not open; nor do they under another master key."""
        rows = Rows()
        await SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers).for_pool("p")
        row = rows.rows["p"]
        rows.rows["q"] = row
        rows.rows["r"] = SigningKeyRow(id_kid=row.id_kid, id_key=row.access_key, access_kid=row.access_kid, access_key=row.id_key)
        fresh = SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers)
        foreign = SigningKeys(rows, Sealer(b"n" * 32), PreparedKeyMaker(PAIRS), workers)
        for signing, pool_id in ((fresh, "q"), (fresh, "r"), (foreign, "p")):
            with pytest.raises(Unsealable):
                await signing.for_pool(pool_id)

    async def test_memory_is_bounded(self, workers: Workers) -> None:
        """Only the pools used last stay loaded; the others come back from storage with the same keys."""
        rows = Rows()
        signing = SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers, keep=2)
        a, b = await signing.for_pool("a"), await signing.for_pool("b")
        assert await signing.for_pool("a") is a
        await signing.for_pool("c")
        assert await signing.for_pool("a") is a
        again = await signing.for_pool("b")
        assert again is not b
        assert kids(again) == kids(b)

    async def test_forget(self, workers: Workers) -> None:
        """A deleted pool's keys leave memory; also if they were just being loaded."""
        rows = Rows()
        signing = SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers)
        found = await signing.for_pool("p")
        signing.forget("p")
        assert await signing.for_pool("p") is not found
        signing.forget("p")
        loading = asyncio.create_task(signing.for_pool("p"))
        await asyncio.sleep(0)
        signing.forget("p")
        late = await loading
        assert await signing.for_pool("p") is not late

    async def test_keys_with_the_pool(self, workers: Workers) -> None:
        """`new_row` makes what `for_pool` will open: for storing in one unit of work with the pool."""
        rows = Rows()
        signing = SigningKeys(rows, sealer, PreparedKeyMaker(PAIRS), workers)
        row = await signing.new_row("p")
        assert not rows.rows
        await rows.add("p", row)
        assert kids(await signing.for_pool("p")) == (row.id_kid, row.access_kid)
