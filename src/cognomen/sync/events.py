"""Cognito Events: which function is asked when a dataset is synchronised. For developers alone."""

from __future__ import annotations

import re

import msgspec

from cognomen.api import errors, sync
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.sync_settings import SyncSettings
from cognomen.sync import find, trigger

_FUNCTION = re.compile(r"arn:aws[\w-]*:lambda:[\w-]+:[0-9]{12}:function:[\w-]{1,140}(:[\w$-]{1,128})?", re.ASCII)


@op
async def get_cognito_events(cx: Context, request: sync.GetCognitoEventsRequest) -> sync.GetCognitoEventsResponse:
    find.by_developer(cx)
    pool = await find.pool(cx, request.identity_pool_id)
    return sync.GetCognitoEventsResponse(events=(await cx.store.sync_settings.get(pool.pool_id)).events)


@op
async def set_cognito_events(cx: Context, request: sync.SetCognitoEventsRequest) -> None:
    """Events that are not named stay; an empty ARN takes one away."""
    find.by_developer(cx)
    pool = await find.pool(cx, request.identity_pool_id)
    for event, arn in request.events.items():
        if event != trigger.EVENT:
            raise errors.InvalidParameterException(f"{event[:64]} is no event of Cognito Sync.")
        if arn and not _FUNCTION.fullmatch(arn):
            raise errors.InvalidParameterException("The function's ARN is not valid.")

    def update(present: SyncSettings) -> SyncSettings:
        after = {**present.events, **request.events}
        return msgspec.structs.replace(present, events={event: arn for event, arn in after.items() if arn})

    await cx.store.sync_settings.change(pool.pool_id, update)
