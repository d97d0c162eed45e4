"""Random walks through the sign-in machine: tokens are given out only when every factor that the user must prove was proved.

The walker keeps its own account of what it proved truthfully in each session, and knows nothing of how the server decides. It answers right
and wrong, brings back old sessions, answers one challenge in another's session, and lets time pass.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.kit.mfa import CONTACTS, OWN_SENDER, SMS, enrol, set_mfa, totp_code
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, srp_client, srp_responses

STEPS = 40
FLOWS = ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
FIRST = {"PASSWORD", "EMAIL_OTP", "SMS_OTP"}
CODES = {
    "SMS_MFA": ("SMS_MFA_CODE", CONTACTS["phone_number"]),
    "SMS_OTP": ("SMS_OTP_CODE", CONTACTS["phone_number"]),
    "EMAIL_OTP": ("EMAIL_OTP_CODE", CONTACTS["email"]),
}


class Door:
    """A challenge that may be answered, and what was truthfully proved on the way to it."""

    def __init__(self, challenge: str, session: str, proved: frozenset[str], code: str = "", srp: Any = None, asked: Any = None) -> None:
        self.challenge = challenge
        self.session = session
        self.proved = proved
        self.code = code
        self.srp = srp
        self.asked = asked


class Walker:
    def __init__(self, server: TestServer, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.doors: list[Door] = []
        self.path: list[str] = []
        self.opened = 0
        self.secret = ""
        self.second_factor = False

    async def prepare(self) -> None:
        """A pool and a user as chance has it."""
        factors = ["PASSWORD", *self.chance.sample(["EMAIL_OTP", "SMS_OTP"], self.chance.randint(0, 2))]
        policies = {"SignInPolicy": {"AllowedFirstAuthFactors": factors}}
        self.pool = await self.server.pool(Policies=policies, EmailConfiguration=OWN_SENDER, **SMS)
        await self.server.user(self.pool, "anna", **CONTACTS, email_verified="true", phone_number_verified="true")
        self.client = await self.server.client(self.pool, ExplicitAuthFlows=FLOWS, PreventUserExistenceErrors="ENABLED")
        kinds = [kind for kind in ("sms", "email", "totp") if self.chance.random() < 0.6]
        if not kinds:
            return
        await set_mfa(self.server, self.pool, "OPTIONAL", *kinds)
        settings: dict[str, Any] = {}
        if "totp" in kinds and self.chance.random() < 0.5:
            self.secret = await enrol(self.server, (await self.server.sign_in(self.client, "anna"))["AccessToken"])
            settings["SoftwareTokenMfaSettings"] = {"Enabled": True}
        if "sms" in kinds and self.chance.random() < 0.5:
            settings["SMSMfaSettings"] = {"Enabled": True, "PreferredMfa": self.chance.random() < 0.5}
        if "email" in kinds and self.chance.random() < 0.5:
            settings["EmailMfaSettings"] = {"Enabled": True}
        if settings:
            await self.server.call("AdminSetUserMFAPreference", UserPoolId=self.pool, Username="anna", **settings)
        self.second_factor = bool(settings)

    async def step(self) -> None:
        if not self.doors or self.chance.random() < 0.3:
            await self.begin()
        elif self.chance.random() < 0.05:
            self.server.clock.advance(self.chance.choice([30, 120, 200]))
        else:
            await self.answer(self.chance.choice(self.doors[-6:]))

    async def begin(self) -> None:
        flow = self.chance.choice(["USER_PASSWORD_AUTH", "USER_SRP_AUTH", "USER_AUTH", "USER_AUTH"])
        parameters = {"USERNAME": "anna"}
        proved: frozenset[str] = frozenset()
        srp = None
        if flow == "USER_PASSWORD_AUTH":
            proved = self.password(parameters)
        elif flow == "USER_SRP_AUTH":
            srp = srp_client(self.pool, self.chance.choice([PASSWORD, WRONG]))
            parameters["SRP_A"] = srp.srp_a
        else:
            preferred = self.chance.choice(["", "PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN", "SMS_MFA"])
            if preferred:
                parameters["PREFERRED_CHALLENGE"] = preferred
            if preferred == "PASSWORD" and self.chance.random() < 0.5:
                proved = self.password(parameters)
        await self.call("InitiateAuth", proved, srp, ClientId=self.client, AuthFlow=flow, AuthParameters=parameters)

    def password(self, parameters: dict[str, str]) -> frozenset[str]:
        right = self.chance.random() < 0.7
        parameters["PASSWORD"] = PASSWORD if right else WRONG
        return frozenset({"PASSWORD"} if right else ())

    async def answer(self, door: Door) -> None:
        challenge = (
            door.challenge if self.chance.random() < 0.9 else self.chance.choice([*CODES, "PASSWORD", "SELECT_MFA_TYPE", "MFA_SETUP"])
        )
        responses = {"USERNAME": "anna"}
        proved = set(door.proved)
        srp = None
        if challenge == "PASSWORD_VERIFIER":
            if door.srp is None:
                return
            responses = srp_responses(self.server, door.srp, door.asked)
            if door.srp.password == PASSWORD:
                proved.add("PASSWORD")
        elif challenge in CODES:
            name, _ = CODES[challenge]
            right = self.chance.random() < 0.7 and challenge == door.challenge
            responses[name] = door.code if right else "00000000"
            if right:
                proved.add(challenge if not door.proved else f"second {challenge}")
        elif challenge == "SOFTWARE_TOKEN_MFA":
            right = bool(self.secret) and self.chance.random() < 0.7
            self.server.clock.advance(30)  # a code is good once
            responses["SOFTWARE_TOKEN_MFA_CODE"] = totp_code(self.server, self.secret) if right else "000000"
            if right:
                proved.add("second SOFTWARE_TOKEN_MFA")
        elif challenge == "PASSWORD":
            proved |= self.password(responses)
        elif challenge == "SELECT_MFA_TYPE":
            responses["ANSWER"] = self.chance.choice(["SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA", "NOTHING"])
        elif challenge == "SELECT_CHALLENGE":
            chosen = self.chance.choice(["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"])
            responses["ANSWER"] = chosen
            if chosen == "PASSWORD":
                proved |= self.password(responses)
        await self.call(
            "RespondToAuthChallenge",
            frozenset(proved),
            srp,
            ClientId=self.client,
            ChallengeName=challenge,
            ChallengeResponses=responses,
            **({"Session": door.session} if door.session else {}),
        )

    async def call(self, operation: str, proved: frozenset[str], srp: Any, **members: Any) -> None:
        said = members.get("ChallengeName") or members["AuthFlow"]
        before = {message.id for message in await self.server.messages()}
        try:
            answered = await self.server.call(operation, **members)
        except AwsError as refused:
            self.path.append(f"{said}: {refused.code}")
            return
        self.path.append(f"{said}: {answered.get('ChallengeName', 'tokens')} after {sorted(proved)}")
        if "AuthenticationResult" in answered:
            self.opened += 1
            assert proved & FIRST, self.path
            if self.second_factor:
                assert any(item.startswith("second ") for item in proved), self.path
            return
        sent = [message for message in await self.server.messages() if message.id not in before]
        code = sent[0].code if sent else None
        self.doors.append(
            Door(answered["ChallengeName"], answered.get("Session", ""), proved, code or "", srp, answered["ChallengeParameters"])
        )


@pytest.mark.parametrize("seed", range(12))
async def test_tokens_only_for_what_was_proved(server: TestServer, seed: int) -> None:
    await walk(server, seed, STEPS)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1150))
async def test_tokens_only_for_what_was_proved_at_length(server: TestServer, seed: int) -> None:
    await walk(server, seed, 80)


async def walk(server: TestServer, seed: int, steps: int) -> None:
    walker = Walker(server, random.Random(seed))
    await walker.prepare()
    for _ in range(steps):
        await walker.step()
        if any("exceeded" in step for step in walker.path[-1:]):
            server.clock.advance(3_600)
    assert len(walker.path) >= steps // 2


async def test_the_walks_reach_tokens(server: TestServer) -> None:
    """The law above says nothing unless doors open: by every kind of way, some do."""
    opened = 0
    for seed in range(100, 106):
        walker = Walker(server, random.Random(seed))
        await walker.prepare()
        for _ in range(STEPS):
            await walker.step()
        opened += walker.opened
        server.clock.advance(3_600)
    assert opened > 0
