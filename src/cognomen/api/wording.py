"""How AWS words a value, a member's path and a wrong JSON type. Knows no shapes."""

from __future__ import annotations

import binascii
from typing import Any

from cognomen.api import errors


def lower_first(wire: str) -> str:
    return wire[:1].lower() + wire[1:]


def java(value: Any) -> str:
    """A value as Java's toString shows it, in quotes."""
    if type(value) is list:
        return "'[" + ", ".join("null" if item is None else plain(item) for item in value) + "]'"
    if type(value) is dict:
        return "'{" + ", ".join(f"{key}={plain(item)}" for key, item in value.items()) + "}'"
    return f"'{plain(value)}'"


def plain(value: Any) -> str:
    return str(value).lower() if type(value) is bool else str(value)


def decodes(value: str) -> bool:
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return False
    return True


def token(value: Any) -> str:
    match value:
        case True:
            return "TRUE_VALUE"
        case False:
            return "FALSE_VALUE"
        case str():
            return "STRING_VALUE"
        case int():
            return "NUMBER_VALUE"
        case _:
            return "DECIMAL_VALUE"


def wrong_type(value: Any, wanted: str) -> errors.SerializationException:
    """Texts: "NUMBER_VALUE can not be converted to a String" as in aarondfrancis/sidecar #148; containers as below."""
    if type(value) in (dict, list):
        return wrong_container(value, "")
    return errors.SerializationException(f"{token(value)} can not be converted to {wanted}")


def wrong_container(value: Any, wanted: str) -> errors.SerializationException:
    """Texts: amplify-js #5165 (structure), aws-sdk-js-v3 #2831 (list, from cognito-identity), amplify-js #4738 (map)."""
    if type(value) is dict:
        return errors.SerializationException("Start of structure or map found where not expected.")
    if type(value) is list:
        return errors.SerializationException("Start of list found where not expected")
    return errors.SerializationException(f"Expected {wanted} or null")
