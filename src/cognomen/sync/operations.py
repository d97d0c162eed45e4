"""Every file of operations, so that importing this one registers them all."""

from __future__ import annotations

from importlib import import_module

FILES = ("datasets", "records", "usage", "events", "configuration", "devices", "bulk")


def load() -> None:
    for name in FILES:
        import_module(f"cognomen.sync.{name}")
