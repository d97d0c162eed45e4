"""Twitter: an OAuth 1.0a token and its secret, `token;secret`; the application's id is `key;secret`. Whose it is, its own API says to a request
that both sign (RFC 5849).

https://docs.aws.amazon.com/cognito/latest/developerguide/twitter.html, GET account/verify_credentials
"""

from __future__ import annotations

from typing import Final

from oauthlib.oauth1 import Client  # type: ignore[import-untyped]  # it publishes no types

from cognomen.federation import ask
from cognomen.federation.connector import Expected, Refused, Verified

NAME: Final = "api.twitter.com"


class Twitter:
    """`path` is that of the operation that tells whose a token is; `member` the one of its answer that holds the id."""

    def __init__(self, url: str, *, path: str = "/1.1/account/verify_credentials.json", name: str = NAME) -> None:
        self._asks, self._name = f"{url.rstrip('/')}{path}", name

    async def verify(self, token: str, expected: Expected) -> Verified:
        key, _, secret = token.partition(";")
        for audience in expected.audiences or ():
            app_key, _, app_secret = audience.partition(";")
            if key and secret and app_key and app_secret:
                return await self._asked(app_key, app_secret, key, secret)
        raise Refused(ask.REFUSED)

    async def _asked(self, app_key: str, app_secret: str, key: str, secret: str) -> Verified:
        try:
            signer = Client(app_key, client_secret=app_secret, resource_owner_key=key, resource_owner_secret=secret)
            _, headers, _ = signer.sign(self._asks)
        except ValueError as cause:
            raise Refused(ask.REFUSED) from cause
        user = await ask.get(self._asks, headers)
        subject = user.get("id_str") or user.get("id")
        if not isinstance(subject, str | int) or isinstance(subject, bool) or not subject:
            raise Refused(ask.REFUSED)
        claims = {name: value for name, value in user.items() if isinstance(value, str | int | bool)}
        return Verified(subject=str(subject), audience=app_key, claims={**claims, "sub": str(subject)}, issuer=f"https://{self._name}")
