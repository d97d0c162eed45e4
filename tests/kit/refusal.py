"""The error that an operation answers, as a value to compare."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.server import AwsError, TestServer


async def refusal(server: TestServer, operation: str, **members: Any) -> tuple[str, str]:
    """(code, text) of the error. Fails when there is none, or when it is not the caller's fault."""
    with pytest.raises(AwsError) as refused:
        await server.call(operation, **members)
    assert refused.value.status == 400
    return refused.value.code, refused.value.message


async def all_pages(server: TestServer, operation: str, items: str, token: str = "NextToken", **members: Any) -> list[list[Any]]:
    """Every page of a list, by following its tokens."""
    pages: list[list[Any]] = []
    more: dict[str, str] = {}
    while True:
        answer = await server.call(operation, **members, **more)
        pages.append(answer[items])
        if token not in answer:
            return pages
        more = {token: answer[token]}
