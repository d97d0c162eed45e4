"""Google: OpenID Connect, and the People API for mapped fields that no id token has.

https://developers.google.com/identity/openid-connect/openid-connect; https://developers.google.com/people/api/rest/v1/people
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from cognomen.federation.upstream import code_flow
from cognomen.federation.upstream.openid import OpenId, told
from cognomen.federation.upstream.port import Registered, Told, Trip

# What is a field of the People API; every other name is a claim.
_FIELDS: Final = frozenset(
    re.findall(
        r"[A-Za-z]+",
        "addresses ageRanges biographies birthdays calendarUrls clientData emailAddresses events externalIds genders imClients interests locales"
        " locations memberships metadata miscKeywords names nicknames occupations organizations phoneNumbers photos relations sipAddresses skills"
        " urls userDefined",
    )
)


class Google(OpenId):
    async def take(self, provider: Registered, returned: Mapping[str, str], kept: Mapping[str, str], trip: Trip) -> Told:
        answer = await code_flow.exchanged(self.calls, provider, returned, kept, trip)
        claims = await self.verified(provider, answer, kept, trip)
        wanted = sorted(_FIELDS.intersection(provider.claims))
        if not wanted:
            return told(claims, answer, None)
        person = await self.calls.get(provider.details["attributes_url"] + ",".join(wanted), token=str(answer["access_token"]))
        return told(claims, answer, {name: _value(person[name]) for name in wanted if name in person})


def _value(field: Any) -> Any:
    """A field is a list of objects, of which the primary one counts, and of it the text that a person would read."""
    if not isinstance(field, list) or not field:
        return field
    primary = next((one for one in field if isinstance(one, dict) and _is_primary(one)), field[0])
    if not isinstance(primary, dict):
        return primary
    date = primary.get("date")
    if isinstance(date, dict) and all(isinstance(date.get(part), int) for part in ("year", "month", "day")):
        return f"{date['year']:04}-{date['month']:02}-{date['day']:02}"
    for name in ("value", "displayName", "formattedValue", "url", "name"):
        if isinstance(primary.get(name), str):
            return primary[name]
    return primary


def _is_primary(one: Mapping[str, Any]) -> bool:
    metadata = one.get("metadata")
    return isinstance(metadata, dict) and metadata.get("primary") is True
