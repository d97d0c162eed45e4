"""Inline policies of roles: documents that belong to one role and go with it."""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.api import errors, iam
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam import documents, roles
from cognomen.policies.document import INLINE_SIZE, size
from cognomen.storage.errors import Missing
from cognomen.storage.roles import InlinePolicy


@op
async def put_role_policy(cx: Context, request: iam.PutRolePolicyRequest) -> None:
    """Adds or replaces. All inline policies of a role together have 10,240 characters, white space not counted."""
    document = documents.checked(request.policy_document, "identity")

    def check(all_of_them: Sequence[InlinePolicy]) -> None:
        if sum(size(policy.document) for policy in all_of_them) > INLINE_SIZE:
            raise errors.LimitExceededException(f"Maximum policy size of {INLINE_SIZE} bytes exceeded for role {request.role_name}")

    try:
        await cx.store.roles.put_inline(cx.settings.account, request.role_name, InlinePolicy(request.policy_name, document), check)
    except Missing as cause:
        raise roles.gone(request.role_name) from cause


@op
async def get_role_policy(cx: Context, request: iam.GetRolePolicyRequest) -> iam.GetRolePolicyResponse:
    role = await roles.find(cx, request.role_name)
    found = [policy for policy in await cx.store.roles.inline(role.account, role.name) if policy.name == request.policy_name]
    if not found:
        raise _gone(request.policy_name)
    return iam.GetRolePolicyResponse(
        role_name=role.name, policy_name=request.policy_name, policy_document=documents.encoded(found[0].document)
    )


@op
async def list_role_policies(cx: Context, request: iam.ListRolePoliciesRequest) -> iam.ListRolePoliciesResponse:
    role = await roles.find(cx, request.role_name)
    limit, bound = request.max_items or 100, f"ListRolePolicies {role.role_id}"
    start = documents.after(cx, bound, request.marker)
    names = [policy.name for policy in await cx.store.roles.inline(role.account, role.name) if policy.name > start]
    page, more, marker = documents.cut(cx, bound, sorted(names), limit, lambda name: name)
    return iam.ListRolePoliciesResponse(policy_names=page, is_truncated=more, marker=marker)


@op
async def delete_role_policy(cx: Context, request: iam.DeleteRolePolicyRequest) -> None:
    try:
        await cx.store.roles.remove_inline(cx.settings.account, request.role_name, request.policy_name)
    except Missing as cause:
        raise (_gone(request.policy_name) if str(cause) == "policy" else roles.gone(request.role_name)) from cause


def _gone(name: str) -> errors.NoSuchEntityException:
    return errors.NoSuchEntityException(f"The role policy with name {name} cannot be found.")
