"""The roles of an identity pool: by default, by mapping, and which claims become tags of their sessions."""

from __future__ import annotations

import msgspec

from cognomen.api import identity
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.identitypools import find, pools
from cognomen.identitypools.rules import principal_tags, role_mapping
from cognomen.storage.identity_pools import IdentityPoolSettings, TagMap


@op
async def set_identity_pool_roles(cx: Context, request: identity.SetIdentityPoolRolesInput) -> None:
    """Replaces both roles and mappings."""
    mappings = request.role_mappings or {}

    def update(present: IdentityPoolSettings) -> IdentityPoolSettings:
        role_mapping.check(present.pool, request.roles, mappings)
        return msgspec.structs.replace(present, roles=request.roles, mappings=mappings)

    await pools.change(cx, request.identity_pool_id, update)


@op
async def get_identity_pool_roles(cx: Context, request: identity.GetIdentityPoolRolesInput) -> identity.GetIdentityPoolRolesResponse:
    settings = (await find.pool(cx, request.identity_pool_id)).settings
    return identity.GetIdentityPoolRolesResponse(
        identity_pool_id=request.identity_pool_id, roles=settings.roles or None, role_mappings=settings.mappings or None
    )


@op
async def set_principal_tag_attribute_map(
    cx: Context, request: identity.SetPrincipalTagAttributeMapInput
) -> identity.SetPrincipalTagAttributeMapResponse:
    """Replaces the map of one provider, which must be one of the pool's."""
    asked = TagMap(bool(request.use_defaults), request.principal_tags or {})

    def update(present: IdentityPoolSettings) -> IdentityPoolSettings:
        principal_tags.check(present.pool, request.identity_provider_name, asked)
        return msgspec.structs.replace(present, tags={**present.tags, request.identity_provider_name: asked})

    await pools.change(cx, request.identity_pool_id, update)
    return identity.SetPrincipalTagAttributeMapResponse(
        identity_pool_id=request.identity_pool_id,
        identity_provider_name=request.identity_provider_name,
        use_defaults=asked.use_defaults,
        principal_tags=principal_tags.shown(asked),
    )


@op
async def get_principal_tag_attribute_map(
    cx: Context, request: identity.GetPrincipalTagAttributeMapInput
) -> identity.GetPrincipalTagAttributeMapResponse:
    """An empty map for a provider without one."""
    found = (await find.pool(cx, request.identity_pool_id)).settings.tags.get(request.identity_provider_name, TagMap())
    return identity.GetPrincipalTagAttributeMapResponse(
        identity_pool_id=request.identity_pool_id,
        identity_provider_name=request.identity_provider_name,
        use_defaults=found.use_defaults,
        principal_tags=principal_tags.shown(found),
    )
