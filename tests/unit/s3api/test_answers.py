# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a server answers, there is one clear error. botocore is the real one; what it is answered is made up."""

from __future__ import annotations

import datetime
import pathlib
import re
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _clock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Requests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import find_profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, open_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api import _s3_client
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._answers import UnreadableAnswerError, root_of
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3Connection, S3Settings
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error, server_time
from botocore.awsrequest import AWSResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

SECRET = "correct-horse-battery-staple"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Console</title></head><body>Sign in</body></html>"
XHTML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>Sign in</body></html>'
NOT_S3 = "this is not an S3 server's answer"
_UTILS = pathlib.Path(__file__).parents[3] / "plugins" / "module_utils"
_OPTIONS = {
    "endpoint_url": "http://s3.example:9000", "access_key": "key", "secret_key": SECRET, "region": "us-east-1"
}  # fmt: skip


class MockRaw:
    """A body as urllib3 gives it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, *_size: t.Any, **_more: t.Any) -> t.Iterator[bytes]:
        yield self.content

    def read(self, size: int | None = None) -> bytes:
        given, self.content = (self.content, b"") if size is None else (self.content[:size], self.content[size:])
        return given

    def close(self) -> None:
        self.content = b""


class MockServer:
    """Answers every request of a client with the same bytes, in place of the network."""

    def __init__(self, client: t.Any, status: int, headers: dict[str, str], body: bytes) -> None:
        self.count = 0
        self.answer = status, headers, body
        client.meta.events.register("before-send.s3", self._send)

    def _send(self, request: t.Any, **_more: t.Any) -> AWSResponse:
        self.count += 1
        status, headers, body = self.answer
        return AWSResponse(
            request.url, status, headers, t.cast(t.Any, MockRaw(b"" if request.method == "HEAD" else body))
        )


CLIENT = _s3_client.make_client(S3Settings(bucket="b", **_OPTIONS))
SERVER = MockServer(CLIENT, 200, {}, b"")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time is spent on waiting."""
    monkeypatch.setattr(_s3_client, "_FIRST_WAIT_SECONDS", 0.0)


