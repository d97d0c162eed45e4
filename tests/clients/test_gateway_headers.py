"""Headers that do more than was asked for, to a store that would act on them with its root key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.kit.gateway import Stage, refusal, s3, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("gateway") / "data") as stage:
        yield stage


def test_headers_that_only_a_store_knows_are_refused(stage: Stage) -> None:
    """MinIO and RustFS unpack an archive wherever its metadata says, with the root key: in a header, or in a presigned address, it goes no further.
    A prefix that may be written does not lend the rest of the bucket."""
    mine = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::files/unpacks/*"}
    here = stage.client("Unpacks", mine, signature_version="s3v4")
    put = {"Bucket": "files", "Key": "unpacks/archive.tar", "Body": b"tar"}
    archive = {"Snowball-Auto-Extract": "true", "Minio-Snowball-Prefix": "others/"}
    for metadata in ({name: value} for name, value in archive.items()):
        code, text = refusal(here.put_object, **put, Metadata=metadata)
        assert (code, text) == ("NotImplemented", "A header you provided implies functionality that is not implemented")
        assert refusal(here.create_multipart_upload, Bucket="files", Key="unpacks/x", Metadata=metadata)[0] == "NotImplemented"
    url = here.generate_presigned_url("put_object", Params={"Bucket": "files", "Key": "unpacks/archive.tar", "Metadata": archive})
    names = [f"x-amz-meta-{name.lower()}" for name in archive]
    answer = httpx.put(url, content=b"tar", headers=dict(zip(names, archive.values(), strict=True)))
    assert (answer.status_code, "<Header>x-amz-meta-" in answer.text) == (501, True)
    for line in ({"x-minio-force-delete": "true"}, {"x-rustfs-force-delete": "true"}):
        address = here.generate_presigned_url("put_object", Params={"Bucket": "files", "Key": "unpacks/archive.tar"})
        assert httpx.put(address, content=b"tar", headers=line).status_code == 501
    assert stage.store.list_objects_v2(Bucket="files", Prefix="unpacks/")["KeyCount"] == 0
    here.put_object(**put, Metadata={"other": "v"})
    assert stage.store.head_object(Bucket="files", Key="unpacks/archive.tar")["Metadata"] == {"other": "v"}


@pytest.mark.parametrize(
    ("parameter", "status"),
    [
        ("X-Amz-Meta-Snowball-Auto-Extract", 501),
        ("x-amz-meta-SNOWBALL-auto-extract", 501),
        ("X-Amz-Bucket-Replication-Status", 501),
        ("X-Amz-Meta-a\r\nx-minio-force-delete", 400),
        ("X-Amz-Meta-a: 1\r\n\r\nDELETE /files/x HTTP/1.1\r\nx", 400),
        ("X-Amz-Meta-a b", 400),
        ("X-Amz-Meta-\u00fc", 400),
        ("X-Minio-Force-Delete", 403),
        ("versionId", 403),
    ],
)
def test_parameters_of_an_address_that_would_become_headers(stage: Stage, parameter: str, status: int) -> None:
    """Signed by whoever may write there, and still no header that S3 has not, no second header and no second request."""
    mine = s3(stage.url, stage.everything, signature_version="s3v4")

    def add(request: Any, **_: Any) -> None:
        request.params = {parameter: "true"}

    mine.meta.events.register("before-sign.s3.PutObject", add)
    url = mine.generate_presigned_url("put_object", Params={"Bucket": "files", "Key": "hoisted"})
    assert parameter.partition("-")[0] in url
    assert httpx.put(url, content=b"x").status_code == status
    assert stage.store.list_objects_v2(Bucket="files", Prefix="hoisted")["KeyCount"] == 0


@pytest.mark.parametrize(
    "target", ["/minio/admin/v3/info", "/rustfs/admin/v3/list-users", "/admin/metadata/user", "/%6dinio/admin/v3/info"]
)
def test_a_stores_administration_is_no_object(stage: Stage, target: str) -> None:
    """Signed by whoever may everything with every object: the store would take the root key's signature for an administrator's."""
    address = stage.url + target
    mine = s3(stage.url, stage.everything, signature_version="s3v4")
    bucket, _, key = target[1:].replace("%6d", "m").partition("/")
    assert refusal(mine.get_object, Bucket=bucket, Key=key)[0] == "InvalidBucketName"
    assert "InvalidBucketName" in httpx.get(address).text


def test_tags_in_a_body_are_asked_for_like_those_in_a_header(stage: Stage) -> None:
    """AWS's example: only these keys. Without the body's keys `ForAllValues` held for whatever it said."""
    only = {"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team"]}}
    tags = {
        "Effect": "Allow",
        "Action": ["s3:PutObjectTagging", "s3:GetObjectTagging"],
        "Resource": "arn:aws:s3:::files/*",
        "Condition": only,
    }
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"s3:RequestObjectTag/team": "admins"}}}
    mine = stage.client("Tags", tags, deny)
    stage.store.put_object(Bucket="files", Key="tagged", Body=b"x")
    named = {"Bucket": "files", "Key": "tagged"}

    def put(**given: str) -> None:
        mine.put_object_tagging(**named, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in given.items()]})

    put(team="sales team")
    assert stage.store.get_object_tagging(**named)["TagSet"] == [{"Key": "team", "Value": "sales team"}]
    for given in ({"team": "sales", "secret": "no"}, {"team": "admins"}):
        assert refusal(put, **given)[0] == "AccessDenied"
    assert stage.store.get_object_tagging(**named)["TagSet"] == [{"Key": "team", "Value": "sales team"}]


def test_a_lock_in_a_body_is_asked_for(stage: Stage) -> None:
    """Who may lock for a short time does not lock for a long one."""
    short = {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "10"}}
    mine = stage.client("Locks", {"Effect": "Allow", "Action": "s3:PutObjectRetention", "Resource": "*", "Condition": short})
    stage.store.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    stage.store.put_object(Bucket="locked", Key="k", Body=b"x")
    named = {"Bucket": "locked", "Key": "k"}
    now = datetime.now(UTC)
    mine.put_object_retention(**named, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": now + timedelta(days=5)})
    long = {"Mode": "GOVERNANCE", "RetainUntilDate": now + timedelta(days=500)}
    assert refusal(mine.put_object_retention, **named, Retention=long)[0] == "AccessDenied"
    kept = stage.store.head_object(**named)["ObjectLockRetainUntilDate"]
    assert kept < now + timedelta(days=6)


def test_a_restore_writes_nowhere_else(stage: Stage) -> None:
    mine = stage.client("Restores", {"Effect": "Allow", "Action": "s3:RestoreObject", "Resource": "arn:aws:s3:::files/*"})
    output = {"S3": {"BucketName": "other", "Prefix": "stolen/"}}
    asked = {"Type": "SELECT", "OutputLocation": output}
    assert refusal(mine.restore_object, Bucket="files", Key="k", RestoreRequest=asked)[0] == "NotImplemented"


def test_tags_that_an_object_has(stage: Stage) -> None:
    """Are asked for at the store where a policy speaks of them: a deny does not miss for want of them."""
    mine = stage.client(
        "Existing",
        {"Effect": "Allow", "Action": ["s3:*"], "Resource": "arn:aws:s3:::files/*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"s3:ExistingObjectTag/level": "secret"}}},
    )
    for level in ("secret", "open"):
        stage.store.put_object(Bucket="files", Key=f"tags/{level}", Body=b"x", Tagging=f"level={level}")
    stage.store.put_object(Bucket="files", Key="tags/none", Body=b"x")
    for key in ("open", "none"):
        assert mine.get_object(Bucket="files", Key=f"tags/{key}")["Body"].read() == b"x"
    secret = {"Bucket": "files", "Key": "tags/secret"}
    code, text = refusal(mine.get_object, **secret)
    assert (code, text.endswith("with an explicit deny in an identity-based policy")) == ("AccessDenied", True)
    assert refusal(mine.get_object_tagging, **secret)[0] == "AccessDenied"
    assert refusal(mine.delete_object_tagging, **secret)[0] == "AccessDenied"
    assert refusal(mine.copy_object, Bucket="files", Key="tags/copy", CopySource="files/tags/secret")[0] == "AccessDenied"
    assert refusal(mine.get_object, Bucket="files", Key="tags/absent")[0] == "NoSuchKey"


def test_a_copy_takes_tags_along_for_those_who_may(stage: Stage) -> None:
    """Whoever may not read them at the source, or not write them, copies what has none, or leaves them behind."""
    mine = stage.client("Copies", {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::files/*"})
    stage.store.put_object(Bucket="files", Key="copies/tagged", Body=b"x", Tagging="a=b")
    stage.store.put_object(Bucket="files", Key="copies/plain", Body=b"x")
    copy = {"Bucket": "files", "Key": "copies/own"}
    mine.copy_object(**copy, CopySource="files/copies/plain")
    code, text = refusal(mine.copy_object, **copy, CopySource="files/copies/tagged")
    assert (code, "s3:GetObjectTagging" in text) == ("AccessDenied", True)
    mine.copy_object(**copy, CopySource="files/copies/tagged", TaggingDirective="REPLACE")
    assert stage.store.get_object_tagging(**copy)["TagSet"] == []
    both = stage.client(
        "CopiesTags",
        {"Effect": "Allow", "Action": ["s3:*Object", "s3:GetObjectTagging", "s3:PutObjectTagging"], "Resource": "arn:aws:s3:::files/*"},
    )
    both.copy_object(**copy, CopySource="files/copies/tagged")
    assert stage.store.get_object_tagging(**copy)["TagSet"] == [{"Key": "a", "Value": "b"}]
