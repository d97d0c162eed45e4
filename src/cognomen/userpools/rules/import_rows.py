"""The CSV file of a user import: its header, its lines, and what a row says of a user. Pure; a fault never quotes a value.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html ("Formatting the CSV file"). AWS's dialect
knows no quotation marks: a backslash before a comma makes it part of the value, and a row is a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cognomen.storage.pools import Pool
from cognomen.userpools.rules import names, schema

MOST_ROWS = 500_000
MOST_BYTES = 100 << 20
LONGEST_ROW = 16_000  # characters
USERNAME, MFA, HASH = "cognito:username", "cognito:mfa_enabled", "password_hash"
# Texts of AWS: the developer guide, "Viewing the user pool import results".
NOT_VERIFIED = "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)."
EXISTS = "The user already exists."
SUCCEEDED = "The import succeeded."
TOO_LONG = f"The row is longer than {LONGEST_ROW} characters."
BAD_HASH = "password_hash: The value is no hash of the job's algorithm, or costs too much to check."
NOT_UTF8 = "The row is not UTF-8."
_LONGEST_BYTES = 4 * LONGEST_ROW
_ESCAPED = re.compile(r"(?<!\\),")
_BIRTHDATE = re.compile(r"(0[1-9]|1[0-2])/(0[1-9]|[12][0-9]|3[01])/([0-9]{4})")
_VERIFIED = {"email_verified": "email", "phone_number_verified": "phone_number"}


class Line(NamedTuple):
    """`end` is where the next line begins, in bytes from the file's beginning. `text` is None for a line that is too long to be kept."""

    number: int
    end: int
    text: bytes | None


class Lines:
    """Cuts a file that comes in pieces into lines, and never keeps more of one than a row may have."""

    def __init__(self, *, done: int = 0, number: int = 0) -> None:
        """Goes on behind `done` bytes and `number` lines."""
        self._at, self._number = done, number
        self._left = b""
        self._dropped = 0  # bytes of the present line that were not kept

    def feed(self, piece: bytes) -> Iterator[Line]:
        *whole, rest = (self._left + piece).split(b"\n")
        self._left = b""
        for text in whole:
            yield self._line(text, 1)
        if self._dropped or len(rest) > _LONGEST_BYTES:
            self._dropped += len(rest)
        else:
            self._left = rest

    def finish(self) -> Iterator[Line]:
        """The last line, where no line break ends it."""
        if self._left or self._dropped:
            text, self._left = self._left, b""
            yield self._line(text, 0)

    def _line(self, text: bytes, ending: int) -> Line:
        self._number += 1
        self._at += self._dropped + len(text) + ending
        kept = None if self._dropped or len(text) > _LONGEST_BYTES else text
        self._dropped = 0
        return Line(self._number, self._at, kept)


class Row(NamedTuple):
    """A user as a row names one. `password_hash` is "" where there is none."""

    username: str
    attributes: dict[str, str]
    mfa: bool
    password_hash: str


class BadHeader(Exception):
    """The file cannot be imported at all. The text is a sentence that quotes none of it."""


def header_of(pool: Pool) -> list[str]:
    """What GetCSVHeader answers: the pool's attributes in the schema's order, then AWS's own two columns."""
    names = [attribute.name or "" for attribute in pool.settings.pool.schema_attributes or []]
    return [*(name for name in names if name != "sub"), MFA, USERNAME]


