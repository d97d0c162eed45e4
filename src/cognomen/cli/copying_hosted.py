"""What `cognomen import cognito` copies for a pool's pages and OAuth endpoints: resource servers and identity providers, which clients name, and
domains, branding and terms, which come after the clients. What is here already stays; what cannot be copied is told in one line, and the rest goes on.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import OPERATIONS
from cognomen.cli.copying_settings import asked
from cognomen.cli.seed_file import fields
from cognomen.context import Context
from cognomen.kernel import outbound
from cognomen.storage.branding import ALL
from cognomen.storage.domains import CUSTOM, PREFIX
from cognomen.storage.pools import Pool
from cognomen.userpools import identity_providers
from cognomen.userpools.rules import oauth_scopes
from cognomen.userpools.rules.scopes import STANDARD

KINDS = ("resource_servers", "identity_providers", "domains", "ui_customizations", "login_brandings", "terms")
_LARGEST = 128 << 10  # bytes of an image
_SECONDS = 10.0
_COGNITO = "COGNITO"


class Copy(msgspec.Struct, frozen=True):
    """From where to where; `notes` are the lines on what could not be copied."""

    cx: Context
    remote: Any
    pool: Pool
    notes: list[str]

    def asked(self, operation: str, member: str, **members: Any) -> Any:
        """One member of an answer; {} where the source has nothing of the kind."""
        return asked(self.remote, operation, UserPoolId=self.pool.pool_id, **members).get(member) or {}

    def listed(self, operation: str, member: str, most: int) -> Iterator[Any]:
        more: dict[str, str] = {}
        while True:
            page = asked(self.remote, operation, UserPoolId=self.pool.pool_id, MaxResults=most, **more)
            yield from page.get(member, [])
            if not page.get("NextToken") or page["NextToken"] == more.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    async def done(self, what: str, work: Awaitable[object]) -> int:
        """1, or 0 and a note."""
        try:
            await work
        except errors.ServiceError as error:
            self.notes.append(f"{what}: {error.message.strip()}")
            return 0
        return 1

    async def operate(self, operation: str, members: dict[str, Any]) -> None:
        """One of our operations with what the source's twin showed. Raises ServiceError."""
        known = OPERATIONS.by_name["cognito-idp", operation]
        wanted = fields(getattr(idp, f"{operation}Request"))
        await known.handler(self.cx, known.decode({name: _wire(value) for name, value in members.items() if name in wanted}))


def _wire(value: Any) -> Any:
    """As it travels: an SDK shows bytes and moments as such."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: _wire(each) for name, each in value.items()}
    return [_wire(each) for each in value] if isinstance(value, list) else value


async def before_clients(copy: Copy) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in copy.listed("list_resource_servers", "ResourceServers", 50):
        if await copy.cx.store.resource_servers.get(copy.pool.pool_id, each["Identifier"]) is None:
            work = copy.operate("CreateResourceServer", {**each, "UserPoolId": copy.pool.pool_id})
            counts["resource_servers"] += await copy.done(f"the resource server {each['Identifier']}", work)
    for each in copy.listed("list_identity_providers", "Providers", 60):
        name = each["ProviderName"]
        if await copy.cx.store.identity_providers.get(copy.pool.pool_id, name) is None:
            counts["identity_providers"] += await copy.done(f"the identity provider {name}", _put_provider(copy, name))
    return counts


async def _put_provider(copy: Copy, name: str) -> None:
    """Its document is read at the first sign-in. A server that does not show the provider's secret leaves us without it: that is refused."""
    there = copy.asked("describe_identity_provider", "IdentityProvider", ProviderName=name)
    known = fields(idp.IdentityProviderType)
    plain = {member: _wire(value) for member, value in there.items() if member in known}
    try:
        given = msgspec.convert(plain, idp.IdentityProviderType)
    except msgspec.ValidationError as cause:
        raise errors.InvalidParameterException(f"it is shown in a form that is not known here: {cause}") from cause
    await identity_providers.put(copy.cx, copy.pool, given)


async def known_here(copy: Copy, client: dict[str, Any]) -> dict[str, Any]:
    """A client without the scopes and providers that are not here: one that was deleted at the source while the client named it, or not copied."""
    scopes = STANDARD | await oauth_scopes.custom_scopes(copy.cx, copy.pool)
    providers = {_COGNITO}
    for name in client.get("SupportedIdentityProviders", []):
        if await copy.cx.store.identity_providers.get(copy.pool.pool_id, name) is not None:
            providers.add(name)
    result = dict(client)
    for member, known in (("AllowedOAuthScopes", scopes), ("SupportedIdentityProviders", providers)):
        if member in client:
            result[member] = [each for each in client[member] if each in known]
            dropped = [each for each in client[member] if each not in known]
            if dropped:
                copy.notes.append(f"{member} of the client {client['ClientId']} that are not here: {', '.join(dropped)}")
    if client.get("AllowedOAuthScopes") and not result["AllowedOAuthScopes"]:
        result["AllowedOAuthFlowsUserPoolClient"] = False  # there is nothing left that it could ask for
    return result


