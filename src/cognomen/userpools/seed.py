"""What a seed file names, made or brought to what it says. Asks the same rules as the operations; refuses what they refuse.

What the file does not name stays as it is. Each `put_*` answers "made", "changed" or "kept", and writes nothing for the last.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel import ids, password_hashes
from cognomen.storage.clients import Client
from cognomen.storage.engine import Tx
from cognomen.storage.errors import Taken
from cognomen.storage.groups import Group
from cognomen.storage.pools import Pool, PoolSettings
from cognomen.storage.users import User
from cognomen.userpools import admin_users, attributes, client_auth, clients, credentials, find, foreign_passwords, pools
from cognomen.userpools.auth import lockout
from cognomen.userpools.passwords import temporary_days
from cognomen.userpools.rules import names, oauth_scopes, password_policy, pool_settings, schema, tags
from cognomen.userpools.sign_up import add_user

Outcome = Literal["made", "changed", "kept"]
_DAY = 86_400.0
# What AWS fixes when the pool is made.
_FIXED = ("username_attributes", "alias_attributes", "username_configuration")


class SeedUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user as the file names one; None where it says nothing."""

    username: str
    sub: str | None = None
    password: str | None = None
    password_hash: str | None = None
    temporary: bool = False
    enabled: bool | None = None
    attributes: tuple[idp.AttributeType, ...] = ()
    groups: tuple[str, ...] | None = None


async def put_pool(cx: Context, pool_id: str, request: idp.CreateUserPoolRequest, named: Collection[str], issuer: str | None) -> Outcome:
    """`named` are the request's members that the file names, as attributes."""
    wanted = pool_settings.complete(request)
    if issuer is not None:
        tags.issuer({"_issuer_": issuer}, issuer)
    present = await cx.store.pools.get(pool_id)
    if present is None:
        now = cx.clock.now()
        settings = PoolSettings(pool=wanted, mfa=pool_settings.mfa_of(wanted), issuer=issuer or cx.settings.issuer)
        try:
            await cx.store.pools.add(Pool(pool_id, cx.region, now, now, settings))
        except Taken as cause:
            raise errors.InvalidParameterException(f"The user pool {pool_id} is being deleted; start again in a moment.") from cause
        cx.keys.prepare(pool_id)
        return "made"

    def update(before: PoolSettings) -> PoolSettings:
        return _pool_after(before, request, wanted, named, issuer)

    if update(present.settings) == present.settings:
        return "kept"
    await pools.change(cx, pool_id, update)
    return "changed"


def _pool_after(
    before: PoolSettings, request: idp.CreateUserPoolRequest, wanted: idp.UserPoolType, named: Collection[str], issuer: str | None
) -> PoolSettings:
    for name in _FIXED:
        if name in named and getattr(wanted, name) != getattr(before.pool, name):
            raise errors.InvalidParameterException(f"{_wire(name)} cannot be changed: it is fixed when the user pool is made.")
    kept = {
        name: getattr(before.pool, name)
        for name in idp.UpdateUserPoolRequest.__struct_fields__
        if name in idp.UserPoolType.__struct_fields__
    }
    asked = {name: getattr(request, name) if name in named else value for name, value in kept.items()}
    _in_step(asked, named)
    _one_expiry(asked, named)
    update = idp.UpdateUserPoolRequest(user_pool_id="", pool_name=request.pool_name, **asked)
    pool, mfa = pool_settings.changed(before.pool, before.mfa, update)
    pool_settings.check_tracking(pool, before.sessions)
    return msgspec.structs.replace(before, pool=_with_schema(pool, request), mfa=mfa, issuer=issuer or before.issuer)


def _in_step(asked: dict[str, Any], named: Collection[str]) -> None:
    """The older message members and those of the template are one text: the one that is named wins."""
    template = asked.get("verification_message_template") or idp.VerificationMessageTemplateType()
    for outer, inner in pool_settings._MESSAGES:
        if "verification_message_template" in named:
            asked[outer] = asked[outer] if outer in named else None
        elif outer in named:
            template = msgspec.structs.replace(template, **{inner: asked[outer]})
            asked["verification_message_template"] = template


