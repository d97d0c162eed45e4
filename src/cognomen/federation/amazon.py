"""Login with Amazon: an access token, of which Amazon says whose it is and for which application.

https://developer.amazon.com/docs/login-with-amazon/obtain-customer-profile.html
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode

from cognomen.federation import ask
from cognomen.federation.connector import Expected, Refused, Verified

NAME: Final = "www.amazon.com"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


class Amazon:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def verify(self, token: str, expected: Expected) -> Verified:
        if not _TOKEN.fullmatch(token):
            raise Refused(ask.REFUSED)
        info = await ask.get(f"{self._url}/auth/o2/tokeninfo?{urlencode({'access_token': token})}")
        # A pool names its application by either id: amzn1.application.… or amzn1.application-oa2-client.…
        audience = next((str(info[name]) for name in ("app_id", "aud") if expected.is_for(info.get(name))), None)
        if audience is None:
            raise Refused("The access token is for another application.")
        subject = info.get("user_id")
        if not isinstance(subject, str) or not subject:
            raise Refused(ask.REFUSED)
        profile = await ask.get(f"{self._url}/user/profile", {"authorization": f"Bearer {token}"})
        if profile.get("user_id", subject) != subject:
            raise Refused(ask.REFUSED)
        return Verified(subject=subject, audience=audience, claims={**profile, "sub": subject, "aud": audience}, issuer=f"https://{NAME}")
