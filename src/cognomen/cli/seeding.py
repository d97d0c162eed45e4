"""`--seed FILE`: the file's pools, clients, groups and users are there before the first request. Knows the format, no rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import inspect

from cognomen.api import errors, idp
from cognomen.api.operation import OPERATIONS
from cognomen.app import Server
from cognomen.cli import seed_file
from cognomen.cli.seed_file import At, BadSeed
from cognomen.context import Context
from cognomen.kernel.log import get_logger
from cognomen.userpools import find, seed

log = get_logger("seed")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]+")
_OF_POOL = ("Clients", "Groups", "Users")
_OF_USER = ("Username", "Sub", "Password", "PasswordHash", "Temporary", "Enabled", "Attributes", "Groups")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Item(NamedTuple):
    """One thing of the file: where it stands, its request, and the members that the file names."""

    at: At
    request: Any
    named: frozenset[str]
    key: str = ""


class PoolSeed(NamedTuple):
    pool: Item
    issuer: str | None
    clients: list[Item]
    groups: list[Item]
    users: list[Item]


async def apply(server: Server, file: Path) -> None:
    """Applies the whole file, in its order. Raises BadSeed with file and line; what stands before that line has been applied."""
    pools = parse(file)
    counts: Counter[str] = Counter()
    for found in pools:
        region = found.pool.key.rpartition("_")[0]
        base_url = server.base_url("http", f"{server.settings.host}:{server.settings.port}")
        cx = Context(server.rooms, region=region if _REGION.fullmatch(region) else "", locate=partial(str, base_url))
        work = seed.put_pool(cx, found.pool.key, found.pool.request, found.pool.named, found.issuer)
        counts[await _done(file, found.pool, work)] += 1
        pool = await find.pool(cx, found.pool.key)
        for item in found.clients:
            counts[await _done(file, item, seed.put_client(cx, pool, item.key, item.request, item.named))] += 1
        for item in found.groups:
            counts[await _done(file, item, seed.put_group(cx, pool, item.request, item.named))] += 1
        for item in found.users:
            counts[await _done(file, item, seed.put_user(cx, pool, item.request))] += 1
    log.info("seed applied", file=str(file), made=counts["made"], changed=counts["changed"], kept=counts["kept"])


def parse(file: Path) -> list[PoolSeed]:
    """The file's pools, every member checked by the validators of the operations. Raises BadSeed."""
    document = seed_file.mapping(file, seed_file.read(file), "a seed file", ("pools",))
    return [_pool(file, at) for at in seed_file.items(file, document.get("pools"), "pools")]


async def _done(file: Path, item: Item, work: Awaitable[seed.Outcome]) -> seed.Outcome:
    try:
        return await work
    except errors.ServiceError as error:
        raise _refused(file, item.at, error) from error


def _refused(file: Path, at: At, error: errors.ServiceError) -> BadSeed:
    """At the line of the member that the error names, else of the thing itself."""
    member = re.search(r"at '([A-Za-z]+)", error.message)
    places = {key.lower(): value.line for key, value in at.value.items()}
    return BadSeed(file, places.get(member[1].lower(), at.line) if member else at.line, error.message.strip())


def _pool(file: Path, at: At) -> PoolSeed:
    members = seed_file.fields(idp.CreateUserPoolRequest)
    found = seed_file.mapping(file, at, "a pool", ("Id", "Issuer", *_OF_POOL, *members))
    pool_id = _id(file, at, found, "Id", "a pool")
    if "PoolName" not in found:
        raise BadSeed(file, at.line, "a pool needs a PoolName")
    _decoded(file, At({"Id": found["Id"]}, "", found["Id"].line), "DescribeUserPool", {"UserPoolId": pool_id})
    plain = _plain(file, found, members)
    item = Item(at, _decoded(file, at, "CreateUserPool", plain), _named(members, plain), pool_id)
    issuer = seed_file.text(file, found["Issuer"], "Issuer") if "Issuer" in found else None
    return PoolSeed(
        item,
        issuer,
        [_client(file, child, pool_id) for child in seed_file.items(file, found.get("Clients"), "Clients")],
        [_group(file, child, pool_id) for child in seed_file.items(file, found.get("Groups"), "Groups")],
        [_user(file, child, pool_id) for child in seed_file.items(file, found.get("Users"), "Users")],
    )


