"""Facebook Login: OAuth 2, and the Graph API's `me` with the mapped fields.

https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cognomen.federation.connector import Refused
from cognomen.federation.upstream import code_flow
from cognomen.federation.upstream.calls import Caller
from cognomen.federation.upstream.port import Departure, Registered, Told, Trip

_FIELD: Final = re.compile(r"[a-z][a-z_]{0,63}", re.ASCII)
_TOKENS: Final = frozenset({"access_token", "id_token", "refresh_token"})


class Facebook:
    def __init__(self, calls: Caller) -> None:
        self._calls = calls

    async def leave(self, provider: Registered, trip: Trip) -> Departure:
        kept: dict[str, str] = {}
        more = {"auth_type": "reauthenticate"} if trip.fresh else {}
        return Departure(code_flow.address(provider, trip, kept, more), kept)

    async def take(self, provider: Registered, returned: Mapping[str, str], kept: Mapping[str, str], trip: Trip) -> Told:
        method = provider.details.get("token_request_method", "GET")
        answer = await code_flow.exchanged(self._calls, provider, returned, kept, trip, method=method)
        fields = sorted({"id", *(name for name in provider.claims if _FIELD.fullmatch(name) and name not in _TOKENS)})
        user = await self._calls.get(provider.details["attributes_url"] + ",".join(fields), token=str(answer["access_token"]))
        subject = user.get("id")
        if not isinstance(subject, str) or not subject:
            raise Refused("the identity provider did not say who the user is")
        return Told(
            subject=subject,
            claims={**user, **code_flow.tokens_of(answer)},
            token_response=answer,
            user_info=user,
        )
