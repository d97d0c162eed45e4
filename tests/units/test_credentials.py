"""Temporary credentials: verified without state, bound to their key, and what cannot be made of them."""

from __future__ import annotations

import re

import pytest

from cognomen.kernel.clock import ManualClock
from cognomen.kernel.secrets import Sealer
from cognomen.tokens.credentials import BadToken, Credentials, Expired, Revoked, issue, open_token, secret_of

SEALER = Sealer(b"\x05" * 32)
ROLE = "arn:aws:iam::000000000000:role/path/Guest"


def made(clock: ManualClock, duration: int = 3600) -> Credentials:
    return issue(
        SEALER,
        clock,
        role_arn=ROLE,
        role_id="AROA1",
        session_name="kim",
        principal={"Federated": "cognito-identity.amazonaws.com"},
        context={"cognito-identity.amazonaws.com:sub": ["us-east-1:1"]},
        tags={"team": "blue"},
        duration=duration,
        session_policies=["{}"],
        guest=True,
    )


def test_any_node_opens_them() -> None:
    """Another sealer of the same master key finds the whole session and the same secret."""
    clock = ManualClock()
    given = made(clock)
    other = Sealer(b"\x05" * 32)
    session = open_token(other, clock, given.access_key_id, given.session_token)
    assert session == given.session
    assert (session.tags, session.policies, session.guest) == ({"team": "blue"}, ["{}"], True)
    assert secret_of(other, given.access_key_id) == given.secret_access_key


def test_the_forms_are_awss() -> None:
    given = made(ManualClock())
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", given.access_key_id)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", given.secret_access_key)
    assert given.session.arn == "arn:aws:sts::000000000000:assumed-role/Guest/kim"
    assert (given.session.account, given.session.user_id) == ("000000000000", "AROA1:kim")


def test_two_are_never_the_same() -> None:
    clock = ManualClock()
    first, second = made(clock), made(clock)
    assert first.access_key_id != second.access_key_id
    assert first.secret_access_key != second.secret_access_key


def test_a_token_belongs_to_its_key() -> None:
    """Swapped, altered, cut, foreign or of another server: all the same to who asks."""
    clock = ManualClock()
    first, second = made(clock), made(clock)
    wrong = [
        (first.access_key_id, second.session_token),
        (first.access_key_id, first.session_token[:-4] + "AAAA"),
        (first.access_key_id, first.session_token[:40]),
        (first.access_key_id, ""),
        (first.access_key_id, "\udc80"),
        (first.access_key_id, "A" * 100_000),
        ("AKIA" + first.access_key_id[4:], first.session_token),
        (first.access_key_id.lower(), first.session_token),
    ]
    for key_id, token in wrong:
        with pytest.raises(BadToken):
            open_token(SEALER, clock, key_id, token)
    with pytest.raises(BadToken):
        open_token(Sealer(b"\x06" * 32), clock, first.access_key_id, first.session_token)


def test_they_end() -> None:
    clock = ManualClock()
    given = made(clock, 900)
    clock.advance(899)
    assert open_token(SEALER, clock, given.access_key_id, given.session_token).name == "kim"
    clock.advance(1)
    with pytest.raises(Expired):
        open_token(SEALER, clock, given.access_key_id, given.session_token)


def test_a_role_can_end_them_all() -> None:
    """What was issued before the moment of revocation is refused, what came after is not."""
    clock = ManualClock()
    before = made(clock)
    clock.advance(10)
    moment = clock.now()
    after = made(clock)
    with pytest.raises(Revoked):
        open_token(SEALER, clock, before.access_key_id, before.session_token, revoked_before=moment)
    assert open_token(SEALER, clock, after.access_key_id, after.session_token, revoked_before=moment).name == "kim"
