"""Identities of providers linked to users who are here: their next sign-in through the provider is as that user. And the way back.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation-consolidate-users.html
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.engine import Tx
from cognomen.storage.federated_identities import SUBJECT, FederatedIdentity
from cognomen.storage.identity_providers import IdentityProvider
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools import admin_users, find
from cognomen.userpools.federation import profiles
from cognomen.userpools.rules import names
from cognomen.userpools.rules.provider_details import SAML, SOCIAL

_LOCAL = "cognito"
_MOST = 5  # "The maximum number of federated identities linked to a user is five"


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    """A ProviderUserIdentifierType with all of its members."""

    provider: str
    attribute: str
    value: str


@op
async def admin_link_provider_for_user(cx: Context, request: idp.AdminLinkProviderForUserRequest) -> idp.AdminLinkProviderForUserResponse:
    pool = await find.pool(cx, request.user_pool_id)
    source = _named(request.source_user, "SourceUser")
    if source.provider.lower() == _LOCAL:
        raise errors.InvalidParameterException(
            "Invalid SourceUser: Cognito users with a username/password may not be passed in as a SourceUser, only as a DestinationUser"
        )
    provider = await _provider(cx, pool, source.provider, "SourceUser")
    _check_attribute(provider, source.attribute, "SourceUser")
    user = await _destination(cx, pool, request.destination_user)
    link = FederatedIdentity(
        pool_id=pool.pool_id,
        provider=provider.name,
        attribute=source.attribute,
        value=_value(pool, provider.kind, source),
        sub=user.sub,
        own=False,
        kind=provider.kind,
        issuer=str(provider.facts["entity_id"]) if provider.kind == SAML and "entity_id" in provider.facts else None,
        created_at=cx.clock.now(),
    )

    async def unit(tx: Tx) -> None:
        identities = cx.store.federated_identities
        present = await identities.find(pool.pool_id, link.provider, link.attribute, link.value, tx)
        if present is not None:
            _refuse_used(present, user)
            return
        if _linked(await identities.of_user(pool.pool_id, user.sub, tx)) >= _MOST:
            raise errors.LimitExceededException(f"The maximum number of federated identities linked to a user is {_MOST}.")
        await identities.add(tx, link)
        await profiles.show_identities(cx, tx, user)

    await find.write(cx, unit)
    return idp.AdminLinkProviderForUserResponse()


def _named(given: idp.ProviderUserIdentifierType, member: str) -> _Named:
    provider, value = given.provider_name, given.provider_attribute_value
    if not provider or not value:
        raise errors.InvalidParameterException(f"Invalid {member}: ProviderName and ProviderAttributeValue are required.")
    return _Named(provider=provider, attribute=given.provider_attribute_name or "", value=value)


async def _provider(cx: Context, pool: Pool, name: str, member: str) -> IdentityProvider:
    found = await cx.store.identity_providers.get(pool.pool_id, name)
    if found is None:
        raise errors.InvalidParameterException(f"Invalid {member}: The provider {name} does not exist for User Pool {pool.pool_id}.")
    return found


def _check_attribute(provider: IdentityProvider, attribute: str, member: str) -> None:
    """Social providers' users go by their subject; others' by any attribute of the pool that is mapped, too."""
    if attribute == SUBJECT:
        return
    if provider.kind in SOCIAL or attribute not in provider.mapping or attribute == "username":
        raise errors.InvalidParameterException(f"Invalid {member}: ProviderAttributeName must be {SUBJECT}{_or_mapped(provider)}.")


def _or_mapped(provider: IdentityProvider) -> str:
    return "" if provider.kind in SOCIAL else " or an attribute that the provider maps"


def _value(pool: Pool, kind: str, named: _Named) -> str:
    if len(named.value) > profiles.LONGEST_VALUE:
        raise errors.InvalidParameterException(f"ProviderAttributeValue can have {profiles.LONGEST_VALUE} characters.")
    return profiles.subject_key(pool, kind, named.value) if named.attribute == SUBJECT else named.value


async def _destination(cx: Context, pool: Pool, given: idp.ProviderUserIdentifierType) -> User:
    """By user name, or by the id at the provider that a profile came through; the attribute's name is ignored. Raises UserNotFoundException."""
    named = _named(given, "DestinationUser")
    if named.provider.lower() == _LOCAL:
        return await _local(cx, pool, named.value)
    provider = await _provider(cx, pool, named.provider, "DestinationUser")
    identity = await profiles.identity_of(cx, pool, provider, named.value)
    user = await cx.store.users.by_sub(pool.pool_id, identity.sub) if identity is not None else None
    if user is None:
        raise find.no_user()
    return user


async def _local(cx: Context, pool: Pool, username: str) -> User:
    user = await cx.store.users.by_username(pool.pool_id, names.key(pool, username))
    if user is None:
        raise find.no_user()
    return user


def _refuse_used(present: FederatedIdentity, user: User) -> None:
    """Linked to the same user already is no error."""
    if present.own:
        raise errors.InvalidParameterException(
            "Merging is not currently supported, provide a SourceUser that has not been signed up in order to link"
        )
    if present.sub != user.sub:
        raise errors.AliasExistsException("The SourceUser is already linked to another user.")


def _linked(identities: Sequence[FederatedIdentity]) -> int:
    return sum(not one.own for one in identities)


@op
async def admin_disable_provider_for_user(
    cx: Context, request: idp.AdminDisableProviderForUserRequest
) -> idp.AdminDisableProviderForUserResponse:
    """Unlinks an identity; disables the profile that was made from one; takes the password of a local user. The attribute and value are those
    of the link, or, once it was used, the subject."""
    pool = await find.pool(cx, request.user_pool_id)
    named = _named(request.user, "User")
    if named.provider.lower() == _LOCAL:
        if named.attribute != SUBJECT:
            raise errors.InvalidParameterException(f"Invalid User: ProviderAttributeName must be {SUBJECT}.")
        await _take_password(cx, await _local(cx, pool, named.value))
        return idp.AdminDisableProviderForUserResponse()
    provider = await _provider(cx, pool, named.provider, "User")
    _check_attribute(provider, named.attribute, "User")
    value = _value(pool, provider.kind, named)
    identity = await cx.store.federated_identities.find(pool.pool_id, provider.name, named.attribute, value)
    user = await cx.store.users.by_sub(pool.pool_id, identity.sub) if identity is not None else None
    if identity is None or user is None:
        raise find.no_user()
    if identity.own:
        await admin_users.set_enabled(cx, user, enabled=False)
    else:
        await _unlink(cx, user, identity)
    return idp.AdminDisableProviderForUserResponse()


async def _unlink(cx: Context, user: User, identity: FederatedIdentity) -> None:
    async def unit(tx: Tx) -> None:
        await cx.store.federated_identities.remove(tx, identity)
        await profiles.show_identities(cx, tx, user)

    await find.write(cx, unit)


async def _take_password(cx: Context, user: User) -> None:
    """ "They can't use their password to sign in": from now on the user is one of providers alone, until an administrator sets a password."""
    now = cx.clock.now()

    def update(present: User) -> User:
        return msgspec.structs.replace(present, credential=None, password_expires_at=None, status=profiles.EXTERNAL, modified_at=now)

    await find.write(cx, lambda tx: cx.store.users.change(tx, user.pool_id, user.sub, update))
