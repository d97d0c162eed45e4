"""Users as they see and change themselves, by their access token."""

from __future__ import annotations

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.engine import Tx
from cognomen.storage.users import User
from cognomen.userpools import access, attribute_updates, attributes, codes, find
from cognomen.userpools.rules import factors


@op
async def get_user(cx: Context, request: idp.GetUserRequest) -> idp.GetUserResponse:
    of = await access.of(cx, request.access_token)
    return idp.GetUserResponse(
        username=of.user.username,
        user_attributes=attributes.readable_as_sent(of.pool, of.client, of.user),
        mfa_options=factors.old_options(of.user),
        preferred_mfa_setting=factors.preferred(of.user),
        user_mfa_setting_list=factors.setting_list(of.user),
    )


@op
async def delete_user(cx: Context, request: idp.DeleteUserRequest) -> None:
    of = await access.of(cx, request.access_token)
    await find.write(cx, lambda tx: cx.store.users.remove(tx, of.user))


@op
async def update_user_attributes(cx: Context, request: idp.UpdateUserAttributesRequest) -> idp.UpdateUserAttributesResponse:
    of = await access.of(cx, request.access_token)
    changes = attributes.checked_by_client(of.pool, of.client, request.user_attributes)
    sent = await attribute_updates.make(cx, of.pool, of.user, changes, of.client.client_id, request.client_metadata)
    return idp.UpdateUserAttributesResponse(code_delivery_details_list=sent or None)


@op
async def delete_user_attributes(cx: Context, request: idp.DeleteUserAttributesRequest) -> idp.DeleteUserAttributesResponse:
    of = await access.of(cx, request.access_token)
    gone = [idp.AttributeType(name=name, value="") for name in request.user_attribute_names]
    changes = attributes.checked_by_client(of.pool, of.client, gone)
    await find.write(cx, lambda tx: attributes.apply(cx, tx, of.pool, of.user, changes))
    return idp.DeleteUserAttributesResponse()


@op
async def get_user_attribute_verification_code(
    cx: Context, request: idp.GetUserAttributeVerificationCodeRequest
) -> idp.GetUserAttributeVerificationCodeResponse:
    of = await access.of(cx, request.access_token)
    _refuse_unverifiable(request.attribute_name)
    waiting = await attribute_updates.pending(cx, of.pool, of.user, request.attribute_name)
    address = waiting or of.user.attributes.get(request.attribute_name)
    if not address:
        kind = "email address" if request.attribute_name == "email" else "phone number"
        raise errors.InvalidParameterException(f"User does not have a valid registered {kind}")
    await codes.limit_messages(cx, of.pool.pool_id, of.user.sub, "attribute")
    prepared = codes.prepare(cx, of.user, request.attribute_name, request.attribute_name, address)
    await cx.store.write(lambda tx: cx.store.codes.put(tx, prepared.row))
    sent = await codes.send(cx, of.pool, of.user, prepared, of.client.client_id, request.client_metadata)
    return idp.GetUserAttributeVerificationCodeResponse(code_delivery_details=sent)


@op
async def verify_user_attribute(cx: Context, request: idp.VerifyUserAttributeRequest) -> idp.VerifyUserAttributeResponse:
    """The code proves the address that it went to; an address that waited for its proof takes effect now."""
    of = await access.of(cx, request.access_token)
    _refuse_unverifiable(request.attribute_name)
    row = await codes.check(cx, of.user, request.attribute_name, request.code)

    async def unit(tx: Tx) -> None:
        await codes.spend(cx, tx, row)
        user: User | None = await cx.store.users.by_sub(of.user.pool_id, of.user.sub, tx)
        waited = row.attribute in attribute_updates.verified_first(of.pool)
        if user is None:
            raise find.no_user()
        if user.attributes.get(row.attribute) != row.value and not waited:
            raise codes.expired()  # the address was changed after the code had been sent to the old one
        await attributes.apply(cx, tx, of.pool, user, {row.attribute: row.value, f"{row.attribute}_verified": "true"})

    await find.write(cx, unit)
    return idp.VerifyUserAttributeResponse()


def _refuse_unverifiable(name: str) -> None:
    if name not in attributes.VERIFIABLE:
        raise errors.InvalidParameterException("Invalid attribute name. Only phone_number and email can be verified.")
