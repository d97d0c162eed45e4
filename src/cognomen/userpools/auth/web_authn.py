"""WEB_AUTHN: a passkey signs a challenge. With user verification it can stand for both factors, where the pool and the user say so."""

from __future__ import annotations

import msgspec

from cognomen.context import Context
from cognomen.kernel import base64url, chance
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Stale
from cognomen.userpools import passkeys
from cognomen.userpools.auth import step_up
from cognomen.userpools.auth.steps import Ask, Attempt, Passed, Step, WrongAnswer, incorrect, required
from cognomen.userpools.rules import factors, first_factors, web_authn

CHALLENGE = "WEB_AUTHN"
BOTH = "WEB_AUTHN_MFA"  # a factor passed: the user was verified, so that it counts as two
_KEPT = "web_authn"


async def is_possible(cx: Context, attempt: Attempt) -> bool:
    """Has the user a passkey? Asks the database only in pools that allow them."""
    pool, user = attempt.pool, attempt.user
    if user is None or first_factors.WEB_AUTHN not in first_factors.allowed(pool) or pool.settings.mfa.web_authn_configuration is None:
        return False
    return bool(await cx.store.passkeys.of_user(pool.pool_id, user.sub, limit=1))


async def ask(cx: Context, attempt: Attempt) -> Ask:
    user = attempt.signed_in_user
    challenge = base64url.encode(chance.draw(32))
    attempt.kept = {**attempt.kept, _KEPT: challenge}
    allowed = await cx.store.passkeys.of_user(attempt.pool.pool_id, user.sub)
    options = {
        "challenge": challenge,
        "timeout": web_authn.TIMEOUT,
        "rpId": await passkeys.relying_party(cx, attempt.pool),
        "allowCredentials": [passkeys.descriptor(passkey) for passkey in allowed],
        "userVerification": passkeys.user_verification(attempt.pool),
    }
    return Ask(CHALLENGE, {"CREDENTIAL_REQUEST_OPTIONS": msgspec.json.encode(options).decode(), "USERNAME": user.username})


async def answer(cx: Context, attempt: Attempt) -> Step:
    pool, user = attempt.pool, attempt.signed_in_user
    relying_party_id = await passkeys.relying_party(cx, pool)
    both = factors.of(user).passkey_mfa
    try:
        given = web_authn.read(required(attempt.parameters, "CREDENTIAL"), expected_type="webauthn.get", relying_party_id=relying_party_id)
        passkey = await cx.store.passkeys.get(pool.pool_id, user.sub, given.credential_id)
        if passkey is None or passkey.relying_party_id != relying_party_id:
            raise web_authn.BadCredential("the user has no such passkey")
        proved = web_authn.asserted(
            given,
            expected_challenge=base64url.decode(attempt.kept[_KEPT]),
            relying_party_id=relying_party_id,
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
            require_user_verification=both or passkeys.user_verification(pool) == "required",
        )
    except web_authn.BadCredential as cause:
        raise WrongAnswer(incorrect()) from cause

    async def settle(tx: Tx) -> None:
        try:
            await cx.store.passkeys.use(tx, passkey, proved.sign_count, cx.clock.now())
        except Stale as cause:  # used or removed in the meantime
            raise incorrect() from cause

    attempt.settle = (*attempt.settle, settle)
    attempt.kept = {name: value for name, value in attempt.kept.items() if name != _KEPT}
    step_up.used_passkey(attempt, passkey.attachment)
    configured = pool.settings.mfa.web_authn_configuration
    multi = configured is not None and configured.factor_configuration == "MULTI_FACTOR_WITH_USER_VERIFICATION"
    return Passed(BOTH if both and multi and proved.user_verified else CHALLENGE)