def _one_expiry(asked: dict[str, Any], named: Collection[str]) -> None:
    """UnusedAccountValidityDays and the policy's TemporaryPasswordValidityDays are one setting too, and an update may give it once only."""
    invited = asked["admin_create_user_config"]
    if "admin_create_user_config" not in named and invited is not None:
        invited = asked["admin_create_user_config"] = msgspec.structs.replace(invited, unused_account_validity_days=None)
    if "policies" in named:
        return
    if invited is None or invited.unused_account_validity_days is None:
        asked["policies"] = None  # as they are
    elif asked["policies"] is not None and asked["policies"].password_policy is not None:
        policy = msgspec.structs.replace(asked["policies"].password_policy, temporary_password_validity_days=None)
        asked["policies"] = msgspec.structs.replace(asked["policies"], password_policy=policy)


def _with_schema(pool: idp.UserPoolType, request: idp.CreateUserPoolRequest) -> idp.UserPoolType:
    """With the custom attributes that are new in the file. What a schema has cannot be changed or removed, as in AWS."""
    present = pool.schema_attributes or []
    by_name = {attribute.name: attribute for attribute in present}
    added = []
    for given, complete in _completed(request):
        known = by_name.get(complete.name)
        if known is None:
            added.append(given)
        elif known != complete:
            raise errors.InvalidParameterException(
                f"The attribute {complete.name} exists with other settings, and a schema cannot be changed."
            )
    return msgspec.structs.replace(pool, schema_attributes=schema.extend(present, added)) if added else pool


def _completed(request: idp.CreateUserPoolRequest) -> list[tuple[idp.SchemaAttributeType, idp.SchemaAttributeType]]:
    """Each attribute of the file with what becomes of it in a schema."""
    complete = {attribute.name: attribute for attribute in schema.complete(request.schema)}
    pairs = []
    for given in request.schema or []:
        name = given.name or ""
        if name not in schema.STANDARD_NAMES:
            name = f"{'dev:' if given.developer_only_attribute else ''}custom:{name}"
        pairs.append((given, complete[name]))
    return pairs


async def put_client(cx: Context, pool: Pool, client_id: str, request: idp.CreateUserPoolClientRequest, named: Collection[str]) -> Outcome:
    present = await cx.store.clients.find(client_id)
    if present is not None and present.pool_id != pool.pool_id:
        raise errors.InvalidParameterException(f"The client {client_id} belongs to another user pool.")
    if request.generate_secret and request.client_secret:
        raise errors.InvalidParameterException("GenerateSecret cannot be true when a ClientSecret is given.")
    wanted = clients.complete(idp.UserPoolClientType(**{name: getattr(request, name) for name in clients._SHARED}))
    await oauth_scopes.check(cx, pool, wanted)
    if present is None:
        clients.check(pool, wanted)
        await clients.check_providers(cx, pool, wanted)
        await clients.add(cx, pool, wanted, client_id, request.client_secret or (ids.client_secret() if request.generate_secret else None))
        return "made"
    if "supported_identity_providers" in named:
        await clients.check_providers(cx, pool, wanted)
    now = cx.clock.now()

    def update(before: Client) -> Client:
        settings = msgspec.structs.replace(before.settings, **{name: getattr(wanted, name) for name in clients._SHARED if name in named})
        clients.check(pool, settings)
        after = msgspec.structs.replace(before, settings=settings, secrets=_secrets(cx, before, request))
        return before if after == before else msgspec.structs.replace(after, modified_at=now)

    if update(present) == present:
        return "kept"
    await clients.change(cx, pool.pool_id, client_id, update)
    return "changed"


def _secrets(cx: Context, client: Client, request: idp.CreateUserPoolClientRequest) -> tuple[Any, ...]:
    """The client's secrets: the named one alone, unless it is one of them already; a generated one where there is none."""
    secret = request.client_secret
    if secret and secret not in [client_auth.open_secret(cx, client, kept) for kept in client.secrets]:
        return (client_auth.seal_secret(cx, client.pool_id, client.client_id, secret),)
    if request.generate_secret and not client.secrets:
        return (client_auth.seal_secret(cx, client.pool_id, client.client_id, ids.client_secret()),)
    return client.secrets


async def put_group(cx: Context, pool: Pool, request: idp.CreateGroupRequest, named: Collection[str]) -> Outcome:
    name, now = request.group_name, cx.clock.now()
    present = await cx.store.groups.get(pool.pool_id, name)
    if present is None:
        await cx.store.groups.add(Group(pool.pool_id, name, request.description or None, request.role_arn, request.precedence, now, now))
        return "made"
    given = {"description": request.description or None, "role_arn": request.role_arn, "precedence": request.precedence}
    changes = {member: value for member, value in given.items() if member in named and value != getattr(present, member)}
    if not changes:
        return "kept"
    await cx.store.groups.change(pool.pool_id, name, lambda before: msgspec.structs.replace(before, modified_at=now, **changes))
    return "changed"


