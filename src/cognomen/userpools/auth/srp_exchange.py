"""The two moves of SRP-6a that passwords and devices share. What the server must remember between them lies sealed in SECRET_BLOCK, since
clients answer without a Session (FIDELITY A.5)."""

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
from cognomen.userpools.auth.session import SessionState
from cognomen.userpools.auth.steps import WrongPassword, incorrect, required


class SecretBlock(msgspec.Struct, frozen=True):
    """The server's half of an SRP exchange under way, and the session that it belongs to. `user_id` is a device's key where a device proves
    itself."""

    state: SessionState
    A: str
    B: str
    b: bytes
    user_id: str


def public_value(parameters: Mapping[str, str]) -> str:
    """The client's SRP_A. Raises InvalidParameterException."""
    A = required(parameters, "SRP_A")
    try:
        srp.check_public(A)
    except srp.BadSrp as cause:
        raise errors.InvalidParameterException("SRP_A is invalid") from cause
    return A


def begin(cx: Context, purpose: str, state: SessionState, A: str, verifier: srp.Verifier, user_id: str) -> dict[str, str]:
    """The server's first move, as challenge parameters."""
    opening = srp.begin(verifier)  # by the table, under the interpreter lock: nothing to gain from a worker
    block = SecretBlock(state=state, A=A, B=opening.B, b=opening.b, user_id=user_id)
    sealed = cx.sealer.seal(purpose, msgspec.json.encode(block))
    return {"SALT": verifier.salt_hex, "SRP_B": opening.B, "SECRET_BLOCK": base64.b64encode(sealed).decode()}


def reopen(cx: Context, purpose: str, client: Client, responses: Mapping[str, str]) -> SecretBlock:
    """What the SECRET_BLOCK that came back holds. Raises NotAuthorizedException for one that is foreign, forged or late."""
    try:
        block = msgspec.json.decode(cx.sealer.open(purpose, _block_bytes(responses)), type=SecretBlock)
    except (Unsealable, msgspec.DecodeError) as cause:
        raise incorrect() from cause
    if block.state.client_id != client.client_id:
        raise incorrect()
    if block.state.expires_at <= cx.clock.now():
        raise errors.NotAuthorizedException("Invalid session for the user, session is expired.")
    return block


async def is_proved(cx: Context, block: SecretBlock, verifier: srp.Verifier, prefix: str, responses: Mapping[str, str]) -> bool:
    """Is the claimed signature that of one who knows the secret? `prefix` is signed before the user id: the pool's suffix, or a device's
    group key. Raises WrongPassword for an answer of another form."""
    timestamp = required(responses, "TIMESTAMP")
    try:
        srp.parse_timestamp(timestamp)
        claimed = base64.b64decode(required(responses, "PASSWORD_CLAIM_SIGNATURE"), validate=True)
        key = await cx.workers.run(srp.session_key, block.A, block.B, block.b, verifier)
    except (srp.BadSrp, binascii.Error, ValueError) as cause:
        raise WrongPassword from cause
    return secrets.equal(srp.expected_signature(key, prefix, block.user_id, _block_bytes(responses), timestamp), claimed)


def _block_bytes(responses: Mapping[str, str]) -> bytes:
    """SECRET_BLOCK's bytes; url-safe base64 is taken too, since some clients send it so."""
    text = required(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as cause:
        raise incorrect() from cause
