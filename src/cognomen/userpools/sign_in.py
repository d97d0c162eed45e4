"""InitiateAuth, RespondToAuthChallenge and their admin twins: the request's flow or challenge is found in a table and handed to the machine."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool
from cognomen.userpools import find, refresh
from cognomen.userpools.auth import machine, tables
from cognomen.userpools.auth.session import SessionState, open_session
from cognomen.userpools.auth.steps import required

_ADMIN_FLOWS = ("ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH")
_WITH_PASSWORD = ("USER_PASSWORD_AUTH", *_ADMIN_FLOWS)
_REFRESH_FLOWS = ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN")
# Flow -> what ExplicitAuthFlows must hold; the second form is the one of before 2019, which AWS still takes.
_ENABLED_BY = {
    "USER_SRP_AUTH": ("ALLOW_USER_SRP_AUTH",),
    "USER_PASSWORD_AUTH": ("ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"),
    "ADMIN_USER_PASSWORD_AUTH": ("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"),
    "ADMIN_NO_SRP_AUTH": ("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"),
    "USER_AUTH": ("ALLOW_USER_AUTH",),
    "CUSTOM_AUTH": ("ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH_FLOW_ONLY"),
    "REFRESH_TOKEN_AUTH": ("ALLOW_REFRESH_TOKEN_AUTH",),
    "REFRESH_TOKEN": ("ALLOW_REFRESH_TOKEN_AUTH",),
}


@op
async def initiate_auth(cx: Context, request: idp.InitiateAuthRequest) -> idp.InitiateAuthResponse:
    if request.auth_flow in _ADMIN_FLOWS:
        raise errors.InvalidParameterException("Initiate Auth method not supported.")
    pool, client = await find.client(cx, request.client_id)
    outcome = await _begin(cx, pool, client, request, request.user_context_data, admin=False)
    return idp.InitiateAuthResponse(**msgspec.structs.asdict(outcome))


@op
async def admin_initiate_auth(cx: Context, request: idp.AdminInitiateAuthRequest) -> idp.AdminInitiateAuthResponse:
    pool, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    outcome = await _begin(cx, pool, client, request, request.context_data, admin=True)
    return idp.AdminInitiateAuthResponse(**msgspec.structs.asdict(outcome))


@op
async def respond_to_auth_challenge(cx: Context, request: idp.RespondToAuthChallengeRequest) -> idp.RespondToAuthChallengeResponse:
    pool, client = await find.client(cx, request.client_id)
    outcome = await _respond(cx, pool, client, request, request.user_context_data, admin=False)
    return idp.RespondToAuthChallengeResponse(**msgspec.structs.asdict(outcome))


@op
async def admin_respond_to_auth_challenge(
    cx: Context, request: idp.AdminRespondToAuthChallengeRequest
) -> idp.AdminRespondToAuthChallengeResponse:
    pool, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    outcome = await _respond(cx, pool, client, request, request.context_data, admin=True)
    return idp.AdminRespondToAuthChallengeResponse(**msgspec.structs.asdict(outcome))


async def _begin(
    cx: Context,
    pool: Pool,
    client: Client,
    request: idp.InitiateAuthRequest | idp.AdminInitiateAuthRequest,
    context: machine.SaidContext,
    *,
    admin: bool,
) -> machine.Outcome:
    flow = request.auth_flow
    parameters = request.auth_parameters or {}
    _refuse_disabled_flow(client, flow)
    if flow in _REFRESH_FLOWS:
        result = await refresh.by_auth_flow(cx, pool, client, parameters)
        return machine.Outcome(authentication_result=result, challenge_parameters={})
    typed = required(parameters, "USERNAME")
    if flow in _WITH_PASSWORD:
        required(parameters, "PASSWORD")
    attempt = await machine.start(
        cx,
        pool,
        client,
        flow,
        parameters,
        request.client_metadata or {},
        typed=typed,
        admin=admin,
        may_migrate=_brings_password(flow, parameters),
        session=request.session,
        context=context,
    )
    return await machine.run(cx, attempt, tables.FLOWS[flow], tables.FOLLOWING)


def _brings_password(flow: str, parameters: Mapping[str, str]) -> bool:
    """Does the password itself come with the request?"""
    return flow in _WITH_PASSWORD or (
        flow == "USER_AUTH" and parameters.get("PREFERRED_CHALLENGE") == "PASSWORD" and bool(parameters.get("PASSWORD"))
    )


def _refuse_disabled_flow(client: Client, flow: str) -> None:
    enabled = client.settings.explicit_auth_flows or []
    allowed = any(value in enabled for value in _ENABLED_BY.get(flow, ()))
    if not allowed and enabled and not any(value.startswith("ALLOW_") for value in enabled):
        # The old values only ever added flows: SRP and refresh were on beside them, but for CUSTOM_AUTH_FLOW_ONLY.
        allowed = flow in _REFRESH_FLOWS or (flow == "USER_SRP_AUTH" and "CUSTOM_AUTH_FLOW_ONLY" not in enabled)
    if allowed:
        return
    if flow == "USER_PASSWORD_AUTH":
        raise errors.InvalidParameterException("USER_PASSWORD_AUTH flow not enabled for this client")
    raise errors.InvalidParameterException("Auth flow not enabled for this client")


async def _respond(
    cx: Context,
    pool: Pool,
    client: Client,
    request: idp.RespondToAuthChallengeRequest | idp.AdminRespondToAuthChallengeRequest,
    context: machine.SaidContext,
    *,
    admin: bool,
) -> machine.Outcome:
    move = tables.CHALLENGES.get(request.challenge_name)
    if move is None:
        raise errors.InvalidParameterException("Unsupported challenge for this client")
    responses = request.challenge_responses or {}
    required(responses, "USERNAME")
    state = await _state(cx, pool, client, request.challenge_name, responses, request.session)
    if state.challenge != request.challenge_name or (state.admin and not admin):
        raise errors.NotAuthorizedException("Invalid session for the user.")
    attempt = await machine.resume(cx, pool, client, state, responses, request.client_metadata or {}, context=context)
    return await machine.run(cx, attempt, move, tables.FOLLOWING)


async def _state(
    cx: Context, pool: Pool, client: Client, challenge: str, responses: Mapping[str, str], session: str | None
) -> SessionState:
    recover = tables.RECOVERED_FROM_ANSWER.get(challenge)
    if recover is not None:
        return recover(cx, client, responses)
    if session is not None:
        return open_session(cx, client, session)
    kept_here = tables.KEPT_HERE.get(challenge)
    state = await kept_here(cx, pool, client, responses) if kept_here else None
    if state is None:
        raise errors.InvalidParameterException("Missing required parameter Session")
    return state
