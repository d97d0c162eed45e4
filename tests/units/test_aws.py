"""Calls to AWS go to AWS, whatever a pool's settings name as the region. Hosts: botocore's partitions.json and endpoints.json."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cognomen.kernel import aws_hosts
from cognomen.kernel.aws import Aws, AwsError

AWS = Aws("AKID", "secret")
ELSEWHERE = [
    "",
    "@evil.example/",
    "evil.example/",
    "evil.example:443/?",
    "us-east-1.evil.example",
    "us-east-1#",
    "us-east-1\n",
    "US-EAST-1",
    "us-east-١",
    "a" * 40 + "-east-1",
]
CALLS: list[Callable[[str], object]] = [
    lambda region: AWS.call("kms", region, "TrentService.GenerateDataKey", {}),
    lambda region: AWS.rest("sesv2", region, "POST", "/v2/email/outbound-emails", {}),
    lambda region: AWS.query("sns", region, {"Action": "Publish"}),
    lambda region: AWS.send("POST", "lambda", region, "/", {}, b""),
    lambda region: AWS.put_object("bucket", "key", region, {}, b""),
]


@pytest.mark.parametrize("call", CALLS, ids=["call", "rest", "query", "send", "put_object"])
@pytest.mark.parametrize("region", ELSEWHERE)
def test_a_region_that_is_none_leads_nowhere(call: Callable[[str], object], region: str) -> None:
    """Else a tenant's ARN could have passwords and codes sent, signed with the server's key, to a host of their own."""
    with pytest.raises(AwsError, match="the region is none of AWS"):
        call(region)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "lambda.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "lambda.us-gov-west-1.amazonaws.com"),
        ("ap-southeast-7", "lambda.ap-southeast-7.amazonaws.com"),
        ("cn-northwest-1", "lambda.cn-northwest-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "lambda.eusc-de-east-1.amazonaws.eu"),
        ("us-iso-east-1", "lambda.us-iso-east-1.c2s.ic.gov"),
    ],
)
def test_each_partition_has_its_hosts(region: str, host: str) -> None:
    assert aws_hosts.host("lambda", region) == host
