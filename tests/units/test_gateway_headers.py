"""Headers of S3 by operation: what AWS's model has, and nothing that only a store knows."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import get_session

from cognomen.gateway import s3_headers
from cognomen.gateway.s3_errors import S3Error
from cognomen.gateway.s3_operations import asked_of, operation_of, place_of
from cognomen.wire.request import HttpRequest

# The table names a bucket's settings by their action; AWS's model by their operation.
RENAMED = {
    "ListObjectsV2": "ListObjects",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
# Of directory buckets, of namespaces and annotations, and holds whose action AWS's table does not give: refused until they are evaluated.
UNSERVED = {
    "x-amz-bucket-namespace",
    "x-amz-object-annotation-directive",
    "x-amz-object-lock-event-hold",
    "x-amz-object-lock-event-hold-duration-days",
    "x-amz-object-lock-event-hold-duration-years",
    "x-amz-write-offset-bytes",
}
PLACES = {
    "PutObject": ("PUT", "/b-1/k", ""),
    "CopyObject": ("PUT", "/b-1/k", ""),
    "CreateMultipartUpload": ("POST", "/b-1/k", "uploads"),
    "UploadPart": ("PUT", "/b-1/k", "uploadId"),
    "UploadPartCopy": ("PUT", "/b-1/k", "uploadId"),
    "CompleteMultipartUpload": ("POST", "/b-1/k", "uploadId"),
    "AbortMultipartUpload": ("DELETE", "/b-1/k", "uploadId"),
    "ListParts": ("GET", "/b-1/k", "uploadId"),
    "GetObject": ("GET", "/b-1/k", ""),
    "HeadObject": ("HEAD", "/b-1/k", ""),
    "GetObjectAttributes": ("GET", "/b-1/k", "attributes"),
    "DeleteObject": ("DELETE", "/b-1/k", ""),
    "DeleteObjects": ("POST", "/b-1", "delete"),
    "GetObjectAcl": ("GET", "/b-1/k", "acl"),
    "PutObjectAcl": ("PUT", "/b-1/k", "acl"),
    "GetObjectTagging": ("GET", "/b-1/k", "tagging"),
    "PutObjectTagging": ("PUT", "/b-1/k", "tagging"),
    "DeleteObjectTagging": ("DELETE", "/b-1/k", "tagging"),
    "PutObjectRetention": ("PUT", "/b-1/k", "retention"),
    "PutObjectLegalHold": ("PUT", "/b-1/k", "legal-hold"),
    "RestoreObject": ("POST", "/b-1/k", "restore"),
    "SelectObjectContent": ("POST", "/b-1/k", "select"),
    "CreateBucket": ("PUT", "/b-1", ""),
    "DeleteBucket": ("DELETE", "/b-1", ""),
    "HeadBucket": ("HEAD", "/b-1", ""),
    "ListObjectsV2": ("GET", "/b-1", ""),
    "ListObjectVersions": ("GET", "/b-1", "versions"),
    "ListMultipartUploads": ("GET", "/b-1", "uploads"),
    "PutBucketAcl": ("PUT", "/b-1", "acl"),
    "PutBucketCors": ("PUT", "/b-1", "cors"),
    "PutBucketEncryption": ("PUT", "/b-1", "encryption"),
    "PutBucketLifecycleConfiguration": ("PUT", "/b-1", "lifecycle"),
    "PutBucketNotificationConfiguration": ("PUT", "/b-1", "notification"),
    "PutBucketPolicy": ("PUT", "/b-1", "policy"),
    "PutBucketReplication": ("PUT", "/b-1", "replication"),
    "PutBucketTagging": ("PUT", "/b-1", "tagging"),
    "PutBucketVersioning": ("PUT", "/b-1", "versioning"),
    "PutObjectLockConfiguration": ("PUT", "/b-1", "object-lock"),
    "PutPublicAccessBlock": ("PUT", "/b-1", "publicAccessBlock"),
}


def request(operation: str, *headers: str) -> tuple[Any, HttpRequest]:
    method, path, sub = PLACES[operation]
    given = [(name.encode(), b"1") for name in headers]
    if "Copy" in operation:
        given.append((b"x-amz-copy-source", b"/other/k"))
    place = place_of(path)
    return operation_of(method, place, {sub: ""} if sub else {}), HttpRequest(method, path.encode(), headers=given)


def refused(operation: str, *headers: str) -> str | None:
    """The header that is refused."""
    try:
        s3_headers.check(*request(operation, *headers))
    except S3Error as error:
        return error.more["Header"] if (error.code, error.status) == ("NotImplemented", 501) else error.code
    return None


def modelled(operation: str) -> set[str]:
    shape = get_session().get_service_model("s3").operation_model(operation).input_shape
    names = {
        member.serialization.get("name", "").lower()
        for member in shape.members.values()
        if member.serialization.get("location") == "header"
    }
    return {name for name in names if name.startswith("x-amz-")}


@pytest.mark.parametrize("operation", PLACES)
def test_what_the_model_has_is_taken_and_nothing_else(operation: str) -> None:
    """Every x-amz- header of AWS's model for the operation, those apart that are refused for a reason; checksums go with every body."""
    found, asked = request(operation)
    assert found.name == RENAMED.get(operation, operation).replace("CopyObject", "PutObject").replace("UploadPartCopy", "UploadPart")
    own = {"x-amz-copy-source"}
    taken = {name.decode() for name in s3_headers.taken(found, asked)}
    sums = {name for name in taken if name.startswith(("x-amz-checksum-", "x-amz-sdk-checksum-"))}
    everywhere = {"x-amz-request-payer", "x-amz-expected-bucket-owner"}
    assert taken - sums - everywhere == modelled(operation) - sums - everywhere - own - UNSERVED
    assert modelled(operation) - UNSERVED - own <= taken
    for name in sorted(modelled(operation) - UNSERVED - own):
        assert refused(operation, name) is None
    for name in sorted(UNSERVED):
        assert refused(operation, name) == name


