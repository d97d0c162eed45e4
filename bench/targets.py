"""What the numbers must be, and what each operation costs at least. A row is judged here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

# throughput at 16 connections as a multiple of the best other server's, 1,000 users, durable writes on
TIMES_THE_BEST: dict[str, float] = {
    "InitiateAuthSrp": 25,
    "ListUsers": 6,
    "ListUsersFilter": 6,
    "AdminGetUser": 2.5,
    "GetUser": 2,
    "Refresh": 1.8,
    "SignUp": 1.4,
    "InitiateAuthPassword": 1.3,  # the others compare clear text, we compute the verifier
    # with a second factor the same: each code is taken once, and that is kept
    "PasswordTotp": 1.3,
    "SrpTotp": 25,
}
FILTER_TIMES_THE_BEST_AT_10_000 = 20.0

# processor time of the server per operation, as a multiple of the sum of its floors
TIMES_THE_FLOORS = 1.5
FLOORS: dict[str, dict[str, float]] = {
    "AdminGetUser": {"http": 1, "read": 2},
    "GetUser": {"http": 1, "verification": 1, "read": 3},
    "ListUsers": {"http_page": 1, "read": 1, "read_page": 1},
    "ListUsersFilter": {"http": 1, "read": 2},
    "Refresh": {"http": 1, "signature": 2, "read": 3},
    "InitiateAuthPassword": {"http": 1, "modexp": 1, "signature": 2, "read": 3, "write": 1},
    # two requests; g^b, v^u and the shared secret
    "InitiateAuthSrp": {"http": 2, "modexp": 3, "signature": 2, "read": 5, "write": 1},
    "SignUp": {"http": 1, "modexp": 1, "read": 3, "write": 1},
}

# milliseconds of processor time that a challenge may add to a password sign-in, beyond its arithmetic
CHALLENGE_MS = 0.3
# milliseconds that a warm local Python function may add at the median
TRIGGER_MS = 3.0

START_SECONDS = 0.8
START_MB = 90.0
FULL_MB = 120.0
GROWTH = 1.5
# what is measured with many users, and with what it is compared when there are 100 (which make two pages only)
GROWING = {
    "AdminGetUser": "AdminGetUser",
    "InitiateAuthPassword": "InitiateAuthPassword",
    "InitiateAuthSrp": "InitiateAuthSrp",
    "ListUsers": "ListUsers",
    "ListUsersPage1000": "ListUsers",
    "ListUsersFilter": "ListUsersFilter",
}


class Verdict(msgspec.Struct, kw_only=True):
    """One row of the table. `value` is None where it could not be measured, which is no pass."""

    part: str
    name: str
    value: float | None
    target: float
    at: Literal["least", "most"]
    unit: str = "x"
    note: str = ""

    @property
    def passes(self) -> bool:
        if self.value is None:
            return False
        return self.value >= self.target if self.at == "least" else self.value <= self.target

    @property
    def word(self) -> str:
        return "pass" if self.passes else "MISS"


def floor_of(operation: str, floors: Mapping[str, float]) -> float:
    """Milliseconds of processor time below which the operation cannot come on this machine."""
    return sum(floors[part] * count for part, count in FLOORS[operation].items())
