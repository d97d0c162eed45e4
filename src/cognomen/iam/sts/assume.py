"""Assuming a role: for an administrator's key, or with a token of a user pool of this server. The role's trust policy decides."""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.api import errors, sts
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam.sts import issuing, web_identity
from cognomen.policies.document import parse
from cognomen.policies.evaluate import Request, trusts
from cognomen.tokens.credentials import Session

CHAINED = 3600  # seconds that a role assumed from a role may last


@op
async def assume_role(cx: Context, request: sts.AssumeRoleRequest) -> sts.AssumeRoleResponse:
    """The caller is the account's own user of its key's name, or the session of a role. MFA and foreign contexts are not to be had here."""
    if request.serial_number or request.token_code or request.provided_contexts:
        raise errors.ValidationException("SerialNumber, TokenCode and ProvidedContexts are not supported by this server.")
    caller = cx.caller.session.arn if cx.caller.session else f"arn:aws:iam::{cx.settings.account}:user/{cx.caller.name or 'root'}"
    tags, transitive = {tag.key: tag.value for tag in request.tags or []}, list(request.transitive_tag_keys or [])
    problem = "Session tags must have distinct keys, 50 at the most." if len(tags) != len(request.tags or []) else ""
    if problem := problem or issuing.tag_problem(tags, transitive):
        raise errors.ValidationException(problem)
    inherited, source_identity = _inherited(cx.caller.session, tags, request.source_identity)
    context: dict[str, Sequence[str]] = {**_principal_tags(cx.caller.session), **issuing.tag_keys(tags, transitive)}
    context |= {"sts:RoleSessionName": [request.role_session_name], "aws:PrincipalArn": [caller]}
    context |= {"sts:ExternalId": [request.external_id]} if request.external_id else {}
    context |= {"sts:SourceIdentity": [source_identity]} if source_identity else {}
    role = await cx.store.roles.permissions(request.role_arn) if request.role_arn.count(":") >= 5 else None
    asked = Request("", request.role_arn, {"AWS": caller}, context)
    actions = ["sts:AssumeRole", *(["sts:TagSession"] if tags else []), *(["sts:SetSourceIdentity"] if source_identity else [])]
    for action in actions:
        if role is None or not trusts(parse(role.role.trust), action, asked):
            raise errors.AccessDeniedException(f"User: {caller} is not authorized to perform: {action} on resource: {request.role_arn}")
    assert role is not None  # noqa: S101  # the loop has seen it
    if cx.caller.session and (request.duration_seconds or CHAINED) > CHAINED:
        raise errors.ValidationException(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    wanted = issuing.Wanted(
        name=request.role_session_name,
        principal={"AWS": caller},
        context={"sts:SourceIdentity": [source_identity]} if source_identity else {},
        tags={**inherited, **tags},
        transitive=[*inherited, *transitive],
        duration=request.duration_seconds or 3600,
    )
    made = issuing.issue(cx, role.role, request, wanted)
    return sts.AssumeRoleResponse(**issuing.answer(made), source_identity=source_identity)


def _principal_tags(session: Session | None) -> dict[str, list[str]]:
    return {f"aws:PrincipalTag/{key}": [value] for key, value in session.tags.items()} if session else {}


def _inherited(session: Session | None, tags: dict[str, str], source_identity: str | None) -> tuple[dict[str, str], str | None]:
    """What a session passes on: its transitive tags, which cannot be passed anew, and its source identity, which cannot be another."""
    if session is None:
        return {}, source_identity
    keys = {key.lower() for key in session.transitive}
    inherited = {key: value for key, value in session.tags.items() if key.lower() in keys}
    if keys & {key.lower() for key in tags}:
        raise errors.ValidationException(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."
        )
    kept = next(iter(session.context.get("sts:SourceIdentity", [])), None)
    if kept and source_identity not in (None, kept):
        raise errors.ValidationException("SourceIdentity cannot be changed once it is set.")
    return inherited, kept or source_identity


@op
async def assume_role_with_web_identity(
    cx: Context, request: sts.AssumeRoleWithWebIdentityRequest
) -> sts.AssumeRoleWithWebIdentityResponse:
    """The token is looked at before the role, so that who has none learns nothing of roles."""
    if request.provider_id:
        raise errors.ValidationException(
            "ProviderId is for OAuth 2.0 access tokens of www.amazon.com and graph.facebook.com, which are not taken here."
        )
    login = await web_identity.verified(cx, request.web_identity_token)
    role = await cx.store.roles.permissions(request.role_arn) if request.role_arn.count(":") >= 5 else None
    context: dict[str, Sequence[str]] = {**login.context, "sts:RoleSessionName": [request.role_session_name]}
    context |= issuing.tag_keys(login.tags, ())
    principal = {"Federated": login.federated}
    asked = Request("", request.role_arn, principal, context)
    for action in ("sts:AssumeRoleWithWebIdentity", *(["sts:TagSession"] if login.tags else [])):
        if role is None or not trusts(parse(role.role.trust), action, asked):
            raise errors.AccessDeniedException(f"Not authorized to perform {action}")
    assert role is not None  # noqa: S101  # the loop has seen it
    wanted = issuing.Wanted(
        name=request.role_session_name,
        principal=principal,
        context=login.context,
        tags=dict(login.tags),
        duration=request.duration_seconds or 3600,
    )
    made = issuing.issue(cx, role.role, request, wanted)
    return sts.AssumeRoleWithWebIdentityResponse(
        **issuing.answer(made),
        subject_from_web_identity_token=login.subject,
        provider=login.issuer,
        audience=login.audience,
    )
