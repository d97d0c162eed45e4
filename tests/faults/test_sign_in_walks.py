"""Random walks through the sign-in machine: tokens are given out only when every factor that the user must prove was proved.

The walker keeps its own account of what it proved truthfully in each session, and knows nothing of how the server decides. It answers right
and wrong, brings back old sessions, answers one challenge in another's session, in another's name, by another client and by that of another pool,
lets time pass, asks for levels of authentication, and is now and then made to choose another password. Functions of the pool's own ask, too.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.kit.authenticator import Authenticator
from tests.kit.device import ALWAYS, Device
from tests.kit.mfa import CONTACTS, OWN_SENDER, SMS, enrol, set_mfa, totp_code
from tests.kit.server import PASSWORD, AwsError, TestServer
from tests.kit.sign_in import WRONG, claims, srp_client, srp_responses

STEPS = 40
FLOWS = [
    "ALLOW_USER_AUTH",
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_USER_SRP_AUTH",
    "ALLOW_CUSTOM_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
]
FIRST = {"PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN", "CUSTOM"}
RIDDLE = "the functions' own"
CODES = {
    "SMS_MFA": ("SMS_MFA_CODE", CONTACTS["phone_number"]),
    "SMS_OTP": ("SMS_OTP_CODE", CONTACTS["phone_number"]),
    "EMAIL_OTP": ("EMAIL_OTP_CODE", CONTACTS["email"]),
}


def functions(server: TestServer) -> dict[str, str]:
    """One riddle, and tokens for who solves it at the first try."""

    def define(event: dict[str, Any]) -> dict[str, Any]:
        rounds = event["request"]["session"]
        if not rounds:
            return {"challengeName": "CUSTOM_CHALLENGE", "issueTokens": False, "failAuthentication": False}
        solved = rounds[-1]["challengeResult"] is True and not event["request"].get("userNotFound")
        return {"issueTokens": solved, "failAuthentication": not solved}

    def create(event: dict[str, Any]) -> dict[str, Any]:
        return {"publicChallengeParameters": {}, "privateChallengeParameters": {"answer": RIDDLE}, "challengeMetadata": "RIDDLE"}

    def verify(event: dict[str, Any]) -> dict[str, Any]:
        given = event["request"]
        return {"answerCorrect": given["challengeAnswer"] == given["privateChallengeParameters"]["answer"]}

    add = server.functions.add
    return {
        "DefineAuthChallenge": add("define", define),
        "CreateAuthChallenge": add("create", create),
        "VerifyAuthChallengeResponse": add("verify", verify),
    }


def level(proved: frozenset[str]) -> int:
    """By AWS's table: what these proofs are worth."""
    app = bool(proved & {"second SOFTWARE_TOKEN_MFA", "second MFA_SETUP"})
    code = any(item.removeprefix("second ") in CODES for item in proved)
    if "PASSWORD" in proved and app:
        return 4
    if "WEB_AUTHN" in proved or ("PASSWORD" in proved and code):
        return 3
    return 2 if code else 1


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
        self.device: Device | None = None
        self.passkey = Authenticator()
        self.stands_for_both = False
        self.proofs: set[str] = set()
        self.forced = False

    async def prepare(self) -> None:
        """A pool and a user as chance has it: MFA required or not, remembered devices, passkeys as one factor or as both."""
        required = self.chance.random() < 0.3
        by_code = [] if required else self.chance.sample(["EMAIL_OTP", "SMS_OTP"], self.chance.randint(0, 2))
        passkeys = ["WEB_AUTHN"] if self.chance.random() < 0.6 else []
        self.both = required or self.chance.random() < 0.6
        policies = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", *by_code, *passkeys]}}
        devices: dict[str, Any] = {"DeviceConfiguration": ALWAYS} if self.chance.random() < 0.5 else {}
        mine = {"Policies": policies, "EmailConfiguration": OWN_SENDER, "LambdaConfig": functions(self.server), **SMS, **devices}
        self.pool = await self.server.pool(**mine)
        await self.server.user(self.pool, "ben", **CONTACTS)
        self.foreign_pool = await self.server.pool(**mine)
        await self.server.user(self.foreign_pool, "anna", **CONTACTS)
        await self.server.user(self.pool, "anna", **CONTACTS, email_verified="true", phone_number_verified="true")
        hidden = {"ExplicitAuthFlows": FLOWS, "PreventUserExistenceErrors": self.chance.choice(["ENABLED", "LEGACY"])}
        self.client = await self.server.client(self.pool, **hidden)
        self.strangers = [(self.pool, await self.server.client(self.pool, **hidden))]
        self.strangers.append((self.foreign_pool, await self.server.client(self.foreign_pool, **hidden)))
        factor = "MULTI_FACTOR_WITH_USER_VERIFICATION" if self.both else "SINGLE_FACTOR"
        web_authn = {"WebAuthnConfiguration": {"RelyingPartyId": "example.com", "FactorConfiguration": factor}} if passkeys else {}
        if passkeys:
            await set_mfa(self.server, self.pool, "OFF", **web_authn)
        tokens = await self.server.sign_in(self.client, "anna")
        if devices:
            self.device = Device(tokens["NewDeviceMetadata"])
            await self.device.confirm(self.server, tokens)
        if passkeys:
            await self.register(tokens["AccessToken"])
        kinds = [kind for kind in ("sms", "email", "totp") if self.chance.random() < 0.6] or (["totp"] if required else [])
        if kinds:
            await self.prepare_second(tokens["AccessToken"], kinds, required=required, **web_authn)

    async def register(self, access_token: str) -> None:
        started = await self.server.call("StartWebAuthnRegistration", AccessToken=access_token)
        credential = self.passkey.register(started["CredentialCreationOptions"])
        await self.server.call("CompleteWebAuthnRegistration", AccessToken=access_token, Credential=credential)

    async def prepare_second(self, access_token: str, kinds: list[str], *, required: bool, **web_authn: Any) -> None:
        await set_mfa(self.server, self.pool, "OPTIONAL", *kinds, **web_authn)
        settings: dict[str, Any] = {}
        if "totp" in kinds and self.chance.random() < 0.5:
            self.secret = await enrol(self.server, access_token)
            settings["SoftwareTokenMfaSettings"] = {"Enabled": True}
        if "sms" in kinds and self.chance.random() < 0.5:
            settings["SMSMfaSettings"] = {"Enabled": True, "PreferredMfa": self.chance.random() < 0.5}
        if "email" in kinds and self.chance.random() < 0.5:
            settings["EmailMfaSettings"] = {"Enabled": True}
        if settings and web_authn and self.both and self.chance.random() < 0.8:
            settings["WebAuthnMfaSettings"] = {"Enabled": True}
            self.stands_for_both = True
        if settings:
            await self.server.call("AdminSetUserMFAPreference", UserPoolId=self.pool, Username="anna", **settings)
        if required:
            await set_mfa(self.server, self.pool, "ON", *kinds, **web_authn)
        self.second_factor = required or bool(settings)

    async def step(self) -> None:
        if not self.doors or self.chance.random() < 0.3:
            await self.begin()
        elif self.chance.random() < 0.05:
            self.server.clock.advance(self.chance.choice([30, 120, 200]))
        elif self.chance.random() < 0.03:
            await self.server.call("AdminSetUserPassword", UserPoolId=self.pool, Username="anna", Password=PASSWORD, Permanent=False)
            self.forced = True
        else:
            await self.answer(self.chance.choice(self.doors[-6:]))

    async def begin(self) -> None:
        admin = self.chance.random() < 0.2
        by_password = "ADMIN_USER_PASSWORD_AUTH" if admin else "USER_PASSWORD_AUTH"
        flow = self.chance.choice([by_password, "USER_SRP_AUTH", "USER_AUTH", "USER_AUTH", "CUSTOM_AUTH"])
        parameters = {"USERNAME": "anna"}
        proved: frozenset[str] = frozenset()
        srp = None
        if flow == by_password:
            proved = self.password(parameters)
        elif flow == "USER_SRP_AUTH":
            srp = srp_client(self.pool, self.chance.choice([PASSWORD, WRONG]))
            parameters["SRP_A"] = srp.srp_a
        elif flow == "USER_AUTH":
            if self.chance.random() < 0.4:
                parameters["TARGET_ACR_VALUES"] = f"urn:cognito:loa:{self.chance.randint(1, 4)}"
            preferred = self.chance.choice(["", "PASSWORD", "EMAIL_OTP", "SMS_OTP", "SMS_MFA", *["WEB_AUTHN"] * 4])
            if preferred:
                parameters["PREFERRED_CHALLENGE"] = preferred
            if preferred == "PASSWORD" and self.chance.random() < 0.5:
                proved = self.password(parameters)
        if self.device and self.chance.random() < 0.6:
            parameters["DEVICE_KEY"] = self.device.key
        await self.call("InitiateAuth", proved, srp, admin=admin, ClientId=self.client, AuthFlow=flow, AuthParameters=parameters)

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
            proved |= self.by_app(responses)
        elif challenge in ("PASSWORD", "NEW_PASSWORD_REQUIRED", "CUSTOM_CHALLENGE"):
            proved |= self.by_word(challenge, responses)
        elif challenge == "SELECT_MFA_TYPE":
            responses["ANSWER"] = self.chance.choice(["SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA", "NOTHING"])
        elif challenge in ("DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER", "WEB_AUTHN"):
            srp = self.by_key(door, challenge, responses, proved)
        elif challenge == "MFA_SETUP" and door.challenge == challenge and self.chance.random() < 0.8:
            door.session = await self.set_up(door.session, proved)
        elif challenge == "SELECT_CHALLENGE":
            chosen = self.chance.choice(["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"])
            responses["ANSWER"] = chosen
            if chosen == "PASSWORD":
                proved |= self.password(responses)
        answer: dict[str, Any] = {
            "ChallengeName": challenge,
            "ChallengeResponses": responses,
            **({"Session": door.session} if door.session else {}),
        }
        if self.chance.random() < 0.12:
            await self.cross(answer)
        else:
            await self.call("RespondToAuthChallenge", frozenset(proved), srp, ClientId=self.client, **answer)

    async def cross(self, answer: dict[str, Any]) -> None:
        """The same answer, however right, in another user's name, by another client or by that of another pool: refused, whatever it is."""
        responses = dict(answer["ChallengeResponses"])
        kind = self.chance.choice(["user", "client", "pool"])
        client = self.client
        if kind == "user":
            responses["USERNAME"] = "ben"
        else:
            client = self.strangers[kind == "pool"][1]
        with pytest.raises(AwsError):
            await self.server.call("RespondToAuthChallenge", ClientId=client, **{**answer, "ChallengeResponses": responses})
        self.path.append(f"{answer['ChallengeName']} crossed to another {kind}")

    def by_word(self, challenge: str, responses: dict[str, str]) -> frozenset[str]:
        if challenge == "PASSWORD":
            return self.password(responses)
        if challenge == "NEW_PASSWORD_REQUIRED":
            responses["NEW_PASSWORD"] = PASSWORD
            return frozenset({"new password"})
        right = self.chance.random() < 0.6
        responses["ANSWER"] = RIDDLE if right else "a guess"
        return frozenset({"CUSTOM"} if right else ())

    def by_app(self, responses: dict[str, str]) -> frozenset[str]:
        right = bool(self.secret) and self.chance.random() < 0.7
        self.server.clock.advance(30)  # a code is good once
        responses["SOFTWARE_TOKEN_MFA_CODE"] = totp_code(self.server, self.secret) if right else "000000"
        return frozenset({"second SOFTWARE_TOKEN_MFA"} if right else ())

    def by_key(self, door: Door, challenge: str, responses: dict[str, str], proved: set[str]) -> Any:
        """The device's or the passkey's answer, or a stranger's; returns the exchange that DEVICE_SRP_AUTH begins."""
        right = self.chance.random() < 0.7
        if challenge == "WEB_AUTHN":
            signer = self.passkey if right else Authenticator()
            responses["CREDENTIAL"] = json.dumps(signer.sign(json.loads(door.asked["CREDENTIAL_REQUEST_OPTIONS"])))
            if right:
                proved |= {"WEB_AUTHN", "second WEB_AUTHN"} if self.stands_for_both else {"WEB_AUTHN"}
            return None
        assert self.device
        if challenge == "DEVICE_PASSWORD_VERIFIER":
            door.srp.password = self.device.password if right else "guessed"
            responses |= self.device.proof(self.server, door.srp, door.asked)
            proved |= {"second device"} if right else set()
            return door.srp
        srp = self.device.srp()
        responses |= {"DEVICE_KEY": self.device.key, "SRP_A": srp.srp_a}
        return srp

    async def set_up(self, session: str, proved: set[str]) -> str:
        """MFA_SETUP's app, with the code that it shows or another; the Session to answer with."""
        right = self.chance.random() < 0.7
        try:
            given = await self.server.call("AssociateSoftwareToken", Session=session)
            code = totp_code(self.server, given["SecretCode"], 0 if right else 9)
            verified = await self.server.call("VerifySoftwareToken", Session=given["Session"], UserCode=code)
        except AwsError:
            return session
        self.secret = given["SecretCode"]
        proved.add("second MFA_SETUP")
        return str(verified["Session"])

    async def call(self, operation: str, proved: frozenset[str], srp: Any, *, admin: bool | None = None, **members: Any) -> None:
        if self.chance.random() < 0.2 if admin is None else admin:
            operation, members = f"Admin{operation}", {"UserPoolId": self.pool, **members}
        said = members.get("ChallengeName") or members["AuthFlow"]
        before = {message.id for message in await self.server.messages()}
        try:
            answered = await self.server.call(operation, **members)
        except AwsError as refused:
            self.path.append(f"{said}: {refused}")
            return
        self.path.append(f"{said}: {answered.get('ChallengeName', 'tokens')} after {sorted(proved)}")
        if said == "NEW_PASSWORD_REQUIRED":
            self.forced = False
        if "AuthenticationResult" in answered:
            self.opened += 1
            self.proofs |= proved
            assert proved & FIRST, self.path
            if self.second_factor and "CUSTOM" not in proved:  # the functions decide alone what is enough
                assert any(item.startswith("second ") for item in proved), self.path
            assert not self.forced, self.path
            told = claims(answered["AuthenticationResult"]["AccessToken"]).get("acr")
            assert told in (None, f"urn:cognito:loa:{level(proved)}"), self.path
            self.proofs |= {"level"} if told else set()
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
    opened, proofs = 0, set[str]()
    for seed in range(100, 140):
        walker = Walker(server, random.Random(seed))
        await walker.prepare()
        for _ in range(STEPS):
            await walker.step()
        opened += walker.opened
        proofs |= walker.proofs
        server.clock.advance(3_600)
    assert opened > 0
    ways = {"PASSWORD", "WEB_AUTHN", "second WEB_AUTHN", "second device", "second MFA_SETUP", "new password", "CUSTOM", "level"}
    assert ways <= proofs
