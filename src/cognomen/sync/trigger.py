"""The SyncTrigger function: it sees a dataset with the changes that an identity brings, and may change, add, leave out or refuse them.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-events.html. A developer's own updates do not pass it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.kernel.log import get_logger
from cognomen.storage.datasets import Record
from cognomen.sync import find, patches
from cognomen.sync.patches import Change
from cognomen.triggers.runner import FunctionFailed, FunctionUnreachable, NoFunction

EVENT = "SyncTrigger"
_VERSION = 2
_LONGEST_KEY, _LONGEST_VALUE = 1_024, 1_048_575
log = get_logger("triggers")


class Seen(msgspec.Struct, frozen=True):
    """What the function made of the changes, at which sync count of the dataset."""

    changes: list[Change]
    sync_count: int


class _Answered(msgspec.Struct, frozen=True):
    newValue: str | None = None  # noqa: N815 - as the event spells it
    op: Literal["replace", "remove", ""] | None = None


async def ask(cx: Context, pool_id: str, identity_id: str, name: str, changes: Sequence[Change]) -> Seen | None:
    """None where no function is to be asked. Raises ResourceConflictException, InvalidLambdaFunctionOutputException, and
    LambdaThrottledException where another try may do."""
    arn = (await cx.store.sync_settings.get(pool_id)).events.get(EVENT)
    if not arn or not find.is_identity(cx):
        return None
    dataset = await cx.store.datasets.get(pool_id, identity_id, name)
    there = dataset is not None and dataset.present
    held = await cx.store.datasets.changed(pool_id, identity_id, name, (0, ""), patches.MOST_KEYS, removed=False) if there else []
    present = {record.key: record for record in held}
    brought = {change.key: change for change in changes}
    shown = {record.key: {"oldValue": record.value, "newValue": record.value} for record in held}
    for change in changes:
        op = "remove" if change.value is None else "replace"
        before = present[change.key].value if change.key in present else None
        shown[change.key] = {"oldValue": before, "newValue": change.value, "op": op}
    event = {
        "version": _VERSION,
        "eventType": EVENT,
        "region": cx.region,
        "identityPoolId": pool_id,
        "identityId": identity_id,
        "datasetName": name,
        "datasetRecords": shown,
    }
    answered = _read(event, await _run(cx, arn, event))
    made = [_wanted(key, each, brought, present, cx.clock.now()) for key, each in answered.items()]
    return Seen([change for change in made if change is not None], dataset.sync_count if dataset is not None else 0)


async def _run(cx: Context, arn: str, event: dict[str, Any]) -> Any:
    try:
        return await cx.triggers.answer(arn, event)
    except FunctionFailed as cause:
        raise errors.InvalidLambdaFunctionOutputException(f"{EVENT} failed with error {cause}") from cause
    except FunctionUnreachable as cause:
        raise errors.LambdaThrottledException(f"{EVENT} can not be asked now: {cause}") from cause
    except NoFunction as cause:
        log.warning("no function for this ARN", trigger=EVENT, arn=arn)
        raise errors.InvalidLambdaFunctionOutputException(f"{EVENT} invocation failed due to error AccessDeniedException.") from cause


def _read(event: dict[str, Any], answer: Any) -> dict[str, _Answered]:
    """Raises InvalidLambdaFunctionOutputException; all but datasetRecords must come back as it was."""
    if not isinstance(answer, dict) or {**answer, "datasetRecords": None} != {**event, "datasetRecords": None}:
        raise errors.InvalidLambdaFunctionOutputException("The function changed what is read only, or did not return the event.")
    try:
        records = msgspec.convert(answer.get("datasetRecords"), dict[str, _Answered])
    except (msgspec.ValidationError, RecursionError) as cause:
        raise errors.InvalidLambdaFunctionOutputException("The datasetRecords that the function returned can not be read.") from cause
    for key, each in records.items():
        if not 1 <= len(key) <= _LONGEST_KEY or len(each.newValue or "") > _LONGEST_VALUE or "\0" in key + (each.newValue or ""):
            raise errors.InvalidLambdaFunctionOutputException("The function returned a key or value that no record can have.")
    return records


def _wanted(key: str, answered: _Answered, brought: Mapping[str, Change], present: Mapping[str, Record], now: float) -> Change | None:
    """What becomes of a key: None where nothing changes."""
    value = None if answered.op == "remove" else answered.newValue
    before = present[key].value if key in present else None
    if key not in brought and value == before:
        return None
    return Change(key, value, None, brought[key].device_modified_at if key in brought else now)
