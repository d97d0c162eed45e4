"""Every file of operations, so that importing this one registers them all."""

from __future__ import annotations

from importlib import import_module

FILES = ("credentials", "developer", "identities", "pools", "roles", "tags")


def load() -> None:
    for name in FILES:
        import_module(f"cognomen.identitypools.{name}")
