"""By which address a pool's endpoints are reached: its path, its prefix below auth.localhost, a domain of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.kit.oauth import CALLBACK, App, sent_to
from tests.kit.server import TestServer

CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-4000-8000-000000000000"


async def with_domains(server: TestServer) -> App:
    app = await App(server).made()
    await server.call("CreateUserPoolDomain", UserPoolId=app.pool, Domain="orders")
    await server.call(
        "CreateUserPoolDomain", UserPoolId=app.pool, Domain="sign-in.example.com", CustomDomainConfig={"CertificateArn": CERTIFICATE}
    )
    return app


class TestByName:
    @pytest.mark.parametrize("host", ["orders.auth.localhost:2646", "ORDERS.auth.localhost:2646", "sign-in.example.com"])
    async def test_the_same_pool(self, server: TestServer, host: str) -> None:
        """Who comes by a name stays there."""
        app = await with_domains(server)
        query = urlencode(app.request())
        target, _, _ = sent_to(await server.send("GET", "/oauth2/authorize", query=query, host=host))
        assert target == f"http://{host.lower()}/login"
        target, found, _ = sent_to(await server.send("GET", "/oauth2/authorize", query=f"{query}&prompt=none", host=host))
        assert (target, found["error"]) == (CALLBACK, "login_required")

    async def test_tokens(self, server: TestServer) -> None:
        """A code from one door is good at another: they are of one pool."""
        app = await with_domains(server)
        form = {
            "grant_type": "authorization_code",
            "client_id": app.client,
            "redirect_uri": CALLBACK,
            "code": (await app.entered())["code"],
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        reply = await server.send("POST", "/oauth2/token", urlencode(form).encode(), headers, host="orders.auth.localhost:2646")
        assert (reply.status, "id_token" in reply.json) == (200, True)

    @pytest.mark.parametrize(
        ("host", "path"),
        [
            ("nobody.auth.localhost:2646", "/oauth2/authorize"),
            ("sign-in.example.com.auth.localhost:2646", "/oauth2/authorize"),
            ("orders.auth.localhost:2646", "/.well-known/openid-configuration"),
            ("orders.example.com", "/oauth2/authorize"),
            ("orders", "/oauth2/authorize"),
            ("orders.auth.localhost:x", "/oauth2/authorize"),
            ("", "/oauth2/authorize"),
        ],
    )
    async def test_nothing_there(self, server: TestServer, host: str, path: str) -> None:
        """A name of nobody's, a domain's name as a prefix, a prefix as a name; nor has a domain the issuer's documents (FIDELITY B.8.64)."""
        await with_domains(server)
        assert (await server.send("GET", path, host=host)).status == 404

    @pytest.mark.parametrize("host", ["orders.auth.localhost:2646", "nobody.auth.localhost:2646", "sign-in.example.com"])
    async def test_health_is_the_servers(self, server: TestServer, host: str) -> None:
        """What stands before it may ask by any name."""
        await with_domains(server)
        assert (await server.send("GET", "/health", host=host)).json == {"status": "ok"}

    async def test_no_other_pools_path(self, server: TestServer) -> None:
        """Below a domain there is its own pool alone."""
        await with_domains(server)
        other = await App(server).made()
        path = f"/{other.pool}/oauth2/authorize"
        assert (await server.send("GET", path, query=urlencode(other.request()), host="orders.auth.localhost")).status == 404

    async def test_a_domain_that_was_given_away(self, server: TestServer) -> None:
        app = await with_domains(server)
        await server.call("DeleteUserPoolDomain", UserPoolId=app.pool, Domain="orders")
        other = await App(server).made()
        await server.call("CreateUserPoolDomain", UserPoolId=other.pool, Domain="orders")
        ask: dict[str, Any] = {"host": "orders.auth.localhost:2646"}
        assert (await server.send("GET", "/oauth2/authorize", query=urlencode(app.request()), **ask)).status == 400
        assert (await server.send("GET", "/oauth2/authorize", query=urlencode(other.request()), **ask)).status == 302
