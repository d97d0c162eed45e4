"""A clone holds the product and nothing of the machine where it was written."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.laws.tree import ROOT

# written in pieces, so that this file is not its own finding
FORBIDDEN = {
    "a package registry": re.compile(
        r"(pypi" + r"\.org|files\.python" + r"hosted\.org|registry\.npm" + r"js\.org|registry\.yarn" + r"pkg\.com|deb\.debian" + r"\.org)"
    ),
    "an index option": re.compile(r"--(extra-)?index" + r"-url|PIP_INDEX" + r"_URL"),
    "a path of one machine": re.compile(r"(?<![\w.:/-])/(work|root|tmp/v|home/[a-z]+)" + r"/"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----\s+[A-Za-z0-9+/]"),
}


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what: str) -> None:
    found = []
    for name in tracked():
        text = (ROOT / name).read_text(errors="replace")
        found += [f"{name}:{text.count(chr(10), 0, hit.start()) + 1} {hit.group()}" for hit in FORBIDDEN[what].finditer(text)]
    assert found == []


def test_nothing_that_is_made_is_tracked() -> None:
    made = re.compile(r"(^|/)(\.venv|\.bench|node_modules|__pycache__|\.cognomen|[^/]+\.egg-info)/|\.(pyc|sqlite3?|db)$")
    assert [name for name in tracked() if made.search(name)] == []
