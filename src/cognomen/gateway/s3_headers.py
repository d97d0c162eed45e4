"""Which headers an operation on a store takes, and which of them go on. Pure.

A store acts with its own root key on whatever it knows, also where S3 knows nothing of it: MinIO and RustFS unpack an archive under other keys than the
one that was asked for when a header of metadata says so. What is not listed here is therefore refused, as S3 refuses what it does not implement.
Source: botocore's model of S3; tests/units/test_gateway_headers.py holds the two together.
"""

from __future__ import annotations

import re
from typing import Final

from cognomen.gateway.head import encoded
from cognomen.gateway.s3_errors import S3Error
from cognomen.gateway.s3_operations import Operation, copy_source
from cognomen.wire.request import Header, HttpRequest

# Beside `x-amz-`: what S3 reads. All others stay behind.
_PASSED: Final = frozenset(
    b"accept accept-encoding accept-language cache-control content-disposition content-encoding content-language content-md5 content-type expires"
    b" if-match if-modified-since if-none-match if-range if-unmodified-since origin range user-agent".split()
)
# Said to the gateway, or written anew by it. `x-amz-te` asks for a checksum behind the answer; an answer without one is as good to those who ask.
_OWN: Final = frozenset(
    b"x-amz-date x-amz-content-sha256 x-amz-security-token x-amz-user-agent x-amz-copy-source x-amz-te"
    b" x-amz-decoded-content-length x-amz-trailer".split()
)
# Extensions of stores, under their own names: to delete by prefix, to be taken for a replica, to read inside an archive.
_EXTENSION: Final = re.compile(
    rb"x-(minio|rustfs|ceph|rgw|seaweedfs|emc|goog|oss|cos|obs|bz|scal|ntap|container|object|versions|copy)(-|$)"
)
_UNPACKS: Final = re.compile(rb"snowball|minio|rustfs")
_METADATA: Final = b"x-amz-meta-"


def _named(text: str) -> frozenset[bytes]:
    return frozenset(f"x-amz-{name}".encode() for name in text.split())


_EVERY: Final = "expected-bucket-owner request-payer"
_SUMS: Final = "sdk-checksum-algorithm " + " ".join(
    f"checksum-{name}" for name in ("crc32", "crc32c", "crc64nvme", "md5", "sha1", "sha256", "sha512", "xxhash128", "xxhash3", "xxhash64")
)
_OWN_KEY: Final = "server-side-encryption-customer-algorithm server-side-encryption-customer-key server-side-encryption-customer-key-md5"
_GRANTS: Final = "acl grant-full-control grant-read grant-read-acp grant-write-acp"
_KEPT: Final = (
    f"{_GRANTS} {_OWN_KEY} server-side-encryption server-side-encryption-aws-kms-key-id server-side-encryption-bucket-key-enabled"
    " server-side-encryption-context object-lock-legal-hold object-lock-mode object-lock-retain-until-date storage-class tagging"
    " website-redirect-location"
)
_SOURCE: Final = (
    "copy-source-if-match copy-source-if-modified-since copy-source-if-none-match copy-source-if-unmodified-since source-expected-bucket-owner"
    " copy-source-server-side-encryption-customer-algorithm copy-source-server-side-encryption-customer-key"
    " copy-source-server-side-encryption-customer-key-md5"
)
_LISTED: Final = "optional-object-attributes"
# By operation, beside what every one takes and beside checksums, which go with each body.
_TAKEN: Final = {
    "PutObject": _named(_KEPT),
    "CopyObject": _named(f"{_KEPT} {_SOURCE} checksum-algorithm metadata-directive tagging-directive"),
    "CreateMultipartUpload": _named(f"{_KEPT} checksum-algorithm checksum-type"),
    "UploadPart": _named(_OWN_KEY),
    "UploadPartCopy": _named(f"{_OWN_KEY} {_SOURCE} copy-source-range"),
    "CompleteMultipartUpload": _named(f"{_OWN_KEY} checksum-type mp-object-size"),
    "AbortMultipartUpload": _named("if-match-initiated-time"),
    "ListParts": _named(_OWN_KEY),
    "GetObject": _named(f"{_OWN_KEY} checksum-mode"),
    "HeadObject": _named(f"{_OWN_KEY} checksum-mode"),
    "GetObjectAttributes": _named(f"{_OWN_KEY} max-parts object-attributes part-number-marker"),
    "SelectObjectContent": _named(_OWN_KEY),
    "DeleteObject": _named("bypass-governance-retention if-match-last-modified-time if-match-size mfa"),
    "DeleteObjects": _named("bypass-governance-retention mfa"),
    "PutObjectAcl": _named(f"{_GRANTS} grant-write"),
    "PutObjectRetention": _named("bypass-governance-retention"),
    "CreateBucket": _named(f"{_GRANTS} grant-write bucket-object-lock-enabled object-ownership"),
    "ListObjects": _named(_LISTED),
    "ListObjectVersions": _named(_LISTED),
    "PutBucketAcl": _named(f"{_GRANTS} grant-write"),
    "PutBucketPolicy": _named("confirm-remove-self-bucket-access"),
    "PutBucketNotification": _named("skip-destination-validation"),
    "PutBucketVersioning": _named("mfa"),
    "PutLifecycleConfiguration": _named("transition-default-minimum-object-size"),
    "PutReplicationConfiguration": _named("bucket-object-lock-token"),
    "PutBucketObjectLockConfiguration": _named("bucket-object-lock-token"),
}
_COMMON: Final = _named(_EVERY)
_WITH_BODY: Final = _COMMON | _named(_SUMS)
_DESCRIBES: Final = frozenset(("PutObject", "CopyObject", "CreateMultipartUpload"))  # those that take metadata


def check(operation: Operation, request: HttpRequest) -> None:
    """Raises S3Error("NotImplemented") for a header that the operation does not take; those of a presigned address stand among the headers."""
    known = taken(operation, request) | _OWN
    described = name_of(operation, request) in _DESCRIBES
    for name, _ in request.headers:
        if name.startswith(_METADATA):
            refused = not described or _UNPACKS.search(name) is not None
        elif name.startswith(b"x-amz-"):
            refused = name not in known
        else:
            refused = _EXTENSION.match(name) is not None
        if refused:
            raise S3Error("NotImplemented", Header=name.decode("latin-1")[:200])


def taken(operation: Operation, request: HttpRequest) -> frozenset[bytes]:
    common = _WITH_BODY if request.method in ("PUT", "POST") else _COMMON
    return common | _TAKEN.get(name_of(operation, request), frozenset())


def name_of(operation: Operation, request: HttpRequest) -> str:
    """The table's operation, or the one that a copy's source makes of it."""
    if request.header(b"x-amz-copy-source") is None:
        return operation.name
    return {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}.get(operation.name, operation.name)


def kept(request: HttpRequest) -> list[Header]:
    """What goes on of a request that `check` has passed, in the order in which it came; the copy's source in its canonical form."""
    out = [(name, value) for name, value in request.headers if name in _PASSED or (name.startswith(b"x-amz-") and name not in _OWN)]
    source = request.header(b"x-amz-copy-source")
    if source is not None:
        place, version = copy_source(source)
        written = encoded(f"/{place.bucket}/{place.key}") + (f"?versionId={encoded(version)}" if version is not None else "")
        out.append((b"x-amz-copy-source", written.encode()))
    return out
