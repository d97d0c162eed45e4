"""DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER: a device that the user confirmed proves that it is the one, by SRP-6a over a secret that it
made itself. Asked after the password, of a client that names a remembered device (DEVICE_KEY).

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html
"""

from __future__ import annotations

import re
import secrets as entropy
from collections.abc import Mapping

import msgspec

from cognomen.context import Context
from cognomen.storage.clients import Client
from cognomen.storage.devices import Device
from cognomen.storage.engine import Tx
from cognomen.storage.pools import Pool
from cognomen.userpools import device_tracking, find
from cognomen.userpools.auth import srp_exchange
from cognomen.userpools.auth.session import SessionState, open_session, seal, state_of
from cognomen.userpools.auth.steps import DEVICE, NAMED_DEVICE, Ask, Attempt, Passed, Settle, Step, WrongPassword, required

CHALLENGE, VERIFIER = "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"
_PURPOSE = "device secret block"
_MARK = "device_mark"
_KEY = re.compile(r"[\w-]+_[0-9a-f-]+", re.ASCII)


def stands_for_mfa(attempt: Attempt) -> bool:
    """Has a remembered device proved itself, in a pool that then asks for no second factor?"""
    return VERIFIER in attempt.factors and device_tracking.suppresses_mfa(attempt.pool)


async def follow(cx: Context, attempt: Attempt) -> Ask | None:
    """Once in a sign-in: which device is this? A remembered one must prove itself; one that is not remembered need not and gains nothing."""
    if not device_tracking.remembers(attempt.pool) or DEVICE in attempt.kept:
        return None
    device = await _named(cx, attempt)
    attempt.kept = {**attempt.kept, DEVICE: device.device_key if device else ""}
    attempt.kept.pop(NAMED_DEVICE, None)  # judged, and no longer carried
    if device is None or device.status != device_tracking.REMEMBERED:
        return None
    # The session and what is kept for clients that answer without one are two ways to one challenge: they share its mark.
    attempt.kept[_MARK] = entropy.token_hex(16)
    attempt.settle = (*attempt.settle, _keep_asked(cx, attempt, device))
    return Ask(CHALLENGE, {"USERNAME": attempt.signed_in_user.username, "DEVICE_KEY": device.device_key})


async def _named(cx: Context, attempt: Attempt) -> Device | None:
    """The device that the client says it is. A key that comes with the proof of the password must be one of the user's; one that came
    before it may be outdated, since clients that are told so leave it out of the next answer but cannot begin again.

    Raises ResourceNotFoundException."""
    given = attempt.parameters.get("DEVICE_KEY")
    key = given or attempt.kept.get(NAMED_DEVICE, "")
    device = None
    if len(key) <= 55 and _KEY.fullmatch(key):
        device = await cx.store.devices.get(attempt.pool.pool_id, attempt.signed_in_user.sub, key)
    if device is None and given:
        raise device_tracking.missing()
    return device


def _keep_asked(cx: Context, attempt: Attempt, device: Device) -> Settle:
    asked = seal(cx, state_of(cx, attempt, CHALLENGE))

    async def settle(tx: Tx) -> None:
        if not await cx.store.devices.ask(tx, device.pool_id, device.sub, device.device_key, asked):
            raise device_tracking.missing()

    return settle


async def recover_asked(cx: Context, pool: Pool, client: Client, responses: Mapping[str, str]) -> SessionState | None:
    """The challenge under way of the device that answers without a Session, as pycognito does. Raises NotAuthorizedException when it is late."""
    user = await find.user(cx, pool, required(responses, "USERNAME"))
    device = await cx.store.devices.get(pool.pool_id, user.sub, responses.get("DEVICE_KEY", "")) if user else None
    return open_session(cx, client, device.asked) if device is not None and device.asked is not None else None


async def answer(cx: Context, attempt: Attempt) -> Step:
    """DEVICE_SRP_AUTH: the client's first move is answered by the server's."""
    A = srp_exchange.public_value(attempt.parameters)
    device = await _remembered(cx, attempt, attempt.kept[DEVICE])
    state = msgspec.structs.replace(state_of(cx, attempt, VERIFIER), mark=bytes.fromhex(attempt.kept[_MARK]))
    asked = srp_exchange.begin(cx, _PURPOSE, state, A, device_tracking.verifier_of(cx, device), device.device_key)
    return Ask(VERIFIER, {"USERNAME": attempt.signed_in_user.username, "DEVICE_KEY": device.device_key, **asked}, with_session=False)


def recover(cx: Context, client: Client, responses: Mapping[str, str]) -> SessionState:
    """The session in which DEVICE_PASSWORD_VERIFIER was asked, from the SECRET_BLOCK that came back."""
    return srp_exchange.reopen(cx, _PURPOSE, client, responses).state


async def answer_verifier(cx: Context, attempt: Attempt) -> Step:
    """DEVICE_PASSWORD_VERIFIER: the device's signature."""
    block = srp_exchange.reopen(cx, _PURPOSE, attempt.client, attempt.parameters)
    device = await _remembered(cx, attempt, block.user_id)
    prefix = device_tracking.group_key(cx, device.pool_id, device.sub)
    if not await srp_exchange.is_proved(cx, block, device_tracking.verifier_of(cx, device), prefix, attempt.parameters):
        raise WrongPassword
    now = cx.clock.now()

    async def settle(tx: Tx) -> None:
        present = await cx.store.devices.get(device.pool_id, device.sub, device.device_key, tx)
        if present is None or present.status != device_tracking.REMEMBERED:
            raise device_tracking.missing()
        await cx.store.devices.authenticated(tx, device.pool_id, device.sub, device.device_key, now, cx.source_ip)

    attempt.settle = (*attempt.settle, settle)
    return Passed(VERIFIER)


async def _remembered(cx: Context, attempt: Attempt, device_key: str) -> Device:
    """The device of the challenge, if the answer names it and it is remembered still. Raises ResourceNotFoundException."""
    if required(attempt.parameters, "DEVICE_KEY") != device_key:
        raise device_tracking.missing()
    device = await cx.store.devices.get(attempt.pool.pool_id, attempt.signed_in_user.sub, device_key)
    if device is None or device.status != device_tracking.REMEMBERED:
        raise device_tracking.missing()
    return device
