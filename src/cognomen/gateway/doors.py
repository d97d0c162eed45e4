"""What the gateway asks of the rest of the server, put together by app.py: sessions of temporary keys, what they may, and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cognomen.kernel.clock import Clock
from cognomen.kernel.secrets import Sealer
from cognomen.policies.evaluate import Decision
from cognomen.storage.store import Store
from cognomen.tokens import credentials, permissions
from cognomen.tokens.credentials import Session
from cognomen.tokens.keys import SigningKeys


class Doors:
    def __init__(self, store: Store, sealer: Sealer, clock: Clock, keys: SigningKeys, public_url: str) -> None:
        self.store = store
        self.clock = clock
        self.keys = keys
        self.public_url = public_url
        self._sealer = sealer

    async def session(self, access_key_id: str, session_token: str) -> Session:
        """Raises BadToken, Expired, Revoked."""
        return await permissions.session_of(self.store, self._sealer, self.clock, access_key_id, session_token)

    def secret(self, access_key_id: str) -> str:
        return credentials.secret_of(self._sealer, access_key_id)

    async def decide(self, session: Session, action: str, resource: str, context: Mapping[str, Sequence[str]]) -> Decision:
        return await permissions.decide_for(self.store, session, action, resource, context)

    async def asks_for(self, session: Session, prefix: str) -> bool:
        return await permissions.asks_for(self.store, session, prefix)
