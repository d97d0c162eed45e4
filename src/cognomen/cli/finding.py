"""What one check of `cognomen doctor` found."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One check. `advice` says what to do, empty where all is well."""

    check: str
    result: Literal["ok", "warning", "failed"]
    found: str
    advice: str = ""
