"""Requests go down, answers go up, nothing goes sideways (DESIGN.md, section 1)."""

from __future__ import annotations

import ast

import pytest

from tests.laws.tree import PACKAGE, SERVICES, imports, modules, room, syntax, where

LAYERS: list[tuple[str, ...]] = [
    ("__main__", "cli"),
    ("app",),  # the command line starts what app.py assembled; it is the one that may know app.py
    ("ways_out",),  # the half of app.py that is settings: which way out is made of which
    ("gateway",),  # an edge as the next ones; it reads connections, signatures and chunks by what wire/ has for them
    ("hosted", "console"),  # pages, whose sign-in ends where an authorization request began
    ("wire", "oauth"),
    SERVICES,
    ("context",),
    ("tokens", "federation", "triggers", "directories", "delivery", "metering"),
    ("storage",),
    ("api", "saml", "policies", "kernel", "config"),
    ("config_tables",),
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def rooms_imported(name: str) -> str:
    """`cognomen.storage.users` -> `storage`; `cognomen.__version__` -> an empty string, which is for everybody, as libraries are."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "cognomen" and parts[1] != "__version__" else ""


def test_every_room_has_a_layer() -> None:
    """A new room is put into the table before it is built, so that nothing stands outside of the order."""
    assert {room(file) for file in modules()} - {""} <= set(LEVEL)


def test_a_module_imports_only_what_stands_below_it() -> None:
    """An import of the same layer counts as sideways, unless it stays in its room."""
    broken = []
    for file in modules():
        here = room(file)
        if not here:
            continue
        for node, name in imports(file):
            there = rooms_imported(name)
            if there and there != here and LEVEL[there] <= LEVEL[here]:
                broken.append(f"{where(file, node)} imports {name}: {here} does not stand above {there}")
    assert broken == []


@pytest.mark.parametrize("service", SERVICES)
def test_services_never_import_each_other(service: str) -> None:
    """Where services meet, they meet in tokens, in storage or in an event."""
    others = set(SERVICES) - {service}
    assert [where(file, node) for file in modules(service) for node, name in imports(file) if rooms_imported(name) in others] == []


def test_the_model_is_read_as_data() -> None:
    """botocore itself costs 30 MB and half a second at start: only its data files are read, and by the file that calls AWS its signer."""
    signs = PACKAGE / "kernel" / "aws.py"
    assert {name.rpartition(".")[0] for _, name in imports(signs) if name.startswith("botocore")} == {
        "botocore.auth",
        "botocore.awsrequest",
        "botocore.credentials",
    }
    assert [node for node in syntax(signs).body if isinstance(node, ast.ImportFrom) and str(node.module).startswith("botocore")] == []
    rooms = ("wire", "hosted", *SERVICES, "tokens", "delivery", "storage", "api", "kernel")
    assert [
        where(file, node)
        for file in modules(*rooms)
        for node, name in imports(file)
        if file != signs and name.split(".")[0] in ("botocore", "boto3")
    ] == []
