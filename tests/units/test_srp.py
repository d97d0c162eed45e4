"""SRP: published vectors for the algebra, two independent clients for everything above it, garbage for the edges."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from datetime import UTC, datetime

import gmpy2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycognito.aws_srp import AWSSRP

from cognomen.kernel import modexp, srp
from cognomen.kernel.srp import BadSrp, Verifier
from tests.kit import srp_client
from tests.kit.srp_client import SrpClient

POOL, USER, PASSWORD = "aB3dE6gH9", "34c84488-e0e1-70ae-d2ee-0f1e2d3c4b5a", "Corr3ct horse!"
TIMESTAMP = "Tue Nov 3 04:05:06 UTC 2026"


def number(text: str) -> int:
    return int("".join(text.split()), 16)


class TestRfc5054:
    """Appendix B's run (1024 bits, SHA-1). Its hashes are not Cognito's, so u, k and x are checked here and handed in."""

    N = number(
        """EEAF0AB9 ADB38DD6 9C33F80A FA8FC5E8 60726187 75FF3C0B 9EA2314C 9C256576 D674DF74 96EA81D3 383B4813 D692C6E0
        E0D5D8E2 50B98BE4 8E495C1D 6089DAD1 5DC7D7B4 6154D6B6 CE8EF4AD 69B15D49 82559B29 7BCF1885 C529F566 660E57EC
        68EDBC3C 05726CC0 2FD4CBF4 976EAA9A FD5138FE 8376435B 9FC61D2F C0EB06E3"""
    )
    k = number("7556AA04 5AEF2CDD 07ABAF0F 665C3E81 8913186F")
    x = number("94B7555A ABE9127C C58CCF49 93DB6CF8 4D16C124")
    v = number(
        """7E273DE8 696FFC4F 4E337D05 B4B375BE B0DDE156 9E8FA00A 9886D812 9BADA1F1 822223CA 1A605B53 0E379BA4 729FDC59
        F105B478 7E5186F5 C671085A 1447B52A 48CF1970 B4FB6F84 00BBF4CE BFBB1681 52E08AB5 EA53D15C 1AFF87B2 B9DA6E04
        E058AD51 CC72BFC9 033B564E 26480D78 E955A5E2 9E7AB245 DB2BE315 E2099AFB"""
    )
    b = number("E487CB59 D31AC550 471E81F0 0F6928E0 1DDA08E9 74A004F4 9E61F5D1 05284D20")
    A = number(
        """61D5E490 F6F1B795 47B0704C 436F523D D0E560F0 C64115BB 72557EC4 4352E890 3211C046 92272D8B 2D1A5358 A2CF1B6E
        0BFCF99F 921530EC 8E393561 79EAE45E 42BA92AE ACED8251 71E1E8B9 AF6D9C03 E1327F44 BE087EF0 6530E69F 66615261
        EEF54073 CA11CF58 58F0EDFD FE15EFEA B349EF5D 76988A36 72FAC47B 0769447B"""
    )
    B = number(
        """BD0C6151 2C692C0C B6D041FA 01BB152D 4916A1E7 7AF46AE1 05393011 BAF38964 DC46A067 0DD125B9 5A981652 236F99D9
        B681CBF8 7837EC99 6C6DA044 53728610 D0C6DDB5 8B318885 D7D82C7F 8DEB75CE 7BD4FBAA 37089E6F 9C6059F3 88838E7A
        00030B33 1EB76840 910440B1 B27AAEAE EB4012B7 D7665238 A8E3FB00 4B117B58"""
    )
    u = number("CE38B959 3487DA98 554ED47D 70A7AE5F 462EF019")
    S = number(
        """B0DC82BA BCF30674 AE450C02 87745E79 90A3381F 63B387AA F271A10D 233861E3 59B48220 F7C4693C 9AE12B0A 6F67809F
        0876E2D0 13800D6C 41BB59B6 D5979B5C 00A172B4 A2A5903A 0BDCAF8A 709585EB 2AFAFA8F 3499B200 210DCC1F 10EB3394
        3CD67FC8 8A2F39A4 BE5BEC4E C0A3212D C346D7E4 74B29EDE 8A469FFE CA686E5A"""
    )
    group = srp.Group(N=N, g=2, k=k)

    def test_the_vectors_agree_with_each_other(self) -> None:
        """The constants above are the RFC's: they satisfy the hashes that the RFC defines over them."""
        size = 128
        assert hashlib.sha1(self.N.to_bytes(size, "big") + (2).to_bytes(size, "big")).digest() == self.k.to_bytes(20, "big")
        assert hashlib.sha1(self.A.to_bytes(size, "big") + self.B.to_bytes(size, "big")).digest() == self.u.to_bytes(20, "big")

    def test_verifier(self) -> None:
        """v = g^x."""
        assert self.v == modexp.secret_power(2, self.x, self.N)

    def test_public_value(self) -> None:
        """B = kv + g^b."""
        assert srp.public_value(self.group, self.b, self.v) == self.B

    def test_shared_secret(self) -> None:
        """S = (A v^u)^b."""
        assert srp.shared_secret(self.group, self.A, self.b, self.v, self.u) == self.S


