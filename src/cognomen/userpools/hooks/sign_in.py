"""PreAuthentication, which may refuse a sign-in before anything is proved, and PostAuthentication, which may refuse it before the tokens.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-authentication.html
"""

from __future__ import annotations

from typing import Any

from cognomen.context import Context
from cognomen.triggers import catalog
from cognomen.userpools.auth.steps import Attempt
from cognomen.userpools.hooks.ask import Occasion, ask

_SOURCE = "Authentication"


async def pre_authentication(cx: Context, attempt: Attempt) -> None:
    """Once in a sign-in, whatever the password will turn out to be (FIDELITY B.2.17). ClientMetadata comes as `validationData`."""
    if catalog.arn_of(attempt.pool, catalog.PRE_AUTHENTICATION) is None:
        return
    request: dict[str, Any] = {
        "userAttributes": catalog.user_attributes(attempt.user),
        "validationData": dict(attempt.validation) or None,
    }
    if attempt.hides_users:
        request["userNotFound"] = attempt.user is None
    named = attempt.user.username if attempt.user else attempt.typed
    await ask(cx, attempt.pool, catalog.PRE_AUTHENTICATION, _occasion(attempt), named, request, response={})


async def post_authentication(cx: Context, attempt: Attempt, *, new_device: bool) -> None:
    """After the last factor, before the tokens: a function that raises leaves no session."""
    if catalog.arn_of(attempt.pool, catalog.POST_AUTHENTICATION) is None:
        return
    user = attempt.signed_in_user
    request = {"userAttributes": catalog.user_attributes(user), "newDeviceUsed": new_device}
    await ask(cx, attempt.pool, catalog.POST_AUTHENTICATION, _occasion(attempt), user.username, request, response={})


def _occasion(attempt: Attempt) -> Occasion:
    return Occasion(_SOURCE, attempt.client.client_id, attempt.metadata)
