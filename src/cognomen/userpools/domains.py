"""Domains of a pool: the hosts at which its pages and OAuth endpoints answer. A pool has at most a prefix and a custom domain.

Certificates are kept and shown, and used by nobody here: what ends TLS in front of this server has its own (docs/guide/hosted-pages.md).
"""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.storage.domains import CUSTOM, PREFIX, Domain
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.pools import Pool
from cognomen.userpools import find

CLASSIC, MANAGED = 1, 2
_RESERVED = ("aws", "amazon", "cognito")
_LABEL = r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?"
_PREFIX = re.compile(_LABEL)
_NAME = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[\w-]+", re.ASCII)


@op
async def create_user_pool_domain(cx: Context, request: idp.CreateUserPoolDomainRequest) -> idp.CreateUserPoolDomainResponse:
    pool = await find.pool(cx, request.user_pool_id)
    kind = CUSTOM if request.custom_domain_config else PREFIX
    _check_name(request.domain, kind)
    if kind == CUSTOM:
        _check_foreign(cx, request.domain)
    _check_options(request.custom_domain_config, request.routing)
    version = _version(pool, request.managed_login_version) or CLASSIC
    now = cx.clock.now()
    domain = Domain(pool.pool_id, kind, request.domain, now, now, version, _certificate(request.custom_domain_config))
    try:
        await cx.store.domains.add(domain)
    except Missing as cause:
        raise errors.ResourceNotFoundException(f"User pool {pool.pool_id} does not exist.") from cause
    except Taken as cause:
        if cause.what == "pool":
            raise errors.InvalidParameterException("User pool already has domain configured.") from cause
        raise errors.InvalidParameterException("Domain already associated with another user pool.") from cause
    return idp.CreateUserPoolDomainResponse(managed_login_version=version, cloud_front_domain=_alias_of(cx, domain))


def _check_name(domain: str, kind: str) -> None:
    """Raises InvalidParameterException. AWS's pattern, which knows no dots, is that of a prefix."""
    if kind == CUSTOM:
        if not _NAME.fullmatch(domain) or domain.rpartition(".")[2].isdigit():
            raise errors.InvalidParameterException("Custom domain is not a valid subdomain: it must be a fully qualified domain name.")
        return
    if not _PREFIX.fullmatch(domain):
        raise errors.InvalidParameterException(
            "The domain name contains an invalid character. Domain names can only contain lower-case letters, numbers, and hyphens. "
            r"Please enter a different name that follows this format: ^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$"
        )
    for word in _RESERVED:
        if word in domain:
            raise errors.InvalidParameterException(f"Domain cannot contain reserved word: {word}")


def _check_foreign(cx: Context, domain: str) -> None:
    """This server's own names lead to no pool (`oauth/doors.py`): a domain among them would never be reached. Raises InvalidParameterException."""
    own = _own_name(cx)
    if domain == own or domain.endswith((f".auth.{own}", ".localhost")):
        raise errors.InvalidParameterException("Custom domain is not a valid subdomain: it is one of this server's own names.")


def _own_name(cx: Context) -> str:
    return urlsplit(cx.settings.public_url).hostname or "localhost"


async def host(cx: Context, pool: Pool) -> str | None:
    """Where a browser finds the pool's pages: at its custom domain, or else at its prefix."""
    domain = next(iter(await cx.store.domains.of_pool(pool.pool_id)), None)
    if domain is None:
        return None
    return domain.domain if domain.kind == CUSTOM else f"{domain.domain}.auth.{_own_name(cx)}"


def _check_options(config: idp.CustomDomainConfigType | None, routing: idp.RoutingType | None) -> None:
    """Raises InvalidParameterException for what cannot have its effect here."""
    if routing is not None and routing.failover is not None:
        raise errors.InvalidParameterException("Routing is not supported: this server has no replicas of user pools in other regions.")
    if config is None:
        return
    if not _CERTIFICATE.fullmatch(config.certificate_arn):
        raise errors.InvalidParameterException("CertificateArn must be the ARN of a certificate of AWS Certificate Manager in us-east-1.")
    if config.security_policy is not None:
        raise errors.InvalidParameterException("SecurityPolicy is not supported: TLS is set up at what stands in front of this server.")


