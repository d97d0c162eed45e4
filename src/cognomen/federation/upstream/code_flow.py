"""The authorization code flow that the OAuth kinds have in common (RFC 6749, 4.1; RFC 7636): the address to go to, and the code exchanged."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from cognomen.federation.connector import Refused
from cognomen.federation.upstream.calls import Caller
from cognomen.federation.upstream.port import Declined, Registered, Trip
from cognomen.kernel import base64url

NONCE: Final = "nonce"
_VERIFIER: Final = "verifier"
_LONGEST: Final = 8192
_CODE: Final = re.compile(r"[a-z_]{1,64}", re.ASCII)
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,65536}", re.ASCII)


def address(provider: Registered, trip: Trip, kept: dict[str, str], more: Mapping[str, str]) -> str:
    """The authorization address with the request's parameters; `kept` gets the PKCE verifier where the provider takes one."""
    details = provider.details
    asked = {
        "client_id": details["client_id"],
        "redirect_uri": trip.callback,
        "scope": details.get("authorize_scopes", ""),
        "response_type": "code",
        "state": trip.state,
        **more,
    }
    if provider.facts.get("pkce"):
        kept[_VERIFIER] = secrets.token_urlsafe(48)
        asked["code_challenge"] = base64url.encode(hashlib.sha256(kept[_VERIFIER].encode()).digest())
        asked["code_challenge_method"] = "S256"
    return with_query(details["authorize_url"], {name: value for name, value in asked.items() if value})


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Behind what is in the address already (RFC 6749, 3.1)."""
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(parameters, quote_via=quote)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def code_of(returned: Mapping[str, str]) -> str:
    """Raises Declined for an error of the provider's, Refused where there is no code."""
    error = returned.get("error")
    if error:
        description = "".join(each for each in returned.get("error_description", "")[:500] if each.isprintable())
        raise Declined(error if _CODE.fullmatch(error) else "server_error", description)
    code = returned.get("code", "")
    if not code or len(code) > _LONGEST:
        raise Refused("the identity provider sent no authorization code")
    return code


async def exchanged(
    calls: Caller,
    provider: Registered,
    returned: Mapping[str, str],
    kept: Mapping[str, str],
    trip: Trip,
    *,
    secret: str | None = None,
    method: str = "POST",
) -> dict[str, Any]:
    """The token endpoint's answer, in which there is an access token. Raises Declined, Refused, Unavailable."""
    details = provider.details
    client_id, secret = details["client_id"], details.get("client_secret", "") if secret is None else secret
    form = {"grant_type": "authorization_code", "code": code_of(returned), "redirect_uri": trip.callback}
    if kept.get(_VERIFIER):
        form["code_verifier"] = kept[_VERIFIER]
    authorization = ""
    if provider.facts.get("basic"):
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"  # encoded first (RFC 6749, 2.3.1)
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": client_id, "client_secret": secret} if secret else {"client_id": client_id}
    url = details["token_url"]
    answer = await (calls.get(with_query(url, form)) if method == "GET" else calls.post(url, form, authorization=authorization))
    token = answer.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Refused("the identity provider gave no access token")
    return answer


def tokens_of(answer: Mapping[str, Any]) -> dict[str, str]:
    """The tokens by the names under which they may be mapped."""
    return {name: value for name in ("access_token", "id_token", "refresh_token") if isinstance(value := answer.get(name), str)}