class Sheet:
    """What a header makes of the rows below it."""

    def __init__(self, pool: Pool, header: bytes | None, *, hashing: bool) -> None:
        """`hashing`: the job names an algorithm, so there must be a column of password hashes. Raises BadHeader."""
        columns = _columns(header)
        expected = set(header_of(pool)) | ({HASH} if hashing else set())
        if len(set(columns)) != len(columns):
            raise BadHeader("The csv file names a column twice.")
        if expected - set(columns):
            raise BadHeader(f"The csv file lacks a column of the header that GetCSVHeader gives{', or password_hash' if hashing else ''}.")
        if set(columns) - expected:
            raise BadHeader("The csv file has a column that GetCSVHeader does not give.")
        attributes = {attribute.name: attribute for attribute in pool.settings.pool.schema_attributes or []}
        self._count = len(columns)
        self._username, self._mfa = columns.index(USERNAME), columns.index(MFA)
        self._hash = columns.index(HASH) if hashing else None
        self._attributes = [(n, name, attributes[name]) for n, name in enumerate(columns) if name in attributes]
        self._required = schema.required(pool.settings.pool.schema_attributes or [])
        self._verifying = [f"{name}_verified" for name in pool.settings.pool.auto_verified_attributes or []]
        self._mfa_mode = pool.settings.mfa.mfa_configuration or "OFF"

    def read(self, line: bytes) -> Row | str:
        """What the line says, or what is wrong with it."""
        try:
            text = line.decode().rstrip("\r")
        except UnicodeDecodeError:
            return NOT_UTF8
        if len(text) > LONGEST_ROW:
            return TOO_LONG
        cells = _cells(text)
        if len(cells) != self._count:
            return f"The row has {len(cells)} values, and the header {self._count} columns."
        username = cells[self._username]
        attributes: dict[str, str] = {}
        fault = _username_fault(username) or self._fill(attributes, cells) or self._mfa_fault(cells[self._mfa].lower())
        if fault is not None:
            return fault
        return Row(username, attributes, cells[self._mfa].lower() == "true", "" if self._hash is None else cells[self._hash])

    def _fill(self, attributes: dict[str, str], cells: Sequence[str]) -> str | None:
        """Puts the row's values into `attributes`; what is wrong with the first bad one."""
        for n, name, attribute in self._attributes:
            value = cells[n]
            if value == "":
                continue
            if name == "birthdate":
                value = _birthdate(value)
            fault = schema.value_fault(attribute, value)
            if fault is not None:
                return f"{name}: {fault}"
            attributes[name] = value.lower() if name in _VERIFIED else value
        return self._missing(attributes)

    def _missing(self, attributes: Mapping[str, str]) -> str | None:
        if not any(attributes.get(flag) == "true" for flag in self._verifying):
            return NOT_VERIFIED
        for flag, name in _VERIFIED.items():
            if attributes.get(flag) == "true" and name not in attributes:
                return f"{name}: The attribute {name} is required, since {flag} is true."
        lacking = [name for name in self._required if name not in attributes]
        return f"{lacking[0]}: The attribute {lacking[0]} is required." if lacking else None

    def _mfa_fault(self, value: str) -> str | None:
        """Left empty it says what the pool says."""
        if value not in ("", "true", "false"):
            return f"{MFA}: The value is not true or false."
        if value == "false" and self._mfa_mode == "ON":
            return f"{MFA}: The value must be true, since the user pool requires MFA."
        if value == "true" and self._mfa_mode == "OFF":
            return f"{MFA}: The value must be false, since the user pool does not use MFA."
        return None


def _columns(header: bytes | None) -> list[str]:
    if header is None:
        raise BadHeader("The first row of the csv file is too long.")
    try:
        return _cells(header.removeprefix(b"\xef\xbb\xbf").decode().rstrip("\r"))
    except UnicodeDecodeError:
        raise BadHeader("The csv file is not UTF-8.") from None


def _cells(text: str) -> list[str]:
    if "\\," not in text:
        return [cell.strip() for cell in text.split(",")]
    return [cell.replace("\\,", ",").strip() for cell in _ESCAPED.split(text)]


def _username_fault(username: str) -> str | None:
    fault = names.fault(username)
    return f"{USERNAME}: {fault}" if fault is not None else None


def _birthdate(value: str) -> str:
    """The file's mm/dd/yyyy as the attribute's yyyy-mm-dd; another form as it is, for the schema to refuse."""
    found = _BIRTHDATE.fullmatch(value)
    return f"{found[3]}-{found[1]}-{found[2]}" if found else "mm/dd/yyyy"
