"""A ready `on_datasets_merged`: the dataset takes over what it does not hold itself, then the merged ones go.

In an order that loses nothing: what is taken over is kept in the file before the merged dataset is deleted, and done once more after a crash.
"""

from __future__ import annotations

from cognomen_sync.aio import AsyncDataset
from cognomen_sync.base import LocalDataset
from cognomen_sync.client import Dataset
from cognomen_sync.records import Callbacks


def adopt_merged(dataset: Dataset, names: list[str]) -> bool:
    """Raises SyncError."""
    for name in names:
        merged = dataset._client.open_dataset(name)
        merged.synchronize(_keeping(dataset, merged))
        _adopt(dataset, merged)
        merged.delete()
        merged.synchronize()
    return True


async def adopt_merged_async(dataset: AsyncDataset, names: list[str]) -> bool:
    """Raises SyncError."""
    for name in names:
        merged = dataset._client.open_dataset(name)
        await merged.synchronize()
        _adopt(dataset, merged)
        merged.delete()
        await merged.synchronize()
    return True


def _keeping(dataset: LocalDataset, merged: LocalDataset) -> Callbacks:
    """Where another device was faster, what was still to be sent from here is taken over all the same."""

    def taken_over(_: object, name: str) -> bool:
        dataset.put_all(
            {key: value for key, value in merged.items() if key not in dataset and (record := merged.record(key)) and record.is_changed}
        )
        return True

    return Callbacks(on_dataset_deleted=taken_over)


def _adopt(dataset: LocalDataset, merged: LocalDataset) -> None:
    dataset.put_all({key: value for key, value in merged.items() if key not in dataset})
