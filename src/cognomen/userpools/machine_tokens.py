"""Access tokens of a client itself, for its machines: no user, no id token, no refresh token.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cognomen.api import errors, idp
from cognomen.context import Context
from cognomen.kernel import ids
from cognomen.storage.clients import Client
from cognomen.storage.pools import Pool
from cognomen.tokens import claims, jwt
from cognomen.userpools.hooks import token_generation
from cognomen.userpools.hooks.ask import Occasion
from cognomen.userpools.issue import issuer_of
from cognomen.userpools.rules import validity

_SOURCE = "ClientCredentials"


async def issue(
    cx: Context, pool: Pool, client: Client, scopes: Sequence[str], metadata: Mapping[str, str] | None
) -> idp.AuthenticationResultType:
    """The client has proved itself, and `scopes` are its own. Raises what PreTokenGeneration raises, which is asked in its version 3 alone."""
    now, seconds = int(cx.clock.now()), validity.access_seconds(client)
    made = claims.client_claims(
        client.client_id, issuer=issuer_of(cx, pool), scope=" ".join(scopes), issued_at=now, expires_at=now + seconds, jti=ids.uuid()
    )
    occasion = Occasion(_SOURCE, client.client_id, metadata)
    change = await token_generation.override_for_client(cx, pool, occasion, client.client_id, scopes)
    if change is not None:
        made = token_generation.applied_to_access(made, change)
        if not jwt.fits(made):
            raise errors.InvalidLambdaResponseException("The claims of the lambda function output are too large for a token.")
    key = (await cx.keys.for_pool(pool.pool_id)).access_key
    (signed,) = await jwt.begin_signing(cx.signer, (made, key.kid, key.private)).tokens()
    return idp.AuthenticationResultType(access_token=signed, expires_in=seconds, token_type="Bearer")
