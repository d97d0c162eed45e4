"""USER_SRP_AUTH and PASSWORD_VERIFIER: the password proved by SRP-6a and never sent.

What the server must remember between the two lies sealed in SECRET_BLOCK, since clients answer without a Session (FIDELITY A.5).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel import secrets, srp
from cognomen.kernel.secrets import Unsealable
from cognomen.storage.clients import Client
from cognomen.userpools import credentials
from cognomen.userpools.auth.password import temporary_password_expired
from cognomen.userpools.auth.session import SessionState, state_of
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step, WrongPassword, incorrect, required

CHALLENGE = "PASSWORD_VERIFIER"
_PURPOSE = "srp secret block"


class SecretBlock(msgspec.Struct, frozen=True):
    """The server's half of an SRP exchange under way, and the session that it belongs to."""

    state: SessionState
    A: str
    B: str
    b: bytes
    user_id: str


async def begin(cx: Context, attempt: Attempt) -> Step:
    A = required(attempt.parameters, "SRP_A")
    try:
        srp.check_public(A)
    except srp.BadSrp as cause:
        raise errors.InvalidParameterException("SRP_A is invalid") from cause
    verifier = credentials.of(cx, attempt.pool, attempt.user, attempt.typed)
    opening = srp.begin(verifier)  # by the table, under the interpreter lock: nothing to gain from a worker
    user_id = attempt.user.username if attempt.user else _decoy_user_id(cx, attempt)
    block = SecretBlock(state=state_of(cx, attempt, CHALLENGE), A=A, B=opening.B, b=opening.b, user_id=user_id)
    sealed = cx.sealer.seal(_PURPOSE, msgspec.json.encode(block))
    parameters = {
        "USER_ID_FOR_SRP": user_id,
        "USERNAME": user_id,
        "SALT": verifier.salt_hex,
        "SRP_B": opening.B,
        "SECRET_BLOCK": base64.b64encode(sealed).decode(),
    }
    return Ask(CHALLENGE, parameters, with_session=False)


def recover(cx: Context, client: Client, responses: Mapping[str, str]) -> SessionState:
    """The session in which the challenge was asked, from the SECRET_BLOCK that came back."""
    return _open(cx, client, responses).state


async def answer(cx: Context, attempt: Attempt) -> Step:
    block = _open(cx, attempt.client, attempt.parameters)
    timestamp = required(attempt.parameters, "TIMESTAMP")
    try:
        srp.parse_timestamp(timestamp)
        claimed = base64.b64decode(required(attempt.parameters, "PASSWORD_CLAIM_SIGNATURE"), validate=True)
    except (srp.BadSrp, binascii.Error, ValueError) as cause:
        raise WrongPassword from cause
    verifier = credentials.of(cx, attempt.pool, attempt.user, attempt.typed)
    try:
        key = await cx.workers.run(srp.session_key, block.A, block.B, block.b, verifier)
    except srp.BadSrp as cause:
        raise WrongPassword from cause
    sealed = _block_bytes(attempt.parameters)
    expected = srp.expected_signature(key, credentials.suffix(attempt.pool.pool_id), block.user_id, sealed, timestamp)
    user = attempt.user
    if not secrets.equal(expected, claimed) or user is None or user.credential is None:
        raise WrongPassword
    if user.password_expires_at is not None and user.password_expires_at <= cx.clock.now():
        raise temporary_password_expired()
    return Passed("PASSWORD_SRP")


def _open(cx: Context, client: Client, responses: Mapping[str, str]) -> SecretBlock:
    sealed = _block_bytes(responses)
    try:
        block = msgspec.json.decode(cx.sealer.open(_PURPOSE, sealed), type=SecretBlock)
    except (Unsealable, msgspec.DecodeError) as cause:
        raise incorrect() from cause
    if block.state.client_id != client.client_id:
        raise incorrect()
    if block.state.expires_at <= cx.clock.now():
        raise errors.NotAuthorizedException("Invalid session for the user, session is expired.")
    return block


def _block_bytes(responses: Mapping[str, str]) -> bytes:
    """SECRET_BLOCK's bytes; url-safe base64 is taken too, since some clients send it so."""
    text = required(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as cause:
        raise incorrect() from cause


def _decoy_user_id(cx: Context, attempt: Attempt) -> str:
    """What a real user's USER_ID_FOR_SRP would look like: a sub where user names are subs, else the name that was typed."""
    if not attempt.pool.settings.pool.username_attributes:
        return attempt.typed
    digits = cx.sealer.mac("decoy sub", attempt.pool.pool_id.encode(), attempt.typed.encode()).hex()
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-{'89ab'[int(digits[16], 16) % 4]}{digits[17:20]}-{digits[20:32]}"
