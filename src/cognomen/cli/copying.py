"""`cognomen import cognito`: a user pool copied from Amazon Cognito through its public API, ids and all, so that apps only change their endpoint.

Done again it adds what is missing and leaves what is there: a copy that broke off goes on, and users who came since are fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import OPERATIONS
from cognomen.app import Server
from cognomen.cli import common, copying_hosted, copying_identities, copying_settings
from cognomen.cli.seed_file import fields
from cognomen.context import Context
from cognomen.storage.engine import Tx
from cognomen.storage.errors import CannotStart, Missing
from cognomen.storage.migrate import migrate
from cognomen.storage.pools import Pool
from cognomen.storage.users import Newcomer, User, attributes_json
from cognomen.tokens import sealing
from cognomen.userpools import find, seed
from cognomen.userpools.federation import profiles
from cognomen.userpools.rules import factors, names, schema

_NOT_COPIED = (
    "passwords: users choose one by a code (RESET_REQUIRED), which needs a verified address, or bring theirs (--passwords-from)",
    "authenticator apps of users, passkeys, devices, sessions and sign-in history",
    "second secrets of clients, which Amazon Cognito does not show",
)
_NO_TRIGGERS = "Lambda triggers (--with-triggers): set LambdaConfig again where their functions can be reached"
# What only the copied pool's own region can serve.
_LEFT_OUT = frozenset({"KeyConfiguration", "IssuerConfiguration"})
_KEPT_STATUS = ("UNCONFIRMED", profiles.EXTERNAL)
_LONGEST_NAME = 20  # that CreateUserPool takes: phone_number_verified, which nobody adjusts, is longer


@click.command()
@click.option("--user-pool-id", "source", required=True, help="The pool to copy.")
@click.option("--endpoint-url", help="Where it is, if not at Amazon: another server that speaks the same API.")
@click.option("--profile", help="A profile of the AWS configuration; else the environment's credentials.")
@click.option(
    "--passwords-from", "directory", help="The row of `user_directories` that users' passwords are asked of when they first sign in."
)
@click.option("--with-triggers", "triggers", is_flag=True, help="Keep LambdaConfig: its functions are asked from here, too.")
@common.database_options
def cognito(
    source: str,
    endpoint_url: str | None,
    profile: str | None,
    directory: str | None,
    triggers: bool,
    file: Path | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Copy a user pool from Amazon Cognito: settings, schema, MFA, tags, risk, log and session configuration, resource servers, identity
    providers, clients with their secret, domains, branding, terms, groups, users with their groups, identities and MFA preferences.

    Ids stay the same, subs too. What is there already is left as it is, so the command may be run again. A server on a SQLite file must be
    stopped meanwhile. What cannot be copied is listed at the end.
    """

    notes: list[str] = []

    async def work() -> Counter[str]:
        server = Server(common.settings_of(file, data))
        if directory is not None and directory not in server.settings.user_directories:
            raise CannotStart(f"user_directories has no row {directory}")
        await server.rooms.store.engine.open()
        try:
            await migrate(server.rooms.store.engine)
            if await sealing.fits(server.rooms.store, server.rooms.sealer) is False:
                raise CannotStart(sealing.WRONG_KEY)
            cx = Context(server.rooms, region=source.rpartition("_")[0], locate=partial(str, server.base_url("http", "")))
            return await _copied(cx, _client(source, endpoint_url, profile), source, directory, notes, triggers=triggers)
        finally:
            await server.rooms.store.engine.close()
            server.rooms.workers.stop()

    counts = common.run(work)
    kinds = ("clients", "groups", "users", "memberships", "mfa_preferences", "refused", "federated")
    settings = ("risk_configurations", "log_configurations", "session_configurations")
    every = (*kinds, *settings, *copying_hosted.KINDS)
    lines = [*_NOT_COPIED, *([] if triggers else [_NO_TRIGGERS]), *notes]
    if as_json:
        common.show_json({"UserPoolId": source, **{kind: counts[kind] for kind in every}, "NotCopied": lines})
        return
    click.echo(f"{source}: " + ", ".join(f"{counts[kind]} {kind.replace('_', ' ')}" for kind in every))
    click.echo("Not copied:")
    for line in lines:
        click.echo(f"- {line}")


def _client(source: str, endpoint_url: str | None, profile: str | None) -> Any:
    import botocore.session  # its start costs half a second, which only this command needs

    session = botocore.session.Session(profile=profile)
    return session.create_client("cognito-idp", region_name=source.rpartition("_")[0], endpoint_url=endpoint_url)


