"""The keys of a pool as a SAML service provider: one signs its requests, and one for each provider that is to encrypt its responses."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cognomen.api import errors
from cognomen.context import Context
from cognomen.storage.errors import Missing
from cognomen.storage.identity_providers import FederationKey

SIGNING = ""  # the name of the key that is no provider's
_PURPOSE = "federation key"
_DAYS = 3650  # "valid for 10 years" (GetSigningCertificate)


async def signing(cx: Context, pool_id: str) -> FederationKey:
    """Made when it is first asked for; two who ask at once get one key."""
    return await cx.store.identity_providers.key(pool_id, SIGNING) or await _kept(cx, await make(cx, pool_id, SIGNING))


async def encryption(cx: Context, pool_id: str, provider: str) -> FederationKey:
    return await cx.store.identity_providers.key(pool_id, provider) or await _kept(cx, await make(cx, pool_id, provider))


async def _kept(cx: Context, key: FederationKey) -> FederationKey:
    try:
        return await cx.store.identity_providers.put_key(key)
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {key.pool_id} does not exist.") from cause


async def make(cx: Context, pool_id: str, name: str) -> FederationKey:
    """A new key with its certificate, which is not kept yet."""
    now = cx.clock.now()
    der, certificate = await cx.workers.run(_made, pool_id, now)
    sealed = cx.sealer.seal(_PURPOSE, der, _bound(pool_id, name))
    return FederationKey(pool_id=pool_id, name=name, created_at=now, certificate=certificate, sealed=sealed)


def _made(pool_id: str, now: float) -> tuple[bytes, bytes]:
    from cryptography import x509  # 9 ms, which no server without SAML need pay at its start
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, pool_id[:64])])
    begin = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(begin + timedelta(days=_DAYS))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), certificate


def opened(cx: Context, key: FederationKey) -> bytes:
    """The private key, in DER."""
    return cx.sealer.open(_PURPOSE, key.sealed, _bound(key.pool_id, key.name))


def shown(key: FederationKey) -> str:
    """The certificate as AWS shows it: base64 of the DER form, in one line."""
    return base64.b64encode(key.certificate).decode()


def _bound(pool_id: str, name: str) -> bytes:
    return f"{pool_id}/{name}".encode()
