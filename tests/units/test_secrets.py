"""Sealing: only the same key, purpose and place open; every changed bit is noticed; nothing secret is shown."""

from __future__ import annotations

import base64
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from cognomen.kernel import base64url, secrets
from cognomen.kernel.secrets import BadMasterKey, MasterKey, Sealer, Unsealable

MASTER = bytes(range(32))
sealer = Sealer(MASTER)


class TestSealing:
    @given(plaintext=st.binary(max_size=300), purpose=st.text(max_size=20), bound=st.binary(max_size=40))
    def test_round_trip(self, plaintext: bytes, purpose: str, bound: bytes) -> None:
        """What was sealed opens, as bytes and as text."""
        assert sealer.open(purpose, sealer.seal(purpose, plaintext, bound), bound) == plaintext
        assert sealer.open_text(purpose, sealer.seal_text(purpose, plaintext, bound), bound) == plaintext

    def test_the_format(self) -> None:
        """Version byte, 12 bytes of nonce, AES-256-GCM under an HKDF-SHA256 subkey. Rows already written must open for ever."""
        sealed = sealer.seal("a purpose", b"content", b"place")
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"cognomen/1/seal/a purpose").derive(MASTER)
        assert sealed[0] == 1
        assert AESGCM(key).decrypt(sealed[1:13], sealed[13:], b"\x01place") == b"content"

    def test_an_old_seal_opens(self) -> None:
        """A value sealed by the first release, kept here as it was written."""
        old = "AQABAgMEBQYHCAkKCzy3WMSY0EiHL4gxjpUGM_0DNGCUC3gAzz7C7Qnw"
        assert sealer.open_text("golden", old, b"here") == b"kept for ever"

    def test_the_same_seals_differently(self) -> None:
        """A fresh nonce each time: equal contents can not be told from outside."""
        assert len({sealer.seal("p", b"same") for _ in range(50)}) == 50

    @given(place=st.integers(0, 44), bit=st.integers(0, 7))
    def test_every_bit_counts(self, place: int, bit: int) -> None:
        """One bit changed anywhere, in version, nonce, content or tag, and it does not open."""
        sealed = bytearray(sealer.seal("p", b"sixteen bytes ok", b"b"))
        assert len(sealed) == 45
        sealed[place] ^= 1 << bit
        with pytest.raises(Unsealable):
            sealer.open("p", bytes(sealed), b"b")

    @given(st.binary(max_size=80))
    def test_garbage(self, garbage: bytes) -> None:
        """Anything else is Unsealable, whatever its length; also when it begins like ours."""
        for hostile in (garbage, b"\x01" + garbage):
            with pytest.raises(Unsealable):
                sealer.open("p", hostile)

    @given(st.text(max_size=80))
    def test_garbage_as_text(self, garbage: str) -> None:
        """The same for any text, ASCII or not."""
        with pytest.raises(Unsealable):
            sealer.open_text("p", garbage)

    def test_purpose_place_and_key_count(self) -> None:
        """A seal opens for its purpose, at its place, with its master key, and not otherwise."""
        sealed = sealer.seal("p", b"x", b"here")
        for other, purpose, bound in (
            (sealer, "q", b"here"),
            (sealer, "p", b"there"),
            (sealer, "p", b""),
            (Sealer(b"k" * 32), "p", b"here"),
        ):
            with pytest.raises(Unsealable):
                other.open(purpose, sealed, bound)

    def test_one_spelling(self) -> None:
        """A sealed text with padding, a line break or other spare bits is not the one that was given out."""
        text = sealer.seal_text("p", b"xy")
        assert len(text) % 4  # so that there are spare bits
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        twin = text[:-1] + last[last.index(text[-1]) + 1]
        for other in (text + "=", text + "==", text + "\n", " " + text, twin):
            with pytest.raises(Unsealable):
                sealer.open_text("p", other)

    def test_from_many_threads(self) -> None:
        """The first use of a purpose in several threads at once is as good as any other."""
        shared = Sealer(MASTER)
        opened: list[bytes] = []

        def work(number: int) -> None:
            opened.extend(shared.open(f"p{n}", sealer.seal(f"p{n}", bytes([number]))) for n in range(20))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(opened) == sorted(bytes([number]) for number in range(4) for _ in range(20))


