"""Which attributes an app client may read and write.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html ("Attribute permissions and scopes");
FIDELITY B.1.6 and B.5.52 for clients that name none.
"""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.api import idp
from cognomen.storage.clients import Client
from cognomen.userpools.rules import schema

_STANDARD = frozenset(schema.STANDARD_NAMES)
BY_COGNITO = frozenset({"sub", "email_verified", "phone_number_verified"})


def readable(client: Client, attributes: Sequence[idp.SchemaAttributeType]) -> frozenset[str]:
    """A client that names none reads the standard attributes; developer-only ones are never read through a client."""
    named = client.settings.read_attributes
    if named:
        return frozenset(named)
    return _STANDARD


def writable(client: Client, attributes: Sequence[idp.SchemaAttributeType]) -> frozenset[str]:
    """A client that names none writes every attribute that can change, custom ones too; verified flags are Cognito's own."""
    named = client.settings.write_attributes
    if named:
        return frozenset(named) - BY_COGNITO
    return frozenset(attribute.name or "" for attribute in attributes if not attribute.developer_only_attribute) - BY_COGNITO
