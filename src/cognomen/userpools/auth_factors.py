"""What a user can sign in with, shown to the user and to an administrator."""

from __future__ import annotations

from cognomen.api import idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import access, find
from cognomen.userpools.rules import factors, first_factors


@op
async def get_user_auth_factors(cx: Context, request: idp.GetUserAuthFactorsRequest) -> idp.GetUserAuthFactorsResponse:
    of = await access.of(cx, request.access_token)
    return idp.GetUserAuthFactorsResponse(
        username=of.user.username,
        preferred_mfa_setting=factors.preferred(of.user),
        user_mfa_setting_list=factors.setting_list(of.user),
        configured_user_auth_factors=await _configured(cx, of.pool, of.user),
    )


@op
async def admin_get_user_auth_factors(cx: Context, request: idp.AdminGetUserAuthFactorsRequest) -> idp.AdminGetUserAuthFactorsResponse:
    pool = await find.pool(cx, request.user_pool_id)
    user = await find.existing_user(cx, pool, request.username)
    return idp.AdminGetUserAuthFactorsResponse(
        username=user.username,
        preferred_mfa_setting=factors.preferred(user),
        user_mfa_setting_list=factors.setting_list(user),
        configured_user_auth_factors=await _configured(cx, pool, user),
    )


async def _configured(cx: Context, pool: Pool, user: User) -> list[str]:
    allowed = first_factors.WEB_AUTHN in first_factors.allowed(pool)
    has_passkey = allowed and bool(await cx.store.passkeys.of_user(pool.pool_id, user.sub, limit=1))
    return first_factors.configured(pool, user, has_passkey=has_passkey)
