"""Every operation of user pools is counted somewhere, and once."""

from __future__ import annotations

from collections import Counter

from botocore.loaders import Loader

from cognomen.metering.categories import CATEGORIES, CATEGORY_OF


def test_every_operation_has_one_category() -> None:
    """All of the model's, no other, none twice: an operation that is added to the model must be given its rate."""
    counted = Counter(name for category in CATEGORIES.values() for name in f"{category.operations} {category.also}".split())
    modelled = set(Loader().load_service_model("cognito-idp", "service-2")["operations"])
    assert (set(counted), {name for name, count in counted.items() if count > 1}) == (modelled, set())


def test_a_twin_is_counted_with_its_twin() -> None:
    """AdminX and X are the same work: they share a rate, but for three pairs that AWS's own page parts."""
    apart = {
        name: (CATEGORY_OF[name].name, CATEGORY_OF[name.removeprefix("Admin")].name)
        for name in CATEGORY_OF
        if name.startswith("Admin") and name.removeprefix("Admin") in CATEGORY_OF
        if CATEGORY_OF[name] is not CATEGORY_OF[name.removeprefix("Admin")]
    }
    assert apart == {}
