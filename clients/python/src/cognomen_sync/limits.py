"""What the service takes, checked before anything is kept: an edit that could never be synchronised is refused where it is made.

https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cognomen_sync.errors import DatasetFull, InvalidKey, InvalidName, InvalidValue

MOST_KEYS = 1_024
MOST_BYTES = 1 << 20
LONGEST_KEY = 1_024
LONGEST_VALUE = 1_048_575
LONGEST_NAME = 128
_NAME = re.compile(rf"[a-zA-Z0-9_.:-]{{1,{LONGEST_NAME}}}", re.ASCII)


def check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidName(f"A dataset's name has 1 to {LONGEST_NAME} letters, digits and characters of _.:-")


def check_key(key: object) -> None:
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY:
        raise InvalidKey(f"A key is a text of 1 to {LONGEST_KEY} characters.")
    if not _can_be_sent(key):
        raise InvalidKey("A key can hold neither NUL nor half of a surrogate pair.")


def check_values(values: Mapping[str, object], *, removing: bool = False) -> None:
    """None is taken where keys are `removing`."""
    for key, value in values.items():
        check_key(key)
        if value is None and removing:
            continue
        if not isinstance(value, str) or len(value) > LONGEST_VALUE:
            raise InvalidValue(f"A value is a text of at most {LONGEST_VALUE} characters.")
        if not _can_be_sent(value):
            raise InvalidValue("A value can hold neither NUL nor half of a surrogate pair.")


def check_size(before: tuple[int, int], after: tuple[int, int]) -> None:
    """Numbers of keys and bytes. What makes a dataset smaller is always allowed: a merge may have made it too large."""
    if after[0] > MOST_KEYS and after[0] > before[0]:
        raise DatasetFull(f"A dataset can hold at most {MOST_KEYS} keys.")
    if after[1] > MOST_BYTES and after[1] > before[1]:
        raise DatasetFull("A dataset can hold at most 1 MB of keys and values.")


def _can_be_sent(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
