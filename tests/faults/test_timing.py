"""Who is not there must not be told from who is by a clock, where the client asked for that (PreventUserExistenceErrors=ENABLED).

The bound, in words: over interleaved tries on one idle connection, the two medians differ by less than a fifth of the known user's median,
or by less than 0.4 ms where that is more. A median says nothing of a single try; a machine that was busy is asked once more.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.kit.live import Live
from tests.kit.server import PASSWORD, TARGETS
from tests.kit.srp_client import SrpClient

TRIES = 80
SHARE = 0.2
LEAST = 0.0004
WRONG = "Wrong-Horse-9"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("timing") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def app(live: Live) -> Any:
    """A pool, its client that hides who exists, and as many users as tries: each is tried once, so that no lockout tells anything."""
    admin = live.boto()
    first: Any = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
    pool = admin.create_user_pool(PoolName="timing", AutoVerifiedAttributes=["email"], Policies=first)["UserPool"]["Id"]
    client = admin.create_user_pool_client(
        UserPoolId=pool,
        ClientName="c",
        PreventUserExistenceErrors="ENABLED",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    names = [f"user-{uuid4().hex[:8]}" for _ in range(TRIES * 2)]
    for name in names:
        attributes = [{"Name": "email", "Value": f"{name}@example.com"}, {"Name": "email_verified", "Value": "true"}]
        admin.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS", UserAttributes=attributes)
        admin.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
    return pool, client, names


class Clock:
    def __init__(self, live: Live) -> None:
        self._live = live

    def send(self, operation: str, **members: Any) -> tuple[float, Any]:
        """Seconds until the answer, and the answer."""
        body = json.dumps(members).encode()
        headers = {"x-amz-target": f"{TARGETS['cognito-idp']}.{operation}", "content-type": "application/x-amz-json-1.1"}
        started = time.perf_counter()
        answer = self._live.http.post(self._live.url + "/", content=body, headers=headers)
        return time.perf_counter() - started, answer.json()


def alike(attempt: Callable[[str], tuple[float, Any]], names: list[str], seen: Callable[[Any], Any]) -> None:
    """Known and unknown in turn; what is `seen` of the answers is alike, and so is the time."""
    told = []
    for tried in (names[:TRIES], names[TRIES:]):
        known, unknown = [], []
        for name in tried:
            seconds, answer = attempt(name)
            known.append(seconds)
            seconds, made_up = attempt(f"nope-{name[5:]}")
            unknown.append(seconds)
            assert seen(made_up) == seen(answer)
        one, other = statistics.median(known), statistics.median(unknown)
        told.append(f"known {one * 1000:.3f} ms, unknown {other * 1000:.3f} ms")
        if abs(one - other) < max(one * SHARE, LEAST):
            return
    raise AssertionError(told)


def test_passwords(live: Live, app: Any) -> None:
    """A wrong password of a known user, and any of an unknown one."""
    _, client, names = app
    clock = Clock(live)
    alike(
        lambda name: clock.send(
            "InitiateAuth", ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": WRONG}
        ),
        names,
        lambda answer: answer,
    )


def test_mailed_codes(live: Live, app: Any) -> None:
    """The challenge of a mailed code, and the answer to a wrong one: for nobody in the same form and time (FIDELITY B.3.33)."""
    _, client, names = app
    clock = Clock(live)

    def begin(name: str) -> tuple[float, Any]:
        parameters = {"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"}
        return clock.send("InitiateAuth", ClientId=client, AuthFlow="USER_AUTH", AuthParameters=parameters)

    def answer(name: str) -> tuple[float, Any]:
        _, asked = begin(name)
        responses = {"USERNAME": name, "EMAIL_OTP_CODE": "0"}
        return clock.send(
            "RespondToAuthChallenge", ClientId=client, ChallengeName="EMAIL_OTP", Session=asked["Session"], ChallengeResponses=responses
        )

    alike(begin, names, lambda answer: (answer["ChallengeName"], answer["AvailableChallenges"], sorted(answer["ChallengeParameters"])))
    alike(answer, names, lambda answer: answer)


def test_srp_begun(live: Live, app: Any) -> None:
    """The challenge for an unknown user is made up, as quickly as a real one is made, and of the same form and length."""
    pool, client, names = app
    clock = Clock(live)
    srp = SrpClient(pool.split("_")[1], WRONG)
    lengths: list[int] = []

    def begin(name: str) -> tuple[float, Any]:
        seconds, answer = clock.send(
            "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": name, "SRP_A": srp.srp_a}
        )
        lengths.append(len(answer["ChallengeParameters"]["SECRET_BLOCK"]))
        return seconds, answer

    alike(begin, names, lambda answer: (answer["ChallengeName"], sorted(answer["ChallengeParameters"])))
    # Numbers in the block are a digit longer or shorter by chance, for both.
    assert abs(statistics.median(lengths[0::2]) - statistics.median(lengths[1::2])) <= 4
    assert max(lengths) - min(lengths) <= 16


def test_srp_answered(live: Live, app: Any) -> None:
    """A wrong proof: refused alike."""
    pool, client, names = app
    clock = Clock(live)
    srp = SrpClient(pool.split("_")[1], WRONG)

    def answer(name: str) -> tuple[float, Any]:
        begun = clock.send(
            "InitiateAuth", ClientId=client, AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": name, "SRP_A": srp.srp_a}
        )[1]
        asked = begun["ChallengeParameters"]
        responses = {
            "USERNAME": asked["USER_ID_FOR_SRP"],
            "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
            "TIMESTAMP": time.strftime("%a %b ", time.gmtime()) + time.strftime("%d %H:%M:%S UTC %Y", time.gmtime()).lstrip("0"),
            "PASSWORD_CLAIM_SIGNATURE": "A" * 43 + "=",
        }
        return clock.send("RespondToAuthChallenge", ClientId=client, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses)

    alike(answer, names, lambda reply: reply)


def test_forgotten_passwords(live: Live, app: Any) -> None:
    """A code is sent, or only said to be sent."""
    _, client, names = app
    clock = Clock(live)
    alike(lambda name: clock.send("ForgotPassword", ClientId=client, Username=name), names, sorted)


def test_custom_senders(live: Live, app: Any) -> None:
    """A pool's own function sends the code: what is done for somebody is done after the answer."""
    pool, client, names = app
    sender = {"LambdaVersion": "V1_0", "LambdaArn": "arn:aws:lambda:us-east-1:000000000000:function:nowhere"}
    config: Any = {"CustomEmailSender": sender, "KMSKeyID": "arn:aws:kms:us-east-1:000000000000:key/1"}
    live.boto().update_user_pool(UserPoolId=pool, AutoVerifiedAttributes=["email"], LambdaConfig=config)
    clock = Clock(live)
    alike(lambda name: clock.send("ForgotPassword", ClientId=client, Username=name), names, sorted)
