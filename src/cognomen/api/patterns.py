r"""Turns the model's patterns, which are Java's, into Python matchers with the same meaning.

In Java `\w`, `\d` and `\s` know ASCII only, `\p{L}` knows all of Unicode, a dot stops at five line terminators, and AWS matches
the whole value. Compiled at the first use: the 19 patterns with `\p` cost 0.6 ms each.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

Matcher = Callable[[str], Any]

# Seconds. Patterns with two such classes, `\p{L}+@\p{L}+`, take quadratic time on hostile values; what is not decided by then does not match.
PATIENCE = 0.1

ASCII = {"w": "a-zA-Z0-9_", "d": "0-9", "s": r" \t\n\x0b\f\r"}


# Letters, marks, symbols, numbers, punctuation. Of ASCII these are the printable characters but the space, which a look-up tells faster.
_VISIBLE = r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+"


@functools.cache
def matcher(pattern: str) -> Matcher:
    """A function that gives None where the whole value does not match."""
    compiled: list[Matcher] = []

    def match(value: str) -> Any:
        if not compiled:
            compiled.append(_compile(pattern))
        return compiled[0](value)

    return match


def _compile(pattern: str) -> Matcher:
    text = in_python(pattern)
    if r"\p" not in pattern:
        return re.compile(text, re.ASCII).fullmatch
    fullmatch: Matcher = import_module("regex").compile(text).fullmatch
    if pattern == _VISIBLE:
        return _visible(fullmatch)
    return fullmatch if pattern.count(r"\p{L}") == 1 else _patient(fullmatch)


def _visible(fullmatch: Matcher) -> Matcher:
    def match(value: str) -> Any:
        if value.isascii() and value.isprintable() and " " not in value:
            return value or None
        return fullmatch(value)

    return match


def _patient(fullmatch: Callable[..., Any]) -> Matcher:
    def match(value: str) -> Any:
        try:
            return fullmatch(value, timeout=PATIENCE)
        except TimeoutError:
            return None

    return match


def in_python(pattern: str) -> str:
    r"""The same language in Python's words: `\w`, `\d`, `\s` as ASCII sets, the dot without Java's line terminators."""
    dot_all = "(?s)" in pattern
    out: list[str] = []
    in_class = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            escaped = pattern[at + 1]
            out.append(_escape(escaped, in_class))
            at += 2
            continue
        if char == "[" and not in_class:
            in_class = True
        elif char == "]":
            in_class = False
        elif char == "." and not in_class and not dot_all:
            char = r"[^\n\r\x85\u2028\u2029]"
        out.append(char)
        at += 1
    return "".join(out)


def _escape(escaped: str, in_class: bool) -> str:
    letters = ASCII.get(escaped)
    if letters is not None:
        return letters if in_class else f"[{letters}]"
    if escaped == "S" and not in_class:
        return rf"[^{ASCII['s']}]"
    return "\\" + escaped
