"""Facebook Login: an access token, of which Facebook says whose it is and for which app.

https://developers.facebook.com/docs/graph-api/reference/app/ and /user/: a token's own app and user need no secret of the app to be read.
"""

from __future__ import annotations

import re
from typing import Final

from cognomen.federation import ask
from cognomen.federation.connector import Expected, Refused, Verified

NAME: Final = "graph.facebook.com"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


class Facebook:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def verify(self, token: str, expected: Expected) -> Verified:
        if not _TOKEN.fullmatch(token):
            raise Refused(ask.REFUSED)
        bearer = {"authorization": f"Bearer {token}"}
        app = await ask.get(f"{self._url}/app?fields=id", bearer)
        audience = str(app.get("id", ""))
        # Another app's token would let that app sign in here as its users.
        if not expected.is_for(audience):
            raise Refused("The access token is for another application.")
        user = await ask.get(f"{self._url}/me?fields=id,name,email", bearer)
        subject = user.get("id")
        if not isinstance(subject, str) or not subject:
            raise Refused(ask.REFUSED)
        return Verified(subject=subject, audience=audience, claims={**user, "sub": subject, "aud": audience}, issuer=f"https://{NAME}")
