"""Whose data it is, and who may ask: an identity for its own with its temporary credentials, a developer for everybody's."""

from __future__ import annotations

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.identity_pools import IdentityPool

# Keys of a session's context that name the identity and the identity pool which got the credentials.
_SUB, _AUD = "cognito-identity.amazonaws.com:sub", "cognito-identity.amazonaws.com:aud"


def is_identity(cx: Context) -> bool:
    """Are these the temporary credentials of an identity?"""
    return cx.caller.session is not None and _SUB in cx.caller.session.context


def by_developer(cx: Context) -> None:
    """Raises NotAuthorizedException for an identity: what concerns a whole pool is for developers."""
    if is_identity(cx):
        raise errors.NotAuthorizedException("This operation can not be called with the credentials of an identity.")


def by_identity(cx: Context) -> None:
    """Raises NotAuthorizedException for a developer."""
    if not is_identity(cx):
        raise errors.NotAuthorizedException("This operation can only be called with the credentials of an identity.")


async def pool(cx: Context, pool_id: str) -> IdentityPool:
    found = await cx.store.identity_pools.get(pool_id)
    if found is None:
        raise errors.ResourceNotFoundException(f"IdentityPool '{pool_id}' not found.")
    return found


async def check_identity(cx: Context, pool_id: str, identity_id: str) -> None:
    """Raises NotAuthorizedException for another identity's data, and for one that was merged into another; ResourceNotFoundException for one
    that is not in this pool."""
    session = cx.caller.session
    if session is not None and _SUB in session.context and (session.context[_SUB], session.context.get(_AUD)) != ([identity_id], [pool_id]):
        raise errors.NotAuthorizedException("Access to Identity is forbidden.")
    found = await cx.store.identities.get(pool_id, identity_id)
    if found is None:
        raise errors.ResourceNotFoundException(f"Identity '{identity_id}' not found.")
    if found.merged_into is not None:
        raise errors.NotAuthorizedException(f"Identity '{identity_id}' is disabled.")


async def check_reader(cx: Context, pool_id: str, identity_id: str) -> None:
    """The same for operations whose model knows no ResourceNotFoundException."""
    try:
        await check_identity(cx, pool_id, identity_id)
    except errors.ResourceNotFoundException as cause:
        raise errors.InvalidParameterException(cause.message) from cause


def page_size(asked: int | None, most: int) -> int:
    """Raises InvalidParameterException."""
    if asked is not None and not 1 <= asked <= most:
        raise errors.InvalidParameterException(f"MaxResults must be between 1 and {most}.")
    return asked or most


def position(cx: Context, bound: str, token: str | None, first: list[object]) -> list[object]:
    """Where the page begins; `first` without a token. Raises InvalidParameterException."""
    return cx.pager.after(bound, token, errors.InvalidParameterException("Invalid NextToken.")) or first
