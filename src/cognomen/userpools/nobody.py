"""Somebody who does not exist, where users are hidden: under what they are counted, what they are called, checked against and reached at.

All of it follows from the pool and the name that was typed, under a key: the same at each try and on every node, as a real user's is. A name is
taken in the form under which users are sought, or another spelling of it would tell who is real (AWS, "Managing user existence error
responses": nobody's SRP values "are the same for a given user name and user pool").
"""

from __future__ import annotations

from cognomen.context import Context
from cognomen.kernel import contacts, srp
from cognomen.storage.pools import Pool
from cognomen.userpools.rules import names

# Of what nobody is called: a Session has at most 4,096 characters (SessionType), and no user has so long a name.
LONGEST_NAME = 256
_DOMAINS = ("gmail.com", "outlook.com", "example.com", "icloud.com", "yahoo.com", "mail.com", "proton.me", "gmx.net")


def subject(cx: Context, pool: Pool, typed: str) -> str:
    """Under which attempts are counted, where a user has the sub."""
    return _chance(cx, pool, "unknown user", typed).hex()


def user_id(cx: Context, pool: Pool, typed: str) -> str:
    """What a real user's own name would look like: a UUID where names are subs, or where an address stands for the name that is kept."""
    if not pool.settings.pool.username_attributes and names.attribute_of(pool, typed) not in ("email", "phone_number"):
        return names.key(pool, typed)
    digits = _chance(cx, pool, "decoy sub", typed).hex()
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-{'89ab'[int(digits[16], 16) % 4]}{digits[17:20]}-{digits[20:32]}"


def verifier(cx: Context, pool: Pool, typed: str) -> srp.Verifier:
    """Of a password that nobody has; it costs the same to check."""
    return srp.decoy(_chance(cx, pool, "decoy", typed))


def address(cx: Context, pool: Pool, typed: str, attribute: str | None = None) -> tuple[str, str]:
    """The attribute (the one that is asked for, else what fits) and the value of it to which a message is said to go: what was typed, if it is
    such an address, else one made up."""
    if contacts.is_phone_number(typed) and attribute in (None, "phone_number"):
        return "phone_number", typed
    if contacts.is_email(typed) and attribute in (None, "email"):
        return "email", typed
    letters = _chance(cx, pool, "simulated address", typed)
    if attribute == "phone_number":
        return "phone_number", "+1" + "".join(str(2 + letter % 8) for letter in letters[:10])
    name = "".join(chr(ord("a") + letter % 26) for letter in letters[: 5 + letters[30] % 9])
    return "email", f"{name}@{_DOMAINS[letters[31] % len(_DOMAINS)]}"


def _chance(cx: Context, pool: Pool, purpose: str, typed: str) -> bytes:
    """32 bytes that look like chance."""
    return cx.sealer.mac(purpose, pool.pool_id.encode(), names.key(pool, typed)[:LONGEST_NAME].encode("utf-8", "surrogatepass"))
