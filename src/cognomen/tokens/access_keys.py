"""Access keys: how callers prove themselves to `serve`. The secret is shown once, and kept sealed."""

from __future__ import annotations

import secrets
import string
from typing import NamedTuple

from cognomen.kernel.clock import Clock
from cognomen.kernel.secrets import Sealer
from cognomen.storage.keys import AccessKey
from cognomen.storage.store import Store

_PURPOSE = "access key"
POLICIES = ("admin", "readonly")


class NewKey(NamedTuple):
    access_key_id: str
    secret_access_key: str
    name: str
    policy: str


async def create(store: Store, sealer: Sealer, clock: Clock, name: str, policy: str) -> NewKey:
    """Makes and keeps a key of AWS's form: 20 characters, and a secret of 40."""
    key_id = "AKIA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16))
    secret = "".join(secrets.choice(string.ascii_letters + string.digits + "+/") for _ in range(40))
    sealed = sealer.seal(_PURPOSE, secret.encode(), key_id.encode())
    await store.access_keys.add(AccessKey(key_id, name, policy, sealed, clock.now()))
    return NewKey(key_id, secret, name, policy)


def secret_of(sealer: Sealer, key: AccessKey) -> str:
    return sealer.open(_PURPOSE, key.secret, key.access_key_id.encode()).decode()
