"""Assuming a role: for an administrator's key, or with a token of a user pool of this server. The role's trust policy decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cognomen.api import errors, sts
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam.sts import web_identity
from cognomen.policies.document import BadPolicy, parse
from cognomen.policies.evaluate import Request, trusts
from cognomen.storage.roles import Role
from cognomen.tokens import credentials

MOST_TAGS = 50
CHAINED = 3600  # seconds that a role assumed from a role may last


@op
async def assume_role(cx: Context, request: sts.AssumeRoleRequest) -> sts.AssumeRoleResponse:
    """The caller is the account's own user of its key's name, or the session of a role. MFA and foreign contexts are not to be had here."""
    if request.serial_number or request.token_code or request.provided_contexts:
        raise errors.ValidationException("SerialNumber, TokenCode and ProvidedContexts are not supported by this server.")
    caller = cx.caller.session.arn if cx.caller.session else f"arn:aws:iam::{cx.settings.account}:user/{cx.caller.name or 'root'}"
    tags = {tag.key: tag.value for tag in request.tags or []}
    if len(tags) != len(request.tags or []) or len(tags) > MOST_TAGS:
        raise errors.ValidationException("Session tags must have distinct keys, 50 at the most.")
    context: dict[str, Sequence[str]] = {f"aws:RequestTag/{key}": [value] for key, value in tags.items()}
    context |= {"sts:RoleSessionName": [request.role_session_name], "aws:PrincipalArn": [caller]}
    context |= {"aws:TagKeys": list(tags)} if tags else {}
    context |= {"sts:ExternalId": [request.external_id]} if request.external_id else {}
    context |= {"sts:SourceIdentity": [request.source_identity]} if request.source_identity else {}
    role = await cx.store.roles.permissions(request.role_arn) if request.role_arn.count(":") >= 5 else None
    asked = Request("", request.role_arn, {"AWS": caller}, context)
    actions = ["sts:AssumeRole", *(["sts:TagSession"] if tags else []), *(["sts:SetSourceIdentity"] if request.source_identity else [])]
    for action in actions:
        if role is None or not trusts(parse(role.role.trust), action, asked):
            raise errors.AccessDeniedException(f"User: {caller} is not authorized to perform: {action} on resource: {request.role_arn}")
    assert role is not None  # noqa: S101  # the loop has seen it
    if cx.caller.session and (request.duration_seconds or CHAINED) > CHAINED:
        raise errors.ValidationException(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    kept = {"sts:SourceIdentity": [request.source_identity]} if request.source_identity else {}
    made = _issue(cx, role.role, request, principal={"AWS": caller}, context=kept, tags=tags)
    return sts.AssumeRoleResponse(
        credentials=shown(made),
        assumed_role_user=_user(made),
        packed_policy_size=_packed(made),
        source_identity=request.source_identity,
    )


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
    context |= {f"aws:RequestTag/{key}": [value] for key, value in login.tags.items()}
    context |= {"aws:TagKeys": list(login.tags)} if login.tags else {}
    principal = {"Federated": login.federated}
    asked = Request("", request.role_arn, principal, context)
    for action in ("sts:AssumeRoleWithWebIdentity", *(["sts:TagSession"] if login.tags else [])):
        if role is None or not trusts(parse(role.role.trust), action, asked):
            raise errors.AccessDeniedException(f"Not authorized to perform {action}")
    assert role is not None  # noqa: S101  # the loop has seen it
    made = _issue(cx, role.role, request, principal=principal, context=login.context, tags=login.tags)
    return sts.AssumeRoleWithWebIdentityResponse(
        credentials=shown(made),
        subject_from_web_identity_token=login.subject,
        assumed_role_user=_user(made),
        packed_policy_size=_packed(made),
        provider=login.issuer,
        audience=login.audience,
    )


@op
async def assume_role_with_saml(cx: Context, request: sts.AssumeRoleWithSAMLRequest) -> sts.AssumeRoleWithSAMLResponse:
    """No SAML provider can be registered here, so there is none that could have issued the assertion."""
    raise errors.InvalidIdentityTokenException("Specified provider doesn't exist")


def _issue(cx: Context, role: Role, request: Any, *, principal: dict[str, str], context: Any, tags: Any = None) -> credentials.Credentials:
    """Raises ValidationException, MalformedPolicyDocumentException, PackedPolicyTooLargeException."""
    duration = request.duration_seconds or 3600
    if duration > role.max_session:
        raise errors.ValidationException("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    if request.policy is not None:
        try:
            parse(request.policy, "identity")
        except BadPolicy as cause:
            raise errors.MalformedPolicyDocumentException(str(cause)) from cause
    arns = [descriptor.arn for descriptor in request.policy_arns or [] if descriptor.arn]
    if len(arns) > 10:
        raise errors.ValidationException("1 validation error detected: at most 10 PolicyArns may be given.")
    return credentials.issue(
        cx.sealer,
        cx.clock,
        role_arn=role.arn,
        role_id=role.role_id,
        session_name=request.role_session_name,
        principal=principal,
        context=context,
        tags={**role.tags, **(tags or {})},
        duration=duration,
        session_policies=[request.policy] if request.policy else [],
        policy_arns=arns,
    )


def shown(made: credentials.Credentials) -> sts.Credentials:
    return sts.Credentials(
        access_key_id=made.access_key_id,
        secret_access_key=made.secret_access_key,
        session_token=made.session_token,
        expiration=made.expiration,
    )


def _user(made: credentials.Credentials) -> sts.AssumedRoleUser:
    return sts.AssumedRoleUser(assumed_role_id=made.session.user_id, arn=made.session.arn)


def _packed(made: credentials.Credentials) -> int | None:
    """Per cent of what session policies and tags may take together; none where there are none."""
    length = sum(map(len, (*made.session.policies, *made.session.policy_arns)))
    return min(100, -(-length * 100 // 4096)) if length else None
