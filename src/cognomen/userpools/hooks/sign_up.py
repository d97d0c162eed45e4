"""PreSignUp, which may refuse, confirm or verify a user who is about to be stored, and PostConfirmation after they are confirmed.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.storage.users import User
from cognomen.triggers import catalog
from cognomen.userpools.hooks.ask import Occasion, ask, flag


class Verdict(msgspec.Struct, frozen=True):
    """What PreSignUp said of the new user. `verified` are the attributes that count as verified from the start."""

    confirmed: bool = False
    verified: tuple[str, ...] = ()


async def pre_sign_up(
    cx: Context, pool: Pool, occasion: Occasion, username: str, given: Mapping[str, str], validation: Sequence[idp.AttributeType] | None
) -> Verdict:
    """Raises what the function raises: then there is no user. The answer counts for SignUp; AdminCreateUser's is ignored, as AWS documents, and
    who comes through a provider is not confirmed by it."""
    external = {"cognito:email_alias": "", "cognito:phone_number_alias": ""} if occasion.source == "ExternalProvider" else {}
    request = {
        "userAttributes": {**external, **given},
        "validationData": {item.name: item.value or "" for item in validation} if validation else None,
    }
    response = {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False}
    answer = await ask(cx, pool, catalog.PRE_SIGN_UP, occasion, username, request, response=response)
    if answer is None:
        return Verdict()
    confirmed = flag(answer, "autoConfirmUser")
    wanted = {"email": flag(answer, "autoVerifyEmail"), "phone_number": flag(answer, "autoVerifyPhone")}
    if occasion.source == "AdminCreateUser":
        return Verdict()
    verified = tuple(name for name, wants in wanted.items() if wants)
    for name in verified:
        if not given.get(name):
            raise errors.InvalidLambdaResponseException(f"Cannot verify {name}: the user has none.")
    return Verdict(confirmed, verified)


async def post_confirmation(cx: Context, pool: Pool, occasion: Occasion, user: User) -> None:
    """The user is confirmed already, and stays so whatever the function says: its error is only told."""
    await ask(cx, pool, catalog.POST_CONFIRMATION, occasion, user.username, {"userAttributes": catalog.user_attributes(user)}, response={})
