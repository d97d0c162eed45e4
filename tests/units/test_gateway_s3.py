"""S3's table: what a request asks for, and what it must not be mistaken for."""

from __future__ import annotations

import pytest

from cognomen.gateway import s3_delete, s3_documents
from cognomen.gateway.head import Refused, decoded, encoded
from cognomen.gateway.s3_operations import Place, Unknown, asked_of, context_of, operation_of, place_of
from cognomen.gateway.s3_xml import Malformed
from cognomen.wire.request import HttpRequest

OBJECT = "arn:aws:s3:::b-1/k/x"
BUCKET = "arn:aws:s3:::b-1"


def asked(method: str, path: str, query: dict[str, str] | None = None, **headers: str) -> list[tuple[str, str]]:
    request = HttpRequest(
        method, path.encode(), headers=[(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    )
    place = place_of(path)
    return asked_of(operation_of(method, place, query or {}), place, query or {}, request)


CASES = [
    ("GET", "/", {}, [("s3:ListAllMyBuckets", "arn:aws:s3:::*")]),
    ("GET", "/b-1", {"list-type": "2", "prefix": "k/"}, [("s3:ListBucket", BUCKET)]),
    ("HEAD", "/b-1", {}, [("s3:ListBucket", BUCKET)]),
    ("GET", "/b-1", {"versions": ""}, [("s3:ListBucketVersions", BUCKET)]),
    ("GET", "/b-1", {"uploads": ""}, [("s3:ListBucketMultipartUploads", BUCKET)]),
    ("GET", "/b-1", {"policy": ""}, [("s3:GetBucketPolicy", BUCKET)]),
    ("PUT", "/b-1", {"policy": ""}, [("s3:PutBucketPolicy", BUCKET)]),
    ("DELETE", "/b-1", {"policy": ""}, [("s3:DeleteBucketPolicy", BUCKET)]),
    ("DELETE", "/b-1", {"cors": ""}, [("s3:PutBucketCORS", BUCKET)]),
    ("PUT", "/b-1", {"lifecycle": ""}, [("s3:PutLifecycleConfiguration", BUCKET)]),
    ("PUT", "/b-1", {"inventory": "", "id": "x"}, [("s3:PutInventoryConfiguration", BUCKET)]),
    ("PUT", "/b-1", {}, [("s3:CreateBucket", BUCKET)]),
    ("DELETE", "/b-1", {}, [("s3:DeleteBucket", BUCKET)]),
    ("GET", "/b-1/k/x", {}, [("s3:GetObject", OBJECT)]),
    ("HEAD", "/b-1/k/x", {"versionId": "1"}, [("s3:GetObjectVersion", OBJECT)]),
    ("GET", "/b-1/k/x", {"acl": ""}, [("s3:GetObjectAcl", OBJECT)]),
    ("GET", "/b-1/k/x", {"acl": "", "versionId": "1"}, [("s3:GetObjectVersionAcl", OBJECT)]),
    ("DELETE", "/b-1/k/x", {"tagging": "", "versionId": "1"}, [("s3:DeleteObjectVersionTagging", OBJECT)]),
    ("GET", "/b-1/k/x", {"attributes": ""}, [("s3:GetObject", OBJECT), ("s3:GetObjectAttributes", OBJECT)]),
    ("POST", "/b-1/k/x", {"uploads": ""}, [("s3:PutObject", OBJECT)]),
    ("PUT", "/b-1/k/x", {"uploadId": "1", "partNumber": "1", "x-id": "UploadPart"}, [("s3:PutObject", OBJECT)]),
    ("POST", "/b-1/k/x", {"uploadId": "1"}, [("s3:PutObject", OBJECT)]),
    ("DELETE", "/b-1/k/x", {"uploadId": "1"}, [("s3:AbortMultipartUpload", OBJECT)]),
    ("GET", "/b-1/k/x", {"uploadId": "1"}, [("s3:ListMultipartUploadParts", OBJECT)]),
    ("PUT", "/b-1/k/x", {"retention": ""}, [("s3:PutObjectRetention", OBJECT)]),
    ("POST", "/b-1/k/x", {"restore": ""}, [("s3:RestoreObject", OBJECT)]),
]


@pytest.mark.parametrize(("method", "path", "query", "expected"), CASES)
def test_each_operation_asks_for_its_actions(method: str, path: str, query: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert asked(method, path, query) == expected


UNKNOWN = [
    ("POST", "/", {}),
    ("POST", "/b-1", {}),
    ("PATCH", "/b-1/k/x", {}),
    ("GET", "/b-1/k/x", {"ACL": ""}),
    ("GET", "/b-1/k/x", {"acl": "", "tagging": ""}),
    ("PUT", "/b-1/k/x", {"acl": "", "uploadId": "1"}),
    ("GET", "/b-1/k/x", {"policy": ""}),
    ("DELETE", "/b-1/k/x", {"delete": ""}),
    ("PUT", "/b-1/k/x", {"renameObject": ""}),
    ("GET", "/b-1", {"prefix": "k/", "whatever": ""}),
    ("GET", "/b-1", {"session": ""}),
]


@pytest.mark.parametrize(("method", "path", "query"), UNKNOWN)
def test_what_is_not_in_the_table_is_unknown(method: str, path: str, query: dict[str, str]) -> None:
    with pytest.raises(Unknown):
        asked(method, path, query)


def test_headers_that_do_more_are_asked_for_too() -> None:
    """An ACL, tags, a lock with an upload; both sides of a copy; a copy's source where no copy is made."""
    assert asked("PUT", "/b-1/k/x", None, x_amz_acl="private") == [("s3:PutObject", OBJECT), ("s3:PutObjectAcl", OBJECT)]
    assert asked("PUT", "/b-1/k/x", None, x_amz_grant_read="id=1", x_amz_tagging="a=b") == [
        ("s3:PutObject", OBJECT),
        ("s3:PutObjectAcl", OBJECT),
        ("s3:PutObjectTagging", OBJECT),
    ]
    assert asked("PUT", "/b-1/k/x", None, x_amz_object_lock_mode="GOVERNANCE")[1:] == [("s3:PutObjectRetention", OBJECT)]
    assert asked("DELETE", "/b-1/k/x", None, x_amz_bypass_governance_retention="true")[1:] == [("s3:BypassGovernanceRetention", OBJECT)]
    source = ("s3:GetObject", "arn:aws:s3:::other/a b")
    assert asked("PUT", "/b-1/k/x", None, x_amz_copy_source="/other/a%20b") == [source, ("s3:PutObject", OBJECT)]
    version = asked("PUT", "/b-1/k/x", {"uploadId": "1", "partNumber": "1"}, x_amz_copy_source="other/k?versionId=1")
    assert version[0] == ("s3:GetObjectVersion", "arn:aws:s3:::other/k")
    with pytest.raises(Unknown):
        asked("PUT", "/b-1/k/x", {"acl": ""}, x_amz_copy_source="/other/k")
    for wrong in ("other", "/other/../k", "arn:aws:s3:us-east-1:1:accesspoint/x/object/k", "/other/k?versionId=1&x", "/other/k?acl"):
        with pytest.raises(Refused):
            asked("PUT", "/b-1/k/x", None, x_amz_copy_source=wrong)


def test_keys_of_conditions() -> None:
    headers = [(b"x-amz-acl", b"private"), (b"x-amz-tagging", b"a=b+c&d=%20")]
    request = HttpRequest("PUT", b"/b-1/k", headers=headers)
    assert context_of({"prefix": "", "max-keys": "5", "versionId": "v"}, request, 0.0) == {
        "s3:prefix": [""],
        "s3:max-keys": ["5"],
        "s3:VersionId": ["v"],
        "s3:x-amz-acl": ["private"],
        "s3:RequestObjectTag/a": ["b c"],
        "s3:RequestObjectTag/d": [" "],
        "s3:RequestObjectTagKeys": ["a", "d"],
    }


def test_paths_have_one_spelling() -> None:
    assert place_of(decoded(b"/b-1/a%2Fb%20c%25")) == Place("b-1", "a/b c%")
    assert encoded(decoded(b"/b-1/a%2fb%20c%25+~")) == "/b-1/a/b%20c%25%2B~"
    assert place_of("/b-1/") == Place("b-1", "")
    assert place_of("/k/x", "b-1") == Place("b-1", "k/x")
    for bad in ("/b", "/-b1/k", "/b..1/k", "/b%1/k", "/b-1/" + "k" * 1025):
        with pytest.raises(Refused):
            place_of(bad)


@pytest.mark.parametrize("name", ["minio", "MinIO", "rustfs", "admin", "swift"])
def test_doors_of_the_stores_own_are_no_buckets(name: str) -> None:
    """`PUT /minio/admin/v3/import-iam` is no object to MinIO: by path, by host and as a copy's source."""
    for path, bucket in ((f"/{name}/admin/v3/import-iam", ""), (f"/{name}", ""), ("/admin/v3/info", name)):
        with pytest.raises(Refused):
            place_of(path, bucket)
    with pytest.raises(Refused):
        asked("PUT", "/b-1/k/x", None, x_amz_copy_source=f"/{name}/k")


def test_the_document_of_a_deletion() -> None:
    """Read strictly, written anew; entities, doubled and nested elements are nothing that S3 takes."""
    good = (
        b'<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet><Object><Key>a&lt;b</Key></Object>'
        b"<Object><Key>c</Key><VersionId>1</VersionId></Object></Delete>"
    )
    items, quiet = s3_delete.read(good)
    assert ([(item.key, item.version) for item in items], quiet) == ([("a<b", None), ("c", "1")], True)
    assert s3_delete.read(s3_delete.write(items, quiet=quiet)) == (items, True)
    bad = [
        b"",
        b"<Delete/>",
        b"<Other><Object><Key>a</Key></Object></Other>",
        b"<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        b"<Delete><Object><Key>a<x/>b</Key></Object></Delete>",
        b"<Delete><Object></Object></Delete>",
        b"<Delete><Object><Key>a</Key></Object><Object2/></Delete>",
        b'<Delete xmlns="urn:other"><Object><Key>a</Key></Object></Delete>',
        b'<!DOCTYPE Delete [<!ENTITY e "secret">]><Delete><Object><Key>&e;</Key></Object></Delete>',
        b"<Delete>" + b"<Object><Key>a</Key></Object>" * 1001 + b"</Delete>",
    ]
    for document in bad:
        with pytest.raises(Malformed):
            s3_delete.read(document)


NOW = 1_790_000_000.0
DOCUMENTS = [
    (
        "PutObjectTagging",
        "<Tagging><TagSet><Tag><Key>a</Key><Value>1 &lt;</Value></Tag><Tag><Key>b</Key><Value></Value></Tag></TagSet></Tagging>",
        {"s3:RequestObjectTag/a": ["1 <"], "s3:RequestObjectTag/b": [""], "s3:RequestObjectTagKeys": ["a", "b"]},
    ),
    ("PutObjectTagging", "<Tagging><TagSet/></Tagging>", {}),
    (
        "PutObjectRetention",
        "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2026-09-23T14:13:20Z</RetainUntilDate></Retention>",
        {
            "s3:object-lock-mode": ["GOVERNANCE"],
            "s3:object-lock-retain-until-date": ["2026-09-23T14:13:20Z"],
            "s3:object-lock-remaining-retention-days": ["2"],
        },
    ),
    ("PutObjectRetention", "<Retention/>", {}),
    ("PutObjectLegalHold", "<LegalHold><Status>ON</Status></LegalHold>", {"s3:object-lock-legal-hold": ["ON"]}),
    ("RestoreObject", "<RestoreRequest><Days>2</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>", {}),
]


@pytest.mark.parametrize(("operation", "document", "context"), DOCUMENTS)
def test_documents_say_what_conditions_ask_for(operation: str, document: str, context: dict[str, list[str]]) -> None:
    """And are written anew, to the same."""
    found = s3_documents.read(operation, document.encode(), NOW)
    assert found.context == context
    assert s3_documents.read(operation, found.body, NOW) == found


WRONG = [
    ("PutObjectTagging", "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>"),
    (
        "PutObjectTagging",
        "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag></TagSet></Tagging>",
    ),
    ("PutObjectTagging", "<Tagging><TagSet/><TagSet/></Tagging>"),
    ("PutObjectTagging", "<Tagging><TagSet><Other><Key>a</Key><Value>1</Value></Other></TagSet></Tagging>"),
    ("PutObjectTagging", "<Tagging><TagSet>" + "<Tag><Key>a</Key><Value>1</Value></Tag>" * 11 + "</TagSet></Tagging>"),
    ("PutObjectTagging", "<Other/>"),
    ("PutObjectRetention", "<Retention><Mode>GOVERNANCE</Mode><Mode>COMPLIANCE</Mode></Retention>"),
    ("PutObjectRetention", "<Retention><RetainUntilDate>tomorrow</RetainUntilDate></Retention>"),
    ("PutObjectRetention", "<Retention><RetainUntilDate>2026-13-23T14:13:20Z</RetainUntilDate></Retention>"),
    ("PutObjectLegalHold", "<LegalHold><Status>O<x/>N</Status></LegalHold>"),
    ("PutObjectLegalHold", '<!DOCTYPE x [<!ENTITY e "ON">]><LegalHold><Status>&e;</Status></LegalHold>'),
    ("RestoreObject", "<RestoreRequest><Days>1</Days><Days>2</Days></RestoreRequest>"),
]


@pytest.mark.parametrize(("operation", "document"), WRONG)
def test_documents_that_could_be_read_in_two_ways(operation: str, document: str) -> None:
    with pytest.raises(Malformed):
        s3_documents.read(operation, document.encode(), NOW)


def test_a_restore_that_would_write_elsewhere() -> None:
    """To a bucket that nobody was asked for, with the store's root key."""
    place = "<OutputLocation><S3><BucketName>secret</BucketName><Prefix>x</Prefix></S3></OutputLocation>"
    for more in (place, "<Type>SELECT</Type>", "<SelectParameters/>"):
        with pytest.raises(s3_documents.Unserved):
            s3_documents.read("RestoreObject", f"<RestoreRequest><Days>1</Days>{more}</RestoreRequest>".encode(), NOW)


def test_locks_of_an_upload() -> None:
    """In the keys that policies ask for; a date that is none is refused, since a condition on it could not hold."""
    lock = [(b"x-amz-object-lock-mode", b"COMPLIANCE"), (b"x-amz-object-lock-retain-until-date", b"2026-09-22T14:13:20Z")]
    found = context_of({}, HttpRequest("PUT", b"/b-1/k", headers=lock), NOW)
    assert (found["s3:object-lock-mode"], found["s3:object-lock-remaining-retention-days"]) == (["COMPLIANCE"], ["1"])
    with pytest.raises(Refused):
        context_of({}, HttpRequest("PUT", b"/b-1/k", headers=[(b"x-amz-object-lock-retain-until-date", b"soon")]), NOW)


def test_our_errors_join_the_stores_answer() -> None:
    errors = s3_delete.refused([(s3_delete.Item("a&b", None, ()), "no")])
    error = b"<Error><Key>a&amp;b</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
    assert errors == error
    assert (
        s3_delete.merged(b"<DeleteResult><Deleted/></DeleteResult>\n", errors) == b"<DeleteResult><Deleted/>" + error + b"</DeleteResult>"
    )
    assert s3_delete.merged(b'<DeleteResult xmlns="x"/>', errors) == b'<DeleteResult xmlns="x">' + error + b"</DeleteResult>"
    with pytest.raises(Malformed):
        s3_delete.merged(b"nonsense", errors)