class TestMac:
    def test_parts_do_not_run_together(self) -> None:
        """Where a part ends is authenticated: moving a byte over the border changes the MAC."""
        macs = {sealer.mac("p", *parts) for parts in [(b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""), (b"", b"abc"), ()]}
        assert len(macs) == 6
        assert {len(mac) for mac in macs} == {32}

    def test_an_old_mac_is_found(self) -> None:
        """MACs are stored (digests of codes): what they are may never change."""
        assert sealer.mac("golden", b"a", b"b").hex() == "b5b1792137265861c4b66e2650080c0ff81f5438f8603e7ec48858d2ccce6941"

    def test_the_same_gives_the_same(self) -> None:
        """A MAC depends on master key, purpose and parts alone, so that a stored one can be found again."""
        assert sealer.mac("p", b"x") == Sealer(MASTER).mac("p", b"x")
        assert sealer.mac("p", b"x") != sealer.mac("q", b"x")
        assert sealer.mac("p", b"x") != Sealer(b"k" * 32).mac("p", b"x")

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("a", "a", True),
            (b"a", "a", True),
            ("a", "b", False),
            ("a", "ab", False),
            ("\u00e9", "\u00e9", True),
            ("\ud800", "\ud800", True),
            ("", "", True),
        ],
    )
    def test_equal(self, one: bytes | str, other: bytes | str, same: bool) -> None:
        """Texts of any kind and bytes compare by content; none of them is an error."""
        assert secrets.equal(one, other) is same


class TestMasterKey:
    @pytest.mark.parametrize(
        "text",
        [
            MASTER.hex(),
            MASTER.hex().upper() + "\n",
            base64.b64encode(MASTER).decode(),
            base64.urlsafe_b64encode(b"\xfb" * 32).decode(),
            base64url.encode(MASTER),
        ],
    )
    def test_read_from_text(self, text: str) -> None:
        """Hexadecimal or base64, either alphabet, padded or not, a line end after it."""
        assert MasterKey.from_text(text).raw in (MASTER, b"\xfb" * 32)

    @pytest.mark.parametrize(
        "text", ["", "hunter2", "0" * 63, "0" * 65, "g" * 64, MASTER.hex()[:32], base64.b64encode(b"k" * 31).decode(), "\u00e9" * 64]
    )
    def test_refused(self, text: str) -> None:
        """A key of another length is refused; the error does not repeat it."""
        with pytest.raises(BadMasterKey) as caught:
            MasterKey.from_text(text)
        assert not text or text not in str(caught.value)

    def test_a_new_file(self, tmp_path: Path) -> None:
        """Only its owner can read it, it reads back as the same key, and no draft is left behind."""
        made = secrets.create_master_key_file(tmp_path / "master.key")
        assert MasterKey.from_file(tmp_path / "master.key").raw == made.raw
        assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
        assert [file.name for file in tmp_path.iterdir()] == ["master.key"]

    def test_a_key_is_never_overwritten(self, tmp_path: Path) -> None:
        """Who comes second gets the first one's key: a lost key would mean lost data."""
        one = secrets.create_master_key_file(tmp_path / "master.key")
        other = secrets.create_master_key_file(tmp_path / "master.key")
        assert one.raw == other.raw

    def test_many_at_once_agree(self, tmp_path: Path) -> None:
        """Ten starts at the same moment end with one key."""
        made: list[bytes] = []
        threads = [threading.Thread(target=lambda: made.append(secrets.create_master_key_file(tmp_path / "k").raw)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(made), len(set(made))) == (10, 1)

    def test_raw_bytes(self, tmp_path: Path) -> None:
        """A file of 32 bytes is a key as it is."""
        (tmp_path / "k").write_bytes(b"\xff" * 32)
        assert MasterKey.from_file(tmp_path / "k").raw == b"\xff" * 32

    @pytest.mark.parametrize("content", [b"", b"\xff" * 31, b"not a key\n"])
    def test_a_bad_file_is_named(self, tmp_path: Path, content: bytes) -> None:
        """The error says which file, not what is in it."""
        (tmp_path / "k").write_bytes(content)
        with pytest.raises(BadMasterKey, match=str(tmp_path / "k")):
            MasterKey.from_file(tmp_path / "k")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        """So is one that is not there, with the system's reason."""
        with pytest.raises(BadMasterKey, match=r"k can not be read: No such file or directory"):
            MasterKey.from_file(tmp_path / "k")

    def test_nothing_is_shown(self) -> None:
        """Printing a key or a sealer shows neither the key nor a subkey."""
        shown = f"{MasterKey(MASTER)!r} {MasterKey(MASTER)} {sealer!r} {sealer}"
        assert shown == "MasterKey(***) MasterKey(***) Sealer(***) Sealer(***)"


class TestBase64url:
    @given(st.binary(max_size=60))
    def test_round_trip(self, raw: bytes) -> None:
        """Written without padding or + and /, and read back."""
        text = base64url.encode(raw)
        assert not set(text) & set("+/=")
        assert base64url.decode(text) == raw

    @given(st.text("AB-_+/= \n\u00e9.", max_size=12))
    def test_only_what_is_written_is_read(self, text: str) -> None:
        """A text is either exactly what `encode` writes, or refused."""
        try:
            raw = base64url.decode(text)
        except ValueError:
            return
        assert base64url.encode(raw) == text

    @pytest.mark.parametrize("text", ["A", "AB", "AA==", "AA=", "A+AA", "A/AA", " AAA", "AAA\n", "AA.A", "\u00e9AAA"])
    def test_refused(self, text: str) -> None:
        """Lone characters, spare bits, padding, the other alphabet, blanks."""
        with pytest.raises(ValueError):
            base64url.decode(text)
