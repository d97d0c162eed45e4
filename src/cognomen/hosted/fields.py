"""Fields for attributes of users: what kind of input each takes, and by which name a browser fills it in (HTML, "Autofill")."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cognomen.hosted import texts

_KINDS = {"email": "email", "phone_number": "tel", "birthdate": "date", "website": "url", "picture": "url", "profile": "url"}
_AUTOFILL = {
    "email": "email",
    "phone_number": "tel",
    "birthdate": "bday",
    "name": "name",
    "given_name": "given-name",
    "family_name": "family-name",
    "middle_name": "additional-name",
    "nickname": "nickname",
    "preferred_username": "nickname",
    "website": "url",
    "picture": "photo",
    "gender": "sex",
    "locale": "language",
    "address": "street-address",
}
_PREFIX = "attribute."


class Field(msgspec.Struct, frozen=True):
    name: str
    label: str
    kind: str
    autofill: str
    required: bool
    value: str


def named(text: Mapping[str, str], attribute: str, required: bool, given: Mapping[str, str]) -> Field:
    name = f"{_PREFIX}{attribute}"
    label = texts.attribute(text, attribute)
    return Field(name, label, _KINDS.get(attribute, "text"), _AUTOFILL.get(attribute, "off"), required, given.get(name, ""))


def attributes(form: Mapping[str, str]) -> dict[str, str]:
    """The attributes that a form gave."""
    return {name.removeprefix(_PREFIX): value for name, value in form.items() if name.startswith(_PREFIX)}
