"""Generated files are those that the generator writes today."""

from __future__ import annotations

import subprocess
import sys

from tests.laws.tree import PACKAGE, ROOT, is_generated, modules


def test_the_api_is_what_the_generator_writes() -> None:
    """Nobody edits src/cognomen/api by hand, and a new botocore is not forgotten."""
    done = subprocess.run([sys.executable, "tools/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_types_of_the_three_services_are_generated() -> None:
    generated = {file.name for file in modules("api") if is_generated(file)}
    assert {"idp.py", "identity.py", "sync.py"} <= generated


def test_only_the_api_is_generated() -> None:
    assert [file for file in modules() if is_generated(file) and file.parent != PACKAGE / "api"] == []