async def _copied(cx: Context, remote: Any, source: str, directory: str | None, notes: list[str], *, triggers: bool) -> Counter[str]:
    from botocore.exceptions import BotoCoreError, ClientError

    counts: Counter[str] = Counter()
    try:
        await _copy_pool(cx, remote, source, directory, triggers=triggers)
        pool = await find.pool(cx, source)
        copy = copying_hosted.Copy(cx, remote, pool, notes)
        counts += await copying_hosted.before_clients(copy)
        clients = [str(each["ClientId"]) for each in _items(remote, "list_user_pool_clients", "UserPoolClients", source)]
        for client_id in clients:
            await _copy_client(copy, client_id)
        counts["clients"] = len(clients)
        counts += await copying_settings.copy(cx, remote, source, clients)
        counts += await copying_hosted.after_clients(copy, clients)
        groups = _items(remote, "list_groups", "Groups", source)
        for group in groups:
            request = _request("CreateGroup", idp.CreateGroupRequest, {**group, "UserPoolId": source})
            await _done(f"the group {request.group_name}", seed.put_group(cx, pool, request, ()))
        counts["groups"] = len(groups)
        for page in remote.get_paginator("list_users").paginate(UserPoolId=source):
            counts += await _copy_users(cx, remote, pool, page["Users"])
        for group in groups:
            for page in remote.get_paginator("list_users_in_group").paginate(UserPoolId=source, GroupName=group["GroupName"]):
                counts += await _copy_members(cx, source, group["GroupName"], page["Users"])
    except (BotoCoreError, ClientError) as error:
        raise CannotStart(f"the pool to copy cannot be read: {error}") from error
    return counts


def _items(remote: Any, operation: str, member: str, source: str) -> list[Any]:
    return [item for page in remote.get_paginator(operation).paginate(UserPoolId=source) for item in page[member]]


async def _copy_pool(cx: Context, remote: Any, source: str, directory: str | None, *, triggers: bool) -> None:
    """The pool as a new one; one that is there stays as it is. MFA comes by itself, as only its own operation takes all of it."""
    present = await cx.store.pools.get(source)
    if present is None:
        there = remote.describe_user_pool(UserPoolId=source)["UserPool"]
        plain = {**there, "PoolName": there["Name"], "Schema": list(_schema(there["SchemaAttributes"])), "MfaConfiguration": "OFF"}
        # Shown beside TemporaryPasswordValidityDays, which took its place, and refused beside it.
        plain.get("AdminCreateUserConfig", {}).pop("UnusedAccountValidityDays", None)
        request = _request("CreateUserPool", idp.CreateUserPoolRequest, plain)
        config = (request.lambda_config if triggers else None) or idp.LambdaConfigType()
        if directory is not None:
            arn = f"arn:aws:lambda:{cx.region}:{cx.settings.account}:function:{directory}"
            config = msgspec.structs.replace(config, user_migration=arn)
        request = msgspec.structs.replace(request, lambda_config=config)
        await _done("the pool", seed.put_pool(cx, source, request, (), None))
    elif present.settings.mfa.mfa_configuration != "OFF":
        return
    mfa = {**remote.get_user_pool_mfa_config(UserPoolId=source), "UserPoolId": source}
    operation = OPERATIONS.by_name["cognito-idp", "SetUserPoolMfaConfig"]
    await _done("the pool's MFA", operation.handler(cx, _request("SetUserPoolMfaConfig", idp.SetUserPoolMfaConfigRequest, mfa)))