def _client(file: Path, at: At, pool_id: str) -> Item:
    members = seed_file.fields(idp.CreateUserPoolClientRequest)
    del members["UserPoolId"]
    found = seed_file.mapping(file, at, "a client", ("ClientId", *members))
    client_id = _id(file, at, found, "ClientId", "a client")
    if "ClientName" not in found:
        raise BadSeed(file, at.line, "a client needs a ClientName")
    _decoded(file, at, "DescribeUserPoolClient", {"UserPoolId": pool_id, "ClientId": client_id})
    plain = _plain(file, found, members)
    return Item(at, _decoded(file, at, "CreateUserPoolClient", {"UserPoolId": pool_id, **plain}), _named(members, plain), client_id)


def _group(file: Path, at: At, pool_id: str) -> Item:
    members = seed_file.fields(idp.CreateGroupRequest)
    del members["UserPoolId"]
    found = seed_file.mapping(file, at, "a group", tuple(members))
    name = _id(file, at, found, "GroupName", "a group")
    plain = _plain(file, found, members)
    return Item(at, _decoded(file, at, "CreateGroup", {"UserPoolId": pool_id, **plain}), _named(members, plain), name)


def _user(file: Path, at: At, pool_id: str) -> Item:
    found = seed_file.mapping(file, at, "a user", _OF_USER)
    username = _id(file, at, found, "Username", "a user")
    given = found.get("Attributes")
    named = {} if given is None else given.value
    if not isinstance(named, dict):
        raise BadSeed(file, at.line if given is None else given.line, "Attributes must be a mapping of names to values")
    pairs = [{"Name": name, "Value": seed_file.text(file, value, name)} for name, value in named.items()]
    _decoded(file, at, "AdminCreateUser", {"UserPoolId": pool_id, "Username": username, "UserAttributes": pairs})
    password = seed_file.text(file, found["Password"], "Password") if "Password" in found else None
    if password is not None:
        _decoded(file, at, "AdminSetUserPassword", {"UserPoolId": pool_id, "Username": username, "Password": password})
    sub = seed_file.text(file, found["Sub"], "Sub") if "Sub" in found else None
    if sub is not None and _UUID.fullmatch(sub) is None:
        raise BadSeed(file, found["Sub"].line, "Sub must be a UUID in small letters")
    groups = [seed_file.text(file, name, "a group's name") for name in seed_file.items(file, found.get("Groups"), "Groups")]
    request = seed.SeedUser(
        username=username,
        sub=sub,
        password=password,
        password_hash=seed_file.text(file, found["PasswordHash"], "PasswordHash") if "PasswordHash" in found else None,
        temporary=bool(seed_file.flag(file, found.get("Temporary"), "Temporary")),
        enabled=seed_file.flag(file, found.get("Enabled"), "Enabled"),
        attributes=tuple(idp.AttributeType(name=pair["Name"], value=pair["Value"]) for pair in pairs),
        groups=tuple(groups) if "Groups" in found else None,
    )
    return Item(at, request, frozenset(), username)


def _id(file: Path, at: At, found: dict[str, At], key: str, what: str) -> str:
    if key not in found:
        raise BadSeed(file, at.line, f"{what} needs {'an' if key == 'Id' else 'a'} {key}: by it the next start finds {what} again")
    return seed_file.text(file, found[key], key)


def _plain(file: Path, found: dict[str, At], members: dict[str, Any]) -> dict[str, Any]:
    """The members of AWS's request among what the file says, as plain JSON."""
    return {
        name: seed_file.shaped(file, value, inspect.type_info(members[name].type), name) for name, value in found.items() if name in members
    }


def _named(members: dict[str, Any], plain: dict[str, Any]) -> frozenset[str]:
    return frozenset(members[name].name for name, value in plain.items() if value is not None)


def _decoded(file: Path, at: At, operation: str, plain: dict[str, Any]) -> Any:
    try:
        return OPERATIONS.by_name["cognito-idp", operation].decode(plain)
    except errors.ServiceError as error:
        raise _refused(file, at, error) from error
