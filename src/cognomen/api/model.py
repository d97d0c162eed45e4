"""Reads AWS's service models from botocore's data folder. Refuses to import botocore itself: that costs 100 ms and 20 MB."""

from __future__ import annotations

import functools
import gzip
from importlib.util import find_spec
from pathlib import Path

import msgspec

VERSIONS = {
    "cognito-idp": "2016-04-18",
    "cognito-identity": "2014-06-30",
    "cognito-sync": "2014-06-30",
    "iam": "2010-05-08",
    "sts": "2011-06-15",
}
# Of IAM and STS only what identity pools need is served; the rest of their models is not kept in memory.
SERVED: dict[str, frozenset[str]] = {
    "iam": frozenset(
        [
            "CreateRole",
            "GetRole",
            "ListRoles",
            "UpdateRole",
            "UpdateRoleDescription",
            "DeleteRole",
            "UpdateAssumeRolePolicy",
            "TagRole",
            "UntagRole",
            "ListRoleTags",
            "PutRolePermissionsBoundary",
            "DeleteRolePermissionsBoundary",
            "ListInstanceProfilesForRole",
            "PutRolePolicy",
            "GetRolePolicy",
            "ListRolePolicies",
            "DeleteRolePolicy",
            "AttachRolePolicy",
            "DetachRolePolicy",
            "ListAttachedRolePolicies",
            "ListEntitiesForPolicy",
            "CreatePolicy",
            "GetPolicy",
            "ListPolicies",
            "DeletePolicy",
            "CreatePolicyVersion",
            "GetPolicyVersion",
            "ListPolicyVersions",
            "SetDefaultPolicyVersion",
            "DeletePolicyVersion",
            "SimulateCustomPolicy",
            "SimulatePrincipalPolicy",
            "CreateOpenIDConnectProvider",
            "GetOpenIDConnectProvider",
            "ListOpenIDConnectProviders",
            "DeleteOpenIDConnectProvider",
            "UpdateOpenIDConnectProviderThumbprint",
            "AddClientIDToOpenIDConnectProvider",
            "RemoveClientIDFromOpenIDConnectProvider",
            "CreateSAMLProvider",
            "GetSAMLProvider",
            "ListSAMLProviders",
            "UpdateSAMLProvider",
            "DeleteSAMLProvider",
            "TagSAMLProvider",
            "UntagSAMLProvider",
            "ListSAMLProviderTags",
        ]
    ),
    "sts": frozenset({"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetCallerIdentity"}),
}


class Reference(msgspec.Struct):
    shape: str
    location: str | None = None
    locationName: str | None = None


class Shape(msgspec.Struct):
    type: str
    members: dict[str, Reference] = {}
    required: list[str] = []
    member: Reference | None = None
    key: Reference | None = None
    value: Reference | None = None
    min: int | None = None
    max: int | None = None
    pattern: str | None = None
    enum: list[str] | None = None
    sensitive: bool = False
    document: bool = False


class Output(Reference):
    resultWrapper: str = ""


class Http(msgspec.Struct):
    method: str
    requestUri: str
    responseCode: int = 200


class OperationModel(msgspec.Struct):
    name: str
    http: Http
    input: Reference = msgspec.field(default_factory=lambda: Reference(""))  # IAM has operations without one
    output: Output | None = None
    errors: list[Reference] = []
    authtype: str = ""


class Metadata(msgspec.Struct):
    protocol: str
    targetPrefix: str = ""
    xmlNamespace: str | dict[str, str] = ""


class ServiceModel(msgspec.Struct):
    metadata: Metadata
    operations: dict[str, OperationModel]
    shapes: dict[str, Shape]


@functools.cache
def load(service: str) -> ServiceModel:
    """The model of a service, without its documentation."""
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise RuntimeError("botocore is not installed: its data folder holds the service models")
    path = Path(spec.origin).parent / "data" / service / VERSIONS[service] / "service-2.json.gz"
    whole = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=ServiceModel)
    return served(whole, SERVED[service]) if service in SERVED else whole


def served(whole: ServiceModel, names: frozenset[str]) -> ServiceModel:
    """The model with these operations only, and with the shapes that they reach."""
    operations = {name: operation for name, operation in whole.operations.items() if name in names}
    kept: dict[str, Shape] = {}
    waiting = [
        reference.shape
        for operation in operations.values()
        for reference in (operation.input, operation.output, *operation.errors)
        if reference is not None
    ]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            shape = kept[name] = whole.shapes[name]
            parts = (*shape.members.values(), shape.member, shape.key, shape.value)
            waiting += [part.shape for part in parts if part is not None]
    return ServiceModel(whole.metadata, operations, kept)
