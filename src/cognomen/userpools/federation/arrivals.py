"""Whose profile a provider's user is: linked, known, or made now. Two first sign-ins of one person at one moment make one profile."""

from __future__ import annotations

from collections.abc import Mapping

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.kernel.events import SignedUp
from cognomen.kernel.log import get_logger
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.federated_identities import SUBJECT, FederatedIdentity
from cognomen.storage.groups import Group
from cognomen.storage.identity_providers import IdentityProvider
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.triggers import catalog
from cognomen.userpools import attributes
from cognomen.userpools.federation import profiles
from cognomen.userpools.federation.failure import FederationError
from cognomen.userpools.hooks import sign_up as sign_up_hooks
from cognomen.userpools.hooks.ask import Occasion, ask
from cognomen.userpools.rules import names, permissions, schema
from cognomen.userpools.rules.provider_details import SAML

log = get_logger("federation")


def checked_subject(pool: Pool, provider: IdentityProvider, subject: str) -> str:
    """The provider's id of the user, as it is kept. Raises FederationError for one of which no user name can be made."""
    fault = names.fault(profiles.username(pool, provider.name, subject))
    if fault is not None:
        raise _error(provider, fault)
    return profiles.subject_key(pool, provider.kind, subject)


def username(pool: Pool, provider: IdentityProvider, subject: str) -> str:
    return profiles.username(pool, provider.name, subject)


async def settle(
    cx: Context,
    pool: Pool,
    client: Client,
    provider: IdentityProvider,
    subject: str,
    issuer: str,
    mapped: Mapping[str, str],
) -> tuple[User, bool]:
    """The user, and whether the profile was made now. Raises FederationError, and what functions raise."""
    _check_writable(pool, client, provider, mapped)
    issuer_shown = issuer if provider.kind == SAML else None
    identity = await profiles.identity_of(cx, pool, provider, subject)
    if identity is None:
        identity = await _adopted(cx, pool, provider, subject, issuer_shown, mapped)
    if identity is None:
        made = await _made(cx, pool, client, provider, subject, issuer_shown, mapped)
        if made is not None:
            return made, True
        identity = await profiles.identity_of(cx, pool, provider, subject)
    user = await cx.store.users.by_sub(pool.pool_id, identity.sub) if identity is not None else None
    if user is None:
        raise _error(provider, "User does not exist.")
    return await _back(cx, pool, client, provider, user, mapped), False


def _check_writable(pool: Pool, client: Client, provider: IdentityProvider, mapped: Mapping[str, str]) -> None:
    """ "In the app client settings for your application, the mapped attributes must be writable" (AWS, attribute mapping)."""
    writable = permissions.writable(client, pool.settings.pool.schema_attributes or []) | permissions.BY_COGNITO
    if not mapped.keys() <= writable:
        raise _error(provider, "A client attempted to write unauthorized attribute")


async def _adopted(
    cx: Context, pool: Pool, provider: IdentityProvider, subject: str, issuer: str | None, mapped: Mapping[str, str]
) -> FederatedIdentity | None:
    """A link by an attribute is settled to the subject that comes with it first."""
    for name, value in mapped.items():
        if len(value) > profiles.LONGEST_VALUE or "\0" in value:
            continue
        link = await cx.store.federated_identities.find(pool.pool_id, provider.name, name, value)
        if link is None:
            continue

        async def unit(tx: Tx, link: FederatedIdentity = link) -> FederatedIdentity | None:
            if not await cx.store.federated_identities.remove(tx, link):
                return None
            settled = _identity(cx, provider, subject, issuer, link.sub, own=False, created_at=link.created_at)
            await cx.store.federated_identities.add(tx, settled)
            user = await cx.store.users.by_sub(pool.pool_id, link.sub, tx)
            if user is None:
                raise Missing(link.sub)
            await profiles.show_identities(cx, tx, user)
            return settled

        try:
            settled = await cx.store.write(unit)
        except (Taken, Missing):
            return await profiles.identity_of(cx, pool, provider, subject)
        if settled is not None:
            return settled
    return None


def _identity(
    cx: Context, provider: IdentityProvider, subject: str, issuer: str | None, sub: str, *, own: bool, created_at: float | None = None
) -> FederatedIdentity:
    return FederatedIdentity(
        pool_id=provider.pool_id,
        provider=provider.name,
        attribute=SUBJECT,
        value=subject,
        sub=sub,
        own=own,
        kind=provider.kind,
        issuer=issuer,
        created_at=cx.clock.now() if created_at is None else created_at,
    )


async def _made(
    cx: Context,
    pool: Pool,
    client: Client,
    provider: IdentityProvider,
    subject: str,
    issuer: str | None,
    mapped: Mapping[str, str],
) -> User | None:
    """A new profile; None where there is one meanwhile, or PreSignUp linked the identity to a user who was here."""
    given = _checked(pool, provider, mapped, creating=True)
    missing = [name for name in schema.required(pool.settings.pool.schema_attributes or []) if not given.get(name)]
    if missing:
        raise _error(provider, f"attributes required: [{', '.join(missing)}]")
    called = username(pool, provider, subject)
    occasion = Occasion("ExternalProvider", client.client_id)
    shown = attributes.merged({}, given)
    verdict = await sign_up_hooks.pre_sign_up(cx, pool, occasion, called, shown, None)
    if catalog.arn_of(pool, catalog.PRE_SIGN_UP) is not None and await _linked(cx, pool, provider, subject, issuer, mapped):
        return None
    now, sub = cx.clock.now(), ids.sub()
    identity = _identity(cx, provider, subject, issuer, sub, own=True)
    kept = shown | {f"{name}_verified": "true" for name in verdict.verified} | {profiles.IDENTITIES: profiles.identities_json([identity])}
    user = attributes.new_user(pool, sub, called, kept, now=now, status=profiles.EXTERNAL, credential=None)
    if not await _kept(cx, pool, provider, user, identity, verdict.verified):
        return None
    cx.tell(SignedUp, pool.pool_id, sub=sub, username=called, client_id=client.client_id, provider=provider.name)
    await sign_up_hooks.post_confirmation(cx, pool, Occasion("ConfirmSignUp", client.client_id), user)
    return user