async def after_clients(copy: Copy, clients: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    await _copy_domains(copy, counts)
    for client_id in (ALL, *clients):
        counts["ui_customizations"] += await _copy_customization(copy, client_id)
    for client_id in clients:
        counts["login_brandings"] += await _copy_style(copy, client_id)
    for each in copy.listed("list_terms", "Terms", 60):
        counts["terms"] += await _copy_terms(copy, each["TermsId"])
    return counts


async def _copy_domains(copy: Copy, counts: Counter[str]) -> None:
    described = copy.asked("describe_user_pool", "UserPool")
    present = {domain.kind for domain in await copy.cx.store.domains.of_pool(copy.pool.pool_id)}
    for kind, member in ((PREFIX, "Domain"), (CUSTOM, "CustomDomain")):
        name = described.get(member)
        if not name or kind in present:
            continue
        there = asked(copy.remote, "describe_user_pool_domain", Domain=name).get("DomainDescription") or {}
        wanted = {"UserPoolId": copy.pool.pool_id, "Domain": name, "ManagedLoginVersion": there.get("ManagedLoginVersion", 1)}
        if kind == CUSTOM:
            wanted["CustomDomainConfig"] = {"CertificateArn": (there.get("CustomDomainConfig") or {}).get("CertificateArn", "")}
        counts["domains"] += await copy.done(f"the domain {name}", copy.operate("CreateUserPoolDomain", wanted))


async def _copy_customization(copy: Copy, client_id: str) -> int:
    """The source shows the pool's where a client has none of its own."""
    there = copy.asked("get_ui_customization", "UICustomization", ClientId=client_id)
    is_own = there.get("ClientId", ALL) == client_id and (there.get("CSS") or there.get("ImageUrl"))
    if not is_own or await copy.cx.store.branding.customization(copy.pool.pool_id, client_id) is not None:
        return 0
    wanted = {"UserPoolId": copy.pool.pool_id, "ClientId": client_id, "CSS": there.get("CSS", "")}
    if there.get("ImageUrl"):
        try:
            wanted["ImageFile"] = _image(copy, there["ImageUrl"])
        except outbound.Unreachable as error:
            copy.notes.append(f"the logo of {client_id}: {error}")
    return await copy.done(f"the UI customization of {client_id}", copy.operate("SetUICustomization", wanted))


def _image(copy: Copy, url: str) -> bytes:
    """Raises Unreachable. In production it is not fetched from a private network, unless the source itself is there."""
    own = urlsplit(url).hostname == urlsplit(copy.remote.meta.endpoint_url).hostname
    public_only = copy.cx.settings.mode == "serve" and not own
    answer = outbound.send("GET", url, timeout=_SECONDS, most=_LARGEST, public_only=public_only)
    if answer.status != 200:
        raise outbound.Unreachable(f"its address answers {answer.status}")
    return answer.body


async def _copy_style(copy: Copy, client_id: str) -> int:
    there = copy.asked("describe_managed_login_branding_by_client", "ManagedLoginBranding", ClientId=client_id)
    if not there or await copy.cx.store.branding.style_of(copy.pool.pool_id, client_id) is not None:
        return 0
    wanted: dict[str, Any] = {"UserPoolId": copy.pool.pool_id, "ClientId": client_id}
    own = {name: there[name] for name in ("Settings", "Assets") if there.get(name)}
    wanted |= {"UseCognitoProvidedValues": True} if there.get("UseCognitoProvidedValues") else own
    return await copy.done(f"the managed login branding of {client_id}", copy.operate("CreateManagedLoginBranding", wanted))


async def _copy_terms(copy: Copy, terms_id: str) -> int:
    there = copy.asked("describe_terms", "Terms", TermsId=terms_id)
    if not there or there["TermsName"] in await copy.cx.store.terms.of_client(copy.pool.pool_id, there["ClientId"]):
        return 0
    work = copy.operate("CreateTerms", {**there, "UserPoolId": copy.pool.pool_id})
    return await copy.done(f"the terms {there['TermsName']} of {there['ClientId']}", work)
