"""Every file of operations, so that importing this one registers them all."""

from __future__ import annotations

from importlib import import_module

FILES = (
    "admin_users",
    "auth_events",
    "auth_factors",
    "client_secrets",
    "clients",
    "devices",
    "domains",
    "groups",
    "identity_providers",
    "imports",
    "limits",
    "linked_users",
    "list_users",
    "log_delivery",
    "managed_login_branding",
    "mfa_config",
    "mfa_preferences",
    "own_user",
    "passkeys",
    "passwords",
    "pools",
    "resource_servers",
    "risk_configuration",
    "sign_in",
    "sign_up",
    "software_tokens",
    "tags",
    "terms",
    "token_operations",
    "ui_customization",
    "user_sessions",
)


def load() -> None:
    for name in FILES:
        import_module(f"cognomen.userpools.{name}")
