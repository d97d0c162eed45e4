"""Ids: the forms of the service model, and chance."""

from __future__ import annotations

import os
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognomen.kernel import ids

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-%s[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.mark.parametrize(
    ("make", "form"),
    [
        (lambda: ids.pool_id("eu-west-3"), r"eu-west-3_[0-9A-Za-z]{9}"),
        (ids.client_id, r"[0-9a-z]{26}"),
        (ids.client_secret, r"[0-9a-z]{52}"),
        (lambda: ids.device_key("eu-west-3"), "eu-west-3_" + UUID % "4"),
        (ids.token_session_id, r"tkn[0-9a-z]{25}"),
        (ids.import_job_id, r"import-[0-9A-Za-z]{10}"),
        (ids.sub, UUID % "7"),
        (ids.uuid, UUID % "4"),
        (lambda: ids.digits(6), r"[0-9]{6}"),
        (lambda: ids.digits(8), r"[0-9]{8}"),
    ],
)
def test_forms(make: Callable[[], str], form: str) -> None:
    """Every id has the form that live ones have, and 300 in a row differ (codes of six digits nearly always)."""
    made = [make() for _ in range(300)]
    assert [one for one in made if re.fullmatch(form, one) is None] == []
    assert len(set(made)) >= 297


@pytest.mark.parametrize(("make", "version"), [(ids.sub, 7), (ids.uuid, 4)])
def test_uuids_are_uuids(make: Callable[[], str], version: int) -> None:
    """What looks like a UUID is one to Python, of the version it says, in RFC 9562's variant, written canonically."""
    made = make()
    parsed = uuid.UUID(made)
    assert (parsed.version, parsed.variant, str(parsed)) == (version, uuid.RFC_4122, made)


def test_every_free_bit_is_random() -> None:
    """Each hexadecimal digit that is not fixed takes all its values, and no position of a pool id is stuck."""
    subs = [ids.sub() for _ in range(600)]
    for place in range(36):
        values = {one[place] for one in subs}
        expected = {8: 1, 13: 1, 18: 1, 23: 1, 14: 1, 19: 4}.get(place, 16)
        assert len(values) == expected, place
    pools = [ids.pool_id("r") for _ in range(600)]
    assert all(len({one[place] for one in pools}) > 50 for place in range(2, 11))


def test_codes_keep_their_zeros() -> None:
    """A tenth of all codes begin with 0; were they cut or avoided, guessing would be easier."""
    first = Counter(ids.digits(6)[0] for _ in range(4000))
    assert set(first) == set("0123456789")
    assert 250 < first["0"] < 600


@given(
    length=st.integers(0, 99),
    lower=st.booleans(),
    upper=st.booleans(),
    numbers=st.booleans(),
    symbols=st.booleans(),
)
def test_temporary_passwords_meet_the_policy(length: int, lower: bool, upper: bool, numbers: bool, symbols: bool) -> None:
    """Whatever the policy, the password has its length and a character of every class asked for, and the model accepts it."""
    password = ids.temporary_password(length, lower=lower, upper=upper, numbers=numbers, symbols=symbols)
    assert len(password) == max(length, 8)
    assert not lower or re.search("[a-z]", password)
    assert not upper or re.search("[A-Z]", password)
    assert not numbers or re.search("[0-9]", password)
    assert not symbols or re.search(r"[^A-Za-z0-9]", password)
    assert re.fullmatch(r"[!-~]+", password)


def test_temporary_passwords_are_not_only_symbols() -> None:
    """A policy that asks for symbols alone still gets a password that can be typed, from a large alphabet."""
    assert any(character.isalnum() for character in ids.temporary_password(99, lower=False, upper=False, numbers=False))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # what a later Python says of any fork beside threads
def test_a_forked_process_draws_its_own() -> None:
    """Random bytes are fetched in advance: a child that went on with its parent's would make the same ids."""
    ids.uuid()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ids.uuid().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert len(theirs) == 36 and theirs != ids.uuid()


def test_threads_draw_their_own() -> None:
    """Many threads at once make no id twice."""
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend([ids.uuid() for _ in range(2000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8000