def _certificate(config: idp.CustomDomainConfigType | None) -> str | None:
    return config.certificate_arn if config else None


def _version(pool: Pool, asked: int | None) -> int | None:
    """The branding version that was asked for. Raises InvalidParameterException, FeatureUnavailableInTierException."""
    if asked is not None and asked not in (CLASSIC, MANAGED):
        raise errors.InvalidParameterException("ManagedLoginVersion must be 1 or 2.")
    if asked == MANAGED and pool.settings.pool.user_pool_tier == "LITE":
        raise errors.FeatureUnavailableInTierException(
            "Managed login is not available in this tier. Change the user pool to the Essentials or Plus tier."
        )
    return asked


def _alias_of(cx: Context, domain: Domain) -> str | None:
    """Where a custom domain's alias record is to point: at AWS a CloudFront distribution, here this server's own name."""
    return urlsplit(cx.settings.public_url or cx.base_url).hostname if domain.kind == CUSTOM else None


@op
async def describe_user_pool_domain(cx: Context, request: idp.DescribeUserPoolDomainRequest) -> idp.DescribeUserPoolDomainResponse:
    """A domain that is not there has an empty description; that is no error."""
    domain = await cx.store.domains.find(request.domain)
    shown = _described(cx, domain) if domain else idp.DomainDescriptionType()
    return idp.DescribeUserPoolDomainResponse(domain_description=shown)


def _described(cx: Context, domain: Domain) -> idp.DomainDescriptionType:
    region = domain.pool_id.rpartition("_")[0]
    config = idp.CustomDomainConfigType(certificate_arn=domain.certificate_arn) if domain.certificate_arn else None
    return idp.DomainDescriptionType(
        user_pool_id=domain.pool_id,
        aws_account_id=cx.settings.account,
        domain=domain.domain,
        s3_bucket=f"cognomen-{region}-assets",
        cloud_front_distribution=urlsplit(cx.settings.public_url or cx.base_url).hostname,
        version=time.strftime("%Y%m%d%H%M%S", time.gmtime(domain.modified_at)),
        status="ACTIVE",
        custom_domain_config=config,
        managed_login_version=domain.managed_login_version,
    )


@op
async def update_user_pool_domain(cx: Context, request: idp.UpdateUserPoolDomainRequest) -> idp.UpdateUserPoolDomainResponse:
    """What the request leaves out stays; a prefix stays a prefix."""
    pool = await find.pool(cx, request.user_pool_id)
    _check_options(request.custom_domain_config, request.routing)
    version = _version(pool, request.managed_login_version)
    now = cx.clock.now()

    def update(present: Domain) -> Domain:
        if request.custom_domain_config is not None and present.kind == PREFIX:
            raise errors.InvalidParameterException("CustomDomainConfig cannot be set for a prefix domain.")
        return msgspec.structs.replace(
            present,
            modified_at=now,
            managed_login_version=version or present.managed_login_version,
            certificate_arn=_certificate(request.custom_domain_config) or present.certificate_arn,
        )

    try:
        domain = await cx.store.domains.change(pool.pool_id, request.domain, update)
    except Missing as cause:
        raise _no_domain() from cause
    return idp.UpdateUserPoolDomainResponse(managed_login_version=domain.managed_login_version, cloud_front_domain=_alias_of(cx, domain))


@op
async def delete_user_pool_domain(cx: Context, request: idp.DeleteUserPoolDomainRequest) -> idp.DeleteUserPoolDomainResponse:
    pool = await find.pool(cx, request.user_pool_id)
    try:
        await cx.store.domains.remove(pool.pool_id, request.domain)
    except Missing as cause:
        raise _no_domain() from cause
    return idp.DeleteUserPoolDomainResponse()


def _no_domain() -> errors.InvalidParameterException:
    return errors.InvalidParameterException("No such domain or user pool exists.")
