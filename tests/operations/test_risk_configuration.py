"""SetRiskConfiguration and DescribeRiskConfiguration: of a pool, of a client, and whose counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.refusal import refusal
from tests.kit.risk import ALLOW, ARN, FAR, anna, configure, from_server, protected_pool, takeover
from tests.kit.server import AwsError, TestServer

INVALID = "InvalidParameterException"
MAIL = {"Subject": "Was it you?", "HtmlBody": "<p>{username}</p>", "TextBody": "{username}"}
EVERYTHING: dict[str, Any] = {
    "CompromisedCredentialsRiskConfiguration": {"EventFilter": ["SIGN_IN", "SIGN_UP"], "Actions": {"EventAction": "BLOCK"}},
    "AccountTakeoverRiskConfiguration": {
        "NotifyConfiguration": {
            "From": "a@example.com",
            "ReplyTo": "Administrator <b@example.com>",
            "SourceArn": ARN,
            "BlockEmail": MAIL,
            "NoActionEmail": {"Subject": "New sign-in", "TextBody": "only text"},
            "MfaEmail": {"Subject": "New sign-in", "HtmlBody": "only html"},
        },
        "Actions": {
            "LowAction": ALLOW,
            "MediumAction": {"EventAction": "MFA_IF_CONFIGURED", "Notify": True},
            "HighAction": {"EventAction": "BLOCK", "Notify": True},
        },
    },
    "RiskExceptionConfiguration": {"BlockedIPRangeList": ["192.0.2.0/24", "2001:db8::/32"], "SkippedIPRangeList": ["198.51.100.1/32"]},
}


async def described(server: TestServer, pool: str, **members: Any) -> Any:
    return (await server.call("DescribeRiskConfiguration", UserPoolId=pool, **members))["RiskConfiguration"]


class TestSetRiskConfiguration:
    async def test_every_member_comes_back(self, server: TestServer) -> None:
        """Of the pool and of a client, each its own; of what was not set only the ids."""
        pool = await protected_pool(server)
        client = await server.client(pool)
        assert await described(server, pool) == {"UserPoolId": pool}
        expected = {"UserPoolId": pool, **EVERYTHING, "LastModifiedDate": server.clock.now()}
        answer = await server.call("SetRiskConfiguration", UserPoolId=pool, **EVERYTHING)
        assert answer["RiskConfiguration"] == expected == await described(server, pool)
        assert await described(server, pool, ClientId=client) == {"UserPoolId": pool, "ClientId": client}
        server.clock.advance(5)
        one: dict[str, Any] = {"RiskExceptionConfiguration": {"BlockedIPRangeList": []}}
        await server.call("SetRiskConfiguration", UserPoolId=pool, ClientId=client, **one)
        assert await described(server, pool, ClientId=client) == {
            "UserPoolId": pool,
            "ClientId": client,
            **one,
            "LastModifiedDate": server.clock.now(),
        }
        assert await described(server, pool) == expected

    async def test_a_block_that_is_left_out_is_removed(self, server: TestServer) -> None:
        pool = await protected_pool(server)
        await server.call("SetRiskConfiguration", UserPoolId=pool, **EVERYTHING)
        one: dict[str, Any] = {"RiskExceptionConfiguration": {"SkippedIPRangeList": ["10.0.0.0/8"]}}
        await server.call("SetRiskConfiguration", UserPoolId=pool, **one)
        assert await described(server, pool) == {"UserPoolId": pool, **one, "LastModifiedDate": server.clock.now()}
        assert await server.call("SetRiskConfiguration", UserPoolId=pool) == {"RiskConfiguration": {"UserPoolId": pool}}
        assert await described(server, pool) == {"UserPoolId": pool}

    async def test_a_client_s_own_stands_instead_of_the_pool_s(self, server: TestServer) -> None:
        """As a whole: what it leaves out is the default, not the pool's. Reset, it is the pool's again; deleted, it leaves nothing."""
        pool, client = await anna(server)
        await configure(server, pool, takeover("NO_ACTION"))
        await from_server(server, pool, client)
        server.clock.advance(3_600)
        await from_server(server, pool, client, FAR)
        await server.call(
            "SetRiskConfiguration",
            UserPoolId=pool,
            ClientId=client,
            RiskExceptionConfiguration={"SkippedIPRangeList": ["10.0.0.0/8"]},
        )
        server.clock.advance(3_600)
        with pytest.raises(AwsError, match="Unable to login because of security reasons"):
            await from_server(server, pool, client, "8.8.8.8")
        assert "AuthenticationResult" in await from_server(server, pool, await server.client(pool), "8.8.4.4")
        await server.call("SetRiskConfiguration", UserPoolId=pool, ClientId=client)
        assert "AuthenticationResult" in await from_server(server, pool, client, "9.9.9.9")
        await server.call("SetRiskConfiguration", UserPoolId=pool, ClientId=client, **EVERYTHING)
        await server.call("DeleteUserPoolClient", UserPoolId=pool, ClientId=client)
        rows = await server.store.engine.rows("SELECT client_id FROM risk_configurations")
        assert [row[0] for row in rows] == [""]

    @pytest.mark.parametrize(
        "text", ["10.0.0.1", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "any", "", "::/129", "fe80::%1/64", "1/8", "\u0661.0.0.0/8"]
    )
    @pytest.mark.parametrize("name", ["BlockedIPRangeList", "SkippedIPRangeList"])
    async def test_ranges_are_in_cidr_notation(self, server: TestServer, name: str, text: str) -> None:
        pool = await protected_pool(server)
        found = await refusal(server, "SetRiskConfiguration", UserPoolId=pool, RiskExceptionConfiguration={name: ["10.0.0.0/8", text]})
        assert found == (INVALID, f"Invalid IP range {text}: it must be in CIDR notation.")
        assert await described(server, pool) == {"UserPoolId": pool}

    async def test_a_mail_has_a_body(self, server: TestServer) -> None:
        pool = await protected_pool(server)
        block = takeover("BLOCK", notify=True, MfaEmail={"Subject": "x"})
        found = await refusal(server, "SetRiskConfiguration", UserPoolId=pool, AccountTakeoverRiskConfiguration=block)
        assert found == (INVALID, "MfaEmail must have an HtmlBody or a TextBody.")

    async def test_only_of_the_plus_tier(self, server: TestServer) -> None:
        """To set one needs the Plus tier; to clear none (Terraform does so when it destroys) and to describe none do not."""
        for tier in ("LITE", "ESSENTIALS"):
            pool = await server.pool(UserPoolTier=tier)
            assert await refusal(server, "SetRiskConfiguration", UserPoolId=pool, **EVERYTHING) == (
                "UserPoolAddOnNotEnabledException",
                "Threat protection is not available in this tier. Change the user pool to the Plus tier.",
            )
            await server.call("SetRiskConfiguration", UserPoolId=pool)
            assert await described(server, pool) == {"UserPoolId": pool}
        pool = await server.pool(UserPoolTier="PLUS")
        await server.call("SetRiskConfiguration", UserPoolId=pool, **EVERYTHING)

    @pytest.mark.parametrize("operation", ["SetRiskConfiguration", "DescribeRiskConfiguration"])
    async def test_of_nothing(self, server: TestServer, operation: str) -> None:
        """An unknown pool; a client of another pool."""
        pool, other = await protected_pool(server), await protected_pool(server)
        client = await server.client(other)
        missing = "ResourceNotFoundException"
        assert await refusal(server, operation, UserPoolId="us-east-1_none") == (missing, "User pool us-east-1_none does not exist.")
        assert await refusal(server, operation, UserPoolId=pool, ClientId=client) == (missing, f"User pool client {client} does not exist.")

    async def test_custom_authentication_needs_the_tier_too(self, server: TestServer) -> None:
        flows = {"AdvancedSecurityMode": "OFF", "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": "AUDIT"}}
        found = await refusal(server, "CreateUserPool", PoolName="x", UserPoolAddOns=flows)
        text = "Threat protection is not available in this tier. Change the user pool to the Plus tier."
        assert found == ("FeatureUnavailableInTierException", text)
        pool = await server.pool(UserPoolTier="PLUS", UserPoolAddOns=flows)
        assert (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["UserPoolAddOns"] == flows
