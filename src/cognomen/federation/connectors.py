"""The table of connectors by kind. Their libraries are loaded with the first token of another's, not at the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import Any

from cognomen.federation.connector import OIDC, Connector, Endpoints

# Where each kind's constructor is, and which endpoint it takes.
_SOCIAL = {
    "accounts.google.com": ("google", "google", "google_keys"),
    "appleid.apple.com": ("apple", "apple", "apple_keys"),
    "graph.facebook.com": ("facebook", "Facebook", "facebook"),
    "www.amazon.com": ("amazon", "Amazon", "amazon"),
    "api.twitter.com": ("twitter", "Twitter", "twitter"),
    "www.digits.com": ("digits", "digits", "digits"),
}


class LazyConnectors(Mapping[str, Connector]):
    """`public_only` keeps registered providers (whose addresses are not the operator's) out of private networks. `more` are other kinds."""

    def __init__(self, endpoints: Endpoints, *, public_only: bool, more: Mapping[str, Connector] | None = None) -> None:
        self._endpoints = endpoints
        self._public_only = public_only
        self._made: dict[str, Connector] = dict(more or {})
        self._kinds = (OIDC, *_SOCIAL, *self._made)

    def __getitem__(self, kind: str) -> Connector:
        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = self._make(kind)
        return made

    def _make(self, kind: str) -> Connector:
        if kind == OIDC:
            connector: Connector = import_module("cognomen.federation.oidc").OpenIdConnect(self._registered_keys)
            return connector
        file, name, endpoint = _SOCIAL[kind]
        make: Any = getattr(import_module(f"cognomen.federation.{file}"), name)
        url = getattr(self._endpoints, endpoint)
        made: Connector = make(self._own_keys, url) if endpoint.endswith("_keys") else make(url)
        return made

    @cached_property
    def _registered_keys(self) -> Any:
        return import_module("cognomen.federation.keys").RemoteKeys(public_only=self._public_only)

    @cached_property
    def _own_keys(self) -> Any:
        """Of addresses that the operator chose."""
        return import_module("cognomen.federation.keys").RemoteKeys(public_only=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)
