"""CSS of the classic pages: rules for AWS's published class names and nothing else, since it goes into a page that asks for passwords.

Refused is all by which a style sheet fetches something, runs something, ends early or hides what follows: at-rules, escapes, markup, addresses,
functions that are not on the list, quotes and brackets without their other half. Pure: text in, nothing or NotCss out.

https://docs.aws.amazon.com/cognito/latest/developerguide/hosted-ui-classic-branding.html
"""

from __future__ import annotations

import re

CLASSES = frozenset(
    f"{name}-customizable"
    for name in (
        "background",
        "banner",
        "errorMessage",
        "idpButton",
        "idpDescription",
        "inputField",
        "label",
        "legalText",
        "logo",
        "passwordCheck-notValid",
        "passwordCheck-valid",
        "redirect",
        "socialButton",
        "submitButton",
        "textDescription",
    )
)
_SELECTORS = frozenset(f".{name}" for name in CLASSES) | {
    ".idpButton-customizable:hover",
    ".inputField-customizable:focus",
    ".submitButton-customizable:hover",
}
_FUNCTIONS = frozenset(
    [
        "rgb",
        "rgba",
        "hsl",
        "hsla",
        "hwb",
        "calc",
        "min",
        "max",
        "clamp",
        "linear-gradient",
        "radial-gradient",
        "cubic-bezier",
        "translate",
        "translatex",
        "translatey",
        "scale",
        "rotate",
    ]
)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_PROPERTY = re.compile(r"-?[a-zA-Z]+(?:-[a-zA-Z]+)*")
_OPENS = re.compile(r"/\*|[\"']")
_NEWLINE = re.compile(r"[\n\r\f]")
_STRING = '""'
_VALUE = re.compile(r"[\w\s#%.,()!+*/-]+", re.ASCII)
_TOKENS = re.compile(r"[\w-]+|\s+|.", re.ASCII)
_SHOWN = 64


class NotCss(Exception):
    """What is wrong, in one sentence that quotes no more than 64 characters of the text."""


def check(text: str) -> None:
    """Raises NotCss."""
    for bad in ("<", "\\", "\0"):
        if bad in text:
            raise NotCss("CSS must not have markup or escape sequences.")
    rules = _plain(text)
    if "@" in rules:
        raise NotCss("CSS must not have at-rules such as @import, @media, @page or @supports.")
    at = 0
    while rule := _RULE.match(rules, at):
        _check_selectors(rule[1])
        for declaration in rule[2].split(";"):
            if declaration.strip():
                _check_declaration(declaration.strip())
        at = rule.end()
    if rules[at:].strip():
        raise NotCss(f"CSS cannot be read at: {_quoted(rules[at:])}")


def _plain(text: str) -> str:
    """The text with a space for each comment and `""` for each string, found in their order as a browser finds them: what is a comment within a
    string is none, nor the other way round. In one pass, however many have no end."""
    parts = []
    at = 0
    while begin := _OPENS.search(text, at):
        parts.append(text[at : begin.start()])
        mark = begin[0]
        end = text.find("*/" if mark == "/*" else mark, begin.end())
        if end < 0:
            raise NotCss("CSS has a comment or a string without its end.")
        if mark != "/*" and _NEWLINE.search(text, begin.end(), end):
            raise NotCss("CSS has a string that goes over a line's end.")
        parts.append(" " if mark == "/*" else _STRING)
        at = end + (2 if mark == "/*" else 1)
    return "".join([*parts, text[at:]])


def _check_selectors(listed: str) -> None:
    for selector in listed.split(","):
        if selector.strip() not in _SELECTORS:
            raise NotCss(f"CSS has a selector that is not one of the class names that can be customized: {_quoted(selector)}")


def _check_declaration(declaration: str) -> None:
    name, colon, value = declaration.partition(":")
    if not colon or not _PROPERTY.fullmatch(name.strip()):
        raise NotCss(f"CSS has a declaration that cannot be read: {_quoted(declaration)}")
    plain = value.replace(_STRING, "x")
    if not _VALUE.fullmatch(plain) or not _is_balanced(plain):
        raise NotCss(f"CSS has a value that is not allowed: {_quoted(declaration)}")
    before = ""
    for token in _TOKENS.findall(plain):
        if token == "(" and re.search("[a-zA-Z_]", before) and before.lower() not in _FUNCTIONS:
            raise NotCss(f"CSS has a function that is not allowed: {_quoted(declaration)}")
        before = before if token.isspace() else token


def _is_balanced(value: str) -> bool:
    depth = 0
    for char in value:
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return False
    return depth == 0


def _quoted(text: str) -> str:
    return " ".join(text.split())[:_SHOWN]
