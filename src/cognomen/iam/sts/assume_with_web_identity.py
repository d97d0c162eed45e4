"""AssumeRoleWithWebIdentity: a role for whoever has a token of a provider that the role trusts. No signature is asked for: the token is the proof."""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.api import errors, sts
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam.sts import built_in, issuing, web_identity
from cognomen.storage.roles import Role


@op
async def assume_role_with_web_identity(
    cx: Context, request: sts.AssumeRoleWithWebIdentityRequest
) -> sts.AssumeRoleWithWebIdentityResponse:
    """The token is looked at before the role, so that who has none learns nothing of roles."""
    token = request.web_identity_token
    login = await (built_in.by_access_token(cx, request.provider_id, token) if request.provider_id else web_identity.verified(cx, token))
    if problem := issuing.tag_problem(login.tags, login.transitive):
        raise errors.InvalidIdentityTokenException(problem)
    role, federated = await _trusting(cx, request, login)
    wanted = issuing.Wanted(
        name=request.role_session_name,
        principal={"Federated": federated},
        context=login.context,
        tags=dict(login.tags),
        transitive=login.transitive,
        duration=request.duration_seconds or 3600,
    )
    made = issuing.issue(cx, role, request, wanted)
    return sts.AssumeRoleWithWebIdentityResponse(
        **issuing.answer(made),
        subject_from_web_identity_token=login.subject,
        provider=login.issuer,
        audience=login.audience,
    )


async def _trusting(cx: Context, request: sts.AssumeRoleWithWebIdentityRequest, login: built_in.Login) -> tuple[Role, str]:
    """The role, and by which of its names the provider is trusted. Raises AccessDeniedException."""
    context: dict[str, Sequence[str]] = {
        **login.context,
        "sts:RoleSessionName": [request.role_session_name],
        **issuing.tag_keys(login.tags, login.transitive),
    }
    actions = ["sts:AssumeRoleWithWebIdentity", *(["sts:TagSession"] if login.tags else [])]
    refused = actions[0]
    for name in login.federated:
        try:
            return await issuing.trusting(cx, request.role_arn, actions, {"Federated": name}, context), name
        except issuing.NotTrusted as cause:
            refused = cause.action
    raise errors.AccessDeniedException(f"Not authorized to perform {refused}")
