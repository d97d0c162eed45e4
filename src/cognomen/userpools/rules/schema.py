"""A pool's schema: the standard attributes, custom ones added to them, and what a value must be.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html. Texts: FIDELITY B.5.51.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from cognomen.api import errors, idp
from cognomen.kernel import contacts

TYPES = ("String", "Number", "DateTime", "Boolean")
_MOST_CUSTOM = 50
_FLAGS = ("email_verified", "phone_number_verified")
_LONGEST = 2048


def _standard(name: str, kind: str = "String", low: str = "0", high: str = "2048", **more: bool) -> idp.SchemaAttributeType:
    attribute = idp.SchemaAttributeType(
        name=name,
        attribute_data_type=kind,
        developer_only_attribute=False,
        mutable=more.get("mutable", True),
        required=more.get("required", False),
    )
    if kind == "String":
        attribute.string_attribute_constraints = idp.StringAttributeConstraintsType(min_length=low, max_length=high)
    elif kind == "Number":
        attribute.number_attribute_constraints = idp.NumberAttributeConstraintsType(min_value=low)
    return attribute


def standard() -> list[idp.SchemaAttributeType]:
    """The twenty attributes that every pool has, in AWS's order; new values on each call."""
    return [
        _standard("sub", low="1", mutable=False, required=True),
        _standard("name"),
        _standard("given_name"),
        _standard("family_name"),
        _standard("middle_name"),
        _standard("nickname"),
        _standard("preferred_username"),
        _standard("profile"),
        _standard("picture"),
        _standard("website"),
        _standard("email"),
        _standard("email_verified", "Boolean"),
        _standard("gender"),
        _standard("birthdate", low="10", high="10"),
        _standard("zoneinfo"),
        _standard("locale"),
        _standard("phone_number"),
        _standard("phone_number_verified", "Boolean"),
        _standard("address"),
        _standard("updated_at", "Number"),
    ]


STANDARD_NAMES = tuple(attribute.name or "" for attribute in standard())


def complete(given: Sequence[idp.SchemaAttributeType] | None) -> list[idp.SchemaAttributeType]:
    """The schema of a new pool: the standard attributes as `given` adjusts them, then the custom ones. Raises InvalidParameterException."""
    attributes = {attribute.name or "": attribute for attribute in standard()}
    custom = []
    for wanted in given or []:
        present = attributes.get(wanted.name or "")
        if present is None:
            custom.append(wanted)
        else:
            _adjust(present, wanted)
    return extend(list(attributes.values()), custom)


def _adjust(present: idp.SchemaAttributeType, wanted: idp.SchemaAttributeType) -> None:
    if (wanted.attribute_data_type or present.attribute_data_type) != present.attribute_data_type or wanted.developer_only_attribute:
        raise _invalid(f"You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute {present.name}")
    if present.name == "sub" and (wanted.mutable or wanted.required is False):
        raise _invalid("Invalid standard schema attribute sub: it is required and cannot be changed.")
    if wanted.required is not None:
        present.required = wanted.required
    if wanted.mutable is not None:
        present.mutable = wanted.mutable
    if wanted.string_attribute_constraints is not None and present.attribute_data_type == "String":
        present.string_attribute_constraints = _string_bounds(present.name or "", wanted.string_attribute_constraints)
    if wanted.number_attribute_constraints is not None and present.attribute_data_type == "Number":
        present.number_attribute_constraints = _number_bounds(present.name or "", wanted.number_attribute_constraints)


def extend(existing: Sequence[idp.SchemaAttributeType], added: Sequence[idp.SchemaAttributeType]) -> list[idp.SchemaAttributeType]:
    """The schema with custom attributes added under their prefix. Raises InvalidParameterException."""
    attributes = list(existing)
    taken = {attribute.name for attribute in attributes}
    for wanted in added:
        attribute = _custom(wanted)
        if attribute.name in taken:
            raise _invalid(f"custom:{wanted.name}: Existing attribute already has name {attribute.name}.")
        taken.add(attribute.name)
        attributes.append(attribute)
    if len(attributes) - len(STANDARD_NAMES) > _MOST_CUSTOM:
        raise _invalid(f"Number of custom attributes exceeds the limit of {_MOST_CUSTOM}.")
    return attributes


def _custom(wanted: idp.SchemaAttributeType) -> idp.SchemaAttributeType:
    if not wanted.name:
        raise _invalid("Attribute name is required.")
    if wanted.required:
        raise _invalid("Required custom attributes are not supported currently.")
    kind = wanted.attribute_data_type
    if kind not in TYPES:  # left out: the model refuses other values
        raise _invalid("Invalid AttributeDataType input, consider using the provided AttributeDataType enum.")
    developer_only = bool(wanted.developer_only_attribute)
    name = f"{'dev:' if developer_only else ''}custom:{wanted.name}"
    attribute = idp.SchemaAttributeType(
        name=name,
        attribute_data_type=kind,
        developer_only_attribute=developer_only,
        mutable=True if wanted.mutable is None else wanted.mutable,
        required=False,
    )
    if kind == "String":
        attribute.string_attribute_constraints = _string_bounds(
            name, wanted.string_attribute_constraints or idp.StringAttributeConstraintsType()
        )
    elif kind == "Number":
        attribute.number_attribute_constraints = _number_bounds(
            name, wanted.number_attribute_constraints or idp.NumberAttributeConstraintsType()
        )
    return attribute


