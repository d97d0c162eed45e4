"""Every file of IAM's and STS's operations. Loaded at the first request that speaks the query protocol: their models take memory."""

from __future__ import annotations

from functools import cache
from importlib import import_module

FILES = (
    "attachments",
    "openid_providers",
    "policies",
    "role_policies",
    "roles",
    "saml_providers",
    "simulate",
    "sts.assume",
    "sts.assume_with_saml",
    "sts.assume_with_web_identity",
    "sts.identity",
)


@cache
def load() -> None:
    for name in FILES:
        import_module(f"cognomen.iam.{name}")
