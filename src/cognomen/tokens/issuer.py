"""Who a pool says it is (`iss`), every other name under which it is known, and the discovery document that says so.

Three kinds: `self` (where this server is reached), `aws` (what verifiers derive from the pool id), or an address of the operator's.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

_REGION: Final = re.compile(r"(?:eusc-[a-z]{2}|[a-z]{2})-(?:gov-)?[a-z]+-[0-9]")


def issuer_for(kind: str, pool_id: str, region: str, public_url: str | None, request_base_url: str) -> str:
    """The `iss` of the pool's tokens. Without a `public_url`, `self` follows the request, but only to a loopback name: a Host header
    that someone made up never gets into a token."""
    if kind == "self":
        return f"{own_base(public_url, request_base_url)}/{pool_id}"
    if kind == "aws":
        return _aws("cognito-idp", pool_id, region)
    return kind


def all_issuers(kind: str, pool_id: str, region: str, public_url: str | None, request_base_url: str) -> tuple[str, ...]:
    """Every issuer under which the pool is known, its own first: identity pools take any as a Logins key (without the scheme)."""
    own = issuer_for(kind, pool_id, region, public_url, request_base_url)
    here = issuer_for("self", pool_id, region, public_url, request_base_url)
    names = (own, here, _aws("cognito-idp", pool_id, region), _aws("issuer-cognito-idp", pool_id, region))
    return tuple(dict.fromkeys(names))


def discovery(issuer: str, pool_id: str, base_url: str) -> dict[str, Any]:
    """`/.well-known/openid-configuration` (OpenID Connect Discovery 1.0), with the members of the live service. `issuer` is the one of the
    tokens, as verifiers demand; the endpoints are where this server is, `{base_url}/{pool_id}`, whatever the issuer is called."""
    here = f"{base_url.rstrip('/')}/{pool_id}"
    return {
        "authorization_endpoint": f"{here}/oauth2/authorize",
        "end_session_endpoint": f"{here}/logout",
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer,
        "jwks_uri": f"{here}/.well-known/jwks.json",
        "response_types_supported": ["code", "token"],
        "revocation_endpoint": f"{here}/oauth2/revoke",
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": f"{here}/oauth2/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "userinfo_endpoint": f"{here}/oauth2/userInfo",
    }


@lru_cache(maxsize=256)
def own_base(public_url: str | None, request_base_url: str) -> str:
    """Where this server is reached: `public_url`, or how the request came if that is by a loopback name, else localhost at its port."""
    if public_url:
        return public_url.rstrip("/")
    try:
        parts = urlsplit(request_base_url)
        scheme, host, port = parts.scheme or "http", parts.hostname or "", parts.port
    except ValueError:  # a port that is none, a bracket that does not close
        return "http://localhost"
    # `{domain}.auth.localhost` is a door to the hosted pages, not another issuer.
    if host.endswith(".auth.localhost") or not is_loopback(host):
        host = "localhost"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}" + (f":{port}" if port else "")


def is_loopback(host: str) -> bool:
    """Whether a host name (without port) can only mean this machine (RFC 6761, 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _aws(service: str, pool_id: str, region: str) -> str:
    # Verifiers take the region from the id; the region given counts only for ids that were pinned to another form.
    prefix = pool_id.split("_", 1)[0]
    region = prefix if _REGION.fullmatch(prefix) else region
    return f"https://{service}.{region}.amazonaws.com/{pool_id}"
