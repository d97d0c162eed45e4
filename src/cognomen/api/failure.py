"""ServiceError: an error as a value, with a public text and a private cause."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class ServiceError(Exception):
    """An error that a caller sees.

    `message` is the public text; the private reason goes into the cause: `raise errors.X("text.") from cause`. `code` is
    AWS's name of the error. `status` is the HTTP status in the JSON 1.1 protocol, `rest_status` the one in REST-JSON. In the query protocol
    an error may have another name and status: `query_code` and `query_status`.
    Further members that the model gives an error are keyword arguments; `members` maps their names to the wire's.
    """

    code: ClassVar[str] = "ServiceError"
    status: ClassVar[int] = 400
    rest_status: ClassVar[int] = 400
    query_code: ClassVar[str] = ""
    query_status: ClassVar[int] = 400
    members: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = cls.__name__
        cls.query_code = cls.__dict__.get("query_code", cls.code)

    def __init__(self, message: str = "", **members: str | None) -> None:
        unknown = members.keys() - self.members.keys()
        if unknown:
            raise TypeError(f"{self.code} has no member {', '.join(sorted(unknown))}")
        super().__init__(message)
        self.message = message
        self.extra = {self.members[name]: value for name, value in members.items() if value is not None}
