"""A SAML response as a login: verified against the provider of the account that an ARN names. STS and identity pools take it.

An identity pool is shown the same response more than once (GetId, then GetCredentialsForIdentity), STS once alone: `used` is for the latter.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from cognomen.federation.connector import Expected as Wanted
from cognomen.federation.connector import Refused, Verified
from cognomen.kernel.secrets import Sealer
from cognomen.saml.errors import Invalid, Malformed
from cognomen.storage.engine import Tx
from cognomen.storage.saml_providers import SamlProvider
from cognomen.storage.store import Store

SIGN_IN = "signin.aws.amazon.com/saml"
KEY = "saml private key"  # the purpose for which iam/saml_providers.py seals a key, bound to the provider's ARN
_MARK = "saml assertion"


class UnknownProvider(Exception):
    """No SAML provider of this account has that ARN."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in: `name_id` is theirs at this provider. `assertion_id` is to be kept until `until` by who takes a response once."""

    provider: SamlProvider
    assertion_id: str
    until: float
    issued_at: float
    name_id: str
    name_id_format: str
    recipient: str
    attributes: dict[str, list[str]]
    session_end: float | None

    @property
    def subject_type(self) -> str:
        """Its format, without the prefix of SAML 2.0's own."""
        return self.name_id_format.removeprefix("urn:oasis:names:tc:SAML:2.0:nameid-format:")


async def verified(
    store: Store, sealer: Sealer, *, account: str, region: str, arn: str, response: str, now: float, audience: str = ""
) -> Login:
    """`response` is base64; `audience` is taken as audience and recipient besides AWS's own. Raises UnknownProvider, saml.errors.Invalid."""
    begin = f"arn:aws:iam::{account}:saml-provider/"
    provider = await store.saml_providers.get(account, arn.removeprefix(begin)) if arn.startswith(begin) else None
    if provider is None:
        raise UnknownProvider(arn)
    try:
        document = base64.b64decode("".join(response.split()), validate=True)
    except (binascii.Error, ValueError) as cause:
        raise Malformed("the response is not base64") from cause
    from cognomen.saml import encryption
    from cognomen.saml.response import Expected, verify

    addresses = [f"https://{place}{SIGN_IN}" for place in ("", f"{region}.")]
    own = [f"{address}/acs/{provider.uuid}" for address in addresses]
    required = provider.encryption == "Required"
    more = [audience] if audience else []
    expected = Expected(
        issuer=provider.entity_id,
        audiences=frozenset([*addresses, *own, "urn:amazon:webservices", *more]),
        # "If SAML encryption is required, the sign-in URL must include the unique identifier": id_roles_providers_create_saml_assertions.html
        recipients=frozenset([*([] if required else addresses), *own, *more]),
        now=now,
    )
    opened = [sealer.open_text(KEY, key.sealed, provider.arn.encode()).decode() for key in provider.private_keys]
    keys = [encryption.private_key(pem) for pem in opened]
    found = verify(document, expected, certificates=provider.certificates, private_keys=keys, only_encrypted=required)
    return Login(
        provider=provider,
        assertion_id=found.id,
        until=found.not_on_or_after,
        issued_at=found.issued_at,
        name_id=found.name_id,
        name_id_format=found.name_id_format,
        recipient=found.recipient,
        attributes=found.attributes,
        session_end=found.session_not_on_or_after,
    )


async def used(store: Store, sealer: Sealer, tx: Tx, login: Login) -> bool:
    """Marks the assertion as used, until it counts no more; True where it was used before."""
    provider = login.provider
    mark = sealer.mac(_MARK, provider.entity_id.encode(), login.assertion_id.encode())
    return not await store.used_marks.add(tx, provider.account, mark, login.until)


class SamlLogins:
    """The connector of identity pools: the provider is its ARN, the claims are the response's attributes, as lists, with its NameID as `sub`."""

    def __init__(self, store: Store, sealer: Sealer, *, account: str, region: str, audience: str) -> None:
        self._store = store
        self._sealer = sealer
        self._account = account
        self._region = region
        self._audience = audience

    async def verify(self, token: str, expected: Wanted) -> Verified:
        """Raises Refused."""
        try:
            login = await verified(
                self._store,
                self._sealer,
                account=self._account,
                region=self._region,
                arn=expected.provider,
                response=token,
                now=expected.now,
                audience=self._audience,
            )
        except UnknownProvider as cause:
            raise Refused("The SAML provider does not exist.") from cause
        except Invalid as cause:
            text = str(cause)
            raise Refused(f"{text[0].upper()}{text[1:]}.") from cause
        claims = {**login.attributes, "sub": login.name_id, "aud": login.recipient}
        return Verified(subject=login.name_id, audience=login.recipient, claims=claims, issuer=login.provider.entity_id)
