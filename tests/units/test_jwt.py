"""JWTs: two libraries as peers, in both directions; and everything that is known to be tried against verifiers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, cast

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet, KeySetSerialization, RSAKey

from cognomen.tokens import jwt, keys
from cognomen.tokens.jwt import BadSignature, BadToken, Malformed, UnknownKey

KEY, OTHER = (keys.SigningKey(keys.new_kid(), pair, pair.public_key()) for pair in keys.generate_pair())
PUBLIC = {KEY.kid: KEY.public}
CLAIMS = {"sub": "s", "cognito:groups": ["a", "b"], "exp": 4_000_000_000, "email_verified": True, "name": "Zoë \U0001f600"}
TOKEN = jwt.sign(CLAIMS, KEY.kid, KEY.private)
JWKS = keys.jwks(keys.PoolKeys(KEY, OTHER))


def b64(raw: bytes | str | object) -> str:
    if not isinstance(raw, bytes | str):
        raw = json.dumps(raw)
    return base64.urlsafe_b64encode(raw.encode() if isinstance(raw, str) else raw).rstrip(b"=").decode()


def signed(header: object, payload: object, key: rsa.RSAPrivateKey = KEY.private) -> str:
    """A token with any header and payload, honestly signed."""
    content = f"{b64(header)}.{b64(payload)}"
    return f"{content}.{b64(key.sign(content.encode(), padding.PKCS1v15(), SHA256()))}"


HEADER = {"kid": KEY.kid, "alg": "RS256"}


class TestPeers:
    def test_pyjwt_reads_ours(self) -> None:
        """PyJWT verifies our token with the key out of our JWKS."""
        key = pyjwt.PyJWKSet.from_dict(JWKS)[KEY.kid]
        assert pyjwt.decode(TOKEN, key, algorithms=["RS256"]) == CLAIMS
        with pytest.raises(pyjwt.InvalidSignatureError):
            pyjwt.decode(jwt.sign(CLAIMS, KEY.kid, OTHER.private), key, algorithms=["RS256"])

    def test_joserfc_reads_ours(self) -> None:
        """joserfc finds the key by kid in our JWKS, and verifies."""
        read = joserfc_jwt.decode(TOKEN, KeySet.import_key_set(cast(KeySetSerialization, JWKS)), algorithms=["RS256"])
        assert (read.header, read.claims) == (HEADER, CLAIMS)

    def test_we_read_pyjwt_s(self) -> None:
        """With `typ` in its header, as PyJWT writes it."""
        assert jwt.verify(pyjwt.encode(CLAIMS, KEY.private, "RS256", {"kid": KEY.kid}), PUBLIC) == CLAIMS

    def test_we_read_joserfc_s(self) -> None:
        """And joserfc's, members in another order."""
        token = joserfc_jwt.encode({"alg": "RS256", "kid": KEY.kid}, CLAIMS, RSAKey.import_key(KEY.private))
        assert jwt.verify(token, PUBLIC) == CLAIMS


class TestForm:
    def test_the_header_is_that_of_live_tokens(self) -> None:
        """kid, then alg, and no typ (FIDELITY A.4)."""
        header = TOKEN.split(".")[0]
        assert base64.urlsafe_b64decode(header + "==").decode() == f'{{"kid":"{KEY.kid}","alg":"RS256"}}'

    def test_claims_keep_their_order(self) -> None:
        """As given, compact, in UTF-8."""
        payload = TOKEN.split(".")[1]
        assert base64.urlsafe_b64decode(payload + "==").decode() == json.dumps(CLAIMS, separators=(",", ":"), ensure_ascii=False)

    def test_signing_is_deterministic(self) -> None:
        """RS256 has no randomness: the same claims give the same token."""
        assert jwt.sign(CLAIMS, KEY.kid, KEY.private) == TOKEN

    @given(
        st.dictionaries(
            st.text(max_size=8),
            st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(), st.lists, max_leaves=4),
            max_size=4,
        )
    )
    @settings(max_examples=40, deadline=None)
    def test_round_trip(self, claims: dict[str, Any]) -> None:
        """Whatever JSON can hold comes back, also the second time, and without a signature being asked for."""
        token = jwt.sign(claims, KEY.kid, KEY.private)
        assert jwt.verify(token, PUBLIC) == jwt.verify(token, PUBLIC) == jwt.read(token).claims == claims


