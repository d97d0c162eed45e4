"""The table of upstream providers by AWS's ProviderType, and what AWS fills into the details of each. Loaded with the first sign-in through one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any, Final

from cognomen.federation.connector import Endpoints
from cognomen.federation.upstream.calls import Caller
from cognomen.federation.upstream.port import Upstream
from cognomen.kernel.threads import Threads

# Where each kind's constructor is, and whether it verifies id tokens.
_KINDS: Final = {
    "OIDC": ("openid", "OpenId", True),
    "Google": ("google", "Google", True),
    "SignInWithApple": ("apple", "Apple", True),
    "Facebook": ("facebook", "Facebook", False),
    "LoginWithAmazon": ("amazon", "Amazon", False),
    "SAML": ("saml", "Saml", False),
}


class Upstreams:
    """`public_only` keeps what a pool registered out of private networks; the addresses of the known providers are the operator's."""

    def __init__(self, endpoints: Endpoints, *, public_only: bool) -> None:
        self._endpoints = endpoints
        self._threads = Threads("identity provider")
        self.calls = Caller(self._threads, public_only=public_only)
        self._own_calls = Caller(self._threads, public_only=False)
        self._made: dict[str, Upstream] = {}

    def stop(self) -> None:
        self._threads.stop()

    def of(self, kind: str) -> Upstream:
        made = self._made.get(kind)
        if made is None:
            file, name, verifies = _KINDS[kind]
            constructor: Any = getattr(import_module(f"cognomen.federation.upstream.{file}"), name)
            calls = self.calls if kind == "OIDC" else self._own_calls
            made = constructor() if kind == "SAML" else constructor(calls, self._keys(kind)) if verifies else constructor(calls)
            self._made[kind] = made
        return made

    def _keys(self, kind: str) -> Any:
        return self._registered_keys if kind == "OIDC" else self._own_keys

    @cached_property
    def _registered_keys(self) -> Any:
        return import_module("cognomen.federation.keys").RemoteKeys(public_only=self.calls.public_only)

    @cached_property
    def _own_keys(self) -> Any:
        return import_module("cognomen.federation.keys").RemoteKeys(public_only=False)

    def filled(self, kind: str, details: Mapping[str, str]) -> dict[str, str]:
        """What AWS shows beside the details that were given (CreateIdentityProvider's ProviderDetails)."""
        places = self._endpoints
        if kind == "OIDC":
            return {"attributes_url_add_attributes": "false"}
        if kind == "Google":
            return {
                "attributes_url": f"{places.google_people}/v1/people/me?personFields=",
                "attributes_url_add_attributes": "true",
                "authorize_url": places.google_authorize,
                "oidc_issuer": "https://accounts.google.com",
                "token_request_method": "POST",
                "token_url": places.google_token,
            }
        if kind == "SignInWithApple":
            return {
                "attributes_url_add_attributes": "false",
                "authorize_url": f"{places.apple}/auth/authorize",
                "oidc_issuer": "https://appleid.apple.com",
                "token_request_method": "POST",
                "token_url": f"{places.apple}/auth/token",
            }
        if kind == "LoginWithAmazon":
            return {
                "attributes_url": f"{places.amazon}/user/profile",
                "attributes_url_add_attributes": "false",
                "authorize_url": places.amazon_authorize,
                "token_request_method": "POST",
                "token_url": f"{places.amazon}/auth/o2/token",
            }
        if kind == "Facebook":
            version = details.get("api_version", "")
            return {
                "attributes_url": f"{places.facebook}/{version}/me?fields=",
                "attributes_url_add_attributes": "true",
                "authorize_url": f"{places.facebook_dialog}/{version}/dialog/oauth",
                "token_request_method": "GET",
                "token_url": f"{places.facebook}/{version}/oauth/access_token",
            }
        return {}

    def keys_at(self, kind: str) -> dict[str, str]:
        """Where the keys of a known provider are: not among what is shown."""
        return {"Google": {"jwks_uri": self._endpoints.google_keys}, "SignInWithApple": {"jwks_uri": self._endpoints.apple_keys}}.get(
            kind, {}
        )
