"""Reads AWS's service models from botocore's data folder. Refuses to import botocore itself: that costs 100 ms and 20 MB."""

from __future__ import annotations

import functools
import gzip
from importlib.util import find_spec
from pathlib import Path

import msgspec

VERSIONS = {"cognito-idp": "2016-04-18", "cognito-identity": "2014-06-30", "cognito-sync": "2014-06-30"}


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


class Http(msgspec.Struct):
    method: str
    requestUri: str
    responseCode: int = 200


class OperationModel(msgspec.Struct):
    name: str
    http: Http
    input: Reference
    output: Reference | None = None
    errors: list[Reference] = []
    authtype: str = ""


class Metadata(msgspec.Struct):
    protocol: str
    targetPrefix: str = ""


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
    return msgspec.json.decode(gzip.decompress(path.read_bytes()), type=ServiceModel)
