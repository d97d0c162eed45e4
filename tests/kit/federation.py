"""A pool with a provider, and the edge's part of a sign-in through it: what it asks of userpools/federation, in process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cognomen.context import Context
from cognomen.userpools.federation import sign_in
from tests.kit.functions import arn
from tests.kit.server import TestServer

CALLBACK = "https://auth.example.com/oauth2/idpresponse"
ACS = "https://auth.example.com/saml2/idpresponse"
Browser = Callable[[str], dict[str, str]]


class Door:
    """`browser` is what a user does at the provider: it gets the address, and gives what comes back."""

    def __init__(self, server: TestServer, pool_id: str, client_id: str, provider: str, callback: str = CALLBACK) -> None:
        self.server = server
        self.pool_id = pool_id
        self.client_id = client_id
        self.provider = provider
        self.callback = callback

    async def _whose(self) -> tuple[Context, Any, Any]:
        store = self.server.store
        return Context(self.server.server.rooms), await store.pools.get(self.pool_id), await store.clients.get(self.pool_id, self.client_id)

    async def depart(self, state: str = "state-1", **more: Any) -> sign_in.Departure:
        return await sign_in.depart(*await self._whose(), self.provider, callback=self.callback, state=state, **more)

    async def arrival(self, returned: Mapping[str, str], kept: Mapping[str, str], callback: str = "") -> sign_in.Arrival:
        return await sign_in.arrival(*await self._whose(), self.provider, returned, kept, callback=callback or self.callback)

    async def arrive(self, returned: Mapping[str, str], kept: Mapping[str, str], callback: str = "") -> Any:
        return (await self.arrival(returned, kept, callback)).user

    async def go(self, browser: Browser, **more: Any) -> Any:
        """The user who came back."""
        left = await self.depart(**more)
        return await self.arrive(browser(left.url), left.kept)

    async def shown(self, username: str) -> dict[str, Any]:
        """AdminGetUser, with the attributes by name."""
        found = await self.server.call("AdminGetUser", UserPoolId=self.pool_id, Username=username)
        attributes = {item["Name"]: item["Value"] for item in found["UserAttributes"]}
        return {"status": found["UserStatus"], "enabled": found["Enabled"], **attributes}


async def door(
    server: TestServer,
    name: str,
    kind: str,
    details: Mapping[str, str],
    *,
    mapping: Mapping[str, str] | None = None,
    callback: str = CALLBACK,
    client: Mapping[str, Any] | None = None,
    acr: Mapping[str, str] | None = None,
    **pool: Any,
) -> Door:
    """A new pool with one provider and a client that supports it."""
    pool_id = await server.pool(**pool)
    members: dict[str, Any] = {"AttributeMapping": dict(mapping or {}), **({"AcrMapping": dict(acr)} if acr else {})}
    await server.call(
        "CreateIdentityProvider", UserPoolId=pool_id, ProviderName=name, ProviderType=kind, ProviderDetails=dict(details), **members
    )
    client_id = await server.client(pool_id, SupportedIdentityProviders=["COGNITO", name], **(client or {}))
    return Door(server, pool_id, client_id, name, callback)


def functions(server: TestServer, *triggers: str, **answers: Any) -> dict[str, Any]:
    """LambdaConfig that names a function for each trigger; `answers` are functions of the event by trigger."""
    config: dict[str, Any] = {}
    for trigger in triggers:
        server.functions.add(trigger, answers.get(trigger, lambda event: {}))
        config[trigger] = {"LambdaVersion": "V1_0", "LambdaArn": arn(trigger)} if trigger == "InboundFederation" else arn(trigger)
    return config
