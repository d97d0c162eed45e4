"""Sign in with Apple: an id token. https://developer.apple.com/documentation/signinwithapple/verifying-a-user"""

from __future__ import annotations

from cognomen.federation.keys import RemoteKeys
from cognomen.federation.oidc import KeySetAt

NAME = "appleid.apple.com"


def apple(keys: RemoteKeys, url: str) -> KeySetAt:
    return KeySetAt(keys, url, frozenset((f"https://{NAME}",)))
