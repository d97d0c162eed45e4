"""AssumeRole: a role for an administrator's key, or for the session of another role. The role's trust policy decides."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cognomen.api import errors, sts
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam.sts import issuing
from cognomen.tokens.credentials import Session

CHAINED = 3600  # seconds that a role assumed from a role may last


class Passed(msgspec.Struct, frozen=True):
    """What the new session is known by: tags of the request, and those that the caller's own session hands on to it."""

    tags: dict[str, str]
    transitive: list[str]
    inherited: dict[str, str]
    source_identity: str | None


@op
async def assume_role(cx: Context, request: sts.AssumeRoleRequest) -> sts.AssumeRoleResponse:
    """The caller is the account's own user of its key's name, or the session of a role. MFA and foreign contexts are not to be had here."""
    if request.serial_number or request.token_code or request.provided_contexts:
        raise errors.ValidationException("SerialNumber, TokenCode and ProvidedContexts are not supported by this server.")
    session = cx.caller.session
    caller = session.arn if session else f"arn:aws:iam::{cx.settings.account}:user/{cx.caller.name or 'root'}"
    passed = _passed(session, request)
    tagging = ["sts:TagSession"] if passed.tags else []
    actions = ["sts:AssumeRole", *tagging, *(["sts:SetSourceIdentity"] if passed.source_identity else [])]
    try:
        role = await issuing.trusting(cx, request.role_arn, actions, {"AWS": caller}, _context(session, request, caller, passed))
    except issuing.NotTrusted as cause:
        text = f"User: {caller} is not authorized to perform: {cause.action} on resource: {request.role_arn}"
        raise errors.AccessDeniedException(text) from cause
    if session and (request.duration_seconds or CHAINED) > CHAINED:
        raise errors.ValidationException(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    wanted = issuing.Wanted(
        name=request.role_session_name,
        principal={"AWS": caller},
        context={"sts:SourceIdentity": [passed.source_identity]} if passed.source_identity else {},
        tags={**passed.inherited, **passed.tags},
        transitive=[*passed.inherited, *passed.transitive],
        duration=request.duration_seconds or 3600,
    )
    made = issuing.issue(cx, role, request, wanted)
    return sts.AssumeRoleResponse(**issuing.answer(made), source_identity=passed.source_identity)


def _passed(session: Session | None, request: sts.AssumeRoleRequest) -> Passed:
    """Raises ValidationException. A session's transitive tags cannot be passed anew, and its source identity cannot be another."""
    tags, transitive = {tag.key: tag.value for tag in request.tags or []}, list(request.transitive_tag_keys or [])
    problem = "Session tags must have distinct keys, 50 at the most." if len(tags) != len(request.tags or []) else ""
    if problem := problem or issuing.tag_problem(tags, transitive):
        raise errors.ValidationException(problem)
    if session is None:
        return Passed(tags, transitive, {}, request.source_identity)
    keys = {key.lower() for key in session.transitive}
    if keys & {key.lower() for key in tags}:
        raise errors.ValidationException(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."
        )
    kept = next(iter(session.context.get("sts:SourceIdentity", [])), None)
    if kept and request.source_identity not in (None, kept):
        raise errors.ValidationException("SourceIdentity cannot be changed once it is set.")
    inherited = {key: value for key, value in session.tags.items() if key.lower() in keys}
    return Passed(tags, transitive, inherited, kept or request.source_identity)


def _context(session: Session | None, request: sts.AssumeRoleRequest, caller: str, passed: Passed) -> dict[str, Sequence[str]]:
    """What the trust policy may ask for."""
    context: dict[str, Sequence[str]] = {f"aws:PrincipalTag/{key}": [value] for key, value in session.tags.items()} if session else {}
    context |= issuing.tag_keys(passed.tags, passed.transitive)
    context |= {"sts:RoleSessionName": [request.role_session_name], "aws:PrincipalArn": [caller]}
    context |= {"sts:ExternalId": [request.external_id]} if request.external_id else {}
    return context | ({"sts:SourceIdentity": [passed.source_identity]} if passed.source_identity else {})
