"""Log configurations as tests set them, and the calls that do."""

from __future__ import annotations

from typing import Any

from tests.kit.server import TestServer

GROUP = {"CloudWatchLogsConfiguration": {"LogGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:cognito/exported"}}
STREAM = {"FirehoseConfiguration": {"StreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/exported"}}
KINESIS = {"FirehoseConfiguration": {"StreamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/exported"}}
BUCKET = {"S3Configuration": {"BucketArn": "arn:aws:s3:::amzn-s3-demo-bucket1"}}
ERRORS: dict[str, Any] = {"EventSource": "userNotification", "LogLevel": "ERROR"}
ACTIVITY: dict[str, Any] = {"EventSource": "userAuthEvents", "LogLevel": "INFO"}
PLUS: dict[str, Any] = {"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}


async def configure(server: TestServer, pool: str, *configs: dict[str, Any]) -> Any:
    answer = await server.call("SetLogDeliveryConfiguration", UserPoolId=pool, LogConfigurations=list(configs))
    return answer["LogDeliveryConfiguration"]


async def configured(server: TestServer, pool: str) -> Any:
    return (await server.call("GetLogDeliveryConfiguration", UserPoolId=pool))["LogDeliveryConfiguration"]["LogConfigurations"]
