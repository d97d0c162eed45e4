"""The triggers of LambdaConfig: which there are, when each is asked, what it is told, what its answer may change, what a user sees of its
errors, and the common part of their events. The guide (docs/guide/triggers.md) says the same; a law holds the two together.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cognomen.api import idp
from cognomen.storage.pools import Pool
from cognomen.storage.users import User

PRE_SIGN_UP = "PreSignUp"
POST_CONFIRMATION = "PostConfirmation"
PRE_AUTHENTICATION = "PreAuthentication"
POST_AUTHENTICATION = "PostAuthentication"
DEFINE_AUTH_CHALLENGE = "DefineAuthChallenge"
CREATE_AUTH_CHALLENGE = "CreateAuthChallenge"
VERIFY_AUTH_CHALLENGE = "VerifyAuthChallengeResponse"
PRE_TOKEN_GENERATION = "PreTokenGeneration"
USER_MIGRATION = "UserMigration"
CUSTOM_MESSAGE = "CustomMessage"
CUSTOM_EMAIL_SENDER = "CustomEmailSender"
CUSTOM_SMS_SENDER = "CustomSMSSender"
INBOUND_FEDERATION = "InboundFederation"

NO_CLIENT = "CLIENT_ID_NOT_APPLICABLE"  # what AWS writes where an administrator acts
_MESSAGES = ("SignUp", "ResendCode", "ForgotPassword", "UpdateUserAttribute", "VerifyUserAttribute", "AdminCreateUser", "Authentication")


# What a function's own error, its absence or its silence, and a senseless answer are to the user (FIDELITY B.6.59).
_ERRORS = ("UserLambdaValidationException", "UnexpectedLambdaException", "InvalidLambdaResponseException")


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """`sources` are what follows the trigger's `prefix` in `triggerSource`.
    `request` are the members that the event's `request` may have beside `clientMetadata`; `response` is the event's `response` as it is sent,
    whose members the function may set. `errors` are what a user is answered when it goes wrong. `arn` finds the function that a pool names."""

    arn: Callable[[idp.LambdaConfigType], str | None]
    when: str
    sources: tuple[str, ...]
    request: tuple[str, ...]
    response: tuple[str, ...] = ()
    errors: tuple[str, ...] = _ERRORS
    prefix: str = ""


def _of(
    config: idp.CustomEmailLambdaVersionConfigType | idp.CustomSMSLambdaVersionConfigType | idp.InboundFederationLambdaType | None,
) -> str | None:
    return config.lambda_arn if config is not None else None


def _pre_token_generation(config: idp.LambdaConfigType) -> str | None:
    versioned = config.pre_token_generation_config
    return versioned.lambda_arn if versioned is not None else config.pre_token_generation


TRIGGERS: dict[str, Trigger] = {
    PRE_SIGN_UP: Trigger(
        arn=lambda config: config.pre_sign_up,
        when="before a user is stored; one who is refused is not",
        sources=("SignUp", "AdminCreateUser", "ExternalProvider"),
        request=("userAttributes", "validationData"),
        response=("autoConfirmUser", "autoVerifyEmail", "autoVerifyPhone"),
    ),
    POST_CONFIRMATION: Trigger(
        arn=lambda config: config.post_confirmation,
        when="after an account is confirmed, or a forgotten password replaced",
        sources=("ConfirmSignUp", "ConfirmForgotPassword"),
        request=("userAttributes",),
    ),
    PRE_AUTHENTICATION: Trigger(
        arn=lambda config: config.pre_authentication,
        when="once as a sign-in begins, before anything is proved; also for users who do not exist, where they are hidden",
        sources=("Authentication",),
        request=("userAttributes", "validationData", "userNotFound"),
    ),
    POST_AUTHENTICATION: Trigger(
        arn=lambda config: config.post_authentication,
        when="after the last factor, before tokens",
        sources=("Authentication",),
        request=("userAttributes", "newDeviceUsed"),
    ),
    DEFINE_AUTH_CHALLENGE: Trigger(
        arn=lambda config: config.define_auth_challenge,
        when="CUSTOM_AUTH: what comes next",
        sources=("Authentication",),
        request=("userAttributes", "session", "userNotFound"),
        response=("challengeName", "issueTokens", "failAuthentication"),
    ),
    CREATE_AUTH_CHALLENGE: Trigger(
        arn=lambda config: config.create_auth_challenge,
        when="CUSTOM_AUTH: the question",
        sources=("Authentication",),
        request=("userAttributes", "challengeName", "session", "userNotFound"),
        response=("publicChallengeParameters", "privateChallengeParameters", "challengeMetadata"),
    ),
    VERIFY_AUTH_CHALLENGE: Trigger(
        arn=lambda config: config.verify_auth_challenge_response,
        when="CUSTOM_AUTH: the answer judged",
        sources=("Authentication",),
        request=("userAttributes", "privateChallengeParameters", "challengeAnswer", "userNotFound"),
        response=("answerCorrect",),
    ),
    PRE_TOKEN_GENERATION: Trigger(
        arn=_pre_token_generation,
        when="before tokens are signed, at sign-in and at each refresh",
        sources=("HostedAuth", "Authentication", "NewPasswordChallenge", "AuthenticateDevice", "RefreshTokens", "ClientCredentials"),
        request=("userAttributes", "groupConfiguration", "scopes"),  # scopes: of versions 2 and 3
        response=("claimsOverrideDetails", "claimsAndScopeOverrideDetails"),  # of version 1, and of versions 2 and 3
        prefix="TokenGeneration",
    ),
    USER_MIGRATION: Trigger(
        arn=lambda config: config.user_migration,
        when="somebody unknown signs in with a password, or forgot theirs",
        sources=("Authentication", "ForgotPassword"),
        request=("password", "validationData"),
        errors=("UserNotFoundException",),  # for whatever reason; where users are hidden, what a wrong password is answered
        response=("userAttributes", "finalUserStatus", "messageAction", "desiredDeliveryMediums", "forceAliasCreation", "enableSMSMFA"),
    ),
    CUSTOM_MESSAGE: Trigger(
        arn=lambda config: config.custom_message,
        when="before a mail or text is sent by the pool",
        sources=_MESSAGES,
        request=("userAttributes", "codeParameter", "linkParameter", "usernameParameter"),
        response=("smsMessage", "emailMessage", "emailSubject"),
    ),
    CUSTOM_EMAIL_SENDER: Trigger(
        arn=lambda config: _of(config.custom_email_sender),
        when="in place of sending a mail, after the request is answered",
        sources=(*_MESSAGES, "AccountTakeOverNotification"),
        request=("type", "code", "userAttributes"),
        errors=(),
    ),
    CUSTOM_SMS_SENDER: Trigger(
        arn=lambda config: _of(config.custom_sms_sender),
        when="in place of sending a text, after the request is answered",
        sources=_MESSAGES,
        request=("type", "code", "userAttributes"),
        errors=(),
    ),
    INBOUND_FEDERATION: Trigger(
        arn=lambda config: _of(config.inbound_federation),
        when="after a provider vouched for a user, before the attributes are mapped",
        sources=("ExternalProvider",),
        request=("providerName", "providerType", "attributes"),
        response=("userAttributesToMap",),
    ),
}


def arn_of(pool: Pool, trigger: str) -> str | None:
    """The function that the pool names for a trigger."""
    config = pool.settings.pool.lambda_config
    return TRIGGERS[trigger].arn(config) if config is not None else None


def event(
    pool: Pool,
    *,
    trigger: str,
    source: str,
    username: str,
    client_id: str,
    user_agent: str,
    request: dict[str, Any],
    metadata: Mapping[str, str] | None = None,
    version: str = "1",
    response: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An event as AWS sends it. `source` is one of the trigger's; `metadata` is the ClientMetadata that this trigger may see."""
    row = TRIGGERS[trigger]
    assert source in row.sources, f"{trigger} has no source {source}"  # noqa: S101 - functions decide by it: none is made up
    assert request.keys() - {"clientMetadata"} <= set(row.request), f"{trigger} is told what the catalogue does not name"  # noqa: S101
    return {
        "version": version,
        "region": pool.region,
        "userPoolId": pool.pool_id,
        "userName": username,
        "callerContext": {"awsSdkVersion": user_agent[:256] or "aws-sdk-unknown-unknown", "clientId": client_id or NO_CLIENT},
        "triggerSource": f"{row.prefix or trigger}_{source}",
        "request": {**request, "clientMetadata": dict(metadata)} if metadata else request,
        "response": dict.fromkeys(row.response) if response is None else response,
    }


def user_attributes(user: User | None) -> dict[str, str]:
    """The user's attributes as events hold them: strings, with `sub` and the status (FIDELITY B.6.58); {} for nobody."""
    if user is None:
        return {}
    return {"sub": user.sub, "cognito:user_status": user.status, **user.attributes}
