"""Compiles the model's input shapes to validators that list every violation in AWS's words.

Each shape becomes a Check with two halves: `accept`, a closure that says yes in a few microseconds, and `explain`, which is
asked only where `accept` said no and finds all that is wrong. Refuses to know types, protocols or operations.

Where the texts come from: single members: LambStatus #6, amazon-cognito-identity-js #388, amplify-flutter #3125 (order: shortest,
pattern, longest); lists: aws-solutions/media-insights-on-aws #199; maps: aws-cdk #31795 (order: longest, shortest, pattern); acronyms
in paths ("sAMLOptions"): ministryofjustice/cloud-platform-infrastructure #4097.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cognomen.api import errors
from cognomen.api.model import Reference, ServiceModel, Shape
from cognomen.api.patterns import matcher
from cognomen.api.wording import decodes, java, lower_first, wrong_container, wrong_type

LISTED = 100  # violations in one message: a hostile body must not grow into an answer many times its size
SHOWN = frozenset({"ClientIdType"})  # sensitive in the model, yet AWS shows the value (boto3 #3581, terraform-provider-aws #38167)
# Its pattern is that of a prefix, and custom domains have dots: the operations check it, in AWS's other words (mineiros-io/terraform-aws-cognito-user-pool #69).
BY_OPERATIONS = frozenset({"DomainType"})
BOUNDS = {"integer": 1 << 31, "long": 1 << 63}

Accept = Callable[[Any], bool]


class Check:
    """One compiled shape. `accept` also removes entries of maps whose value is null: in JSON 1.1 null means absent."""

    accept: Accept
    scalar = True
    hidden = False

    def explain(self, value: Any, path: str, found: list[str]) -> None:
        """Adds every violation to `found`; raises SerializationException for a wrong JSON type."""
        for text in self.violated(value):
            add(found, self.shown(value), path, text)

    def violated(self, value: Any) -> list[str]:
        return []

    def constraints(self) -> str:
        """All constraints as AWS lists them for an element of a list or map."""
        return ""

    def shown(self, value: Any) -> str | None:
        return None if self.hidden else java(value)


def validator(
    model: ServiceModel, shape: str, refusal: type[errors.ServiceError], known: dict[str, Check] | None = None
) -> Callable[[Any], dict[str, Any]]:
    """A function that gives back the members of a request or raises SerializationException or `refusal`.

    `known` keeps what is compiled, so that the operations of a service share their shapes.
    """
    check = compiled(model, shape, {} if known is None else known)
    accept = check.accept

    def validate(raw: Any) -> dict[str, Any]:
        if accept(raw):
            return raw  # type: ignore[no-any-return]  # accept has seen that it is a dict
        found: list[str] = []
        check.explain(raw, "", found)
        if found:
            detected = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
            raise refusal(f"{detected} detected: {'; '.join(found)}")
        return raw  # type: ignore[no-any-return]

    return validate


def compiled(model: ServiceModel, name: str, known: dict[str, Check]) -> Check:
    check = known.get(name)
    if check is None:
        shape = model.shapes[name]
        check = known[name] = _make(model, name, shape, known)
        check.hidden = check.hidden or (shape.sensitive and name not in SHOWN)
    return check


def _make(model: ServiceModel, name: str, shape: Shape, known: dict[str, Check]) -> Check:
    def part(reference: Reference | None) -> Check:
        assert reference is not None  # noqa: S101  # the model's own grammar
        return compiled(model, reference.shape, known)

    if shape.document:
        return Anything()
    match shape.type:
        case "structure":
            return Members({wire: part(member) for wire, member in shape.members.items()}, shape.required)
        case "list":
            return Elements(shape, part(shape.member))
        case "map":
            return Entries(shape, part(shape.key), part(shape.value))
        case "string":
            return Text(msgspec.structs.replace(shape, pattern=None) if name in BY_OPERATIONS else shape)
        case "boolean":
            return Boolean()
        case "blob":
            return Blob(shape)
        case "timestamp" | "float" | "double":
            return Moment()
        case "integer" | "long":
            return Number(shape)
    raise ValueError(f"the model's shape {name} has a type that is not known here: {shape.type}")


class Anything(Check):
    def __init__(self) -> None:
        self.accept = lambda _: True


class Boolean(Check):
    def __init__(self) -> None:
        self.accept = lambda value: type(value) is bool

    def violated(self, value: Any) -> list[str]:
        if type(value) is not bool:
            raise wrong_type(value, "a Boolean")
        return []


class Moment(Check):
    def __init__(self) -> None:
        self.accept = lambda value: type(value) is int or type(value) is float

    def violated(self, value: Any) -> list[str]:
        if not self.accept(value):
            raise wrong_type(value, "a Timestamp")
        return []


class Number(Check):
    def __init__(self, shape: Shape) -> None:
        self.least, self.most = shape.min, shape.max
        self.bound = bound = BOUNDS[shape.type]
        low = -bound if shape.min is None else shape.min
        high = bound - 1 if shape.max is None else shape.max
        self.accept = lambda value: type(value) is int and low <= value <= high

    def violated(self, value: Any) -> list[str]:
        if type(value) is not int or not -self.bound <= value < self.bound:
            raise wrong_type(value, "an Integer" if self.bound == BOUNDS["integer"] else "a Long")
        texts = []
        if self.least is not None and value < self.least:
            texts.append(f"Member must have value greater than or equal to {self.least}")
        if self.most is not None and value > self.most:
            texts.append(f"Member must have value less than or equal to {self.most}")
        return texts

    def constraints(self) -> str:
        texts = []
        if self.most is not None:
            texts.append(f"Member must have value less than or equal to {self.most}")
        if self.least is not None:
            texts.append(f"Member must have value greater than or equal to {self.least}")
        return ", ".join(texts)


class Text(Check):
    def __init__(self, shape: Shape) -> None:
        self.least, self.most, self.pattern = shape.min, shape.max, shape.pattern
        self.enum = shape.enum
        self.accept = self._accept()

    def _accept(self) -> Accept:
        low, high = self.least or 0, (1 << 62) if self.most is None else self.most
        if self.enum is not None:
            allowed = frozenset(self.enum)
            return lambda value: type(value) is str and value in allowed and low <= len(value) <= high
        if self.pattern is not None:
            matches = self.matches = matcher(self.pattern)
            return lambda value: type(value) is str and low <= len(value) <= high and matches(value) is not None
        if self.least is None and self.most is None:
            return lambda value: type(value) is str
        return lambda value: type(value) is str and low <= len(value) <= high

    def violated(self, value: Any) -> list[str]:
        if type(value) is not str:
            raise wrong_type(value, "a String")
        texts = []
        if self.enum is not None and value not in self.enum:
            texts.append(self._one_of())
        if self.least is not None and len(value) < self.least:
            texts.append(f"Member must have length greater than or equal to {self.least}")
        if self.enum is None and self.pattern is not None and self._mismatch(value):
            texts.append(f"Member must satisfy regular expression pattern: {self.pattern}")
        if self.most is not None and len(value) > self.most:
            texts.append(f"Member must have length less than or equal to {self.most}")
        return texts

    def _mismatch(self, value: str) -> bool:
        return self.matches(value) is None

    def _one_of(self) -> str:
        return f"Member must satisfy enum value set: [{', '.join(self.enum or ())}]"

    def constraints(self) -> str:
        texts = []
        if self.enum is not None:
            texts.append(self._one_of())
        if self.most is not None:
            texts.append(f"Member must have length less than or equal to {self.most}")
        if self.least is not None:
            texts.append(f"Member must have length greater than or equal to {self.least}")
        if self.enum is None and self.pattern is not None:
            texts.append(f"Member must satisfy regular expression pattern: {self.pattern}")
        return ", ".join(texts)


class Blob(Check):
    hidden = True

    def __init__(self, shape: Shape) -> None:
        self.least, self.most = shape.min, shape.max
        self.accept = self._accept

    def _accept(self, value: Any) -> bool:
        return type(value) is str and decodes(value) and not self.violated(value)

    def violated(self, value: Any) -> list[str]:
        if type(value) is not str:
            raise wrong_type(value, "a Blob")
        if not decodes(value):
            raise errors.SerializationException("Invalid Base64 character or padding.")
        return outside(len(value) // 4 * 3 - value[-2:].count("="), self.least, self.most)


class Elements(Check):
    scalar = False

    def __init__(self, shape: Shape, element: Check) -> None:
        self.least, self.most, self.element = shape.min, shape.max, element
        low, high, each = shape.min or 0, (1 << 62) if shape.max is None else shape.max, element.accept

        def accept(value: Any) -> bool:
            if type(value) is not list or not low <= len(value) <= high:
                return False
            return all(map(each, value))  # None is of no shape's type: an element is never null

        self.accept = accept

    def explain(self, value: Any, path: str, found: list[str]) -> None:
        if type(value) is not list:
            raise wrong_container(value, "list")
        shown = self.shown(value)
        for text in outside(len(value), self.least, self.most):
            add(found, shown, path, text)
        element = self.element
        missed = False
        for number, item in enumerate(value, 1):
            if item is None:
                add(found, "null", f"{path}.{number}.member", "Member must not be null")
            elif not element.scalar:
                element.explain(item, f"{path}.{number}.member", found)
            elif not element.accept(item) and element.violated(item):
                missed = True
            if len(found) >= LISTED:
                break
        if missed:
            add(found, shown, path, f"Member must satisfy constraint: [{element.constraints()}]")

    def shown(self, value: Any) -> str | None:
        return java(value) if self.element.scalar and not (self.hidden or self.element.hidden) else None


class Entries(Check):
    scalar = False

    def __init__(self, shape: Shape, key: Check, entry: Check) -> None:
        self.least, self.most, self.key, self.entry = shape.min, shape.max, key, entry
        low, high, of_key, of_value = shape.min or 0, (1 << 62) if shape.max is None else shape.max, key.accept, entry.accept

        def accept(value: Any) -> bool:
            if type(value) is not dict:
                return False
            if None in value.values():
                for name in [name for name, item in value.items() if item is None]:
                    del value[name]
            return low <= len(value) <= high and all(map(of_key, value)) and all(map(of_value, value.values()))

        self.accept = accept

    def explain(self, value: Any, path: str, found: list[str]) -> None:
        if type(value) is not dict:
            raise wrong_container(value, "map")
        shown = self.shown(value)
        for text in outside(len(value), self.least, self.most):
            add(found, shown, path, text)
        if any(not self.key.accept(key) for key in value):
            add(found, shown, path, f"Map keys must satisfy constraint: [{self.key.constraints()}]")
        missed = False
        for key, item in value.items():
            if item is None:  # null is absent
                continue
            if not self.entry.scalar:
                self.entry.explain(item, f"{path}.{key}.member", found)
            elif not self.entry.accept(item) and self.entry.violated(item):
                missed = True
            if len(found) >= LISTED:
                break
        if missed:
            add(found, shown, path, f"Map value must satisfy constraint: [{self.entry.constraints()}]")

    def shown(self, value: Any) -> str | None:
        return java(value) if self.entry.scalar and not (self.hidden or self.key.hidden or self.entry.hidden) else None


class Members(Check):
    scalar = False

    def __init__(self, members: dict[str, Check], required: list[str]) -> None:
        self.members, self.required = members, frozenset(required)
        checks = {wire: check.accept for wire, check in members.items()}.get
        needed = tuple(required)

        def accept(value: Any) -> bool:
            if type(value) is not dict:
                return False
            for wire in needed:
                if value.get(wire) is None:
                    return False
            for wire, item in value.items():
                if item is not None:
                    check = checks(wire)
                    if check is not None and not check(item):
                        return False
            return True

        self.accept = accept

    def explain(self, value: Any, path: str, found: list[str]) -> None:
        if type(value) is not dict:
            raise wrong_container(value, "map")
        for wire, check in self.members.items():
            item = value.get(wire)
            where = f"{path}.{lower_first(wire)}" if path else lower_first(wire)
            if item is not None:
                if not check.accept(item):
                    check.explain(item, where, found)
            elif wire in self.required:
                add(found, "null", where, "Member must not be null")


def add(found: list[str], shown: str | None, path: str, constraint: str) -> None:
    if len(found) < LISTED:
        value = "Value" if shown is None else f"Value {shown}"
        found.append(f"{value} at '{path}' failed to satisfy constraint: {constraint}")


def outside(size: int, least: int | None, most: int | None) -> list[str]:
    if least is not None and size < least:
        return [f"Member must have length greater than or equal to {least}"]
    if most is not None and size > most:
        return [f"Member must have length less than or equal to {most}"]
    return []