async def put_user(cx: Context, pool: Pool, wanted: SeedUser) -> Outcome:
    user = await find.user(cx, pool, wanted.username)
    outcome: Outcome = "kept"
    if user is None:
        user = await _new_user(cx, pool, wanted)
        outcome = "made"
    elif wanted.sub is not None and user.sub != wanted.sub:
        raise errors.InvalidParameterException("The user exists with another sub, and a sub cannot be changed.")
    elif await _change_user(cx, pool, user, wanted):
        outcome = "changed"
    if wanted.enabled is not None and wanted.enabled != user.enabled:
        await admin_users._set_enabled(cx, pool.pool_id, user.username, enabled=wanted.enabled)
        outcome = "made" if outcome == "made" else "changed"
    if wanted.groups is not None and await _settle_groups(cx, pool, user, wanted.groups) and outcome == "kept":
        outcome = "changed"
    return outcome


async def _new_user(cx: Context, pool: Pool, wanted: SeedUser) -> User:
    given = attributes.checked_by_admin(pool, wanted.attributes, creating=True)
    username, given = names.of_new_user(pool, wanted.username, given)
    sub, now = wanted.sub or ids.sub(), cx.clock.now()
    username = username or sub
    sealed = None
    if wanted.password is not None:
        password_policy.check(password_policy.of(pool), wanted.password)
        sealed = credentials.make(cx, pool.pool_id, username, sub, wanted.password)
    elif wanted.password_hash is not None:
        if password_hashes.read(wanted.password_hash) is None:
            raise errors.InvalidParameterException("PasswordHash is no hash of a kind that can be imported, or costs too much to check.")
        sealed = foreign_passwords.seal(cx.sealer, pool.pool_id, sub, wanted.password_hash)
    first_use = wanted.temporary or sealed is None
    user = attributes.new_user(
        pool,
        sub,
        username,
        given,
        now=now,
        status="FORCE_CHANGE_PASSWORD" if first_use else "CONFIRMED",
        credential=sealed,
        password_expires_at=now + _DAY * temporary_days(pool) if first_use else None,
    )
    await add_user(cx, pool, user, None, named=names.attribute_of(pool, wanted.username), force_alias=False)
    return user


async def _change_user(cx: Context, pool: Pool, user: User, wanted: SeedUser) -> bool:
    """Attributes and a permanent password; a temporary one is for the first sign-in only and is not set again."""
    changes = _attribute_changes(user.attributes, {item.name: item.value or "" for item in wanted.attributes})
    if changes:
        attributes.checked_by_admin(pool, [idp.AttributeType(name=name, value=value) for name, value in changes.items()])
        await find.write(cx, lambda tx: attributes.apply(cx, tx, pool, user, changes))
    if wanted.password is None or wanted.temporary:
        return bool(changes)
    known = user.credential is not None and await credentials.proves(cx, user, user.credential, wanted.password)
    if known and user.status == "CONFIRMED":
        return bool(changes)
    password_policy.check(password_policy.of(pool), wanted.password)
    sealed = credentials.make(cx, pool.pool_id, user.username, user.sub, wanted.password)

    async def unit(tx: Tx) -> None:
        await credentials.replace(cx, tx, pool, user, sealed, status="CONFIRMED", password_expires_at=None)
        await lockout.forget(cx, tx, user)

    await find.write(cx, unit)
    return True


def _attribute_changes(present: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    changes = {name: value for name, value in wanted.items() if present.get(name, "") != value}
    for name in attributes.VERIFIABLE:
        # A new address loses its verification unless the file says that it is verified.
        if name in changes and f"{name}_verified" in wanted:
            changes[f"{name}_verified"] = wanted[f"{name}_verified"]
    return changes


async def _settle_groups(cx: Context, pool: Pool, user: User, wanted: Collection[str]) -> bool:
    present = {group.name for group in await cx.store.groups.of_user(pool.pool_id, user.sub)}
    for name in wanted:
        if await cx.store.groups.get(pool.pool_id, name) is None:
            raise errors.ResourceNotFoundException(f"The group {name} does not exist.")
    for name in set(wanted) - present:
        await cx.store.groups.add_member(pool.pool_id, name, user.sub)
    for name in present - set(wanted):
        await cx.store.groups.remove_member(pool.pool_id, name, user.sub)
    return present != set(wanted)


def _wire(attribute: str) -> str:
    fields = {field.name: field.encode_name for field in msgspec.structs.fields(idp.CreateUserPoolRequest)}
    return fields[attribute]
