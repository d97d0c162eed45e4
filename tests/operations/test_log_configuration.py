"""Where a pool's logs go: what may be configured, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.logs import ACTIVITY, BUCKET, ERRORS, GROUP, KINESIS, PLUS, STREAM, configure, configured
from tests.kit.refusal import refusal
from tests.kit.server import TestServer


async def invalid(server: TestServer, pool: str, *configs: dict[str, Any]) -> str:
    code, text = await refusal(server, "SetLogDeliveryConfiguration", UserPoolId=pool, LogConfigurations=list(configs))
    assert code == "InvalidParameterException"
    return text


class TestConfiguration:
    async def test_a_new_pool_has_none(self, server: TestServer) -> None:
        pool = await server.pool()
        answer = await server.call("GetLogDeliveryConfiguration", UserPoolId=pool)
        assert answer == {"LogDeliveryConfiguration": {"UserPoolId": pool, "LogConfigurations": []}}

    @pytest.mark.parametrize("place", [GROUP, STREAM, KINESIS, BUCKET])
    async def test_is_answered_and_kept(self, server: TestServer, place: dict[str, Any]) -> None:
        """Both sources together, as they were given."""
        pool = await server.pool(**PLUS)
        asked = [{**ERRORS, **GROUP}, {**ACTIVITY, **place}]
        assert await configure(server, pool, *asked) == {"UserPoolId": pool, "LogConfigurations": asked}
        assert await configured(server, pool) == asked

    async def test_is_replaced_as_a_whole(self, server: TestServer) -> None:
        """What is left out is gone; an empty list ends it."""
        pool = await server.pool(**PLUS)
        await configure(server, pool, {**ERRORS, **GROUP}, {**ACTIVITY, **BUCKET})
        await configure(server, pool, {**ACTIVITY, **STREAM})
        assert await configured(server, pool) == [{**ACTIVITY, **STREAM}]
        await configure(server, pool)
        assert await configured(server, pool) == []

    async def test_other_changes_leave_it(self, server: TestServer) -> None:
        """UpdateUserPool, MFA and tags have nothing to do with it."""
        pool = await server.pool()
        await configure(server, pool, {**ERRORS, **GROUP})
        await server.call("UpdateUserPool", UserPoolId=pool)
        await server.call("SetUserPoolMfaConfig", UserPoolId=pool, MfaConfiguration="OFF")
        arn = (await server.call("DescribeUserPool", UserPoolId=pool))["UserPool"]["Arn"]
        await server.call("TagResource", ResourceArn=arn, Tags={"a": "b"})
        await server.call("AddCustomAttributes", UserPoolId=pool, CustomAttributes=[{"Name": "x", "AttributeDataType": "String"}])
        assert await configured(server, pool) == [{**ERRORS, **GROUP}]

    async def test_an_unknown_pool(self, server: TestServer) -> None:
        text = "User pool us-east-1_none00000 does not exist."
        asked: dict[str, Any] = {"UserPoolId": "us-east-1_none00000"}
        assert await refusal(server, "GetLogDeliveryConfiguration", **asked) == ("ResourceNotFoundException", text)
        assert await refusal(server, "SetLogDeliveryConfiguration", **asked, LogConfigurations=[]) == ("ResourceNotFoundException", text)

    async def test_the_level_belongs_to_the_source(self, server: TestServer) -> None:
        pool = await server.pool(**PLUS)
        assert await invalid(server, pool, {**ERRORS, **GROUP, "LogLevel": "INFO"}) == "The log level of userNotification must be ERROR."
        assert await invalid(server, pool, {**ACTIVITY, **GROUP, "LogLevel": "ERROR"}) == "The log level of userAuthEvents must be INFO."

    @pytest.mark.parametrize("place", [STREAM, BUCKET])
    async def test_errors_go_to_a_log_group(self, server: TestServer, place: dict[str, Any]) -> None:
        pool = await server.pool(**PLUS)
        assert (
            await invalid(server, pool, {**ERRORS, **place}) == "The destination of userNotification must be a CloudWatch Logs log group."
        )

    async def test_one_destination(self, server: TestServer) -> None:
        pool = await server.pool(**PLUS)
        for places in ({}, {**GROUP, **BUCKET}, {**STREAM, **BUCKET, **GROUP}):
            text = "The log configuration of userAuthEvents must have exactly one destination."
            assert await invalid(server, pool, {**ACTIVITY, **places}) == text

    async def test_a_source_once(self, server: TestServer) -> None:
        pool = await server.pool(**PLUS)
        text = "LogConfigurations must not name an event source twice."
        assert await invalid(server, pool, {**ACTIVITY, **GROUP}, {**ACTIVITY, **BUCKET}) == text

    async def test_activity_is_of_the_plus_plan(self, server: TestServer) -> None:
        """And of threat protection; errors of messages are everybody's."""
        plain = await server.pool()
        asked = {"UserPoolId": plain, "LogConfigurations": [{**ACTIVITY, **GROUP}]}
        assert (await refusal(server, "SetLogDeliveryConfiguration", **asked))[0] == "FeatureUnavailableInTierException"
        unprotected = await server.pool(UserPoolTier="PLUS")
        text = "Threat protection must be active in the user pool to export user activity logs."
        assert await invalid(server, unprotected, {**ACTIVITY, **GROUP}) == text
        await configure(server, await server.pool(UserPoolTier="LITE"), {**ERRORS, **GROUP})

    @pytest.mark.parametrize(
        ("place", "text"),
        [
            ({"CloudWatchLogsConfiguration": {}}, "LogGroupArn must be the ARN of a CloudWatch Logs log group."),
            ({"CloudWatchLogsConfiguration": {"LogGroupArn": STREAM["FirehoseConfiguration"]["StreamArn"]}}, "LogGroupArn must be the ARN"),
            ({"FirehoseConfiguration": {"StreamArn": "arn:aws:firehose:us-east-1:1:stream/exported"}}, "StreamArn must be the ARN"),
            ({"FirehoseConfiguration": {"StreamArn": "arn:aws:firehose:x@evil.example/:1:deliverystream/a"}}, "StreamArn must be the ARN"),
            (
                {"CloudWatchLogsConfiguration": {"LogGroupArn": "arn:aws:logs:evil.example/a-b-1:1:log-group:x"}},
                "LogGroupArn must be the ARN",
            ),
            ({"S3Configuration": {"BucketArn": "arn:aws:s3:::evil.example/path"}}, "BucketArn must be the ARN of an S3 bucket."),
            ({"S3Configuration": {"BucketArn": "arn:aws:s3:::UPPER"}}, "BucketArn must be the ARN of an S3 bucket."),
        ],
    )
    async def test_what_is_no_destination(self, server: TestServer, place: dict[str, Any], text: str) -> None:
        """Also an ARN that would lead a request to another host; nothing is changed."""
        pool = await server.pool(**PLUS)
        assert (await invalid(server, pool, {**ACTIVITY, **place})).startswith(text)
        assert await configured(server, pool) == []

    async def test_what_the_model_forbids(self, server: TestServer) -> None:
        pool = await server.pool(**PLUS)
        three = [{**ERRORS, **GROUP}, {**ACTIVITY, **GROUP}, {**ACTIVITY, **GROUP}]
        assert "Member must have length less than or equal to 2" in await invalid(server, pool, *three)
        assert "Member must satisfy enum value set" in await invalid(server, pool, {**ERRORS, **GROUP, "EventSource": "all"})
