"""A response that was changed in any way is refused, or says what it said before."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cognomen.saml.errors import Invalid
from cognomen.saml.response import Assertion, Expected, verify
from tests.kit.saml import ENDPOINT, ENTITY, NOW, Provider, written

PROVIDER = Provider()
EXPECTED = Expected(issuer=ENTITY, audiences={ENDPOINT}, recipients={ENDPOINT}, now=NOW)
FORMS = [
    written(PROVIDER.signed(PROVIDER.response(), assertion=one, whole=whole)) for one, whole in ((True, False), (False, True), (True, True))
]


def read(data: bytes) -> Assertion | None:
    try:
        return verify(data, EXPECTED, certificates=[PROVIDER.certificate])
    except Invalid:
        return None


ORIGINAL = read(FORMS[0])
PIECES = [
    b"<",
    b">",
    b"<!---->",
    b"<?x?>",
    b"&amp;",
    b"&#107;",
    b"<![CDATA[",
    b"]]>",
    b'ID="_a1"',
    b"admin",
    b"xmlns",
    b":",
    b" ",
    b"\xff",
    b"\0",
]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(FORMS),
    st.lists(
        st.tuples(st.integers(0, 8000), st.integers(0, 12), st.one_of(st.sampled_from(PIECES), st.binary(max_size=4))),
        min_size=1,
        max_size=4,
    ),
)
def test_changed_bytes(data: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    for place, length, piece in changes:
        start = place % len(data)
        data = data[:start] + piece + data[start + length :]
    assert read(data) in (None, ORIGINAL)


def elements(root: Any) -> list[Any]:
    return list(root.iter(etree.Element))


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(FORMS),
    st.lists(
        st.tuples(st.sampled_from(["move", "copy", "drop", "rename", "text"]), st.integers(0, 99), st.integers(0, 99), st.booleans()),
        min_size=1,
        max_size=4,
    ),
)
def test_changed_trees(data: bytes, changes: list[tuple[str, int, int, bool]]) -> None:
    """Elements moved, copied with and without the IDs they have, dropped, renamed, and given other texts."""
    root = etree.fromstring(data)
    for kind, first, second, fresh in changes:
        all_of_them = elements(root)
        one, other = all_of_them[first % len(all_of_them)], all_of_them[second % len(all_of_them)]
        if one is root or one in other.iterancestors() or one is other:
            continue
        if kind == "drop":
            one.getparent().remove(one)
        elif kind == "text":
            one.text = "admin"
        elif kind == "rename":
            one.tag = other.tag
        else:
            moved = deepcopy(one) if kind == "copy" else one
            for element in elements(moved) if fresh and kind == "copy" else []:
                if element.get("ID"):
                    element.set("ID", element.get("ID") + "x")
            other.insert(second % (len(other) + 1), moved)
    assert ORIGINAL is not None
    assert read(written(root)) in (None, ORIGINAL)
