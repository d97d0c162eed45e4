"""Who calls: GetCallerIdentity, which no policy can forbid."""

from __future__ import annotations

from cognomen.api import sts
from cognomen.api.operation import op
from cognomen.context import Context


@op
async def get_caller_identity(cx: Context, request: sts.GetCallerIdentityRequest) -> sts.GetCallerIdentityResponse:
    """A session of a role, or the access key as a user of its name; in dev without a signature, the account itself."""
    account, caller = cx.settings.account, cx.caller
    if caller.session is not None:
        return sts.GetCallerIdentityResponse(user_id=caller.session.user_id, account=caller.session.account, arn=caller.session.arn)
    if not caller.access_key_id:
        return sts.GetCallerIdentityResponse(user_id=account, account=account, arn=f"arn:aws:iam::{account}:root")
    return sts.GetCallerIdentityResponse(user_id=caller.access_key_id, account=account, arn=f"arn:aws:iam::{account}:user/{caller.name}")
