"""The secrets of an app client: two at most, each usable at once, so that one can replace the other without a pause."""

from __future__ import annotations

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.storage.clients import Client, ClientSecret
from cognomen.userpools import client_auth, clients, find

_MOST = 2


@op
async def add_user_pool_client_secret(cx: Context, request: idp.AddUserPoolClientSecretRequest) -> idp.AddUserPoolClientSecretResponse:
    """The value is answered only where it was made here."""
    await find.client_in(cx, request.user_pool_id, request.client_id)
    value = request.client_secret or ids.client_secret()
    now = cx.clock.now()

    def update(present: Client) -> Client:
        if not present.secrets:
            raise errors.InvalidParameterException(f"Client {present.client_id} is not a confidential client: it has no secret.")
        if len(present.secrets) >= _MOST:
            raise errors.LimitExceededException(f"Client {present.client_id} has {_MOST} secrets already, which is the limit.")
        added = client_auth.seal_secret(cx, present.pool_id, present.client_id, value, present.secrets)
        return msgspec.structs.replace(present, secrets=(*present.secrets, added), modified_at=now)

    added = (await clients.change(cx, request.user_pool_id, request.client_id, update)).secrets[-1]
    shown = _shown(added)
    if not request.client_secret:
        shown.client_secret_value = value
    return idp.AddUserPoolClientSecretResponse(client_secret_descriptor=shown)


@op
async def list_user_pool_client_secrets(
    cx: Context, request: idp.ListUserPoolClientSecretsRequest
) -> idp.ListUserPoolClientSecretsResponse:
    """Never the values. Both come in one answer, so no token of a further page was ever given."""
    _, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    if request.next_token is not None:
        raise errors.InvalidParameterException("Invalid pagination token given.")
    return idp.ListUserPoolClientSecretsResponse(client_secrets=[_shown(secret) for secret in client.secrets])


@op
async def delete_user_pool_client_secret(
    cx: Context, request: idp.DeleteUserPoolClientSecretRequest
) -> idp.DeleteUserPoolClientSecretResponse:
    """The last one stays: a confidential client does not become a public one."""
    await find.client_in(cx, request.user_pool_id, request.client_id)
    now = cx.clock.now()

    def update(present: Client) -> Client:
        left = tuple(secret for secret in present.secrets if secret.secret_id != request.client_secret_id)
        if len(left) == len(present.secrets):
            raise errors.ResourceNotFoundException(f"Client secret {request.client_secret_id} does not exist.")
        if not left:
            raise errors.InvalidParameterException("The last remaining secret of an app client cannot be deleted.")
        return msgspec.structs.replace(present, secrets=left, modified_at=now)

    await clients.change(cx, request.user_pool_id, request.client_id, update)
    return idp.DeleteUserPoolClientSecretResponse()


def _shown(secret: ClientSecret) -> idp.ClientSecretDescriptorType:
    return idp.ClientSecretDescriptorType(client_secret_id=secret.secret_id, client_secret_create_date=secret.created_at)