class TestForgeries:
    def test_another_key(self) -> None:
        """Signed by someone else under our kid: BadSignature. Under a kid that we do not have: UnknownKey."""
        with pytest.raises(BadSignature):
            jwt.verify(jwt.sign(CLAIMS, KEY.kid, OTHER.private), PUBLIC)
        with pytest.raises(UnknownKey):
            jwt.verify(jwt.sign(CLAIMS, OTHER.kid, OTHER.private), PUBLIC)
        with pytest.raises(UnknownKey):
            jwt.verify(TOKEN, {})

    @pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS256", "RS512", "PS256", "ES256", "rs256", "RS256 "])
    def test_the_header_does_not_choose(self, alg: str) -> None:
        """Any algorithm but RS256 is malformed, even under a good RS256 signature."""
        with pytest.raises(Malformed):
            jwt.verify(signed({**HEADER, "alg": alg}, CLAIMS), PUBLIC)

    def test_none(self) -> None:
        """The unsigned token of RFC 7519, 6.1, in every spelling of its emptiness."""
        content = f"{b64({'alg': 'none', 'kid': KEY.kid})}.{b64(CLAIMS)}"
        for token in (content, content + ".", content + "." + b64(b"\0")):
            with pytest.raises(Malformed):
                jwt.verify(token, PUBLIC)
        with pytest.raises(BadSignature):
            jwt.verify(f"{b64(HEADER)}.{b64(CLAIMS)}.", PUBLIC)

    def test_the_public_key_as_a_password(self) -> None:
        """HS256 with the public key's text as the secret: the classic confusion."""
        content = f"{b64({**HEADER, 'alg': 'HS256'})}.{b64(CLAIMS)}"
        for form in (Encoding.PEM, Encoding.DER):
            secret = KEY.public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
            mac = hmac.new(secret, content.encode(), hashlib.sha256).digest()
            with pytest.raises(Malformed):
                jwt.verify(f"{content}.{b64(mac)}", PUBLIC)

    def test_a_key_of_its_own(self) -> None:
        """A token that brings its key (`jwk`, `jku`, `x5u`) is judged by ours."""
        own = {**HEADER, "jwk": JWKS["keys"][1], "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"}
        with pytest.raises(BadSignature):
            jwt.verify(signed(own, CLAIMS, OTHER.private), PUBLIC)

    def test_extensions(self) -> None:
        """`crit` says: refuse me if you do not understand. We do not (RFC 7515, 4.1.11)."""
        for crit in (["b64"], ["exp"], [], None):
            with pytest.raises(Malformed):
                jwt.verify(signed({**HEADER, "crit": crit}, CLAIMS), PUBLIC)

    @pytest.mark.parametrize(
        "header",
        [
            "[]",
            "null",
            "1",
            "{}",
            '{"alg":"RS256"}',
            '{"kid":"x"}',
            '{"alg":"RS256","kid":1}',
            '{"alg":["RS256"],"kid":"x"}',
            "{",
            "",
            "\ufeff{}",
            b"\xff",
        ],
    )
    def test_headers_that_are_none(self, header: str | bytes) -> None:
        """A header is a JSON object with both members as texts."""
        with pytest.raises(Malformed):
            jwt.verify(signed(header, CLAIMS), PUBLIC)

    @pytest.mark.parametrize(
        "payload", ["[]", "null", "1", '"x"', "{", "", "{}{}", b"\xff\xfe", '{"a":1e999}', '{"a":' + "[" * 20_000 + "]" * 20_000 + "}"]
    )
    def test_claims_that_are_none(self, payload: str | bytes) -> None:
        """Claims are a JSON object, even if rightly signed; depth breaks nothing."""
        token = signed(HEADER, payload)
        assert len(token) < jwt._LONGEST  # or it would be refused for its length, and show nothing
        with pytest.raises(Malformed):
            jwt.verify(token, PUBLIC)
        with pytest.raises(Malformed):
            jwt.read(token)

    def test_a_doubled_member(self) -> None:
        """`alg` twice in the header: whichever counts, the key is RSA and the algorithm ours."""
        with pytest.raises(Malformed):
            jwt.verify(signed(f'{{"alg":"RS256","kid":"{KEY.kid}","alg":"none"}}', CLAIMS), PUBLIC)

    def test_a_huge_header(self) -> None:
        """A header of kilobytes is not ours, though its signature holds; it is not kept in memory either."""
        with pytest.raises(Malformed):
            jwt.verify(signed({**HEADER, "x": "y" * 1000}, CLAIMS), PUBLIC)

    def test_a_huge_token(self) -> None:
        """Beyond 64 KiB nothing is looked at; up to there a rightly signed token is read."""
        with pytest.raises(Malformed):
            jwt.verify(signed(HEADER, {"x": "y" * 49_000}), PUBLIC)
        assert jwt.verify(signed(HEADER, {"x": "y" * 48_000}), PUBLIC) == {"x": "y" * 48_000}


