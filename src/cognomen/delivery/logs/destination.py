"""A pool's log destination by its ARN. Refuses what could lead a request to another host than AWS's."""

from __future__ import annotations

import re

import msgspec

from cognomen.api import idp

_ARN = re.compile(r"arn:aws(?:-[a-z]+)*:(logs|firehose|kinesis):([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}):[0-9]+:(.+)")
_S3 = re.compile(r"arn:aws(?:-[a-z]+)*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])")
_NAMES = {
    "logs": re.compile(r"log-group:([\w./#=,@+-]{1,512})", re.ASCII),
    "firehose": re.compile(r"deliverystream/([\w.-]{1,64})", re.ASCII),
    "kinesis": re.compile(r"stream/([\w.-]{1,128})", re.ASCII),
}


class BadDestination(Exception):
    """The text is one sentence for the caller."""


class Destination(msgspec.Struct, frozen=True):
    """`service` is logs, firehose, kinesis or s3; `region` is empty for a bucket, whose ARN names none."""

    service: str
    region: str
    name: str


def of(config: idp.LogConfigurationType) -> Destination:
    """The one destination of a log configuration. Raises BadDestination."""
    group, stream, bucket = config.cloud_watch_logs_configuration, config.firehose_configuration, config.s3_configuration
    if sum(part is not None for part in (group, stream, bucket)) != 1:
        raise BadDestination(f"The log configuration of {config.event_source} must have exactly one destination.")
    if group is not None:
        return _named("LogGroupArn", group.log_group_arn, "logs")
    if stream is not None:
        return _named("StreamArn", stream.stream_arn, "firehose", "kinesis")
    found = _S3.fullmatch(bucket.bucket_arn or "") if bucket is not None else None
    if found is None:
        raise BadDestination("BucketArn must be the ARN of an S3 bucket.")
    return Destination("s3", "", found[1])


def _named(member: str, arn: str | None, *services: str) -> Destination:
    found = _ARN.fullmatch(arn or "")
    if found is None or found[1] not in services or (name := _NAMES[found[1]].fullmatch(found[3])) is None:
        wanted = {"LogGroupArn": "a CloudWatch Logs log group", "StreamArn": "an Amazon Data Firehose stream"}[member]
        raise BadDestination(f"{member} must be the ARN of {wanted}.")
    return Destination(found[1], found[2], name[1])
