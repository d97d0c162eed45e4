"""Profiles of users who come through providers: what they are called, which identities are theirs, and how both are shown.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation-consolidate-users.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.engine import Tx
from cognomen.storage.federated_identities import SUBJECT, FederatedIdentity
from cognomen.storage.identity_providers import IdentityProvider
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.userpools.rules import names
from cognomen.userpools.rules.provider_details import SAML

EXTERNAL: Final = "EXTERNAL_PROVIDER"
IDENTITIES: Final = "identities"
LONGEST_VALUE: Final = 512  # characters by which an identity is kept: a key of PostgreSQL has its limit


class _Shown(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """One of the `identities` attribute; `date_created` in epoch milliseconds."""

    user_id: str
    provider_name: str
    provider_type: str
    issuer: str | None
    primary: bool
    date_created: int


_decode = msgspec.json.Decoder(list[_Shown]).decode


def username(pool: Pool, provider: str, subject: str) -> str:
    """In lower case where case does not count, as every other user name is sought there."""
    return names.key(pool, f"{provider}_{subject}")


async def refuse_name(cx: Context, pool: Pool, name: str) -> None:
    """Nobody signs up as one whom a provider vouched for: `Corp_ceo@example.com` is for who comes through Corp. Raises
    InvalidParameterException."""
    prefix, separator, _ = name.partition("_")
    if separator and await cx.store.identity_providers.is_name(pool.pool_id, prefix):
        raise errors.InvalidParameterException("Username cannot begin with the name of an identity provider.")


def subject_key(pool: Pool, kind: str, subject: str) -> str:
    """The form under which a subject is kept. A NameID is mostly an address: where case does not count, it does not there; elsewhere ids are
    what the provider says, to the letter."""
    return names.key(pool, subject) if kind == SAML else subject


async def identity_of(cx: Context, pool: Pool, provider: IdentityProvider, subject: str) -> FederatedIdentity | None:
    key = subject_key(pool, provider.kind, subject)
    return await cx.store.federated_identities.find(pool.pool_id, provider.name, SUBJECT, key)


async def show_identities(cx: Context, tx: Tx, user: User) -> User:
    """Within a unit: the user's `identities` attribute becomes what the rows say. Raises Missing."""
    rows = await cx.store.federated_identities.of_user(user.pool_id, user.sub, tx)

    def update(present: User) -> User:
        attributes = {name: value for name, value in present.attributes.items() if name != IDENTITIES}
        if rows:
            attributes[IDENTITIES] = identities_json(rows)
        return present.with_attributes(attributes)

    return await cx.store.users.change(tx, user.pool_id, user.sub, update)


def identities_json(rows: Sequence[FederatedIdentity]) -> str:
    shown = [
        _Shown(
            user_id=row.value,
            provider_name=row.provider,
            provider_type=row.kind,
            issuer=row.issuer,
            primary=row.own,
            date_created=int(row.created_at * 1000),
        )
        for row in rows
    ]
    return msgspec.json.encode(shown).decode()


def identities_claim(attributes: Mapping[str, str]) -> list[dict[str, Any]]:
    """The id token's `identities`, whose members are all texts, but for the issuer that is none (AWS, "Understanding the ID token")."""
    kept = attributes.get(IDENTITIES)
    if not kept:
        return []
    return [
        {
            "userId": one.user_id,
            "providerName": one.provider_name,
            "providerType": one.provider_type,
            "issuer": one.issuer,
            "primary": "true" if one.primary else "false",
            "dateCreated": str(one.date_created),
        }
        for one in _decode(kept)
    ]


def refuse_external(user: User, doing: str) -> None:
    """Who has no password here cannot do anything with it. Raises NotAuthorizedException, in AWS's words (aws-cli #3348, amplify-js #2464)."""
    if user.status == EXTERNAL:
        raise errors.NotAuthorizedException(f"User is not authorized to {doing}.")
