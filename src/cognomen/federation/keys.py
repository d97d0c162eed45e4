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

from cognomen.federation import thumbprints
from cognomen.federation.connector import Unavailable, is_this_machine
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


class _Source(msgspec.Struct, frozen=True):
    """Where keys are: at `url`, or, where it `discovers`, where the document of the issuer `url` says."""

    url: str
    discovers: bool = False
    vouched: tuple[str, ...] = ()


class RemoteKeys:
    """`public_only` refuses keys in private networks. Without it this machine is as good a source as any, by http too."""

    def __init__(self, *, public_only: bool) -> None:
        self.public_only = public_only
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._fetching: dict[str, asyncio.Task[_Known]] = {}

    async def of_issuer(self, issuer: str, kid: str | None, now: float, vouched: tuple[str, ...] = ()) -> Key | None:
        """A key of an issuer that publishes its discovery document (OpenID Connect Discovery 1.0), named without a slash at its end. None for a key
        id that it has not. `vouched` are thumbprints of its certificates."""
        return await self._find(issuer, kid, now, _Source(issuer, discovers=True, vouched=vouched))

    async def at(self, url: str, kid: str | None, now: float) -> Key | None:
        """A key of the set at an address."""
        return await self._find(url, kid, now, _Source(url))

    async def _find(self, name: str, kid: str | None, now: float, source: _Source) -> Key | None:
        known = self._known.get(name)
        found = _named(known, kid)
        if known is None or (now - known.asked_at >= _AGAIN and (found is None or now - known.fetched_at >= _FRESH)):
            known = await self._refetched(source, now)
            found = _named(known, kid)
        if found is None and known.failed:
            raise Unavailable(known.failed)
        return found

    async def _refetched(self, source: _Source, now: float) -> _Known:
        fetching = self._fetching.get(source.url)
        if fetching is None:
            fetching = self._fetching[source.url] = asyncio.create_task(self._fetch(source, now))
            fetching.add_done_callback(lambda _: self._fetching.pop(source.url, None))
        return await asyncio.shield(fetching)

    async def _fetch(self, source: _Source, now: float) -> _Known:
        before = self._known.get(source.url)
        try:
            known = _Known(await asyncio.to_thread(self._read, source), now, now)
        except Unavailable as error:
            # Keys that were good stay so while their source is away, and it is not asked by each request.
            known = _Known(before.keys, before.fetched_at, now, str(error)) if before else _Known({}, now, now, str(error))
        self._known[source.url] = known
        self._known.move_to_end(source.url)
        if len(self._known) > _MOST_SOURCES:
            self._known.popitem(last=False)
        return known

    def _read(self, source: _Source) -> dict[str, Key]:
        """Blocks: for a thread."""
        url = source.url
        if source.discovers:
            document = self._json(f"{url}/.well-known/openid-configuration", source.vouched)
            if str(document.get("issuer", "")).removesuffix("/") != url:
                raise Unavailable("the discovery document is another issuer's")
            url = str(document.get("jwks_uri", ""))
        found: dict[str, Key] = {}
        listed = self._json(url, source.vouched).get("keys")
        for item in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
            key = _imported(item)
            if key is not None:
                found[str(item.get("kid", ""))] = key
        return found

    def _json(self, url: str, vouched: tuple[str, ...]) -> dict[str, Any]:
        if not self._may_ask(url):
            raise Unavailable("its keys are not at an https address")
        options = {"headers": {"accept": "application/json"}, "timeout": _TIMEOUT, "most": _MOST_BYTES, "public_only": self.public_only}
        try:
            answer = thumbprints.send("GET", url, vouched, **options)
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