async def _linked(cx: Context, pool: Pool, provider: IdentityProvider, subject: str, issuer: str | None, mapped: Mapping[str, str]) -> bool:
    """Did the function link the identity, by its subject or by an attribute?"""
    found = await profiles.identity_of(cx, pool, provider, subject) or await _adopted(cx, pool, provider, subject, issuer, mapped)
    return found is not None


async def _kept(
    cx: Context, pool: Pool, provider: IdentityProvider, user: User, identity: FederatedIdentity, verified: tuple[str, ...]
) -> bool:
    """With its identity and in the provider's group; False where somebody has the identity already."""
    text = f"Autogenerated group for users who sign in using {provider.name}"
    group = Group(pool.pool_id, f"{pool.pool_id}_{provider.name}", text, None, None, user.created_at, user.created_at)

    async def unit(tx: Tx) -> bool:
        if await cx.store.federated_identities.find(pool.pool_id, identity.provider, identity.attribute, identity.value, tx) is not None:
            return False
        await cx.store.users.add(tx, user)
        await cx.store.federated_identities.add(tx, identity)
        await cx.store.groups.join(tx, group, user.sub)
        if verified and names.alias_attributes(pool):
            # "If an alias with that email already exists, the alias will be moved to the new user" (AWS, pre sign-up).
            await attributes.settle_aliases(cx, tx, pool, user, verified, force=True)
        return True

    try:
        return await cx.store.write(unit)
    except Taken as cause:
        if await cx.store.federated_identities.find(pool.pool_id, identity.provider, identity.attribute, identity.value) is not None:
            return False
        raise _error(provider, f"Already found an entry for username {user.username}") from cause
    except Missing as cause:
        raise _error(provider, f"User pool {pool.pool_id} does not exist.") from cause


async def _back(cx: Context, pool: Pool, client: Client, provider: IdentityProvider, user: User, mapped: Mapping[str, str]) -> User:
    """A user who was here before: up to date with what the provider says now."""
    if not user.enabled:
        raise _error(provider, "User is disabled.")
    await _ask(cx, pool, client, catalog.PRE_AUTHENTICATION, user, {"validationData": None})
    changes = _checked(pool, provider, mapped, creating=False)

    async def unit(tx: Tx) -> User:
        owned = await cx.store.users.aliases_of(tx, user)
        present = await cx.store.users.by_sub(pool.pool_id, user.sub, tx)
        if present is None:
            raise Missing(user.sub)
        after = attributes.merged(present.attributes, changes)
        if after == present.attributes:
            return present
        if present.status == profiles.EXTERNAL and not owned:
            # A profile without a password goes by no alias: nobody's address leads to it, nor away from who owns it.
            return await cx.store.users.change(tx, pool.pool_id, user.sub, lambda one: one.with_attributes(after))
        return await attributes.apply(cx, tx, pool, present, changes)

    try:
        updated = await cx.store.write(unit)
    except errors.AliasExistsException as cause:
        raise _error(provider, cause.message) from cause
    except Missing as cause:
        raise _error(provider, "User does not exist.") from cause
    if not updated.enabled:
        raise _error(provider, "User is disabled.")
    await _ask(cx, pool, client, catalog.POST_AUTHENTICATION, updated, {"newDeviceUsed": False})
    return updated


async def _ask(cx: Context, pool: Pool, client: Client, trigger: str, user: User, more: Mapping[str, object]) -> None:
    if catalog.arn_of(pool, trigger) is None:
        return
    request = {"userAttributes": catalog.user_attributes(user), **more}
    await ask(cx, pool, trigger, Occasion("Authentication", client.client_id), user.username, request, response={})


def _checked(pool: Pool, provider: IdentityProvider, mapped: Mapping[str, str], *, creating: bool) -> dict[str, str]:
    """Every mapped attribute is written at each sign-in, so that one that cannot change is refused from the second on, as AWS does."""
    listed = [idp.AttributeType(name=name, value=value) for name, value in mapped.items()]
    try:
        return schema.checked(pool.settings.pool.schema_attributes or [], listed, by_admin=True, creating=creating)
    except errors.InvalidParameterException as cause:
        raise _error(provider, cause.message.replace("user.", "")) from cause


def _error(provider: IdentityProvider, text: str) -> FederationError:
    """With the `error` that AWS puts beside such texts: server_error for SAML, invalid_request for the others."""
    log.info("a provider's user was not signed in", pool_id=provider.pool_id, provider=provider.name)
    if provider.kind == SAML:
        return FederationError(f"Error in SAML response processing: {text}")
    return FederationError(text, "invalid_request")
