"""What providers publish of themselves: OpenID Connect's discovery document, SAML's metadata. What is read there is kept with the provider."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

from cognomen.federation.connector import Unavailable
from cognomen.federation.upstream.calls import Caller

_MOST_NAMES: Final = 50
# What the document names, and by which ProviderDetails it goes.
ADDRESSES: Final = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "attributes_url": "userinfo_endpoint",
    "jwks_uri": "jwks_uri",
}


class BadDocument(Exception):
    """It cannot be used; the text says why, in one clause."""


async def discovered(calls: Caller, issuer: str) -> dict[str, Any]:
    """The issuer's addresses, and how it takes clients (OpenID Connect Discovery 1.0, 4). Raises Refused, Unavailable, BadDocument."""
    document = await calls.get(f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
    if str(document.get("issuer", "")).removesuffix("/") != issuer.removesuffix("/"):
        raise BadDocument("the discovery document is another issuer's")
    facts: dict[str, Any] = {}
    for name, member in ADDRESSES.items():
        url = document.get(member)
        if url is None and name == "attributes_url":
            continue
        if not isinstance(url, str) or not calls.may_ask(url):
            raise BadDocument(f"the discovery document's {member} is not an https address")
        facts[name] = url
    facts["names_itself"] = document.get("authorization_response_iss_parameter_supported") is True
    facts["pkce"] = "S256" in _names(document.get("code_challenge_methods_supported"))
    methods = _names(document.get("token_endpoint_auth_methods_supported")) or ["client_secret_basic"]
    facts["basic"] = "client_secret_post" not in methods and "client_secret_basic" in methods
    return facts


def _names(listed: Any) -> list[str]:
    return [one for one in listed[:_MOST_NAMES] if isinstance(one, str)] if isinstance(listed, list) else []


def described(document: bytes, calls: Caller) -> dict[str, Any]:
    """What SAML metadata say. Raises BadDocument."""
    from cognomen.saml.errors import Malformed
    from cognomen.saml.metadata import read_metadata

    try:
        read = read_metadata(document)
    except Malformed as cause:
        raise BadDocument(str(cause)) from cause
    if not calls.may_ask(read.sso_redirect):
        raise BadDocument("the metadata have no SingleSignOnService with the HTTP-Redirect binding at an https address")
    return {
        "entity_id": read.entity_id,
        "certificates": [base64.b64encode(one).decode() for one in read.certificates],
        "sso_redirect": read.sso_redirect,
        "slo_redirect": read.slo_redirect,
        **({"valid_until": read.valid_until} if read.valid_until is not None else {}),
    }


async def published(calls: Caller, url: str) -> dict[str, Any]:
    """The metadata at an address. Raises Unavailable, BadDocument."""
    if not calls.may_ask(url):
        raise Unavailable("the metadata are not at an https address")
    return await asyncio.to_thread(described, await calls.document(url), calls)
