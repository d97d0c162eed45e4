"""One handler for one operation, and no error that AWS has not."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.loaders import Loader

from tests.laws.tree import ROOT, SERVICES, dotted, modules, syntax, where

MODELS = {"userpools": ["cognito-idp"], "identitypools": ["cognito-identity"], "sync": ["cognito-sync"], "iam": ["iam", "sts"]}
PER_FILE = 14


def handlers(service: str) -> Iterator[tuple[Path, ast.AsyncFunctionDef | ast.FunctionDef]]:
    """Functions under `@op`, also where the decorator takes arguments."""
    for file in modules(service):
        for node in ast.walk(syntax(file)):
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
                names = {dotted(mark.func if isinstance(mark, ast.Call) else mark).rpartition(".")[2] for mark in node.decorator_list}
                if "op" in names:
                    yield file, node


@pytest.mark.parametrize("service", MODELS)
def test_a_handler_is_an_operation_of_the_model(service: str) -> None:
    """A name that the model lacks could never be called."""
    known = {xform_name(name) for model in MODELS[service] for name in Loader().load_service_model(model, "service-2")["operations"]}
    assert [f"{where(file, node)} {node.name}" for file, node in handlers(service) if node.name not in known] == []


@pytest.mark.parametrize("service", MODELS)
def test_an_operation_has_one_handler(service: str) -> None:
    counted = Counter(node.name for _, node in handlers(service))
    assert {name: count for name, count in counted.items() if count > 1} == {}


@pytest.mark.parametrize("service", MODELS)
def test_a_handler_is_a_coroutine(service: str) -> None:
    assert [where(file, node) for file, node in handlers(service) if not isinstance(node, ast.AsyncFunctionDef)] == []


@pytest.mark.parametrize("service", MODELS)
def test_a_file_holds_at_most_14_operations(service: str) -> None:
    counted = Counter(str(file.relative_to(ROOT)) for file, _ in handlers(service))
    assert {file: count for file, count in counted.items() if count > PER_FILE} == {}


def test_errors_raised_are_in_the_vocabulary() -> None:
    """`errors.X` names a class of api/errors.py: modelled by a service, or common to all of AWS."""
    files = modules(*SERVICES, "wire", "tokens", "delivery")
    named = [
        (file, node)
        for file in files
        for node in ast.walk(syntax(file))
        if isinstance(node, ast.Attribute) and re.fullmatch(r"errors\.\w*(Exception|Error)", dotted(node)) and imports_vocabulary(file)
    ]
    vocabulary = set(vars(importlib.import_module("cognomen.api.errors"))) if importlib.util.find_spec("cognomen.api.errors") else set()
    assert [f"{where(file, node)} {node.attr}" for file, node in named if node.attr not in vocabulary] == []


def imports_vocabulary(file: Path) -> bool:
    """Whether `errors` is the AWS vocabulary there; in storage it is another module."""
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "cognomen.api" and any(alias.name == "errors" for alias in node.names)
        for node in ast.walk(syntax(file))
    )
