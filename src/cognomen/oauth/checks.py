"""What an authorization request must be (RFC 6749, 4.1.1; RFC 7636, 4.3; OpenID Connect Core, 3.1.2.1): the checks, in their order.

Until client and redirect URI are found good, nothing is sent to either. https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from cognomen.context import Context
from cognomen.oauth.doors import Door
from cognomen.oauth.errors import ToApp, ToPage
from cognomen.storage.clients import Client
from cognomen.userpools.authorization import Asked
from cognomen.userpools.rules import oauth_scopes

PROMPTS = frozenset(("none", "login", "select_account", "consent"))
_FLOW_OF = {"code": "code", "token": "implicit"}
_LONGEST = 4_096
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # of S256: a SHA-256 in base64url


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was found good, its client, and what it says of how the user is to sign in. `given` are its parameters as they came."""

    asked: Asked
    client: Client
    prompt: str | None
    provider: str | None
    identifier: str | None
    login_hint: str | None
    lang: str | None
    acr_values: str
    given: Mapping[str, str]


async def authorization(cx: Context, at: Door, given: Mapping[str, str]) -> Authorization:
    """Raises ToPage before the redirect URI is known for the client's own, and ToApp after it."""
    client = await cx.store.clients.get(at.pool.pool_id, given.get("client_id", ""))
    if client is None:
        raise ToPage("invalid_request", "App client does not exist.")
    redirect_uri = given.get("redirect_uri") or client.settings.default_redirect_uri
    if redirect_uri is None or redirect_uri not in (client.settings.callback_urls or []):
        raise ToPage("redirect_mismatch", "The redirect URI is not one of the app client's callback URLs.")
    refuse = _refusing(given, redirect_uri)
    for check in _CHECKS:
        check(client, given, refuse)
    scopes = _scopes(await oauth_scopes.granted(cx, at.pool, client), given.get("scope"))
    if scopes is None:
        raise refuse("invalid_scope", None)
    asked = Asked(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        response_type=given["response_type"],
        scopes=scopes,
        state=given.get("state"),
        nonce=given.get("nonce"),
        challenge=given.get("code_challenge", ""),
    )
    return Authorization(
        asked=asked,
        client=client,
        prompt=given.get("prompt"),
        provider=given.get("identity_provider"),
        identifier=given.get("idp_identifier"),
        login_hint=given.get("login_hint"),
        lang=given.get("lang"),
        acr_values=given.get("acr_values", ""),
        given=given,
    )


Refuse = Callable[[str, str | None], ToApp]


def _refusing(given: Mapping[str, str], redirect_uri: str) -> Refuse:
    in_fragment = given.get("response_type") == "token"

    def refuse(code: str, description: str | None) -> ToApp:
        return ToApp(code, description, redirect_uri=redirect_uri, state=given.get("state"), in_fragment=in_fragment)

    return refuse


def _check_sizes(client: Client, given: Mapping[str, str], refuse: Refuse) -> None:
    if any(len(value) > _LONGEST for value in given.values()):
        raise refuse("invalid_request", None)


def _check_flow(client: Client, given: Mapping[str, str], refuse: Refuse) -> None:
    wanted = given.get("response_type")
    if wanted is None:
        raise refuse("invalid_request", "response_type is missing.")
    if wanted not in _FLOW_OF:
        raise refuse("unsupported_response_type", None)
    settings = client.settings
    if not settings.allowed_o_auth_flows_user_pool_client or _FLOW_OF[wanted] not in (settings.allowed_o_auth_flows or []):
        raise refuse("unauthorized_client", None)


def _check_pkce(client: Client, given: Mapping[str, str], refuse: Refuse) -> None:
    """S256 alone, as on AWS: `plain` protects nothing that a reader of the request could not read too."""
    challenge, method = given.get("code_challenge"), given.get("code_challenge_method")
    if challenge is None and method is None:
        return
    if challenge is None or method != "S256" or not _CHALLENGE.fullmatch(challenge) or given.get("response_type") != "code":
        raise refuse("invalid_request", "PKCE needs code_challenge, and code_challenge_method=S256.")


def _check_prompt(client: Client, given: Mapping[str, str], refuse: Refuse) -> None:
    prompt = given.get("prompt")
    if prompt is not None and prompt not in PROMPTS:
        raise refuse("invalid_request", "prompt is none, login, select_account or consent.")


_CHECKS: tuple[Callable[[Client, Mapping[str, str], Refuse], None], ...] = (_check_sizes, _check_flow, _check_pkce, _check_prompt)


def _scopes(allowed: tuple[str, ...], asked: str | None) -> tuple[str, ...] | None:
    """The scopes in their order, all of the client's where none is asked; None where one is not the client's, or email, phone and profile
    come without openid."""
    scopes = tuple(dict.fromkeys(asked.split())) if asked is not None else allowed
    if not scopes or not set(scopes) <= set(allowed):
        return None
    if {"email", "phone", "profile"} & set(scopes) and "openid" not in scopes:
        return None
    return scopes