class TestGroup:
    def test_the_prime_is_rfc_3526_s(self) -> None:
        """N is the number that RFC 3526 defines with pi, and k is the hash of it with its leading zero byte, and of 2."""
        assert srp_client.PRIME == srp.COGNITO.N
        assert srp.COGNITO.k == srp_client.MULTIPLIER

    def test_the_prime_is_safe(self) -> None:
        """N and (N-1)/2 are prime, so that there is no small subgroup to be pushed into."""
        assert gmpy2.is_prime(srp.COGNITO.N, 8)
        assert gmpy2.is_prime((srp.COGNITO.N - 1) // 2, 8)

    @given(st.integers(0, 2**256 - 1))
    @settings(max_examples=30, deadline=None)
    def test_the_table_gives_what_the_power_gives(self, exponent: int) -> None:
        """The fixed-base table is only a faster way to g^b."""
        assert pow(2, exponent, srp.COGNITO.N) == srp._table_power_of_g(exponent)

    @pytest.mark.parametrize("exponent", [0, 1, 63, 64, 2**252, 2**256 - 1])
    def test_the_table_at_its_edges(self, exponent: int) -> None:
        """Zero digits, full digits, and the last row, which holds only four bits."""
        assert pow(2, exponent, srp.COGNITO.N) == srp._table_power_of_g(exponent)

    @given(st.integers(0, 2**3072))
    @settings(max_examples=200, deadline=None)
    def test_pad(self, n: int) -> None:
        """Minimal two's complement: reads back as the same number, signed; one byte less would not hold it."""
        padded = srp.pad(n)
        assert n == int.from_bytes(padded, "big", signed=True)
        assert len(padded) == 1 or n >= 1 << (8 * (len(padded) - 1) - 1)
        assert bytes.fromhex(srp_client.hex_of(n)) == padded

    def test_the_gil_is_released_in_other_threads(self) -> None:
        """gmpy2's switch belongs to a thread: set once at import it would be off in the workers, and a sign-in would stop the loop."""
        thread = threading.Thread(target=modexp.secret_power, args=(3, 1 << 60_000, srp.COGNITO.N))
        steps = 0
        thread.start()
        while thread.is_alive():
            time.sleep(0.001)
            steps += 1
        assert steps > 10


class TestPasswords:
    def test_right_and_wrong(self) -> None:
        """A verifier accepts its own password for its own user in its own pool, and nothing else."""
        verifier = srp.make_verifier(POOL, USER, PASSWORD)
        assert srp.check_password(verifier, POOL, USER, PASSWORD)
        assert not srp.check_password(verifier, POOL, USER, PASSWORD + " ")
        assert not srp.check_password(verifier, POOL, USER.upper(), PASSWORD)
        assert not srp.check_password(verifier, "aB3dE6gH8", USER, PASSWORD)

    def test_salts(self) -> None:
        """Salts differ, and their hex has the same bytes for a client that reads a number as for one that reads text."""
        salts = [srp.make_verifier(POOL, USER, "x").salt for _ in range(40)]
        assert len(set(salts)) == 40
        for salt in salts:
            assert len(salt) == 16
            assert 1 <= salt[0] <= 0x7F
            assert salt.hex() == Verifier(salt, b"").salt_hex == srp_client.hex_of(int(salt.hex(), 16))

    def test_a_salt_with_its_top_bit_set_keeps_its_zero(self) -> None:
        """A device brings a padded salt; clients get it back as they hash it."""
        assert Verifier(bytes.fromhex("00ff01"), b"").salt_hex == "00ff01"
        assert Verifier(bytes.fromhex("0000ff01"), b"").salt_hex == "00ff01"

    def test_a_padded_verifier_counts_like_a_bare_one(self) -> None:
        """A device sends its verifier with a leading zero byte if the top bit is set."""
        made = srp.make_verifier(POOL, USER, PASSWORD)
        assert srp.check_password(Verifier(made.salt, b"\0" + made.value), POOL, USER, PASSWORD)
        assert srp.check_password(Verifier(made.salt, srp.pad(int.from_bytes(made.value, "big"))), POOL, USER, PASSWORD)

    @pytest.mark.parametrize(
        ("salt", "value"),
        [(b"\1", number) for number in (0, 1, srp.COGNITO.N - 1, srp.COGNITO.N, srp.COGNITO.N + 2, 2**3080)]
        + [(b"", 2), (b"\0\0", 2), (b"x" * 65, 2)],
    )
    def test_a_devices_verifier_that_proves_nothing(self, salt: bytes, value: int) -> None:
        """With 0, 1 or N-1 the shared secret is no secret; the rest no honest device brings."""
        with pytest.raises(srp.BadSrp):
            srp.read_verifier(salt, srp.pad(value))

    def test_a_devices_verifier_is_read_as_it_was_written(self) -> None:
        """Padded or not, salt and verifier are the same numbers."""
        for value in (2, 2**3071, srp.COGNITO.N - 2):
            bare = value.to_bytes((value.bit_length() + 7) // 8, "big")
            assert srp.read_verifier(b"\xff", bare) == srp.read_verifier(b"\0\xff", srp.pad(value))
            assert srp.read_verifier(b"\xff", bare).salt_hex == "00ff"

    def test_decoys(self) -> None:
        """A decoy looks like a verifier, is the same for the same seed only, and no password opens it."""
        one, again, other = srp.decoy(b"seed"), srp.decoy(b"seed"), srp.decoy(b"other")
        assert one == again
        assert one.salt != other.salt
        assert one.value != other.value
        assert (len(one.salt), len(one.value)) == (16, 384)
        assert 1 <= one.salt[0] <= 0x7F
        assert int.from_bytes(one.value, "big") < srp.COGNITO.N
        assert not srp.check_password(one, POOL, USER, PASSWORD)

    def test_any_text_is_a_password(self) -> None:
        """A lone surrogate, which JSON can carry, is a wrong password and not an error."""
        assert not srp.check_password(srp.decoy(b"seed"), POOL, "\ud800", "\udfff")

    def test_nothing_is_shown(self) -> None:
        """Neither a verifier nor b gets into a log by being printed."""
        verifier = srp.make_verifier(POOL, USER, PASSWORD)
        opening = srp.begin(verifier)
        assert repr(verifier) == "Verifier(***)"
        assert opening.b.hex() not in repr(opening)
        assert repr(opening.b) not in repr(opening)


class TestSignIn:
    @given(password=st.text(min_size=1, max_size=40).filter(lambda t: t.isprintable()), user=st.uuids().map(str))
    @settings(max_examples=8, deadline=None)
    def test_with_a_client_written_from_the_text(self, password: str, user: str) -> None:
        """Both come to one key, whatever the password."""
        verifier = srp.make_verifier(POOL, user, password)
        client = SrpClient(POOL, password)
        opening = srp.begin(verifier)
        key = srp.session_key(client.srp_a, opening.B, opening.b, verifier)
        assert client.key(user, verifier.salt_hex, opening.B) == key
        expected = srp.expected_signature(key, POOL, user, b"block", TIMESTAMP)
        assert client.signature(user, verifier.salt_hex, opening.B, b"block", TIMESTAMP) == expected

    def test_a_wrong_password_gives_another_key(self) -> None:
        """Nothing but the password makes the keys meet; neither does the right one for another user."""
        verifier = srp.make_verifier(POOL, USER, PASSWORD)
        client, right = SrpClient(POOL, PASSWORD + "!"), SrpClient(POOL, PASSWORD)
        opening = srp.begin(verifier)
        assert client.key(USER, verifier.salt_hex, opening.B) != srp.session_key(client.srp_a, opening.B, opening.b, verifier)
        assert right.key("someone", verifier.salt_hex, opening.B) != srp.session_key(right.srp_a, opening.B, opening.b, verifier)

    def test_every_input_counts_in_the_signature(self) -> None:
        """Key, pool, user, block and time are all under the signature."""
        sign = srp.expected_signature
        signatures = {
            sign(b"k" * 16, POOL, USER, b"block", TIMESTAMP),
            sign(b"K" * 16, POOL, USER, b"block", TIMESTAMP),
            sign(b"k" * 16, "other", USER, b"block", TIMESTAMP),
            sign(b"k" * 16, POOL, "user", b"block", TIMESTAMP),
            sign(b"k" * 16, POOL, USER, b"Block", TIMESTAMP),
            sign(b"k" * 16, POOL, USER, b"block", TIMESTAMP.replace("06", "07")),
        }
        assert len(signatures) == 6

    @pytest.mark.parametrize("attempt", range(6))
    def test_with_pycognito(self, attempt: int) -> None:
        """pycognito, which talks to the live service, signs as we expect: with its own A, its own hashes, our SALT and SRP_B."""
        pool_id = f"us-east-1_{POOL}"
        client = AWSSRP(username="ada", password=PASSWORD, pool_id=pool_id, client_id="c", client=object())
        verifier = srp.make_verifier(POOL, USER, PASSWORD)
        opening = srp.begin(verifier)
        block = bytes([attempt]) * 40
        answer = client.process_challenge(
            {
                "USER_ID_FOR_SRP": USER,
                "USERNAME": "ada",
                "SALT": verifier.salt_hex,
                "SRP_B": opening.B,
                "SECRET_BLOCK": base64.b64encode(block).decode(),
            },
            {"USERNAME": "ada", "SRP_A": client.get_auth_params()["SRP_A"]},
        )
        key = srp.session_key(client.get_auth_params()["SRP_A"], opening.B, opening.b, verifier)
        timestamp = answer["TIMESTAMP"]
        assert base64.b64encode(srp.expected_signature(key, POOL, USER, block, timestamp)).decode() == answer["PASSWORD_CLAIM_SIGNATURE"]
        assert abs(srp.parse_timestamp(timestamp) - datetime.now(UTC).timestamp()) < 5

    def test_openings_differ(self) -> None:
        """b is fresh each time, 256 bits long, and B follows from it."""
        verifier = srp.make_verifier(POOL, USER, PASSWORD)
        one, other = srp.begin(verifier), srp.begin(verifier)
        assert one.b != other.b
        assert len(one.b) == 32
        assert one == srp.begin(verifier, one.b)
        v = int.from_bytes(verifier.value, "big")
        assert srp.public_value(srp.COGNITO, int.from_bytes(one.b, "big"), v) == int(one.B, 16)


N = srp.COGNITO.N


class TestHostileClients:
    @pytest.mark.parametrize("A", ["0", "00", f"{N:x}", f"{2 * N:x}", f"{N + 1:x}", "f" * 800, "f" * 801, "1" * 100_000])
    def test_out_of_range(self, A: str) -> None:
        """A multiple of N would make the secret zero without a password; what is larger than N or huge is not read at all."""
        with pytest.raises(BadSrp):
            srp.check_public(A)

    @pytest.mark.parametrize("A", ["", " 1", "1 ", "+1", "-1", "0x1", "1_0", "1\n", "g", "\u0661", "\uff11", "1\0"])
    def test_not_a_number(self, A: str) -> None:
        """Python's int() is more generous than any client: none of its extras is accepted."""
        with pytest.raises(BadSrp):
            srp.check_public(A)

    @pytest.mark.parametrize(("A", "read"), [("1", 1), ("aBc", 0xABC), (f"{N - 1:x}", N - 1), (f"00{N - 1:X}", N - 1)])
    def test_in_range(self, A: str, read: int) -> None:
        """Either case, an odd number of digits and a leading zero byte are what clients do send."""
        assert read == srp.check_public(A)

    @given(st.one_of(st.text(max_size=60), st.text("0123456789abcdef", max_size=900)))
    @settings(max_examples=300, deadline=None)
    def test_garbage(self, A: str) -> None:
        """Read as what it says if it is a number from 1 to N-1 of bounded length; anything else is BadSrp and no other error."""
        digits_only = 0 < len(A) <= 800 and set(A) <= set("0123456789abcdefABCDEF")
        if digits_only and 0 < int(A, 16) < N:
            assert srp.check_public(A) == int(A, 16)
        else:
            with pytest.raises(BadSrp):
                srp.check_public(A)

    def test_the_key_checks_again(self) -> None:
        """session_key refuses by itself; it does not trust that someone has looked before."""
        verifier = srp.decoy(b"seed")
        opening = srp.begin(verifier)
        with pytest.raises(BadSrp):
            srp.session_key(f"{N:x}", opening.B, opening.b, verifier)


class TestTimestamps:
    @given(st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis takes naive bounds
    @settings(max_examples=200)
    def test_round_trip(self, moment: datetime) -> None:
        """What a client writes is read to the same second."""
        assert moment.replace(microsecond=0).timestamp() == srp.parse_timestamp(srp_client.timestamp_of(moment))

    def test_the_example(self) -> None:
        """The example that the SDKs' sources give, computed by hand."""
        assert srp.parse_timestamp(TIMESTAMP) == 1793678706.0

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Tue Nov 03 04:05:06 UTC 2026",
            "Tue Nov  3 04:05:06 UTC 2026",
            "tue Nov 3 04:05:06 UTC 2026",
            "Di Nov 3 04:05:06 UTC 2026",
            "Wed Nov 3 04:05:06 UTC 2026",
            "Tue Nov 3 4:05:06 UTC 2026",
            "Tue Nov 3 24:05:06 UTC 2026",
            "Tue Nov 3 04:05:60 UTC 2026",
            "Tue Nov 3 04:05:06 GMT 2026",
            "Tue Nov 3 04:05:06 UTC 26",
            "Tue Nov 3 04:05:06 UTC 2026\n",
            "Tue Nov \u0663 04:05:06 UTC 2026",
            "Mon Feb 30 04:05:06 UTC 2026",
            "Tue Nov 0 04:05:06 UTC 2026",
        ],
    )
    def test_refused(self, text: str) -> None:
        """English, no padding, a day that exists and carries its own name; nothing around it."""
        with pytest.raises(BadSrp):
            srp.parse_timestamp(text)
