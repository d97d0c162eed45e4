"""The registry of operations: `@op` ties a handler to AWS's model. Refuses names that the model lacks, and names given twice."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from typing import Any, TypeVar

import msgspec

from cognomen.api import errors, model, shapes
from cognomen.api.structure import Structure

PACKAGES = {
    "cognomen.userpools": "cognito-idp",
    "cognomen.identitypools": "cognito-identity",
    "cognomen.sync": "cognito-sync",
    "cognomen.iam": "iam",
    "cognomen.iam.sts": "sts",
}
TYPES = {
    "cognito-idp": "cognomen.api.idp",
    "cognito-identity": "cognomen.api.identity",
    "cognito-sync": "cognomen.api.sync",
    "iam": "cognomen.api.iam",
    "sts": "cognomen.api.sts",
}
# Cognito Identity answers violations with ValidationException though its model does not declare it (moto #1979, verified live there).
REFUSALS: dict[str, type[errors.ServiceError]] = {
    "cognito-idp": errors.InvalidParameterException,
    "cognito-identity": errors.ValidationException,
    "cognito-sync": errors.InvalidParameterException,
    "iam": errors.ValidationException,
    "sts": errors.ValidationException,
}
# It reads like a query, but makes identities and hands out their tokens.
MUTATING = frozenset({"GetOpenIdTokenForDeveloperIdentity"})

Handler = Callable[[Any, Any], Awaitable[Structure | None]]
H = TypeVar("H", bound=Callable[..., Awaitable[Any]])

_encode = msgspec.json.Encoder().encode


class Operation:
    """One operation: its handler and all that the wire must know of it."""

    __slots__ = (
        "errors",
        "handler",
        "http",
        "name",
        "readonly",
        "request_type",
        "response_type",
        "service",
        "target",
        "unsigned",
        "validate",
    )

    def __init__(self, service: str, name: str, handler: Handler) -> None:
        of_service = model.load(service)
        described = of_service.operations[name]
        types = import_module(TYPES[service])
        self.service = service
        self.name = name
        self.handler = handler
        self.request_type: type[Structure] = getattr(types, described.input.shape)
        self.response_type: type[Structure] | None = getattr(types, described.output.shape) if described.output else None
        self.validate = shapes.validator(of_service, described.input.shape, REFUSALS[service], _checks(service))
        self.errors: frozenset[type[errors.ServiceError]] = frozenset(getattr(errors, error.shape) for error in described.errors)
        self.unsigned = described.authtype == "none"
        self.readonly = name.startswith(("Get", "List", "Describe", "Simulate", "AdminGet", "AdminList")) and name not in MUTATING
        self.http = described.http
        self.target = f"{of_service.metadata.targetPrefix}.{name}" if of_service.metadata.targetPrefix else ""

    def decode(self, raw: Any) -> Structure:
        """The request as its type. Raises SerializationException, InvalidParameterException or (identity pools) ValidationException."""
        try:
            return msgspec.convert(self.validate(raw), self.request_type, strict=True)
        except (msgspec.ValidationError, RecursionError) as cause:
            raise errors.SerializationException("The request does not have the shape of its operation.") from cause

    def encode(self, response: Structure | None) -> bytes:
        return b"{}" if response is None else _encode(response)

    def may_raise(self, error: errors.ServiceError) -> bool:
        return type(error) in self.errors or type(error) in errors.COMMON


class Registry:
    """All operations by their target and by (service, name)."""

    def __init__(self) -> None:
        self.by_target: dict[bytes, Operation] = {}
        self.by_name: dict[tuple[str, str], Operation] = {}

    def op(self, handler: H) -> H:
        """Registers `async def admin_get_user(cx, request)` of a service's package as that service's AdminGetUser."""
        parts = handler.__module__.split(".")
        package = next((name for name in (".".join(parts[:3]), ".".join(parts[:2])) if name in PACKAGES), "")
        if not package:
            raise TypeError(f"{handler.__module__} is in no service's package: an operation lives in {', '.join(PACKAGES)}")
        self.add(PACKAGES[package], handler)
        return handler

    def add(self, service: str, handler: Callable[..., Awaitable[Any]]) -> Operation:
        spelled = handler.__name__
        name = _spellings(service).get(spelled)
        if name is None:
            raise TypeError(f"{spelled} is no operation of {service}")
        if (service, name) in self.by_name:
            raise TypeError(f"{service} {name} is registered twice: {self.by_name[service, name].handler.__module__}, {handler.__module__}")
        operation = Operation(service, name, handler)
        annotated = str(handler.__annotations__.get("request", operation.request_type.__name__)).rpartition(".")[2]
        if annotated.removesuffix("'>") != operation.request_type.__name__:
            raise TypeError(f"{spelled} takes {operation.request_type.__name__}, its annotation says {annotated}")
        self.by_name[service, name] = operation
        if operation.target:
            self.by_target[operation.target.encode()] = operation
        return operation

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.by_name.values())

    def __len__(self) -> int:
        return len(self.by_name)


@functools.cache
def _spellings(service: str) -> dict[str, str]:
    return {snake(name): name for name in model.load(service).operations}


@functools.cache
def _checks(service: str) -> dict[str, shapes.Check]:
    return {}


def snake(name: str) -> str:
    """AdminSetUserMFAPreference -> admin_set_user_mfa_preference, as botocore spells methods."""
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


OPERATIONS = Registry()
op = OPERATIONS.op