@pytest.mark.parametrize("operation", PLACES)
@pytest.mark.parametrize(
    "name",
    [
        "x-amz-meta-snowball-auto-extract",
        "x-amz-meta-minio-snowball-prefix",
        "x-amz-meta-rustfs-snowball-prefix",
        "x-amz-meta-x-minio-internal-a",
        "x-amz-snowball-extract",
        "x-amz-bucket-replication-status",
        "x-amz-replication-status",
        "x-amz-rename-source",
        "x-minio-force-delete",
        "x-minio-extract",
        "x-minio-source-replication-request",
        "x-rustfs-force-delete",
        "x-ceph-anything",
        "x-rgw-object-type",
    ],
)
def test_what_a_store_alone_knows_is_refused(operation: str, name: str) -> None:
    assert refused(operation, name) == name


def test_metadata_is_taken_where_an_object_is_made() -> None:
    assert [refused(each, "x-amz-meta-my_key") for each in ("PutObject", "CopyObject", "CreateMultipartUpload")] == [None] * 3
    for operation in ("GetObject", "UploadPart", "CompleteMultipartUpload", "PutObjectTagging", "CreateBucket"):
        assert refused(operation, "x-amz-meta-my_key") == "x-amz-meta-my_key"


# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
@pytest.mark.parametrize(
    ("operation", "header", "action"),
    [
        ("PutObject", "x-amz-acl", "PutObjectAcl"),
        ("CopyObject", "x-amz-grant-read", "PutObjectAcl"),
        ("CreateMultipartUpload", "x-amz-grant-full-control", "PutObjectAcl"),
        ("PutObject", "x-amz-tagging", "PutObjectTagging"),
        ("CopyObject", "x-amz-tagging", "PutObjectTagging"),
        ("CreateMultipartUpload", "x-amz-tagging", "PutObjectTagging"),
        ("CopyObject", "x-amz-object-lock-mode", "PutObjectRetention"),
        ("PutObject", "x-amz-object-lock-retain-until-date", "PutObjectRetention"),
        ("CreateMultipartUpload", "x-amz-object-lock-legal-hold", "PutObjectLegalHold"),
        ("PutObjectRetention", "x-amz-bypass-governance-retention", "BypassGovernanceRetention"),
        ("DeleteObject", "x-amz-bypass-governance-retention", "BypassGovernanceRetention"),
        ("CreateBucket", "x-amz-acl", "PutBucketAcl"),
        ("CreateBucket", "x-amz-object-ownership", "PutBucketOwnershipControls"),
        ("CreateBucket", "x-amz-bucket-object-lock-enabled", "PutBucketObjectLockConfiguration"),
    ],
)
def test_a_header_that_does_more_is_an_action_of_its_own(operation: str, header: str, action: str) -> None:
    found, asked = request(operation, header)
    s3_headers.check(found, asked)
    place = place_of(asked.raw_path.decode())
    assert f"s3:{action}" in [each for each, _ in asked_of(found, place, {}, asked)]
    without, bare = request(operation)
    assert f"s3:{action}" not in [each for each, _ in asked_of(without, place, {}, bare)]


def test_the_source_of_a_copy_goes_on_as_it_was_evaluated() -> None:
    _, asked = request("CopyObject", "x-minio-x", "x-amz-date", "range", "x-other")
    asked.headers[-1] = (b"x-amz-copy-source", b"other/%6b%20x?versionId=a")
    asked = HttpRequest("PUT", b"/b-1/k", headers=asked.headers)
    assert s3_headers.kept(asked) == [(b"range", b"1"), (b"x-amz-copy-source", b"/other/k%20x?versionId=a")]
