"""A ready `on_datasets_merged`: the dataset takes over what it does not hold itself, then the merged ones go.

In an order that loses nothing: what is taken over is kept in the file before the merged dataset is deleted, and done once more after a crash.
"""

from __future__ import annotations

from cognomen_sync.aio import AsyncDataset
from cognomen_sync.base import LocalDataset
from cognomen_sync.client import Dataset
from cognomen_sync.records import Callbacks
from cognomen_sync.steps import Steps


def adopt_merged(dataset: Dataset, names: list[str]) -> bool:
    """Raises SyncError."""
    return dataset._client._run(_adopting(dataset, names))


async def adopt_merged_async(dataset: AsyncDataset, names: list[str]) -> bool:
    """Raises SyncError."""
    return await dataset._client._run(_adopting(dataset, names))


def _adopting(dataset: Dataset | AsyncDataset, names: list[str]) -> Steps[bool]:
    for name in names:
        merged = dataset._client.open_dataset(name)
        yield from merged._synchronizing(_keeping(dataset, merged))
        dataset.put_all({key: value for key, value in merged.items() if key not in dataset})
        merged.delete()
        yield from merged._synchronizing(Callbacks())
    return True


def _keeping(dataset: LocalDataset, merged: LocalDataset) -> Callbacks:
    """Where another device was faster, what was still to be sent from here is taken over all the same."""

    def taken_over(_: object, name: str) -> bool:
        dataset.put_all(
            {key: value for key, value in merged.items() if key not in dataset and (record := merged.record(key)) and record.is_changed}
        )
        return True

    return Callbacks(on_dataset_deleted=taken_over)
