"""Sign in with Google: an id token. https://developers.google.com/identity/gsi/web/guides/verify-google-id-token"""

from __future__ import annotations

from cognomen.federation.connector import GOOGLE
from cognomen.federation.keys import RemoteKeys
from cognomen.federation.oidc import KeySetAt


def google(keys: RemoteKeys, url: str) -> KeySetAt:
    return KeySetAt(keys, url, frozenset((GOOGLE, f"https://{GOOGLE}")))
