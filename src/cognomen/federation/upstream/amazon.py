"""Login with Amazon: OAuth 2 and the profile.

https://developer.amazon.com/docs/login-with-amazon/authorization-code-grant.html
"""

from __future__ import annotations

from collections.abc import Mapping

from cognomen.federation.connector import Refused
from cognomen.federation.upstream import code_flow
from cognomen.federation.upstream.calls import Caller
from cognomen.federation.upstream.port import Departure, Registered, Told, Trip


class Amazon:
    def __init__(self, calls: Caller) -> None:
        self._calls = calls

    async def leave(self, provider: Registered, trip: Trip) -> Departure:
        kept: dict[str, str] = {}
        return Departure(code_flow.address(provider, trip, kept, {}), kept)

    async def take(self, provider: Registered, returned: Mapping[str, str], kept: Mapping[str, str], trip: Trip) -> Told:
        answer = await code_flow.exchanged(self._calls, provider, returned, kept, trip)
        user = await self._calls.get(provider.details["attributes_url"], token=str(answer["access_token"]))
        subject = user.get("user_id")
        if not isinstance(subject, str) or not subject:
            raise Refused("the identity provider did not say who the user is")
        return Told(subject=subject, claims={**user, **code_flow.tokens_of(answer)}, token_response=answer, user_info=user)
