"""The triggers of LambdaConfig: their names, and the common part of their events.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

from typing import Any

from cognomen.api import idp
from cognomen.storage.pools import Pool
from cognomen.storage.users import User

DEFINE_AUTH_CHALLENGE = "DefineAuthChallenge"
CREATE_AUTH_CHALLENGE = "CreateAuthChallenge"
VERIFY_AUTH_CHALLENGE = "VerifyAuthChallengeResponse"


def arn_of(pool: Pool, trigger: str) -> str | None:
    """The function that the pool names for a trigger."""
    config = pool.settings.pool.lambda_config or idp.LambdaConfigType()
    named = {
        DEFINE_AUTH_CHALLENGE: config.define_auth_challenge,
        CREATE_AUTH_CHALLENGE: config.create_auth_challenge,
        VERIFY_AUTH_CHALLENGE: config.verify_auth_challenge_response,
    }
    return named[trigger]


def event(
    pool: Pool,
    *,
    trigger: str,
    source: str,
    username: str,
    client_id: str,
    user_agent: str,
    request: dict[str, Any],
    response: dict[str, Any],
) -> dict[str, Any]:
    """An event of version 1. `source` is what follows the trigger's name in `triggerSource`."""
    return {
        "version": "1",
        "region": pool.region,
        "userPoolId": pool.pool_id,
        "userName": username,
        "callerContext": {"awsSdkVersion": user_agent[:256] or "aws-sdk-unknown-unknown", "clientId": client_id},
        "triggerSource": f"{trigger}_{source}",
        "request": request,
        "response": response,
    }


def user_attributes(user: User | None) -> dict[str, str]:
    """The user's attributes as events hold them: strings, with `sub` and the status (FIDELITY B.6.58); {} for nobody."""
    if user is None:
        return {}
    return {"sub": user.sub, "cognito:user_status": user.status, **user.attributes}
