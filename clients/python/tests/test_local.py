"""What needs no network: limits, the mapping, the file."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from cognomen_sync import CognitoSync, Dataset, DatasetFull, InvalidKey, InvalidName, InvalidValue, UnknownFile

POOL = "us-east-1:00000000-0000-0000-0000-000000000000"


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return CognitoSync(POOL, path=tmp_path / "app.sqlite3").open_dataset("settings")


def test_a_mapping(dataset: Dataset) -> None:
    """Put, got, removed; in the order of the keys; as a dict reads."""
    dataset.put_all({"b": "2", "a": "1"})
    dataset["c"] = "3"
    del dataset["b"]
    assert (list(dataset.items()), len(dataset), "b" in dataset, dataset.get("b", "none"), dataset["c"]) == (
        [("a", "1"), ("c", "3")],
        2,
        False,
        "none",
        "3",
    )
    with pytest.raises(KeyError):
        del dataset["b"]


def test_size_in_bytes(dataset: Dataset) -> None:
    """Of keys and values in UTF-8; removed ones weigh nothing."""
    dataset.put_all({"ä": "\U0001f600", "x": "y"})
    dataset.remove("x")
    assert dataset.size == 6


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "x" * 129, "a\n"])
def test_names(dataset: Dataset, name: str) -> None:
    with pytest.raises(InvalidName):
        dataset._client.open_dataset(name)


@pytest.mark.parametrize("key", ["", "x" * 1_025, "a\0b", "\ud800"])
def test_keys(dataset: Dataset, key: str) -> None:
    """Nothing of a `put_all` with a bad key is kept."""
    with pytest.raises(InvalidKey):
        dataset.put_all({"good": "1", key: "2"})
    assert dict(dataset) == {}


@pytest.mark.parametrize("value", ["x" * 1_048_576, "a\0", "\udfff", None, 5])
def test_values(dataset: Dataset, value: str) -> None:
    with pytest.raises(InvalidValue):
        dataset.put("a", value)
    assert dict(dataset) == {}


def test_a_dataset_is_full(dataset: Dataset) -> None:
    """At 1,024 keys and at 1 MB; what is refused leaves all as it was, and removing makes room."""
    dataset.put_all({f"{number}": "" for number in range(1_024)})
    with pytest.raises(DatasetFull, match="1024 keys"):
        dataset.put("one more", "")
    dataset.remove("0")
    dataset.put("one more", "")
    with pytest.raises(DatasetFull, match="1 MB"):
        dataset.put("1", "x" * 1_048_575)
    assert (len(dataset), dataset["1"]) == (1_024, "")


def test_a_file_of_a_newer_release(tmp_path: Path) -> None:
    """Is left alone; so is one of another program, and one that is no database."""
    for number, make in enumerate(("PRAGMA user_version = 99", "CREATE TABLE other (x)")):
        db = sqlite3.connect(tmp_path / f"{number}")
        db.execute(make)
        db.commit()
        db.close()
        with pytest.raises(UnknownFile):
            CognitoSync(POOL, path=tmp_path / f"{number}")
    (tmp_path / "text").write_text("no database" * 100)
    with pytest.raises(UnknownFile):
        CognitoSync(POOL, path=tmp_path / "text")


def test_threads_share_a_dataset(dataset: Dataset) -> None:
    """No edit is lost."""

    def write(number: int) -> None:
        for count in range(20):
            dataset.put(f"{number}-{count}", "x")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(dataset) == 80


def test_a_file_of_before(tmp_path: Path) -> None:
    """Of the first version: everything is there, and the file goes on with today's."""
    path = tmp_path / "app.sqlite3"
    first = CognitoSync(POOL, path=path).open_dataset("settings")
    first.put("a", "1")
    first._client.close()
    with sqlite3.connect(path) as old:
        old.execute("ALTER TABLE datasets DROP COLUMN merged_name")
        old.execute("DROP TABLE left_behind")
        old.execute("PRAGMA user_version = 1")
    again = CognitoSync(POOL, path=path).open_dataset("settings")
    again.put("b", "2")
    assert (dict(again), again._client.datasets()) == ({"a": "1", "b": "2"}, ["settings"])
