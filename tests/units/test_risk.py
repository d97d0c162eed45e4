"""The pure rules of threat protection: points, networks, and what a device says of itself."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognomen.userpools.rules import context_data, networks
from cognomen.userpools.rules.risk import Profile, Seen, after_feedback, after_pass, assess
from tests.kit.risk import CHROME, encoded

HOME = Seen(address="198.51.100.7", place="198.51.0.0/16", device="phone")
KNOWN = after_pass(Profile(), HOME, 1_000.0)
seen_somewhere = st.builds(Seen, address=st.sampled_from("abc "), place=st.sampled_from("xyz "), device=st.sampled_from("pqr "))


@pytest.mark.parametrize(
    ("seen", "failures", "seconds", "expected"),
    [
        (HOME, 0, 9e5, None),
        (HOME, 4, 9e5, None),
        (HOME, 5, 9e5, "Low"),
        (HOME, 10, 9e5, "Medium"),
        (Seen("198.51.1.1", "198.51.0.0/16", "phone"), 0, 9e5, "Low"),
        (Seen("203.0.113.9", "203.0.0.0/16", "phone"), 0, 9e5, "Low"),
        (Seen("203.0.113.9", "203.0.0.0/16", "phone"), 0, 599, "Medium"),
        (Seen("203.0.113.9", "203.0.0.0/16", "phone"), 0, 600, "Low"),
        (Seen("198.51.100.7", "198.51.0.0/16", "laptop"), 0, 9e5, "Low"),
        (Seen("198.51.1.1", "198.51.0.0/16", "laptop"), 0, 9e5, "Medium"),
        (Seen("203.0.113.9", "203.0.0.0/16", "laptop"), 0, 9e5, "Medium"),
        (Seen("203.0.113.9", "203.0.0.0/16", "laptop"), 5, 9e5, "High"),
        (Seen("203.0.113.9", "203.0.0.0/16", "laptop"), 0, 60, "High"),
        (Seen(), 0, 9e5, "Medium"),
    ],
)
def test_levels(seen: Seen, failures: int, seconds: float, expected: str | None) -> None:
    assert assess(KNOWN, seen, failures=failures, now=1_000.0 + seconds).level == expected


def test_the_first_sign_in_is_no_risk() -> None:
    assert assess(Profile(), HOME, failures=0, now=5.0).reasons == ()


def test_invalid_feedback_on_the_first_leaves_no_first() -> None:
    """Else who was called invalid would be let in once more as new."""
    told = after_feedback(Profile(), HOME, valid=False)
    assert assess(told, Seen("203.0.113.9", "203.0.0.0/16", "laptop"), failures=0, now=9e5).level == "Medium"
    assert assess(told, HOME, failures=0, now=9e5).level == "High"


@given(st.lists(seen_somewhere, max_size=200), seen_somewhere)
def test_a_profile_is_bounded_and_knows_the_last(history: list[Seen], last: Seen) -> None:
    """However many: 32 of each at most, none twice; what was just signed in from is no risk a moment later, if it said what it is."""
    profile = Profile()
    for at, seen in enumerate([*history, last]):
        profile = after_pass(profile, seen, float(at))
    for known in (profile.devices, profile.addresses, profile.places):
        assert len(known) <= 32 and len(set(known)) == len(known)
    assert assess(profile, last, failures=0, now=1e9).level is None


@given(seen_somewhere, st.booleans(), st.booleans())
def test_the_last_feedback_counts(seen: Seen, first: bool, second: bool) -> None:
    profile = after_feedback(after_feedback(KNOWN, seen, valid=first), seen, valid=second)
    assert (seen.device in profile.distrusted, seen.device in profile.devices) == (not second, second)


@pytest.mark.parametrize(
    ("text", "address", "place"),
    [
        ("198.51.100.7", "198.51.100.7", "198.51.0.0/16"),
        ("::ffff:198.51.100.7", "198.51.100.7", "198.51.0.0/16"),
        ("2001:DB8:1:2::3", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "", ""),
        ("198.51.100.007", "", ""),
        ("198.51.100.7:80", "", ""),
        ("x" * 100_000, "", ""),
        ("", "", ""),
    ],
)
def test_addresses(text: str, address: str, place: str) -> None:
    assert (networks.address(text), networks.place(text)) == (address, place)


@given(st.text(max_size=60), st.lists(st.sampled_from(["10.0.0.0/8", "::/0", "2001:db8::/32"])))
def test_any_text_may_come_as_an_address(text: str, ranges: list[str]) -> None:
    assert networks.within(text, ranges) in (True, False)


def device(data: str, agent: str = "") -> context_data.Device:
    return context_data.device(data, agent, pool_id="us-east-1_Pool00001", client_id="client")


def test_what_a_library_sends() -> None:
    """Android breaks its base64 into lines; a browser gives no device name, and is named by its user agent."""
    data = encoded("us-east-1_Pool00001", "client")
    expected = context_data.Device("device:phone", "Pixel 9", "02:00")
    assert device(data) == expected
    assert device("\n".join(data[at : at + 76] for at in range(0, len(data), 76)) + "\n") == expected
    browser = encoded("", "client", version="JS20171115", DeviceName="", DeviceId="", DeviceFingerprint="print")
    assert device(browser) == context_data.Device("device:print", "Chrome, Windows", "02:00")


def test_no_data_is_the_program_whatever_its_version() -> None:
    newer = CHROME.replace("126", "127")
    assert device("", CHROME) == device("", newer) == context_data.Device("agent:Chrome, Windows", "Chrome, Windows")
    assert device("", "") == context_data.Device()


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1", "Boto3, Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari, iOS",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox, Linux"),
        ("curl/8.5", "curl, Other"),
        ("/", "Unknown, Other"),
    ],
)
def test_names_of_programs(agent: str, name: str) -> None:
    assert device("", agent).name == name


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode())), st.text(max_size=50))
def test_any_text_may_come_as_data(data: str, agent: str) -> None:
    """And is no device that anybody knows."""
    found = device(data, agent)
    assert found.mark == "" or not data


def test_deep_and_huge_data() -> None:
    for payload in ("[" * 200_000, "{" * 10_000, '{"payload":"' + "[" * 9_000 + '","signature":""}'):
        assert device(base64.b64encode(payload.encode()).decode()).mark == ""