def _schema(shown: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The attributes as CreateUserPool takes them: custom ones without their prefix."""
    for attribute in shown:
        name = attribute["Name"]
        if name not in schema.STANDARD_NAMES:
            yield {**attribute, "Name": name.removeprefix("dev:").removeprefix("custom:")}
        elif name != "sub" and len(name) <= _LONGEST_NAME:
            yield attribute


async def _copy_client(copy: copying_hosted.Copy, client_id: str) -> None:
    cx, pool = copy.cx, copy.pool
    if await cx.store.clients.get(pool.pool_id, client_id) is not None:
        return
    there = copy.remote.describe_user_pool_client(UserPoolId=pool.pool_id, ClientId=client_id)["UserPoolClient"]
    known = await copying_hosted.known_here(copy, there)
    request = _request("CreateUserPoolClient", idp.CreateUserPoolClientRequest, known)
    await _done(f"the client {client_id}", seed.put_client(cx, pool, client_id, request, ()))


async def _copy_users(cx: Context, remote: Any, pool: Pool, page: list[dict[str, Any]]) -> Counter[str]:
    newcomers = [(await _with_preference(cx, remote, pool, user), aliases) for user, aliases in (_newcomer(pool, each) for each in page)]
    identities = {user.sub: copying_identities.read(pool, user, user.attributes.get(profiles.IDENTITIES, "")) for user, _ in newcomers}

    async def unit(tx: Tx) -> list[str | None]:
        taken = await cx.store.users.add_many(tx, pool.pool_id, newcomers)
        for (user, _), conflict in zip(newcomers, taken, strict=True):
            if conflict is None and (identities[user.sub] or profiles.IDENTITIES in user.attributes):
                await copying_identities.keep(cx, tx, user, identities[user.sub])
        return taken

    taken = await cx.store.write(unit)
    present = [await cx.store.users.by_sub(pool.pool_id, user.sub) for user, _ in newcomers]
    refused = sum(1 for found in present if found is None)
    added = [user for (user, _), conflict in zip(newcomers, taken, strict=True) if conflict is None]
    federated = sum(1 for user in added if user.status == profiles.EXTERNAL)
    chosen = sum(1 for user in added if user.factors is not None)
    return Counter(users=len(added) - federated, refused=refused, federated=federated, mfa_preferences=chosen)


async def _with_preference(cx: Context, remote: Any, pool: Pool, user: User) -> User:
    """The user with the second factors that they switched on and prefer, which only a question for each user tells; an authenticator app's
    secret is shown to nobody, so that one is set up anew."""
    if user.status == profiles.EXTERNAL or not factors.offered(pool) or await cx.store.users.by_sub(pool.pool_id, user.sub) is not None:
        return user
    there = remote.admin_get_user(UserPoolId=pool.pool_id, Username=user.username)
    usable = [name for name in there.get("UserMFASettingList", []) if name in factors.ADDRESS and factors.is_set_up(user, name)]
    preferred = there.get("PreferredMfaSetting", "")
    return factors.with_factors(user, factors.Factors(enabled=tuple(usable), preferred=preferred if preferred in usable else ""))


def _newcomer(pool: Pool, there: dict[str, Any]) -> Newcomer:
    """The user as Amazon Cognito shows them. Nobody's password comes with them, so who had one chooses another. A profile that came through a
    provider has none, and goes by no alias."""
    given = {item["Name"]: item.get("Value", "") for item in there.get("Attributes", [])}
    sub = given.pop("sub", there["Username"])
    user = User(
        pool_id=pool.pool_id,
        sub=sub,
        username=there["Username"],
        username_key=names.key(pool, there["Username"]),
        status=there["UserStatus"] if there["UserStatus"] in _KEPT_STATUS else "RESET_REQUIRED",
        enabled=there["Enabled"],
        created_at=there["UserCreateDate"].timestamp(),
        modified_at=there["UserLastModifiedDate"].timestamp(),
        attributes_json=attributes_json(sub, given),
    )
    if user.status == profiles.EXTERNAL:
        return user, {}
    named = None
    if not any(given.get(f"{name}_verified") == "true" for name in names.username_attributes(pool)):
        named = next((name for name in names.username_attributes(pool) if given.get(name)), None)  # else nothing would lead to the user
    claimed = [name for name in names.naming_attributes(pool) if names.claims_alias(pool, name, given, named=named)]
    return user, {name: names.key(pool, given[name]) for name in claimed}


async def _copy_members(cx: Context, pool_id: str, group: str, page: list[dict[str, Any]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for there in page:
        sub = next((item["Value"] for item in there.get("Attributes", []) if item["Name"] == "sub"), there["Username"])
        try:
            await cx.store.groups.add_member(pool_id, group, sub)
        except Missing:
            continue  # a user who was not copied
        counts["memberships"] += 1
    return counts


def _request(operation: str, shape: type[msgspec.Struct], shown: dict[str, Any]) -> Any:
    """What an operation shows, as the request that makes it, checked as any other. Raises CannotStart."""
    members = fields(shape)
    plain = {name: value for name, value in shown.items() if name in members and name not in _LEFT_OUT}
    try:
        return OPERATIONS.by_name["cognito-idp", operation].decode(plain)
    except errors.ServiceError as error:
        raise CannotStart(f"{operation} refuses what the pool to copy has: {error.message.strip()}") from error


async def _done(what: str, work: Awaitable[object]) -> None:
    try:
        await work
    except errors.ServiceError as error:
        raise CannotStart(f"{what} cannot be copied: {error.message.strip()}") from error
