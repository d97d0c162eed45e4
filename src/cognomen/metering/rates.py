"""Token buckets of the request rates: each request takes one token of its category, or is refused with TooManyRequestsException.

A bucket holds one second's worth. It lives in this process's memory and starts full, so nothing is lost that another process needs; with
several processes each enforces its share (setting `processes`).
"""

from __future__ import annotations

import re

from cognomen.api import errors
from cognomen.kernel.clock import Clock
from cognomen.metering.categories import ANSWERS, AUTHENTICATION, CATEGORIES, CATEGORY_OF, PER_POOL, RECOVERY, Category
from cognomen.storage.limits import ProvisionedLimits

# amplify-js #3554 and #13608, boto3 #2517, mifi/cognito-backup #12 show it live; some have seen "Too many requests" (cognito-backup #28).
EXCEEDED = "Rate exceeded"
_MOST = 4096
_ANSWERING = frozenset({"RespondToAuthChallenge", "AdminRespondToAuthChallenge"})
# Read from the body's bytes, since requests are counted before they are looked at. A name spelled with escapes is not found, and
# then counts as the others do.
_NEW_PASSWORD = re.compile(rb'"ChallengeName"\s*:\s*"NEW_PASSWORD_REQUIRED"')
_POOL = re.compile(rb'"UserPoolId"\s*:\s*"([\w-]{1,55})"')


class Bucket:
    """`tokens` as they stood at `at`; they come back at the rate that is asked for, up to one second's worth and never under one."""

    __slots__ = ("at", "tokens")

    def __init__(self, rate: float, now: float) -> None:
        self.tokens = max(rate, 1.0)
        self.at = now

    def take(self, rate: float, now: float) -> bool:
        elapsed = now - self.at
        self.tokens = min(max(rate, 1.0), self.tokens + max(elapsed, 0.0) * rate)  # a machine's clock may be set back
        self.at = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


class Rates:
    """The rates of all accounts and regions. While `active` is False there is nothing to enforce, and nobody need call `charge`."""

    def __init__(self, limits: ProvisionedLimits, clock: Clock, *, enforced: bool, processes: int, region: str) -> None:
        self._limits = limits
        self._clock = clock
        self._enforced = enforced
        self._processes = processes
        self._region = region
        self._buckets: dict[tuple[str, ...], Bucket] = {}
        # Off until it is known whether something was provisioned: the first request after a change asks.
        self.active = True
        limits.on_change(self._wake)

    def _wake(self) -> None:
        self.active = True

    async def charge(self, service: str, operation: str, region: str | None, body: bytes) -> None:
        """Counts one request. `region` is the one that a checked signature names, None for a request that AWS leaves unsigned.

        Raises TooManyRequestsException.
        """
        provisioned = await self._provisioned()
        if not self.active:
            return
        category = CATEGORY_OF.get(operation)
        if service != "cognito-idp" or category is None:
            return
        where = region or self._region
        if operation in _ANSWERING:
            if _NEW_PASSWORD.search(body) is not None:
                category = RECOVERY
            elif (rate := self._rate(provisioned, where, AUTHENTICATION)) is None or self._take((where, "answers"), rate * ANSWERS):
                return
        if not self._charge(provisioned, where, category):
            return
        if category.pooled and (found := _POOL.search(body)) and not self._take((operation, found[1].decode()), PER_POOL / self._processes):
            raise errors.TooManyRequestsException(EXCEEDED)

    async def charge_endpoint(self, category: str) -> None:
        """Counts one request to an endpoint that is no operation. Raises TooManyRequestsException."""
        provisioned = await self._provisioned()
        if self.active:
            self._charge(provisioned, self._region, CATEGORIES[category])

    def _charge(self, provisioned: dict[tuple[str, str], int], where: str, category: Category) -> bool:
        """False where nothing is enforced. Raises TooManyRequestsException."""
        rate = self._rate(provisioned, where, category)
        if rate is None:
            return False
        if not self._take((where, category.name), rate):
            raise errors.TooManyRequestsException(EXCEEDED)
        return True

    async def _provisioned(self) -> dict[tuple[str, str], int]:
        # Asleep while it reads, so that what changes meanwhile wakes it again.
        self.active = self._enforced
        try:
            provisioned = await self._limits.all()
        except BaseException:
            self.active = True
            raise
        self.active = self.active or bool(provisioned)
        return provisioned

    def _rate(self, provisioned: dict[tuple[str, str], int], region: str, category: Category) -> float | None:
        """This process's share of what is allowed, None where nothing is enforced."""
        asked = provisioned.get((region, category.name))
        if asked is None and not self._enforced:
            return None
        return (category.rate if asked is None else asked) / self._processes

    def _take(self, key: tuple[str, ...], rate: float) -> bool:
        now = self._clock.now()
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _MOST:
                # One that nobody has asked for a second has filled up again: forgetting it changes nothing.
                self._buckets = {kept: each for kept, each in self._buckets.items() if now - each.at < 1.0 * self._processes}
                if len(self._buckets) >= _MOST:
                    return True  # more pools in one second than any category's rate lets through to be counted
            bucket = self._buckets[key] = Bucket(rate, now)
        return bucket.take(rate, now)
