"""Refresh tokens: of the live form, unguessable, opaque."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import RSAKey
from joserfc.registry import Header

from cognomen.kernel import base64url
from cognomen.tokens import keys, refresh

PRIVATE, _ = keys.generate_pair()
NOW = 1_795_000_000.123
MADE = refresh.make(PRIVATE.public_key(), NOW)
TOKEN = MADE.token


def test_the_header_is_that_of_live_tokens() -> None:
    """Five parts, and the 'eyJjdHkiOiJKV1QiLCJlbmMi' by which people know a Cognito refresh token."""
    header, *rest = TOKEN.split(".")
    assert len(rest) == 4
    assert header.startswith("eyJjdHkiOiJKV1QiLCJlbmMi")
    assert list(json.loads(base64url.decode(header)).items()) == [("cty", "JWT"), ("enc", "A256GCM"), ("alg", "RSA-OAEP")]


def test_it_is_a_jwe() -> None:
    """A library opens it with the pool's key: content key, nonce, additional data and tag are where RFC 7516 puts them."""
    opened = jwe.decrypt_compact(TOKEN, RSAKey.import_key(PRIVATE), algorithms=["RSA-OAEP", "A256GCM"])
    header: Header = opened.protected
    assert (header["alg"], header["enc"]) == ("RSA-OAEP", "A256GCM")
    assert opened.plaintext is not None
    assert len(opened.plaintext) == 60


def test_no_two_are_alike() -> None:
    """Every part but the header differs, of 30 tokens for one key."""
    parts = [refresh.make(PRIVATE.public_key(), NOW).token.split(".") for _ in range(30)]
    assert [len({token[place] for token in parts}) for place in range(5)] == [1, 30, 30, 30, 30]


def test_it_fits_the_model() -> None:
    """TokenModelType's pattern, as every operation that takes one checks it."""
    assert re.fullmatch(r"[A-Za-z0-9-_=.]+", TOKEN)


def test_the_digest() -> None:
    """Its time and then SHA-256 of the text: what is stored can be found again by whoever has the token, and by no one else."""
    time = base64url.encode(int(NOW * 1000).to_bytes(6, "big")).encode()
    assert refresh.digest(TOKEN) == MADE.digest == time + hashlib.sha256(TOKEN.encode()).digest()[:24]
    assert TOKEN not in repr(MADE)


def test_digests_of_one_moment_lie_together() -> None:
    """In an index whose other tokens were made before or after."""
    moments = (0.0, NOW, NOW, NOW + 0.01, NOW + 60, NOW + 86_400, 9e9)
    digests = {refresh.make(PRIVATE.public_key(), moment).digest: moment for moment in moments}
    places = [digests[digest] for digest in sorted(digests)]
    first = places.index(NOW)
    assert places[first : first + 2] == [NOW, NOW]


def test_tokens_without_a_time() -> None:
    """A payload of 64 bytes: they were made before, and are stored by their whole SHA-256."""
    parts = TOKEN.split(".")
    token = ".".join((*parts[:3], base64url.encode(b"x" * 64), parts[4]))
    assert refresh.digest(token) == hashlib.sha256(token.encode()).digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda t: "",
        lambda t: t + "=",
        lambda t: t + ".",
        lambda t: " " + t,
        lambda t: t.rsplit(".", 1)[0],
        lambda t: t + ".AAAA",
        lambda t: t[:-1],
        lambda t: t.replace(".", "..", 1),
        lambda t: "e30" + t[t.index(".") :],
        lambda t: t + "A" * 5000,
        lambda t: t + "\u00e9",
        lambda t: t + "\ud800",
    ],
)
def test_what_is_not(change: object) -> None:
    """Cut, padded, extended, of another header, or huge: not one of ours, and nothing need be looked up."""
    assert callable(change)
    assert refresh.digest(change(TOKEN)) is None


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_every_part_has_its_size(place: int) -> None:
    """Key, nonce, content and tag are as long as we make them; a part that is cut to nothing or grown is not ours."""
    parts = TOKEN.split(".")
    for other in ("", base64url.encode(b"x" * 15), base64url.encode(b"x" * 65)):
        assert refresh.digest(".".join((*parts[:place], other, *parts[place + 1 :]))) is None


@given(st.one_of(st.text(max_size=60), st.text("Ae.", max_size=60).map(lambda t: f"{TOKEN.split('.')[0]}.{t}")))
def test_garbage(token: str) -> None:
    """Any text gets a no, never an error."""
    assert refresh.digest(token) is None
