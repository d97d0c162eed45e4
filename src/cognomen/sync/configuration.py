"""Push and streams of an identity pool. For developers alone.

https://docs.aws.amazon.com/cognitosync/latest/APIReference/API_SetIdentityPoolConfiguration.html
"""

from __future__ import annotations

import re

import msgspec

from cognomen.api import errors, sync
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.delivery.sync.changes import ENABLED, is_streamed
from cognomen.storage.sync_settings import SyncSettings
from cognomen.sync import find

_STREAM = re.compile(r"[a-zA-Z0-9_.-]{1,128}")  # as Kinesis names them
_MOST_APPLICATIONS = 50


@op
async def set_identity_pool_configuration(
    cx: Context, request: sync.SetIdentityPoolConfigurationRequest
) -> sync.SetIdentityPoolConfigurationResponse:
    """What is not named stays. A stream without StreamingStatus is not on."""
    find.by_developer(cx)
    pool = await find.pool(cx, request.identity_pool_id)
    push, streams = request.push_sync, request.cognito_streams
    if streams is not None:
        streams = msgspec.structs.replace(streams, streaming_status=streams.streaming_status or "DISABLED")
        if streams.stream_name is not None and (not _STREAM.fullmatch(streams.stream_name) or not streams.stream_name.strip(".")):
            raise errors.InvalidParameterException("StreamName is not the name of a stream.")
        if streams.streaming_status == ENABLED and streams.stream_name is None:
            raise errors.InvalidParameterException("StreamName is needed for streaming to be ENABLED.")
    if push is not None and len(push.application_arns or []) > _MOST_APPLICATIONS:
        raise errors.InvalidParameterException(f"At most {_MOST_APPLICATIONS} ApplicationArns can be given.")

    def update(present: SyncSettings) -> SyncSettings:
        return msgspec.structs.replace(present, push=push or present.push, streams=streams or present.streams)

    after = await cx.store.sync_settings.change(pool.pool_id, update)
    if streams is not None and is_streamed(after.streams):
        await cx.store.sync_outbox.due_now(pool.pool_id)
    return sync.SetIdentityPoolConfigurationResponse(identity_pool_id=pool.pool_id, push_sync=after.push, cognito_streams=after.streams)


@op
async def get_identity_pool_configuration(
    cx: Context, request: sync.GetIdentityPoolConfigurationRequest
) -> sync.GetIdentityPoolConfigurationResponse:
    find.by_developer(cx)
    pool = await find.pool(cx, request.identity_pool_id)
    found = await cx.store.sync_settings.get(pool.pool_id)
    return sync.GetIdentityPoolConfigurationResponse(identity_pool_id=pool.pool_id, push_sync=found.push, cognito_streams=found.streams)