def _string_bounds(name: str, given: idp.StringAttributeConstraintsType) -> idp.StringAttributeConstraintsType:
    low, high = (_length(name, bound) for bound in (given.min_length, given.max_length))
    if high is not None and high > _LONGEST:
        raise _invalid(f"user.{name}: String attributes cannot have a length of more than {_LONGEST}")
    if low is not None and high is not None and low > high:
        raise _invalid(f"user.{name}: Max length cannot be less than min length.")
    return given


def _length(name: str, bound: str | None) -> int | None:
    if bound is None:
        return None
    if re.fullmatch(r"[0-9]{1,6}", bound) is None:
        raise _invalid(f"user.{name}: Invalid length constraint.")
    return int(bound)


def _number_bounds(name: str, given: idp.NumberAttributeConstraintsType) -> idp.NumberAttributeConstraintsType:
    low, high = (None if bound is None else _number(bound) for bound in (given.min_value, given.max_value))
    if (given.min_value is not None and low is None) or (given.max_value is not None and high is None):
        raise _invalid(f"user.{name}: Invalid value constraint.")
    if low is not None and high is not None and low > high:
        raise _invalid(f"user.{name}: Max value cannot be less than min value.")
    return given


def required(attributes: Sequence[idp.SchemaAttributeType]) -> list[str]:
    """Names of the attributes that every user must have, but `sub`, which every user has."""
    return [attribute.name or "" for attribute in attributes if attribute.required and attribute.name != "sub"]


def check_required(attributes: Sequence[idp.SchemaAttributeType], given: Mapping[str, str]) -> None:
    """Raises InvalidParameterException naming every required attribute that is missing."""
    missing = [name for name in required(attributes) if not given.get(name)]
    if missing:
        lines = "".join(f"{name}: The attribute {name} is required\n" for name in missing)
        raise _invalid(f"Attributes did not conform to the schema: {lines}")


def checked(
    attributes: Sequence[idp.SchemaAttributeType], given: Sequence[idp.AttributeType], *, by_admin: bool, creating: bool
) -> dict[str, str]:
    """Name -> value of attributes that the schema accepts; "" removes one. Raises InvalidParameterException with a line for each fault."""
    schema = {attribute.name: attribute for attribute in attributes}
    kept: dict[str, str] = {}
    faults = []
    for item in given:
        attribute = schema.get(item.name)
        fault = _fault(attribute, item, by_admin=by_admin, creating=creating)
        if fault is not None:
            faults.append(f"user.{item.name}: {fault}\n")
        else:
            # The flags are compared with "true" wherever they count.
            kept[item.name] = (item.value or "").lower() if item.name in _FLAGS else item.value or ""
    if faults:
        raise _invalid(f"Invalid user attributes: {''.join(faults)}")
    return kept


def _fault(attribute: idp.SchemaAttributeType | None, item: idp.AttributeType, *, by_admin: bool, creating: bool) -> str | None:
    if attribute is None or (attribute.developer_only_attribute and not by_admin):
        return "Attribute does not exist in the schema."
    if item.name == "sub":
        return "Attribute cannot be updated."
    if not attribute.mutable and not creating:
        return "Attribute cannot be updated."
    value = item.value or ""
    if value == "":
        return "A required attribute cannot be removed." if attribute.required and not creating else None
    return value_fault(attribute, value)


def value_fault(attribute: idp.SchemaAttributeType, value: str) -> str | None:
    """What is wrong with a value that is there, in words that do not quote it."""
    kind = attribute.attribute_data_type
    if kind == "Boolean":
        return None if value.lower() in ("true", "false") else "The attribute value is not a valid boolean."
    if kind == "Number":
        return _number_fault(attribute, value)
    if kind == "DateTime":
        return None if _number(value) is not None or _ISO.fullmatch(value) else "The attribute value is not a valid date."
    bounds = attribute.string_attribute_constraints
    low = int((bounds.min_length if bounds else None) or 0)
    high = int((bounds.max_length if bounds else None) or _LONGEST)
    if len(value) < low:
        return f"String attribute value is shorter than the minimum length of {low}."
    if len(value) > high:
        return f"String attribute value is longer than the maximum length of {high}."
    if "\0" in value:  # the wire lets none in; functions, directories and files are no requests
        return "String attribute value has a NUL character."
    return _form_fault(attribute.name or "", value)


_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")


def _number(value: str) -> Decimal | None:
    if _NUMBER.fullmatch(value) is None:
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _number_fault(attribute: idp.SchemaAttributeType, value: str) -> str | None:
    number = _number(value)
    if number is None:
        return "The attribute value is not a valid number."
    bounds = attribute.number_attribute_constraints
    low = _number(bounds.min_value) if bounds and bounds.min_value is not None else None
    high = _number(bounds.max_value) if bounds and bounds.max_value is not None else None
    if low is not None and number < low:
        return f"Number attribute value is less than the minimum of {low}."
    if high is not None and number > high:
        return f"Number attribute value is greater than the maximum of {high}."
    return None


def _form_fault(name: str, value: str) -> str | None:
    if name == "email" and not contacts.is_email(value):
        return "Invalid email address format."
    if name == "phone_number" and not contacts.is_phone_number(value):
        return "Invalid phone number format."
    if name == "birthdate" and re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", value) is None:
        return "Invalid birthdate format."
    return None


def _invalid(text: str) -> errors.InvalidParameterException:
    return errors.InvalidParameterException(text)
