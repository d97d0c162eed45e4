"""InboundFederation: a function sees what an identity provider said of somebody, and says which attributes are mapped to the profile.

Asked at each sign-in through a provider, before the attributes are mapped.
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-inbound-federation.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from cognomen.context import Context
from cognomen.storage.pools import Pool
from cognomen.triggers import catalog
from cognomen.userpools.hooks.ask import Occasion, ask, texts

ProviderType = Literal["OIDC", "SAML", "Facebook", "Google", "SignInWithApple", "LoginWithAmazon"]
_MEMBER = "userAttributesToMap"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider said. OpenID Connect and social providers: the answer of their token endpoint, the claims of the id token, and of the
    userinfo endpoint. SAML: the assertion's attributes, and nothing else."""

    provider_name: str
    provider_type: ProviderType
    token_response: Mapping[str, Any] | None = None
    id_token: Mapping[str, Any] | None = None
    user_info: Mapping[str, Any] | None = None
    saml_response: Mapping[str, Any] | None = None

    def request(self) -> dict[str, Any]:
        """The event's `request`; what there is not is left out."""
        kinds = {
            "tokenResponse": self.token_response,
            "idToken": self.id_token,
            "userInfo": self.user_info,
            "samlResponse": self.saml_response,
        }
        attributes = {name: dict(value) for name, value in kinds.items() if value is not None}
        return {"providerName": self.provider_name, "providerType": self.provider_type, "attributes": attributes}


async def inbound(cx: Context, pool: Pool, client_id: str, username: str, said: Said, original: Mapping[str, str]) -> dict[str, str]:
    """The provider's attributes as they are to be mapped: `original`, where the pool names no function.

    Raises UserLambdaValidationException, UnexpectedLambdaException, InvalidLambdaResponseException: then nobody is signed in.
    """
    occasion = Occasion("ExternalProvider", client_id)
    answer = await ask(cx, pool, catalog.INBOUND_FEDERATION, occasion, username, said.request(), response={_MEMBER: {}})
    return dict(original) if answer is None else mapped(original, answer)


def mapped(original: Mapping[str, str], answer: Mapping[str, Any]) -> dict[str, str]:
    """A map replaces all of the provider's attributes, an empty one keeps them. Raises InvalidLambdaResponseException."""
    return texts(answer, _MEMBER) or dict(original)
