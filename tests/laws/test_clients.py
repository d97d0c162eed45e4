"""A client library stands on its own: it is installed without the server."""

from __future__ import annotations

import ast

from tests.laws.tree import ROOT, syntax


def test_clients_import_nothing_from_the_server() -> None:
    """Nor anything but what its pyproject.toml names, which is httpx."""
    files = (ROOT / "clients" / "python" / "src").rglob("*.py")
    named = {
        name.partition(".")[0]
        for file in files
        for node in ast.walk(syntax(file))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert named & {"cognomen", "botocore", "msgspec", "starlette"} == set()
    assert "httpx" in named
