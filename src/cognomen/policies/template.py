"""Texts of a policy that hold wildcards and variables: `*`, `?`, `${key}`, `${key, 'default'}`, and `${*}`, `${?}`, `${$}` for the characters.

Matching is linear for each piece between two `*`: no pattern makes it slow. What a variable stands for is taken as it is: a `*` in it is no
wildcard. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec

_VARIABLE: Final = re.compile(r"\$\{\s*([*?$]|[^\s,'{}]+)\s*(?:,\s*'((?:[^'])*)'\s*)?\}")


class Wild(Enum):
    ANY = "*"
    ONE = "?"


class Variable(msgspec.Struct, frozen=True):
    """`key` is in lower case: keys of a request are the same in any."""

    key: str
    default: str | None


Part = str | Wild | Variable
Piece = str | tuple[str | None, ...]  # text between two `*`; None stands for one character of any kind
Context = Mapping[str, Sequence[str]]


class Template(msgspec.Struct, frozen=True):
    """`pieces` and `literal` are set where no variable has to be looked up first."""

    parts: tuple[Part, ...]
    literal: str | None
    pieces: tuple[Piece, ...] | None


def template(text: str, *, variables: bool) -> Template:
    """`variables` is False for policies of version 2008-10-17, in which `${` is text like any other."""
    return of(_parts(text, variables=variables))


def of(parts: Sequence[Part]) -> Template:
    kept = tuple(parts)
    if any(isinstance(part, Variable) for part in kept):
        return Template(kept, None, None)
    return Template(kept, _joined(kept), _pieces(kept))


def text(wanted: Template, context: Context) -> str | None:
    """The text with its variables filled in and its wildcards as they are written; None where a variable has no value."""
    if wanted.literal is not None:
        return wanted.literal
    parts = _filled(wanted.parts, context)
    return None if parts is None else _joined(parts)


def matches(wanted: Template, value: str, context: Context) -> bool:
    """Whether the value fits, wildcards meant as such; False where a variable has no value."""
    pieces = wanted.pieces
    if pieces is None:
        parts = _filled(wanted.parts, context)
        if parts is None:
            return False
        pieces = _pieces(parts)
    return _fits(pieces, value)


def segments(wanted: Template, most: int) -> tuple[Template, ...]:
    """Cut at its first colons into `most` templates at the most; colons within a variable's name do not count."""
    found: list[list[Part]] = [[]]
    for part in wanted.parts:
        if not isinstance(part, str):
            found[-1].append(part)
            continue
        first, *others = part.split(":", most - len(found))
        found[-1].append(first)
        found.extend([other] for other in others)
    return tuple(of([part for part in parts if part != ""]) for parts in found)


def _parts(given: str, *, variables: bool) -> list[Part]:
    parts: list[Part] = []
    at = 0
    for hit in _VARIABLE.finditer(given) if variables else ():
        parts += _wild(given[at : hit.start()])
        name = hit[1]
        parts.append(name if name in "*?$" else Variable(name.lower(), hit[2]))
        at = hit.end()
    return parts + _wild(given[at:])


def _wild(given: str) -> list[Part]:
    return [Wild(piece) if piece in ("*", "?") else piece for piece in re.split(r"([*?])", given) if piece]


def _filled(parts: Sequence[Part], context: Context) -> list[str | Wild] | None:
    filled: list[str | Wild] = []
    for part in parts:
        if isinstance(part, Variable):
            values = context.get(part.key)
            # A key with several values is no variable: "you can use only single-valued context keys".
            value = values[0] if values is not None and len(values) == 1 else part.default
            if value is None:
                return None
            filled.append(value)
        else:
            filled.append(part)
    return filled


def _joined(parts: Sequence[Part]) -> str:
    return "".join(part.value if isinstance(part, Wild) else part for part in parts if not isinstance(part, Variable))


def _pieces(parts: Sequence[Part]) -> tuple[Piece, ...]:
    pieces: list[list[str | None]] = [[]]
    for part in parts:
        if part is Wild.ANY:
            pieces.append([])
        elif part is Wild.ONE:
            pieces[-1].append(None)
        elif isinstance(part, str):
            pieces[-1].extend(part)
    return tuple(tuple(piece) if None in piece else "".join(filter(None, piece)) for piece in pieces)


def _fits(pieces: Sequence[Piece], value: str) -> bool:
    first, last = pieces[0], pieces[-1]
    if not _at(first, value, 0):
        return False
    if len(pieces) == 1:
        return len(first) == len(value)
    start, end = len(first), len(value) - len(last)
    if end < start or not _at(last, value, end):
        return False
    for piece in pieces[1:-1]:
        found = _find(piece, value, start, end)
        if found < 0:
            return False
        start = found + len(piece)
    return True


def _at(piece: Piece, value: str, start: int) -> bool:
    if isinstance(piece, str):
        return value.startswith(piece, start)
    if start + len(piece) > len(value):
        return False
    return all(one is None or one == value[start + index] for index, one in enumerate(piece))


def _find(piece: Piece, value: str, start: int, end: int) -> int:
    if isinstance(piece, str):
        return value.find(piece, start, end)
    return next((at for at in range(start, end - len(piece) + 1) if _at(piece, value, at)), -1)
