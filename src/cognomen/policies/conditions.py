"""Conditions: every operator of AWS's, plain, with IfExists, for any and for all values. Refuses none of a request's values: one that is not
of the operator's type simply does not match.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html, and for several values
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from cognomen.policies.template import Context, Template, matches, segments, template, text

Test = Callable[[Template, str, Context], bool]
SetOperator = Literal["", "ForAllValues", "ForAnyValue"]


class Condition(msgspec.Struct, frozen=True):
    """`key` is in lower case, `spelled` as the policy has it; `negated` operators match where the positive one does not."""

    key: str
    spelled: str
    operator: str
    negated: bool
    over: SetOperator
    if_exists: bool
    values: tuple[Template, ...]


def condition(operator: str, key: str, values: Sequence[str], *, variables: bool) -> Condition:
    """Raises ValueError for an operator that there is not."""
    over, colon, rest = operator.rpartition(":")
    if (colon and over not in ("ForAllValues", "ForAnyValue")) or not key:
        raise ValueError(operator)
    bare = rest.removesuffix("IfExists")
    if_exists = bare != rest
    if bare == "Null":
        if if_exists or any(value.lower() not in ("true", "false") for value in values):
            raise ValueError(operator)
        return Condition(key.lower(), key, "Null", False, "", False, tuple(template(value.lower(), variables=False) for value in values))
    negated = bare in NEGATED
    positive = NEGATED.get(bare, bare)
    if positive not in TESTS:
        raise ValueError(operator)
    # Variables stand in texts and ARNs only (reference_policies_variables.html).
    with_variables = variables and positive.startswith(("String", "Arn"))
    kept = tuple(template(value, variables=with_variables) for value in values)
    return Condition(key.lower(), key, positive, negated, over or "", if_exists, kept)  # type: ignore[arg-type]  # checked above


def holds(wanted: Condition, context: Context) -> bool:
    """Whether a request fulfils the condition. `context` has its keys in lower case; a key without a value is as good as none."""
    given = context.get(wanted.key) or ()
    if wanted.operator == "Null":
        return any((value.literal == "true") is (not given) for value in wanted.values)
    if not given:
        return wanted.if_exists or wanted.over == "ForAllValues" or (wanted.negated and wanted.over == "")
    test = TESTS[wanted.operator]
    matched = (any(test(value, one, context) for value in wanted.values) for one in given)
    if wanted.over == "ForAllValues":
        return all(one is not wanted.negated for one in matched)
    if wanted.over == "ForAnyValue":
        return any(one is not wanted.negated for one in matched)
    return any(matched) is not wanted.negated


def _string_equals(wanted: Template, given: str, context: Context) -> bool:
    return text(wanted, context) == given


def _string_equals_ignore_case(wanted: Template, given: str, context: Context) -> bool:
    literal = text(wanted, context)
    return literal is not None and literal.lower() == given.lower()


def _arn_like(wanted: Template, given: str, context: Context) -> bool:
    """Each of the six parts for itself: a `*` does not reach over a colon, except in the last part."""
    if wanted.literal == "*":
        return True
    parts, values = segments(wanted, 6), given.split(":", 5)
    return len(parts) == 6 == len(values) and all(matches(part, value, context) for part, value in zip(parts, values, strict=True))


def _typed(read: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Test:
    """`compare(given, wanted)` of two values that are read from their texts; what cannot be read does not match."""
    kept = lru_cache(maxsize=1024)(read)

    def test(wanted: Template, given: str, context: Context) -> bool:
        literal = text(wanted, context)
        if literal is None:
            return False
        try:
            return compare(kept(given), kept(literal))
        except (ValueError, TypeError, ArithmeticError):
            return False

    return test


def _number(given: str) -> Decimal:
    try:
        number = Decimal(given.strip()) if len(given) <= 64 else Decimal("NaN")
    except InvalidOperation as cause:
        raise ValueError(given) from cause
    if not number.is_finite():
        raise ValueError(given)
    return number


def _date(given: str) -> float:
    """ISO 8601, or seconds since 1970. A date without a zone is UTC."""
    plain = given.strip()
    if plain.lstrip("-").replace(".", "", 1).isdigit():
        return float(plain)
    moment = datetime.fromisoformat(plain)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _bool(given: str) -> bool:
    word = given.strip().lower()
    if word not in ("true", "false"):
        raise ValueError(given)
    return word == "true"


def _binary(given: str) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except binascii.Error as cause:
        raise ValueError(given) from cause


def _network(given: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(given.strip(), strict=False)


def _within(given: Any, wanted: Any) -> bool:
    return bool(given.version == wanted.version and given.subnet_of(wanted))


TESTS: Final[dict[str, Test]] = {
    "StringEquals": _string_equals,
    "StringEqualsIgnoreCase": _string_equals_ignore_case,
    "StringLike": matches,
    "NumericEquals": _typed(_number, lambda given, wanted: bool(given == wanted)),
    "NumericLessThan": _typed(_number, lambda given, wanted: bool(given < wanted)),
    "NumericLessThanEquals": _typed(_number, lambda given, wanted: bool(given <= wanted)),
    "NumericGreaterThan": _typed(_number, lambda given, wanted: bool(given > wanted)),
    "NumericGreaterThanEquals": _typed(_number, lambda given, wanted: bool(given >= wanted)),
    "DateEquals": _typed(_date, lambda given, wanted: bool(given == wanted)),
    "DateLessThan": _typed(_date, lambda given, wanted: bool(given < wanted)),
    "DateLessThanEquals": _typed(_date, lambda given, wanted: bool(given <= wanted)),
    "DateGreaterThan": _typed(_date, lambda given, wanted: bool(given > wanted)),
    "DateGreaterThanEquals": _typed(_date, lambda given, wanted: bool(given >= wanted)),
    "Bool": _typed(_bool, lambda given, wanted: bool(given == wanted)),
    "BinaryEquals": _typed(_binary, lambda given, wanted: bool(given == wanted)),
    "IpAddress": _typed(_network, _within),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
}
NEGATED: Final = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
