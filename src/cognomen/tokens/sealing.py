"""Is this the master key that sealed the database? Asked before a server or a command does anything with a wrong one."""

from __future__ import annotations

from cognomen.kernel.secrets import Sealer, Unsealable
from cognomen.storage.store import Store
from cognomen.tokens import access_keys, keys

WRONG_KEY = "the master key is not the one that sealed this database"


async def fits(store: Store, sealer: Sealer) -> bool | None:
    """Does the key open what is there? None where nothing is sealed yet."""
    try:
        signing = await store.signing_keys.some()
        if signing is not None:
            pool_id, row = signing
            sealer.open(keys._ID_KEY, row.id_key, pool_id.encode())
            return True
        callers = await store.access_keys.list()
        if callers:
            access_keys.secret_of(sealer, callers[0])
            return True
    except Unsealable:
        return False
    return None
