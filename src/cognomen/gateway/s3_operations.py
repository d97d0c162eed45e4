"""S3's own table: which operation a request is, which actions it takes on which resources, and which keys its conditions can ask for. Pure.

What the table does not know is nobody's: sub-resources and parameters that are not here are refused, and headers by s3_headers.py. Source:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html and AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from cognomen.gateway.head import Refused, decoded
from cognomen.gateway.s3_documents import lock_keys, tag_keys
from cognomen.gateway.s3_xml import Malformed
from cognomen.wire.request import HttpRequest


class Operation(NamedTuple):
    """`actions` without their `s3:`; one that ends in `?` has a twin for versions (GetObject -> GetObjectVersion). `parameters` may stand in the query."""

    name: str
    actions: tuple[str, ...]
    parameters: frozenset[str]


class Unknown(Exception):
    """No operation of the table. `method` is True where only the method is wrong."""


class Place(NamedTuple):
    """Bucket and key, both empty where the request is about neither."""

    bucket: str
    key: str


def _operation(name: str, actions: str, parameters: str = "") -> Operation:
    return Operation(name, tuple(actions.split()), frozenset(parameters.split()))


_RESPONSE = "response-cache-control response-content-disposition response-content-encoding response-content-language response-content-type response-expires"
_LIST = "prefix delimiter max-keys encoding-type"
# By method and by the parameter that names a sub-resource, empty for the object itself.
_OBJECT: Final[dict[tuple[str, str], Operation]] = {
    ("GET", ""): _operation("GetObject", "GetObject?", f"versionId partNumber {_RESPONSE}"),
    ("HEAD", ""): _operation("HeadObject", "GetObject?", f"versionId partNumber {_RESPONSE}"),
    ("PUT", ""): _operation("PutObject", "PutObject"),
    ("DELETE", ""): _operation("DeleteObject", "DeleteObject?", "versionId"),
    ("GET", "acl"): _operation("GetObjectAcl", "GetObjectAcl?", "versionId"),
    ("PUT", "acl"): _operation("PutObjectAcl", "PutObjectAcl?", "versionId"),
    ("GET", "tagging"): _operation("GetObjectTagging", "GetObjectTagging?", "versionId"),
    ("PUT", "tagging"): _operation("PutObjectTagging", "PutObjectTagging?", "versionId"),
    ("DELETE", "tagging"): _operation("DeleteObjectTagging", "DeleteObjectTagging?", "versionId"),
    ("GET", "attributes"): _operation("GetObjectAttributes", "GetObject? GetObjectAttributes?", "versionId max-parts part-number-marker"),
    ("GET", "legal-hold"): _operation("GetObjectLegalHold", "GetObjectLegalHold", "versionId"),
    ("PUT", "legal-hold"): _operation("PutObjectLegalHold", "PutObjectLegalHold", "versionId"),
    ("GET", "retention"): _operation("GetObjectRetention", "GetObjectRetention", "versionId"),
    ("PUT", "retention"): _operation("PutObjectRetention", "PutObjectRetention", "versionId"),
    ("GET", "torrent"): _operation("GetObjectTorrent", "GetObjectTorrent"),
    ("POST", "restore"): _operation("RestoreObject", "RestoreObject", "versionId"),
    ("POST", "select"): _operation("SelectObjectContent", "GetObject", "select-type"),
    ("POST", "uploads"): _operation("CreateMultipartUpload", "PutObject"),
    ("PUT", "uploadId"): _operation("UploadPart", "PutObject", "partNumber"),
    ("POST", "uploadId"): _operation("CompleteMultipartUpload", "PutObject"),
    ("DELETE", "uploadId"): _operation("AbortMultipartUpload", "AbortMultipartUpload"),
    ("GET", "uploadId"): _operation("ListParts", "ListMultipartUploadParts", "max-parts part-number-marker encoding-type"),
}
_BUCKET: Final[dict[tuple[str, str], Operation]] = {
    ("GET", ""): _operation(
        "ListObjects", "ListBucket", f"{_LIST} marker list-type continuation-token start-after fetch-owner allow-unordered"
    ),
    ("HEAD", ""): _operation("HeadBucket", "ListBucket"),
    ("PUT", ""): _operation("CreateBucket", "CreateBucket"),
    ("DELETE", ""): _operation("DeleteBucket", "DeleteBucket"),
    ("GET", "versions"): _operation("ListObjectVersions", "ListBucketVersions", f"{_LIST} key-marker version-id-marker"),
    ("GET", "uploads"): _operation(
        "ListMultipartUploads", "ListBucketMultipartUploads", "prefix delimiter max-uploads key-marker upload-id-marker encoding-type"
    ),
    ("GET", "location"): _operation("GetBucketLocation", "GetBucketLocation"),
    ("GET", "policyStatus"): _operation("GetBucketPolicyStatus", "GetBucketPolicyStatus"),
    ("DELETE", "policy"): _operation("DeleteBucketPolicy", "DeleteBucketPolicy"),
    ("DELETE", "website"): _operation("DeleteBucketWebsite", "DeleteBucketWebsite"),
    # Per key: `s3.py` asks for each one that the body names.
    ("POST", "delete"): _operation("DeleteObjects", ""),
}
# Sub-resources of a bucket that are read and written whole: what Get and Put are followed by; DELETE takes the action of PUT where there is one.
_SETTINGS: Final = {
    "acl": "BucketAcl",
    "cors": "BucketCORS -",
    "lifecycle": "LifecycleConfiguration -",
    "policy": "BucketPolicy",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "tagging": "BucketTagging -",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
    "encryption": "EncryptionConfiguration -",
    "replication": "ReplicationConfiguration -",
    "accelerate": "AccelerateConfiguration",
    "requestPayment": "BucketRequestPayment",
    "object-lock": "BucketObjectLockConfiguration",
    "publicAccessBlock": "BucketPublicAccessBlock -",
    "ownershipControls": "BucketOwnershipControls -",
    "inventory": "InventoryConfiguration - id continuation-token",
    "analytics": "AnalyticsConfiguration - id continuation-token",
    "metrics": "MetricsConfiguration - id continuation-token",
    "intelligent-tiering": "IntelligentTieringConfiguration - id continuation-token",
}
for _name, _text in _SETTINGS.items():
    _stem, *_more = _text.split()
    for _method, _verb in (("GET", "Get"), ("PUT", "Put"), *((("DELETE", "Put"),) if _more else ())):
        _BUCKET[_method, _name] = _operation(f"{_verb}{_stem}", f"{_verb}{_stem}", " ".join(_more[1:]))
_SERVICE: Final = _operation("ListBuckets", "ListAllMyBuckets", "max-buckets continuation-token prefix bucket-region")
_HARMLESS: Final = frozenset(("x-id",))  # SDKs name their operation in it
_BUCKET_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
# Paths under which stores keep doors of their own, signed for like a bucket of that name: MinIO's and RustFS's administration, Ceph's and its Swift API.
# Whoever may write objects everywhere must not become the store's administrator by it.
_RESERVED: Final = frozenset(("minio", "rustfs", "admin", "swift"))
_SUBRESOURCES: Final = frozenset(name for table in (_OBJECT, _BUCKET) for _, name in table if name)
_AWS: Final = re.compile(r"arn:|s3://", re.IGNORECASE)


def place_of(path: str, bucket: str = "") -> Place:
    """Where a decoded path leads; `bucket` where the host has named it. Raises Refused("bucket"), Refused("length")."""
    if not bucket:
        bucket, _, key = path[1:].partition("/")
    else:
        key = path[1:]
    if bucket and (not _BUCKET_NAME.fullmatch(bucket) or ".." in bucket or bucket.lower() in _RESERVED):
        raise Refused("bucket", "The specified bucket is not valid.")
    if len(key.encode()) > 1024:
        raise Refused("length", "Your key is too long")
    return Place(bucket, key)


def operation_of(method: str, place: Place, query: Mapping[str, str]) -> Operation:
    """Raises Unknown."""
    if not place.bucket:
        found, named = (_SERVICE if method in ("GET", "HEAD") else None), set[str]()
    else:
        table = _OBJECT if place.key else _BUCKET
        named = set(query) & _SUBRESOURCES
        if len(named) > 1:
            raise Unknown
        found = table.get((method, next(iter(named), "")))
    if found is None or not set(query) <= found.parameters | named | _HARMLESS:
        raise Unknown
    return found


def asked_of(operation: Operation, place: Place, query: Mapping[str, str], request: HttpRequest) -> list[tuple[str, str]]:
    """The actions with their resources: all of them must be allowed. Raises Refused for a copy's source that cannot be read, Unknown where a
    header would make another operation of it."""
    resource = f"arn:aws:s3:::{place.bucket}/{place.key}" if place.key else f"arn:aws:s3:::{place.bucket or '*'}"
    version = "versionId" in query
    asked = [(f"s3:{_named(action, version=version)}", resource) for action in operation.actions]
    names = {name for name, _ in request.headers}
    writes = operation.name in ("PutObject", "CreateMultipartUpload")
    if writes:
        asked += [(f"s3:{action}", resource) for header, action in _WRITES.items() if _given(names, header)]
    elif operation.name == "CreateBucket":
        asked += [(f"s3:{action}", resource) for header, actions in _CREATES.items() for action in actions if _given(names, header)]
    if b"x-amz-bypass-governance-retention" in names and operation.name in ("DeleteObject", "PutObjectRetention"):
        asked.append(("s3:BypassGovernanceRetention", resource))
    source = request.header(b"x-amz-copy-source")
    if source is not None:
        if operation.name not in ("PutObject", "UploadPart"):
            raise Unknown
        place, version_id = copy_source(source)
        asked.insert(0, (f"s3:{_named('GetObject?', version=version_id is not None)}", f"arn:aws:s3:::{place.bucket}/{place.key}"))
    return asked


def copy_source(value: bytes) -> tuple[Place, str | None]:
    """Bucket and key, and the version, of `x-amz-copy-source`: `/bucket/key?versionId=ID`, percent-encoded. Raises Refused."""
    raw, question, rest = value.strip().partition(b"?")
    path = decoded(b"/" + raw.removeprefix(b"/"))
    place = place_of(path)
    version = re.fullmatch(rb"versionId=([A-Za-z0-9._%-]{1,200})", rest) if question else None
    if not place.key or not place.bucket or _AWS.match(path[1:]) or (question and version is None):
        raise Refused("copy", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    return place, unquote_to_bytes(version[1]).decode("latin-1") if version else None


# What a header of an upload does beside it.
_WRITES: Final = {
    b"x-amz-acl": "PutObjectAcl",
    b"x-amz-grant-": "PutObjectAcl",
    b"x-amz-tagging": "PutObjectTagging",
    b"x-amz-object-lock-mode": "PutObjectRetention",
    b"x-amz-object-lock-retain-until-date": "PutObjectRetention",
    b"x-amz-object-lock-legal-hold": "PutObjectLegalHold",
}
_CREATES: Final = {
    b"x-amz-acl": ("PutBucketAcl",),
    b"x-amz-grant-": ("PutBucketAcl",),
    b"x-amz-bucket-object-lock-enabled": ("PutBucketObjectLockConfiguration", "PutBucketVersioning"),
    b"x-amz-object-ownership": ("PutBucketOwnershipControls",),
}
_CONDITIONS: Final = (
    "acl",
    "content-sha256",
    "copy-source",
    "grant-full-control",
    "grant-read",
    "grant-read-acp",
    "grant-write",
    "grant-write-acp",
    "metadata-directive",
    "object-ownership",
    "server-side-encryption",
    "server-side-encryption-aws-kms-key-id",
    "server-side-encryption-customer-algorithm",
    "storage-class",
    "website-redirect-location",
)


def context_of(query: Mapping[str, str], request: HttpRequest, now: float) -> dict[str, list[str]]:
    """Keys that conditions can ask for, of S3's own: what the request's head says of them. Raises Refused."""
    context = {f"s3:{name}": [query[name]] for name in ("prefix", "delimiter", "max-keys") if name in query}
    if "versionId" in query:
        context["s3:VersionId"] = [query["versionId"]]
    for name in _CONDITIONS:
        value = request.header(f"x-amz-{name}".encode())
        if value is not None:
            context[f"s3:x-amz-{name}"] = [value.decode("utf-8", "replace").strip()]
    if "s3:x-amz-copy-source" in context:
        context["s3:x-amz-copy-source"] = ["/".join(copy_source(request.header(b"x-amz-copy-source") or b"")[0])]
    pairs = [pair.partition(b"=") for pair in (request.header(b"x-amz-tagging") or b"").split(b"&") if pair]
    context |= tag_keys([(_form(key), _form(value)) for key, _, value in pairs])
    mode, until, hold = (request.text(f"x-amz-object-lock-{name}".encode()).strip() for name in ("mode", "retain-until-date", "legal-hold"))
    try:
        context |= lock_keys(mode, until, hold, now)
    except Malformed as cause:
        raise Refused("lock", "The retain until date must be provided in ISO 8601 format") from cause
    for name, header in (("s3:if-match", b"if-match"), ("s3:if-none-match", b"if-none-match")):
        if request.method == "PUT" and request.header(header) is not None:
            context[name] = [request.text(header)]
    return context


def _named(action: str, *, version: bool) -> str:
    """GetObjectAcl? -> GetObjectVersionAcl for a version, GetObjectAcl for the newest."""
    if not action.endswith("?"):
        return action
    return action[:-1].replace("Object", "ObjectVersion", 1) if version else action[:-1]


def _given(names: set[bytes], header: bytes) -> bool:
    """By its name, or by the beginning of it where that ends with a hyphen."""
    return any(name.startswith(header) for name in names) if header.endswith(b"-") else header in names


def _form(encoded: bytes) -> str:
    return unquote_to_bytes(encoded.replace(b"+", b" ")).decode("utf-8", "replace")
