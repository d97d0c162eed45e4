"""The public keys of other issuers: fetched when they are first needed, kept, and fetched again for a key id that is new, but not on demand of
whoever makes up key ids: a miss is remembered, and those who ask at once share one request."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from cognomen.federation.connector import Unavailable
from cognomen.kernel import outbound

Key = RSAKey | ECKey | OKPKey

_FRESH: Final = 3600.0  # seconds for which keys are taken without a look at their source
_AGAIN: Final = 30.0  # seconds between two fetches for a key id that was not there, or after a failure
_TIMEOUT: Final = 4.0
_MOST_BYTES: Final = 256 << 10
_MOST_KEYS: Final = 100
_MOST_SOURCES: Final = 256


class _Known(msgspec.Struct):
    """`asked_at` is when the source was asked last, with or without success."""

    keys: dict[str, Key]
    fetched_at: float
    asked_at: float
    failed: str = ""


class RemoteKeys:
    """`public_only` refuses keys in private networks. Without it this machine is as good a source as any, by http too."""

    def __init__(self, *, public_only: bool) -> None:
        self.public_only = public_only
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[_Known]] = {}

    async def of_issuer(self, issuer: str, kid: str | None, now: float) -> Key | None:
        """A key of an issuer that publishes its discovery document (OpenID Connect Discovery 1.0), named without a slash at its end. None for a key
        id that it has not."""
        return await self._find(issuer, kid, now, discovers=True)

    async def at(self, url: str, kid: str | None, now: float) -> Key | None:
        """A key of the set at an address."""
        return await self._find(url, kid, now, discovers=False)

    async def _find(self, source: str, kid: str | None, now: float, *, discovers: bool) -> Key | None:
        known = self._known.get(source)
        found = _named(known, kid)
        if known is None or (now - known.asked_at >= _AGAIN and (found is None or now - known.fetched_at >= _FRESH)):
            known = await self._refetched(source, now, discovers=discovers)
            found = _named(known, kid)
        if found is None and known.failed:
            raise Unavailable(known.failed)
        return found

    async def _refetched(self, source: str, now: float, *, discovers: bool) -> _Known:
        fetching = self._fetching.get(source)
        if fetching is None:
            fetching = self._fetching[source] = asyncio.create_task(self._fetch(source, now, discovers=discovers))
            fetching.add_done_callback(lambda _: self._fetching.pop(source, None))
        return await asyncio.shield(fetching)

    async def _fetch(self, source: str, now: float, *, discovers: bool) -> _Known:
        before = self._known.get(source)
        try:
            known = _Known(await asyncio.to_thread(self._read, source, discovers), now, now)
        except Unavailable as error:
            # Keys that were good stay so while their source is away, and it is not asked by each request.
            known = _Known(before.keys, before.fetched_at, now, str(error)) if before else _Known({}, now, now, str(error))
        self._known[source] = known
        self._known.move_to_end(source)
        if len(self._known) > _MOST_SOURCES:
            self._known.popitem(last=False)
        return known

    def _read(self, source: str, discovers: bool) -> dict[str, Key]:
        """Blocks: for a thread."""
        if discovers:
            document = self._json(f"{source}/.well-known/openid-configuration")
            if str(document.get("issuer", "")).removesuffix("/") != source:
                raise Unavailable("the discovery document is another issuer's")
            source = str(document.get("jwks_uri", ""))
        found: dict[str, Key] = {}
        listed = self._json(source).get("keys")
        for item in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
            key = _imported(item)
            if key is not None:
                found[str(item.get("kid", ""))] = key
        return found

    def _json(self, url: str) -> dict[str, Any]:
        if not self._may_ask(url):
            raise Unavailable("its keys are not at an https address")
        try:
            answer = outbound.send(
                "GET", url, headers={"accept": "application/json"}, timeout=_TIMEOUT, most=_MOST_BYTES, public_only=self.public_only
            )
            if answer.status != 200:
                raise Unavailable(f"it answered {answer.status}")
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except outbound.Unreachable as error:
            raise Unavailable("it does not answer") from error
        except (ValueError, RecursionError) as error:
            raise Unavailable("it did not answer with JSON") from error

    def _may_ask(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if parts.scheme == "https":
            return bool(parts.hostname)
        return parts.scheme == "http" and not self.public_only and is_this_machine(parts.hostname or "")


def is_this_machine(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")


def _named(known: _Known | None, kid: str | None) -> Key | None:
    """A token without a key id fits where there is one key."""
    if known is None:
        return None
    if kid is None:
        return next(iter(known.keys.values())) if len(known.keys) == 1 else None
    return known.keys.get(kid)


def _imported(item: Any) -> Key | None:
    """A public key for signatures. Secrets (`oct`), keys for encryption, private ones and what cannot be read are passed over."""
    if not isinstance(item, Mapping) or item.get("use", "sig") != "sig" or "d" in item:
        return None
    try:
        key = JWKRegistry.import_key(dict(item))
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) else None