class TestTampering:
    @given(
        place=st.integers(0, len(TOKEN) - 1),
        character=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n"),
    )
    @settings(max_examples=300, deadline=None)
    def test_every_character_counts(self, place: int, character: str) -> None:
        """One character changed anywhere is refused; also right after the genuine token was found good."""
        assert jwt.verify(TOKEN, PUBLIC) == CLAIMS
        forged = TOKEN[:place] + character + TOKEN[place + 1 :]
        if forged != TOKEN:
            with pytest.raises(BadToken):
                jwt.verify(forged, PUBLIC)

    @pytest.mark.parametrize("change", ["{}=", "{}==", "{}\n", " {}", "{}.", ".{}", "{}.x", "{}\0", "{}\u00e9", "Bearer {}"])
    def test_nothing_around_it(self, change: str) -> None:
        """A token is the three parts and nothing else."""
        with pytest.raises(Malformed):
            jwt.verify(change.format(TOKEN), PUBLIC)

    def test_swapped_parts(self) -> None:
        """Header, payload and signature of two genuine tokens do not mix."""
        one, other = TOKEN.split("."), jwt.sign({"sub": "t"}, KEY.kid, KEY.private).split(".")
        with pytest.raises(BadSignature):
            jwt.verify(".".join((one[0], one[1], other[2])), PUBLIC)
        with pytest.raises(BadSignature):
            jwt.verify(".".join((one[0], other[1], one[2])), PUBLIC)

    @given(
        st.one_of(
            st.text(max_size=80),
            st.lists(st.text("Ae0-_=", max_size=12), max_size=5).map(".".join),
            st.binary(max_size=40).map(lambda raw: f"{b64(HEADER)}.{b64(raw)}.{b64(raw)}"),
        )
    )
    @settings(max_examples=300, deadline=None)
    def test_garbage(self, token: str) -> None:
        """Whatever comes is a BadToken and no other error."""
        with pytest.raises(BadToken):
            jwt.verify(token, PUBLIC)


class TestMemory:
    def test_a_remembered_signature_belongs_to_its_key(self) -> None:
        """Found good once, a token is refused again when its key is gone or another one stands under its kid."""
        assert jwt.verify(TOKEN, PUBLIC) == CLAIMS
        with pytest.raises(UnknownKey):
            jwt.verify(TOKEN, {OTHER.kid: OTHER.public})
        with pytest.raises(BadSignature):
            jwt.verify(TOKEN, {KEY.kid: OTHER.public})
        assert jwt.verify(TOKEN, PUBLIC) == CLAIMS

    def test_claims_are_fresh_each_time(self) -> None:
        """What one caller does to the claims, the next does not see."""
        first = jwt.verify(TOKEN, PUBLIC)
        first["cognito:groups"].append("admin")
        assert jwt.verify(TOKEN, PUBLIC) == CLAIMS

    def test_memory_is_bounded(self) -> None:
        """However many tokens come, the number remembered has an end, and the last ones are in it."""
        before = dict(jwt._good)
        try:
            jwt._good.update((number.to_bytes(32, "big"), KEY.public) for number in range(jwt._REMEMBERED))
            token = jwt.sign({"sub": "last"}, KEY.kid, KEY.private)
            jwt.verify(token, PUBLIC)
            jwt.verify(TOKEN, PUBLIC)
            assert jwt._REMEMBERED <= len(jwt._good) <= jwt._REMEMBERED + len(before)
            assert list(jwt._good)[-2:] == [hashlib.sha256(one.encode()).digest() for one in (token, TOKEN)]
        finally:
            jwt._good.clear()

    def test_a_bad_signature_is_not_remembered(self) -> None:
        """Refused once, refused always; and it takes no room."""
        forged = jwt.sign(CLAIMS, KEY.kid, OTHER.private)
        jwt._good.clear()
        for _ in range(2):
            with pytest.raises(BadSignature):
                jwt.verify(forged, PUBLIC)
        assert not jwt._good
