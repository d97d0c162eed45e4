"""CSS that passes the check, read by a real browser: whatever it is made of, it is rules for AWS's class names and asks for nothing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from cognomen.userpools.rules import css
from tests.clients.test_browser_passkeys import CHROMIUM, QUIET

# Pieces by which a reader and a browser may come to differ.
PIECES = (
    *(".label-customizable", ".submitButton-customizable:hover", ",", " ", "\n", "\r", "\f", "\t", "{", "}", "{", "}", ";", ":", "(", ")"),
    *("color", "red", "background", "font-family", "#fff", "1px", "!important", "-", "--x", "x", "*", "/", "/*", "*/", '"', "'", '"', "'"),
    *(
        "body",
        "url(//evil.example)",
        "url(",
        "-webkit-image-set(",
        "image-set(",
        "rgb(1,2,3)",
        "calc(1px + 2px)",
        "\u00e9",
        "\u2028",
        "\ufeff",
        "-->",
        "[a]",
        "&",
        "@",
        ".",
    ),
    *("color:red;", "{color:red}", ".label-customizable{", "} body {", "'/*'", '"*/"', "'}'", '"{"'),
)
# In the order of the texts: the selectors of all rules, and every other kind of rule by its name.
READ = """(texts) => texts.map((text) => {
  const holder = document.createElement("div");
  holder.innerHTML = "<style>" + text + "</style>";
  document.body.append(holder);
  const found = [];
  for (const element of holder.children) if (element.tagName !== "STYLE") found.push(element.tagName);
  const style = holder.querySelector("style");
  for (const rule of style.sheet.cssRules) {
    found.push(...(rule instanceof CSSStyleRule ? rule.selectorText.split(",").map((each) => each.trim()) : [rule.constructor.name]));
    if (/(url|image-set)[(]/.test(rule.cssText) || (rule.cssRules && rule.cssRules.length)) found.push(rule.cssText);
  }
  holder.remove();
  return found;
})"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if CHROMIUM is None or shutil.which(CHROMIUM) is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser.new_page()
        browser.close()


def passes(text: str) -> bool:
    try:
        css.check(text)
    except css.NotCss:
        return False
    return True


def made(seed: int) -> Iterator[str]:
    """Texts at random, most of which are rules, so that some pass."""
    dice = random.Random(seed)
    while True:
        parts: list[str] = []
        for _ in range(dice.randint(1, 3)):
            parts += [dice.choice((".label-customizable", ".submitButton-customizable:hover", dice.choice(PIECES))), "{"]
            parts += [f"color: {''.join(dice.choices(PIECES, k=dice.randint(0, 4)))};"] * dice.randint(0, 2)
            parts += ["}"]
        for _ in range(dice.randint(0, 3)):
            parts.insert(dice.randint(0, len(parts)), dice.choice(PIECES))
        yield "".join(parts)


def test_what_passes_is_what_a_browser_reads(page: Page) -> None:
    """Of thousands of odd ones that pass, each has selectors from the list alone, no rule of another kind, and no address."""
    texts: list[str] = []
    tried = 0
    for text in made(7):
        tried += 1
        if passes(text):
            texts.append(text)
        if len(texts) == 4000:
            break
    assert tried > 20_000, "most are refused, or this proves nothing"
    read: list[list[Any]] = page.evaluate(READ, texts)
    allowed = {f".{name}" for name in css.CLASSES} | {".submitButton-customizable:hover"}
    odd = [(text, found) for text, found in zip(texts, read, strict=True) if not set(found) <= allowed]
    assert odd == []
    assert sum(1 for found in read if found) > 1000
