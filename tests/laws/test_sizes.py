"""A file can be read in one go, a function on one screen."""

from __future__ import annotations

import ast

from tests.laws.tree import ROOT, is_generated, syntax, where

FILE_LINES = 400
FUNCTION_LINES = 60
BY_HAND = [
    file
    for place in ("src", "tools", "bench", "tests", "clients")
    for file in sorted((ROOT / place).rglob("*.py"))
    if not is_generated(file) and "node_modules" not in file.parts
]


def test_files_have_at_most_400_lines() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in BY_HAND}
    assert {file: length for file, length in lengths.items() if length > FILE_LINES} == {}


def test_functions_have_at_most_60_lines() -> None:
    """Signature and docstring included, decorators not."""
    functions = [
        (file, node) for file in BY_HAND for node in ast.walk(syntax(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {f"{where(file, node)} {node.name}": (node.end_lineno or 0) - node.lineno + 1 for file, node in functions}
    assert {function: length for function, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_every_module_says_what_it_owns() -> None:
    """One to five lines at the top; an `__init__.py` may stay empty."""
    package = [file for file in BY_HAND if file.is_relative_to(ROOT / "src") and file.read_text().strip()]
    assert [str(file.relative_to(ROOT)) for file in package if not ast.get_docstring(syntax(file))] == []
