"""What a challenge adds to a password sign-in, in milliseconds of processor time: a whole server in this process, without HTTP, so that what the
answers need (a code from the inbox, a client's own arithmetic) can be left out of the measure."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.floors import each
from cognomen.tokens.keys import RsaKeyMaker
from tests.kit.authenticator import Authenticator
from tests.kit.device import ALWAYS
from tests.kit.mfa import ON, OWN_SENDER, SMS
from tests.kit.server import PASSWORD, TestServer, settings_for

LANES = 16
ROUNDS = 3
BATCHES = 12
KEYS_SECONDS = 3.0  # in which the server makes keys ahead, which would be counted
FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
# Challenge -> the arithmetic in it that no server could do without, and the client's own.
ARITHMETIC = {
    "WEB_AUTHN": {"ecdsa": 1, "ecdsa_signed": 1},
    "SOFTWARE_TOKEN_MFA": {"totp": 4},  # three time steps that are compared, and the client's
}
Once = Callable[[], Awaitable[None]]


class Lane:
    """One user of the pool, who signs in again and again."""

    def __init__(self, server: TestServer, pool: str, client: str, number: int) -> None:
        self.server = server
        self.pool = pool
        self.client = client
        self.name = f"user{number}"
        self.email = f"{self.name}@example.com"
        self.phone = f"+1555000{number:04d}"

    async def begin(self, **parameters: str) -> Any:
        flow = "USER_AUTH" if "PREFERRED_CHALLENGE" in parameters else "USER_PASSWORD_AUTH"
        return await self.server.call(
            "InitiateAuth", ClientId=self.client, AuthFlow=flow, AuthParameters={"USERNAME": self.name, **parameters}
        )

    async def answer(self, asked: Any, **responses: str) -> Any:
        return await self.server.call(
            "RespondToAuthChallenge",
            ClientId=self.client,
            ChallengeName=asked["ChallengeName"],
            Session=asked["Session"],
            ChallengeResponses={"USERNAME": self.name, **responses},
        )

    async def prefer(self, **settings: Any) -> None:
        none: dict[str, Any] = {f"{kind}MfaSettings": {"Enabled": False} for kind in ("SMS", "Email", "SoftwareToken")}
        await self.server.call("AdminSetUserMFAPreference", UserPoolId=self.pool, Username=self.name, **{**none, **settings})


async def added() -> dict[str, float]:
    """Challenge -> milliseconds beyond a password sign-in, sixteen users at a time, and without what the client does: reading codes, making them."""
    with tempfile.TemporaryDirectory() as folder:
        server = await TestServer(settings_for("", folder), RsaKeyMaker()).start()
        try:
            everybody = await population(server)
            lanes, others = everybody[:LANES], everybody[LANES:]
            await asyncio.sleep(KEYS_SECONDS)
            passwords = [partial(_password, lane) for lane in others]
            await asyncio.gather(*[_mailed(lane) for lane in lanes])
            found = {}
            for name, (prepare, reads) in CHALLENGES.items():
                steps = [await prepare(lane) for lane in lanes]
                of_client: list[Once] = [partial(_read, lane) if reads else _nothing for lane in lanes]
                whole, password, client = await least(server, steps, passwords, of_client)
                found[name] = whole - password - client
        finally:
            await server.stop()
    return found


async def population(server: TestServer) -> list[Lane]:
    first = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "WEB_AUTHN"]}}
    pool = await server.pool(EmailConfiguration=OWN_SENDER, Policies=first, DeviceConfiguration=ALWAYS)
    client = await server.client(pool, ExplicitAuthFlows=FLOWS)
    await server.call(
        "SetUserPoolMfaConfig",
        UserPoolId=pool,
        MfaConfiguration="OPTIONAL",
        SmsMfaConfiguration=SMS,
        EmailMfaConfiguration={},
        SoftwareTokenMfaConfiguration=ON,
        WebAuthnConfiguration={"RelyingPartyId": "example.com"},
    )
    lanes = [Lane(server, pool, client, number) for number in range(2 * LANES)]
    for lane in lanes:
        contacts = {"email": lane.email, "phone_number": lane.phone, "email_verified": "true", "phone_number_verified": "true"}
        await server.user(pool, lane.name, **contacts)
    return lanes


async def least(server: TestServer, *several: Sequence[Callable[[], Awaitable[object]]]) -> list[float]:
    """Milliseconds of processor time of one step of each, all of a kind taken at once, in the quietest of many batches. The kinds take turns:
    what disturbs the machine falls on all alike."""
    batches: list[list[float]] = [[] for _ in several]
    for batch in range(BATCHES + 1):
        for steps, taken in zip(several, batches, strict=True):
            began = time.process_time()
            for _ in range(ROUNDS):
                server.clock.advance(30)  # a software token's code is good once
                await asyncio.gather(*[step() for step in steps])
            if batch:  # the first one warms up
                taken.append((time.process_time() - began) / ROUNDS / len(steps) * 1e3)
        server.clock.advance(3_601)  # the messages of an hour are limited
    return [min(taken) for taken in batches]


async def _read(lane: Lane) -> None:
    await lane.server.code(lane.email)


async def _nothing() -> None:
    pass


def floors() -> dict[str, float]:
    key, text = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(69)
    signed, public = key.sign(text, ec.ECDSA(hashes.SHA256())), key.public_key()
    code = pyotp.TOTP(pyotp.random_base32())
    return {
        "ecdsa": each(lambda: public.verify(signed, text, ec.ECDSA(hashes.SHA256()))),
        "ecdsa_signed": each(lambda: key.sign(text, ec.ECDSA(hashes.SHA256()))),
        "totp": each(lambda: code.at(1_700_000_000)),
    }


async def _password(lane: Lane) -> None:
    await lane.begin(PASSWORD=PASSWORD)


async def _mailed(lane: Lane) -> None:
    """Leaves a message to read a code from."""
    await lane.begin(PREFERRED_CHALLENGE="EMAIL_OTP")


async def sms(lane: Lane) -> Once:
    await lane.prefer(SMSMfaSettings=ON)

    async def once() -> None:
        asked = await lane.begin(PASSWORD=PASSWORD)
        await lane.answer(asked, SMS_MFA_CODE=await lane.server.code(lane.phone))

    return once


async def mail(lane: Lane) -> Once:
    await lane.prefer(EmailMfaSettings=ON)

    async def once() -> None:
        asked = await lane.begin(PASSWORD=PASSWORD)
        await lane.answer(asked, EMAIL_OTP_CODE=await lane.server.code(lane.email))

    return once


async def choice(lane: Lane) -> Once:
    await lane.prefer()

    async def once() -> None:
        asked = await lane.begin(PREFERRED_CHALLENGE="EMAIL_OTP")
        await lane.answer(asked, EMAIL_OTP_CODE=await lane.server.code(lane.email))

    return once


async def passkey(lane: Lane) -> Once:
    await lane.prefer()
    token = (await lane.server.sign_in(lane.client, lane.name))["AccessToken"]
    key = Authenticator()
    options = (await lane.server.call("StartWebAuthnRegistration", AccessToken=token))["CredentialCreationOptions"]
    await lane.server.call("CompleteWebAuthnRegistration", AccessToken=token, Credential=key.register(options))

    async def once() -> None:
        asked = await lane.begin(PREFERRED_CHALLENGE="WEB_AUTHN")
        credential = json.dumps(key.sign(json.loads(asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"])))
        await lane.answer(asked, CREDENTIAL=credential)

    return once


async def software_token(lane: Lane) -> Once:
    token = (await lane.server.sign_in(lane.client, lane.name))["AccessToken"]
    code = pyotp.TOTP((await lane.server.call("AssociateSoftwareToken", AccessToken=token))["SecretCode"])
    await lane.server.call("VerifySoftwareToken", AccessToken=token, UserCode=code.at(int(lane.server.clock.now())))
    await lane.prefer(SoftwareTokenMfaSettings=ON)

    async def once() -> None:
        asked = await lane.begin(PASSWORD=PASSWORD)
        await lane.answer(asked, SOFTWARE_TOKEN_MFA_CODE=code.at(int(lane.server.clock.now())))

    return once


# Challenge -> what prepares a user for it, and how many codes are read from the inbox.
CHALLENGES: dict[str, tuple[Callable[[Lane], Awaitable[Once]], int]] = {
    "SMS_MFA": (sms, 1),
    "EMAIL_OTP, second": (mail, 1),
    "EMAIL_OTP, first": (choice, 1),
    "WEB_AUTHN": (passkey, 0),
    "SOFTWARE_TOKEN_MFA": (software_token, 0),
}
