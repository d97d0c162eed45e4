"""NEW_PASSWORD_REQUIRED: a user whom an administrator made chooses a password of their own, and fills in what the pool requires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel.events import PasswordChanged
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing
from cognomen.userpools import attributes, credentials, protection
from cognomen.userpools.auth import machine, session
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step, incorrect, required
from cognomen.userpools.rules import schema

CHALLENGE = "NEW_PASSWORD_REQUIRED"
_PREFIX = "userAttributes."


async def follow(cx: Context, attempt: Attempt) -> Ask | None:
    user = attempt.signed_in_user
    if user.status != "FORCE_CHANGE_PASSWORD":
        return None
    present = user.attributes
    missing = [f"{_PREFIX}{name}" for name in schema.required(attempt.pool.settings.pool.schema_attributes or []) if not present.get(name)]
    parameters = {
        "USER_ID_FOR_SRP": user.username,
        "requiredAttributes": msgspec.json.encode(missing).decode(),
        "userAttributes": msgspec.json.encode(present).decode(),
    }
    return Ask(CHALLENGE, parameters)


async def answer(cx: Context, attempt: Attempt) -> Step:
    user = attempt.signed_in_user
    password = required(attempt.parameters, "NEW_PASSWORD")
    await credentials.check_new(cx, attempt.pool, user, password)
    async with protection.event(cx, attempt.pool, attempt.client, "PasswordChange", user, attempt.context) as happening:
        await protection.refuse_compromised(cx, happening, "PASSWORD_CHANGE", password)
        return await _replace(cx, attempt, password)


async def _replace(cx: Context, attempt: Attempt, password: str) -> Step:
    user = attempt.signed_in_user
    given = [
        idp.AttributeType(name=name.removeprefix(_PREFIX), value=value)
        for name, value in attempt.parameters.items()
        if name.startswith(_PREFIX)
    ]
    changes = attributes.checked_by_client(attempt.pool, attempt.client, given)
    wanted, present = schema.required(attempt.pool.settings.pool.schema_attributes or []), user.attributes
    _refuse_known(wanted, present, changes)
    missing = [name for name in wanted if not {**present, **changes}.get(name)]
    if missing:
        raise errors.InvalidParameterException(f"Invalid attributes given, {missing[0]} is missing")
    sealed = credentials.make(cx, user.pool_id, user.username, user.sub, password)

    async def unit(tx: Tx) -> None:
        await machine.use_up(cx, tx, attempt)
        present = await cx.store.users.by_sub(user.pool_id, user.sub, tx)
        if present is None or not present.enabled or present.credential != user.credential:
            raise session.invalid()  # an administrator came first
        changed = await credentials.replace(cx, tx, attempt.pool, user, sealed, status="CONFIRMED", password_expires_at=None)
        if changes:
            changed = await attributes.apply(cx, tx, attempt.pool, changed, changes)
        attempt.user = changed

    try:
        await cx.store.write(unit)
    except Missing as cause:
        raise incorrect() from cause
    machine.spent(attempt)
    cx.tell(PasswordChanged, user.pool_id, sub=user.sub, username=user.username, how="challenge")
    return Passed("NEW_PASSWORD_REQUIRED")


def _refuse_known(wanted: Iterable[str], present: Mapping[str, str], changes: Mapping[str, str]) -> None:
    """The challenge fills in what is missing; what an administrator gave, an address above all, is changed by who has signed in.

    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RespondToAuthChallenge.html: "In a NEW_PASSWORD_REQUIRED
    challenge response, you can't modify a required attribute that already has a value". The text: aws-samples/aws-saas-factory-bootcamp #67.
    """
    for name in (*attributes.VERIFIABLE, *wanted):
        if name in changes and present.get(name):
            raise errors.NotAuthorizedException(f"Cannot modify an already provided {name}")
