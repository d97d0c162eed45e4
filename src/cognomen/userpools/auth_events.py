"""A user's history of events, and feedback on it: by an administrator, or by the user with the token of a notification."""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import paging
from cognomen.storage.engine import Tx
from cognomen.storage.risk import AuthEvent
from cognomen.userpools import find, notices, pages, protection
from cognomen.userpools.rules import risk

_REMEMBERED = 8 * 86_400.0  # a used token, a day longer than one is good


@op
async def admin_list_user_auth_events(cx: Context, request: idp.AdminListUserAuthEventsRequest) -> idp.AdminListUserAuthEventsResponse:
    pool = await find.pool(cx, request.user_pool_id)
    protection.check_enabled(pool)
    user = await find.existing_user(cx, pool, request.username)
    bound = paging.bound("AdminListUserAuthEvents", pool.pool_id, user.sub)
    position = pages.position(cx, bound, request.next_token)
    limit = request.max_results or pages.MOST
    after = (float(position[0]), position[1]) if position else None
    found = await cx.store.auth_events.page(pool.pool_id, user.sub, after, limit + 1)
    shown = found[:limit]
    return idp.AdminListUserAuthEventsResponse(
        auth_events=[_shown(event) for event in shown],
        next_token=cx.pager.token(bound, [shown[-1].created_at, shown[-1].event_id]) if len(found) > limit else None,
    )


@op
async def admin_update_auth_event_feedback(
    cx: Context, request: idp.AdminUpdateAuthEventFeedbackRequest
) -> idp.AdminUpdateAuthEventFeedbackResponse:
    pool = await find.pool(cx, request.user_pool_id)
    protection.check_enabled(pool)
    user = await find.existing_user(cx, pool, request.username)

    async def unit(tx: Tx) -> None:
        await _give(cx, tx, pool.pool_id, user.sub, request.event_id, request.feedback_value, "Admin")

    await cx.store.write(unit)
    return idp.AdminUpdateAuthEventFeedbackResponse()


@op
async def update_auth_event_feedback(cx: Context, request: idp.UpdateAuthEventFeedbackRequest) -> idp.UpdateAuthEventFeedbackResponse:
    """Whatever does not fit the token is answered alike: who has no token learns nothing of users and events."""
    pool = await find.pool(cx, request.user_pool_id)
    protection.check_enabled(pool)
    token = notices.open_token(cx, pool.pool_id, request.feedback_token)
    user = await find.user(cx, pool, request.username)
    if user is None or user.sub != token.sub or request.event_id != token.event_id:
        raise notices.bad_token()
    await by_token(cx, pool.pool_id, request.feedback_token, request.feedback_value)
    return idp.UpdateAuthEventFeedbackResponse()


async def by_token(cx: Context, pool_id: str, text: str, value: str) -> None:
    """The user's feedback; a token is good once. Also what the page behind a mail's link does. Raises NotAuthorizedException."""
    token = notices.open_token(cx, pool_id, text)
    # Not of the text, of which there may be several spellings.
    mark = cx.sealer.mac("auth event feedback", pool_id.encode(), token.sub.encode(), token.event_id.encode())[:16]

    async def unit(tx: Tx) -> None:
        if not await cx.store.used_marks.add(tx, pool_id, mark, cx.clock.now() + _REMEMBERED):
            raise notices.bad_token()
        await _give(cx, tx, pool_id, token.sub, token.event_id, value, "User")

    try:
        await cx.store.write(unit)
    except errors.ResourceNotFoundException as cause:
        raise notices.bad_token() from cause


async def _give(cx: Context, tx: Tx, pool_id: str, sub: str, event_id: str, value: str, provider: str) -> None:
    """Within a unit: the feedback is kept with the event, and what the event came from is known or distrusted from now on."""
    event = await cx.store.auth_events.find(pool_id, sub, event_id, tx)
    if event is None:
        raise errors.ResourceNotFoundException("Auth event does not exist.")
    stored = _stored(event)
    feedback = idp.EventFeedbackType(feedback_value=value, provider=provider, feedback_date=cx.clock.now())
    await cx.store.auth_events.give_feedback(tx, event, msgspec.json.encode(feedback))
    kept = await cx.store.risk_profiles.get(pool_id, sub, tx)
    profile = msgspec.json.decode(kept, type=risk.Profile) if kept else risk.Profile()
    profile = risk.after_feedback(profile, stored.seen, valid=value == "Valid")
    await cx.store.risk_profiles.put(tx, pool_id, sub, msgspec.json.encode(profile))


def _shown(event: AuthEvent) -> idp.AuthEventType:
    shown = _stored(event).shown
    if event.feedback is not None:
        shown.event_feedback = msgspec.json.decode(event.feedback, type=idp.EventFeedbackType)
    return shown


def _stored(event: AuthEvent) -> protection.Stored:
    return msgspec.json.decode(event.body, type=protection.Stored)