def answered(body: bytes, *, status: int = 200, **headers: str) -> tuple[S3Connection, MockServer]:
    SERVER.count, SERVER.answer = 0, (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    return S3Connection(S3Settings(bucket="b", **_OPTIONS), lambda _settings: CLIENT), SERVER


def side_of(retries: int = 7) -> Side:
    """A side whose client is the shared one."""
    side = open_side("source", {"bucket": "b", "retries": retries, **_OPTIONS})
    object.__setattr__(side, "connection", S3Connection(side.settings, lambda _settings: CLIENT))
    return side


OPERATIONS: dict[str, dict[str, t.Any]] = {
    "head_object": {"Key": "k"},
    "get_object": {"Key": "k"},
    "put_object": {"Key": "k", "Body": b""},
    "create_multipart_upload": {"Key": "k"},
    "upload_part": {"Key": "k", "UploadId": "u", "PartNumber": 1, "Body": b""},
    "complete_multipart_upload": {"Key": "k", "UploadId": "u", "MultipartUpload": {"Parts": []}},
    "copy_object": {"Key": "k", "CopySource": {"Bucket": "b", "Key": "k"}},
    "upload_part_copy": {"Key": "k", "UploadId": "u", "PartNumber": 1, "CopySource": {"Bucket": "b", "Key": "k"}},
    "delete_objects": {"Delete": {"Objects": [{"Key": "k"}]}},
    "delete_object": {"Key": "k"},
    "abort_multipart_upload": {"Key": "k", "UploadId": "u"},
    "list_parts": {"Key": "k", "UploadId": "u"},
    "get_object_attributes": {"Key": "k", "ObjectAttributes": ["ETag"]},
    "get_object_tagging": {"Key": "k"},
    "put_object_tagging": {"Key": "k", "Tagging": {"TagSet": []}},
    "list_objects_v2": {},
    "list_object_versions": {},
    "list_multipart_uploads": {},
    "head_bucket": {},
    "get_bucket_versioning": {},
    "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "get_bucket_replication": {},
    "put_bucket_replication": {"ReplicationConfiguration": {"Role": "", "Rules": []}},
    "delete_bucket_replication": {},
    "get_bucket_lifecycle_configuration": {},
    "put_bucket_lifecycle_configuration": {"LifecycleConfiguration": {"Rules": []}},
    "delete_bucket_lifecycle": {},
    "get_object_lock_configuration": {},
    "put_object_lock_configuration": {"ObjectLockConfiguration": {}},
    "get_public_access_block": {},
    "get_bucket_acl": {},
    "get_bucket_policy_status": {},
    "get_bucket_policy": {},
    "put_bucket_policy": {"Policy": "{}"},
    "delete_bucket_policy": {},
    "get_bucket_encryption": {},
}
"""Every operation that the collection uses, as far as ``test_every_operation_in_use_is_tried`` knows."""


def ask(place: S3Connection, operation: str) -> t.Any:
    return place.call(
        "Asking",
        lambda client: getattr(client, operation)(Bucket="b", **OPERATIONS[operation]),
        state="Nothing is new.",
    )


class TestWebPage:
    """An endpoint that is a console, a sign-on page, a web server."""

    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("page", [PAGE, XHTML], ids=["html", "xhtml"])
    def test_no_operation_takes_a_web_page_for_an_answer(self, waits: None, operation: str, page: bytes) -> None:
        place, server = answered(page, content_type="text/html; charset=utf-8")
        with pytest.raises(S3Error, match=NOT_S3) as caught:
            ask(place, operation)
        assert server.count == 1
        assert "text/html" in caught.value.message
        assert "endpoint_url" in caught.value.hint

    def test_the_first_bytes_are_shown_and_no_more(self, waits: None) -> None:
        place, _server = answered(PAGE + b"x" * 100_000, content_type="text/html")
        with pytest.raises(
            S3Error, match="beginning with '<!DOCTYPE html> <html><head><title>Console</title>"
        ) as caught:
            ask(place, "list_objects_v2")
        assert len(caught.value.message) < 700

    def test_a_secret_in_the_page_is_not_shown(self, waits: None) -> None:
        place, _server = answered(f"<html>{SECRET}</html>".encode(), content_type="text/html")
        with pytest.raises(S3Error) as caught:
            ask(place, "list_objects_v2")
        assert SECRET not in f"{caught.value!r}{caught.value.to_result()}"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_to_a_sign_on_page_is_named(self, waits: None, status: int) -> None:
        place, server = answered(b"", status=status, location="https://sso.example/login?token=private")
        with pytest.raises(
            S3Error, match=rf"{NOT_S3}: it is {status} and leads to https://sso.example/login"
        ) as caught:
            ask(place, "list_objects_v2")
        assert "private" not in str(caught.value)
        assert server.count == 1

    def test_a_redirect_of_s3_is_one(self, waits: None) -> None:
        place, _server = answered(b"", status=301, x_amz_bucket_region="eu-west-1")
        with pytest.raises(S3Error, match="in the region eu-west-1 .*Set region to eu-west-1"):
            ask(place, "head_bucket")

    @pytest.mark.parametrize("status", [301, 400])
    def test_the_region_to_set_is_named(self, waits: None, status: int) -> None:
        answered(b"", status=status, x_amz_bucket_region="eu-west-1")
        with pytest.raises(LifeboatError, match="'b' is in the region 'eu-west-1', and source.region") as caught:
            find_profile(side_of())
        assert caught.value.hint == "Set source.region to eu-west-1."

    def test_an_object_may_be_a_web_page(self, waits: None) -> None:
        place, _server = answered(PAGE, content_type="text/html", etag='"e"')
        assert ask(place, "get_object")["Body"].read() == PAGE
        assert ask(place, "head_object")["ETag"] == '"e"'

    def test_a_bucket_of_a_server_that_calls_every_answer_html_is_one(self, waits: None) -> None:
        place, _server = answered(b"", content_type="text/html", x_amz_request_id="1")
        ask(place, "head_bucket")


class TestUnreadable:
    """XML that is broken, cut, or of somebody else."""

    @pytest.mark.parametrize(
        ("operation", "body", "attempts"),
        [
            ("list_objects_v2", b"<ListBucketResult><Contents>", 2),
            ("get_bucket_versioning", b"<VersioningConfiguration><Status>", 2),
            ("copy_object", b"<CopyObjectResult><ETag>e</ETag>", 2),
            ("list_objects_v2", b"ready", 1),
            ("list_objects_v2", b'{"ok": true}', 1),
            ("list_objects_v2", b"<rss/>", 1),
            ("list_parts", b"<config/>", 1),
            ("create_multipart_upload", b"<config/>", 1),
            ("put_object", b"", 1),
            ("list_objects_v2", b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>", 1),
            ("list_objects_v2", b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", 1),
            ("list_objects_v2", b"<ListBucketResult><IsTruncated>True</IsTruncated></ListBucketResult>", 1),
            (
                "list_object_versions",
                b"<ListVersionsResult><NextKeyMarker>k</NextKeyMarker></ListVersionsResult>",
                1,
            ),
            ("list_multipart_uploads", b"<ListMultipartUploadsResult><Upload/></ListMultipartUploadsResult>", 1),
            ("delete_objects", b"<DeleteResult><Error><Code>InternalError</Code></Error></DeleteResult>", 1),
            ("list_objects_v2", b"<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult>&b;</ListBucketResult>", 1),
            ("list_objects_v2", b"<ListBucketResult><MaxKeys>many</MaxKeys></ListBucketResult>", 1),
            (
                "list_objects_v2",
                b"<ListBucketResult><Contents><Key>k</Key><LastModified>soon</LastModified></Contents></ListBucketResult>",
                1,
            ),
        ],
    )
    def test_it_is_said_what_was_answered_and_not_tried_eight_times(
        self, waits: None, operation: str, body: bytes, attempts: int
    ) -> None:
        place, server = answered(body, content_type="application/xml")
        with pytest.raises(S3Error, match=NOT_S3) as caught:
            ask(place, operation)
        assert server.count == attempts
        assert caught.value.message.endswith("Nothing is new.")

    @pytest.mark.parametrize("body", [b"", b"  ", b"ready", PAGE, XHTML, b"<ListBucketResult>", b"<config/>"])
    @pytest.mark.parametrize("versions", [False, True])
    def test_a_listing_is_never_empty_by_mistake(self, waits: None, body: bytes, versions: bool) -> None:
        answered(body, content_type="application/xml")
        with pytest.raises(S3Error, match=NOT_S3):
            Lister(side_of(), "", Requests(), versions=versions).page_after(None)

    @pytest.mark.parametrize("key", ["other/a", "p", "P/a", ""])
    def test_a_listing_of_keys_that_were_not_asked_for_is_an_error(self, waits: None, key: str) -> None:
        """Else the objects of others would be compared, or their delete markers removed."""
        entry = f"<Contents><Key>{key}</Key><LastModified>2026-01-15T00:00:00Z</LastModified><ETag>e</ETag>"
        body = f"<ListBucketResult>{entry}<Size>1</Size></Contents></ListBucketResult>"
        answered(body.encode(), content_type="application/xml")
        with pytest.raises(RepositoryError, match="was asked for what begins with p/, and listed"):
            Lister(side_of(), "p/", Requests()).page_after(None)

    def test_a_server_that_finds_no_upload_has_none(self, waits: None) -> None:
        """gofakes3 and rclone serve s3 answer like this when unfinished uploads are listed."""
        place, _server = answered(b"<Error><Code>NoSuchUpload</Code></Error>", status=404)
        assert list(S3Store(place).uploads("x")) == []

    def test_an_error_without_content_is_no_traceback(self, waits: None) -> None:
        """botocore looks for a code in None there."""
        place, _server = answered(b"<a><Error></Error></a>", status=400)
        with pytest.raises(S3Error, match=NOT_S3):
            ask(place, "abort_multipart_upload")

    def test_an_error_of_s3_with_status_200_is_an_error_that_may_pass(self, waits: None) -> None:
        error = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>try again</Message></Error>'
        place, server = answered(error)
        with pytest.raises(S3Error, match="InternalError"):
            ask(place, "copy_object")
        assert server.count == 8
        answered(error)
        with pytest.raises(S3Error, match="InternalError"):
            Lister(side_of(), "", Requests()).page_after(None)
        assert server.count == 8


_BYTES = st.binary(max_size=60)
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
_NAMES = st.sampled_from(
    ["ListBucketResult", "ListVersionsResult", "Contents", "Version", "Key", "Size", "LastModified", "ETag", "Error",
     "Code", "IsTruncated", "html", "Part", "PartNumber", "UploadId", "Status", "Rule", "Days",
     "Filter", "CommonPrefixes"]
)  # fmt: skip
_TREES = st.recursive(
    st.builds(
        lambda name, text: f"<{name}>{text}</{name}>", _NAMES, _TEXTS | st.sampled_from(["-1", "9" * 30, "&#0;"])
    ),
    lambda inner: st.builds(
        lambda name, parts: f"<{name}>{''.join(parts)}</{name}>", _NAMES, st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)
_BODIES = _BYTES | _TREES.map(str.encode) | st.builds(lambda tree, cut: tree.encode()[:cut], _TREES, st.integers(0, 80))
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["text/html", "application/xml", "text/plain", ""]),
        "date": _TEXTS,
        "last-modified": _TEXTS,
        "content-length": st.sampled_from(["0", "-3", "x", "9" * 40]),
        "etag": st.sampled_from(['"e"', ""]),
        "x-amz-request-id": st.just("1"),
        "x-amz-delete-marker": _TEXTS,
        "x-amz-mp-parts-count": _TEXTS,
        "x-amz-object-lock-retain-until-date": _TEXTS,
        "expires": _TEXTS,
    },
)


@given(
    operation=st.sampled_from(sorted(OPERATIONS)),
    status=st.sampled_from([200, 204, 206, 301, 302, 307, 400, 403, 404, 500]),
    headers=_HEADERS,
    body=_BODIES,
)
@settings(max_examples=examples(300), deadline=None)
def test_no_answer_leaves_as_anything_but_an_error_of_ours(
    operation: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    place = S3Connection(S3Settings(bucket="b", retries=0, **_OPTIONS), lambda _settings: CLIENT)
    SERVER.answer = status, headers, body
    try:
        ask(place, operation)
    except LifeboatError as error:
        assert len(error.message) < 1000


def test_every_operation_in_use_is_tried() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in _UTILS.rglob("*.py"))
    in_use = {name for name in re.findall(r"\bclient\.([a-z_0-9]+)\(", code) if hasattr(CLIENT, name)}
    assert in_use
    assert in_use <= set(OPERATIONS)


@given(versions=st.booleans(), headers=_HEADERS, body=_BODIES)
@settings(max_examples=examples(200), deadline=None)
def test_no_page_of_a_listing_leaves_as_anything_but_an_error_of_ours(
    versions: bool, headers: dict[str, str], body: bytes
) -> None:
    SERVER.answer = 200, headers, body
    try:
        Lister(side_of(0), "", Requests(), versions=versions, short_way=False).stream().next_rows()
    except LifeboatError as error:
        assert len(error.message) < 1000


def test_entities_cannot_grow() -> None:
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "x" * 10}">' for n in range(10))
    body = f"<!DOCTYPE b [{bomb}]><ListBucketResult>&a9;</ListBucketResult>".encode()
    began = time.monotonic()
    with pytest.raises(UnreadableAnswerError, match="DOCTYPE"):
        root_of(body)
    for encoding in ("utf-16", "cp037"):  # a DOCTYPE in an encoding that no search for bytes would find
        text = f'<?xml version="1.0" encoding="{encoding}"?>'
        hidden = (
            (text + body.decode()).encode(encoding)
            if encoding == "utf-16"
            else text.encode() + body.decode().encode(encoding)
        )
        with pytest.raises(UnreadableAnswerError):
            root_of(hidden)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "date", ["", "soon", "Mon, 99 Foo 2026 99:99:99 GMT", "1", "Tue, 1 Jan 99999999999999999999 0:0:0 GMT", "\0"]
)
def test_a_date_that_cannot_be_read_is_none(date: str) -> None:
    assert server_time({"date": date}) is None
    assert _clock.ahead({"date": date}) == datetime.timedelta()


@given(_TEXTS | st.from_regex(r"\A[A-Z][a-z]{2}, [0-9]{1,5} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,9} [A-Z+0-9-]{1,9}\Z"))
def test_no_date_is_a_traceback(date: str) -> None:
    _clock.ahead({"date": date})
