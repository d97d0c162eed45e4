"""Checks the documentation: every relative link and anchor leads somewhere, every `make` target spoken of exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def anchors(page: Path) -> set[str]:
    """What `#...` can name there, made from the headings as code forges do."""
    headings = re.findall(r"^#+ +(.+?) *$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    found = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            found.append(f"{page.relative_to(ROOT)}: {target} leads nowhere")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            found.append(f"{page.relative_to(ROOT)}: {target} has no such heading")
    return found


def unknown_targets(page: Path) -> list[str]:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    spoken = {
        name
        for code in re.findall(r"`make ([^`]*)`", page.read_text())
        for name in code.partition("ARGS=")[0].split()
        if re.fullmatch(r"[a-z-]+", name)
    }
    return [f"{page.relative_to(ROOT)}: `make {name}` is no target" for name in sorted(spoken - known)]


def main() -> None:
    wrong = [line for page in pages() for line in [*broken_links(page), *unknown_targets(page)]]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
