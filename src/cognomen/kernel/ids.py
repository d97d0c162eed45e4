"""Random identifiers in the forms that live Amazon Cognito gives out (FIDELITY A.4). All from the operating system's generator:
an id that can be guessed would be an enumeration hole, and one drawn from a sequence would need co-ordination between processes.
"""

from __future__ import annotations

import secrets
import string

from cognomen.kernel import chance

_ALNUM = string.ascii_letters + string.digits
_VARIANT = {digit: "89ab"[value % 4] for value, digit in enumerate("0123456789abcdef")}  # 10xx: RFC 9562, section 4.1
_BASE36 = string.digits + string.ascii_lowercase

# The symbols that AWS counts, without the space and without those that break when copied out of a mail (quotes, <, >, &, backslash).
_SYMBOLS = "!#$%()*+,-./:;=?@[]^_{|}~"
# Letters and digits of temporary passwords, without those that are mistaken for another when typed from a text message.
_LOWER, _UPPER, _DIGITS = "abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"


def pool_id(region: str) -> str:
    """A user pool id: `us-east-1_` and 9 letters or digits."""
    return f"{region}_{_draw(_ALNUM, 9)}"


def client_id() -> str:
    """An app client id: 26 characters of lower-case base 36 (134 bits)."""
    return _draw(_BASE36, 26)


def client_secret() -> str:
    """An app client secret: 52 characters of lower-case base 36 (268 bits)."""
    return _draw(_BASE36, 52)


def sub() -> str:
    """A user's `sub`: a UUID that looks like the live ones (version nibble 7, RFC 9562 variant), all other 122 bits random.

    The live service puts no timestamp at the front and neither do we: `sub` is public, and the time of a sign-up is not."""
    return _uuid("7")


def uuid() -> str:
    """A random UUID (version 4), for `jti`, `origin_jti`, `event_id` and the like."""
    return _uuid("4")


def device_key(region: str) -> str:
    """The key of a device: the region and a random UUID."""
    return f"{region}_{_uuid('4')}"


def token_session_id() -> str:
    """The id of a tracked token session: `tkn` and 25 characters of lower-case base 36 (129 bits)."""
    return f"tkn{_draw(_BASE36, 25)}"


def sso_session_id() -> str:
    """The id of a single sign-on session, likewise."""
    return f"sso{_draw(_BASE36, 25)}"


def import_job_id() -> str:
    """The id of a user import job: `import-` and 10 letters or digits (60 bits), as the live ones look."""
    return f"import-{_draw(_ALNUM, 10)}"


def digits(count: int) -> str:
    """A code of `count` decimal digits, every one equally likely, leading zeros kept."""
    return f"{secrets.randbelow(10**count):0{count}d}"


def temporary_password(
    minimum_length: int = 8, *, lower: bool = True, upper: bool = True, numbers: bool = True, symbols: bool = True
) -> str:
    """A password that meets a pool's policy: every required class at least once, `minimum_length` characters and never under 8.

    Classes that the policy does not ask for are left out, except that letters and digits are always there."""
    required = [group for group, wanted in ((_LOWER, lower), (_UPPER, upper), (_DIGITS, numbers), (_SYMBOLS, symbols)) if wanted]
    alphabet = "".join(required) if len(required) > 1 else _LOWER + _UPPER + _DIGITS + "".join(required)
    length = max(minimum_length, 8, len(required))
    characters = [secrets.choice(group) for group in required]
    characters += [secrets.choice(alphabet) for _ in range(length - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


def _draw(alphabet: str, count: int) -> str:
    return "".join([secrets.choice(alphabet) for _ in range(count)])


def _uuid(version: str) -> str:
    # uuid.uuid4 and its text cost three times as much as this, and several ids are made in each sign-in.
    raw = chance.draw(16).hex()
    return f"{raw[:8]}-{raw[8:12]}-{version}{raw[13:16]}-{_VARIANT[raw[16]]}{raw[17:20]}-{raw[20:]}"
