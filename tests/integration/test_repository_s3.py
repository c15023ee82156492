# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An S3 repository when the endpoint is gone, slow, busy, refuses, loses answers or lacks something.

A proxy before a real server fails.
"""

from __future__ import annotations

import os
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._parts import Part
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import ArtifactWriter
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3Connection, S3Settings

from tests.integration.repository_places import SECRET, BucketPlace
from tests.lab import throwaway
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore

_PIECE = 256 << 10
_QUICK = {"retries": 2, "connect_timeout": 2, "read_timeout": 3}
_CONTINUE_BYTES = 40  # more than "HTTP/1.1 100 Continue" has, and less than any whole answer


@pytest.fixture
def place(object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy) -> BucketPlace:
    """A repository behind the proxy. What is stored is looked at without the proxy."""
    place = BucketPlace(object_store, bucket, fault_proxy.endpoint_url)
    place.options.update(_QUICK)
    return place


@pytest.fixture
def versioned(object_store: ObjectStore, fault_proxy: FaultProxy) -> t.Iterator[BucketPlace]:
    """The same in a bucket that keeps versions."""
    name = object_store.make_bucket(f"versioned-{time.monotonic_ns()}", versioning=True)
    place = BucketPlace(object_store, name, fault_proxy.endpoint_url)
    place.options.update(_QUICK)
    yield place
    object_store.drop_bucket(name)


def write_pieces(writer: ArtifactWriter, content: bytes) -> None:
    for start in range(0, len(content), _PIECE):
        writer.write(content[start : start + _PIECE])


def versions(place: BucketPlace) -> list[t.Any]:
    answer = place.store.client.list_object_versions(Bucket=place.bucket)
    return [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]


class TestGone:
    """The endpoint goes away."""

    def test_in_the_middle_of_an_upload_the_error_says_where_and_what_is_there(
        self, place: BucketPlace, fault_proxy: FaultProxy
    ) -> None:
        fault_proxy.cut_after(12 << 20, then_refuse=True)
        repository = place.open()
        writer = repository.create("app/codex/1/a", 0)
        began = time.monotonic()
        with pytest.raises(RepositoryError) as caught:
            write_pieces(writer, os.urandom(40 << 20))
            writer.commit()
        assert time.monotonic() - began < 15
        message = str(caught.value)
        assert f"s3://{place.bucket}/lifeboat/app/codex/1/a" in message
        assert fault_proxy.endpoint_url in message
        assert "Nothing is stored under this name." in message
        assert "then run again" in message
        writer.abort()
        assert place.stored() == {}
        fault_proxy.pass_all()
        assert repository.remove_unfinished("app") == ["app/codex/1/a"]
        assert place.left_over() == []

    def test_for_a_moment_it_is_not_noticed(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        content = os.urandom(30 << 20)
        fault_proxy.cut_after(12 << 20)
        writer = place.open().create("app/a", 0)
        write_pieces(writer, content)
        writer.commit()
        assert place.stored() == {"app/a": content}
        assert place.left_over() == []

    def test_before_work_the_probe_says_so_soon(self, place: BucketPlace) -> None:
        port = throwaway.free_port()
        began = time.monotonic()
        with pytest.raises(
            RepositoryError, match=f"127.0.0.1:{port} failed after 3 attempts .* cannot be reached.*Check endpoint_url"
        ):
            place.open(endpoint_url=f"http://127.0.0.1:{port}", retries=7).probe(0)
        assert time.monotonic() - began < 5


class TestBusy:
    """503 Slow Down."""

    def test_twice_in_the_middle_of_an_upload_is_not_noticed(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        content = os.urandom(20 << 20)
        writer = place.open().create("app/a", 0)
        fault_proxy.answer_errors(2, method="PUT", path="partNumber=2")
        write_pieces(writer, content)
        writer.commit()
        assert fault_proxy.count(path="partNumber=2", answered=503) == 2
        assert place.stored() == {"app/a": content}

    @pytest.mark.parametrize("method", ["HEAD", "PUT", "GET", "POST", "DELETE"])
    def test_twice_at_any_request_is_not_noticed(
        self, place: BucketPlace, fault_proxy: FaultProxy, method: str
    ) -> None:
        repository, content = place.open(), os.urandom(9 << 20)
        repository.write_file("app/old", b"x")
        fault_proxy.answer_errors(2, method=method)
        repository.probe(0)
        writer = repository.create("app/a", 0)
        write_pieces(writer, content)
        writer.commit()
        assert b"".join(repository.read("app/a")) == content
        repository.remove(["app/old"])
        assert repository.remove_unfinished("app") == []
        assert fault_proxy.count(method=method, answered=503) == 2
        assert place.stored() == {"app/a": content}

    def test_for_ever_ends_after_the_retries(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        writer = place.open().create("app/a", 1)
        fault_proxy.answer_errors(1000, method="PUT")
        with pytest.raises(RepositoryError, match="failed after 3 attempts in . s: the server asks to be slower"):
            writer.commit()
        assert fault_proxy.count(method="PUT", answered=503) == 3

    def test_while_aborting_no_part_is_left(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        writer = place.open().create("app/a", 0)
        write_pieces(writer, os.urandom(20 << 20))
        fault_proxy.answer_errors(2, method="DELETE")
        writer.abort()
        assert place.left_over() == []


class TestSlow:
    """Bytes go through, too few of them."""

    def test_an_upload_ends_at_its_time_limit(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        writer = place.open(request_time_limit=3, retries=7).create("app/a", 0)
        fault_proxy.slow_down(2_000_000)  # each part would take 16 s
        began = time.monotonic()
        with pytest.raises(RepositoryError, match="the limit of 3 s is over"):
            write_pieces(writer, os.urandom(40 << 20))
            writer.commit()
        assert time.monotonic() - began < 8
        fault_proxy.slow_down(None)
        writer.abort()
        assert place.stored() == {}
        assert place.left_over() == []

    def test_an_upload_within_its_time_limit_is_waited_for(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        """A part takes four times the socket's time limit, and is not ended by it as long as bytes move."""
        writer = place.open(connect_timeout=1, request_time_limit=60).create("app/a", 0)
        fault_proxy.slow_down(2_000_000)
        content = os.urandom(8 << 20)
        writer.write(content)
        writer.commit()
        fault_proxy.slow_down(None)
        assert place.stored() == {"app/a": content}

    def test_abort_does_not_wait_for_a_slow_upload(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        writer = place.open(connect_timeout=60).create("app/a", 0)
        fault_proxy.slow_down(500_000)  # 16 MiB would take half a minute
        write_pieces(writer, os.urandom(16 << 20))
        began = time.monotonic()
        writer.abort()
        assert time.monotonic() - began < 8
        assert place.left_over() == []

    def test_a_server_that_says_nothing_is_left_after_the_read_time_limit(
        self, place: BucketPlace, fault_proxy: FaultProxy
    ) -> None:
        fault_proxy.slow_down(1)
        began = time.monotonic()
        with pytest.raises(RepositoryError, match="took too long to answer"):
            place.open(read_timeout=1, retries=1).create("app/a", 1)
        assert time.monotonic() - began < 6


class TestLostAnswers:
    """The server did it, and its answer never came."""

    def test_of_a_whole_object_is_not_taken_for_another_run(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        writer = place.open().create("app/a", 1)
        writer.write(b"content")
        fault_proxy.cut_after(_CONTINUE_BYTES, direction="down")
        writer.commit()
        assert fault_proxy.count(method="PUT", path="app/a") == 2
        assert place.stored() == {"app/a": b"content"}

    def test_of_a_completed_upload_is_not_taken_for_another_run(
        self, place: BucketPlace, fault_proxy: FaultProxy
    ) -> None:
        store = S3Store(S3Connection(S3Settings(**place.options)))
        limit = store.connection.limit()
        part = Part(8 << 20)
        part.append(b"content")
        upload_id = store.begin_upload("app/a", "this writer", limit)
        parts = [store.upload_part("app/a", upload_id, 1, part, limit)]
        fault_proxy.cut_after(1, direction="down")
        store.complete_upload("app/a", upload_id, parts, "this writer", limit)
        assert fault_proxy.count(method="POST", path="uploadId=") == 2
        assert place.stored() == {"app/a": b"content"}

    def test_of_the_beginning_of_an_upload_leaves_nothing_after_abort(
        self, place: BucketPlace, fault_proxy: FaultProxy
    ) -> None:
        writer = place.open().create("app/a", 0)
        fault_proxy.cut_after(1, direction="down")
        write_pieces(writer, os.urandom(20 << 20))
        assert len(place.left_over()) == 2
        writer.abort()
        assert place.left_over() == []


class TestReading:
    """Connections break while a file is read."""

    def test_a_read_goes_on_where_it_broke(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        content = os.urandom(24 << 20)
        place.put("app/a", content)
        got = []
        for number, piece in enumerate(place.open().read("app/a")):
            got.append(piece)
            if number in (1, 8):
                fault_proxy.cut()
        assert b"".join(got) == content
        assert fault_proxy.count(method="GET", path="app/a") == 3

    def test_a_file_that_was_replaced_between_is_refused(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        place.put("app/a", os.urandom(10 << 20))
        reader = place.open().read("app/a")
        next(reader)
        place.put("app/a", os.urandom(10 << 20))
        fault_proxy.cut()
        with pytest.raises(RepositoryError, match="app/a was replaced while it was read"):
            list(reader)

    def test_an_endpoint_that_stays_away_ends_it_after_the_retries(
        self, place: BucketPlace, fault_proxy: FaultProxy
    ) -> None:
        place.put("app/a", os.urandom(10 << 20))
        reader = place.open().read("app/a")
        next(reader)
        fault_proxy.refuse()
        began = time.monotonic()
        with pytest.raises(RepositoryError, match="app/a at http.* cannot be reached"):
            list(reader)
        assert time.monotonic() - began < 10


class TestRefusals:
    """Each cause has its own words, and nothing is left."""

    def test_a_bucket_that_is_not_there(self, place: BucketPlace) -> None:
        with pytest.raises(RepositoryError, match=r"the bucket is not there \(NoSuchBucket\).*Create the bucket"):
            place.open(bucket="no-such-bucket").probe(0)

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("InvalidAccessKeyId", "does not know the access key"),
            ("SignatureDoesNotMatch", "the secret key is wrong"),
            ("ExpiredToken", "the session token has expired"),
            ("RequestTimeTooSkewed", "clocks of this host and of the server"),
            ("AccessDenied", "does not allow it.*s3:PutObject"),
        ],
    )
    def test_credentials_and_permissions(
        self, place: BucketPlace, fault_proxy: FaultProxy, code: str, words: str
    ) -> None:
        fault_proxy.answer_errors(1, status=403, code=code)
        with pytest.raises(RepositoryError, match=words):
            place.open().probe(0)
        assert place.stored() == {}

    @pytest.mark.parametrize(
        ("method", "path", "words"),
        [
            ("PUT", "", "Storing"),
            ("GET", "list-type=2", "Listing"),
            ("GET", "lifeboat-probe", "Reading|Listing"),
            ("GET", "uploads", "Listing unfinished uploads"),
            ("DELETE", "", "Removing"),
        ],
    )
    def test_the_one_permission_that_is_missing_is_named(
        self, place: BucketPlace, fault_proxy: FaultProxy, method: str, path: str, words: str
    ) -> None:
        fault_proxy.answer_errors(1, status=403, code="AccessDenied", method=method, path=path)
        with pytest.raises(RepositoryError, match=f"({words}) .* failed: the server does not allow it"):
            place.open().probe(0)
        assert place.stored() == {} or method == "DELETE"

    def test_no_error_holds_the_secret_key(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        repository = place.open()
        for status, code in ((403, "SignatureDoesNotMatch"), (403, SECRET), (503, "SlowDown"), (404, "NoSuchBucket")):
            fault_proxy.answer_errors(20, status=status, code=code)
            with pytest.raises(RepositoryError) as caught:
                repository.probe(0)
            assert SECRET not in f"{caught.value} {caught.value.details} {caught.value.hint} {caught.value!r}"
            fault_proxy.pass_all()

    def test_no_credentials_at_all(self, place: BucketPlace, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        for name, value in {**place.store.environment, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(RepositoryError, match="there are no credentials.*access_key"):
            place.open(access_key=None, secret_key=None).probe(0)


class TestServersThatLackSomething:
    """S3-compatible is a wide word."""

    @pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (405, "MethodNotAllowed")])
    def test_without_conditional_writes_a_look_at_the_name_has_to_do(
        self, place: BucketPlace, fault_proxy: FaultProxy, status: int, code: str
    ) -> None:
        repository = place.open()
        fault_proxy.answer_errors(1, status=status, code=code, method="PUT")
        repository.write_file("app/a", b"x")
        repository.write_file("app/b", b"x")
        assert fault_proxy.count(method="PUT") == 2
        writer = place.open().create("app/c", 1)
        place.put("app/c", b"first")
        fault_proxy.answer_errors(1, status=status, code=code, method="PUT")
        with pytest.raises(RepositoryError, match="exists already"):
            writer.commit()
        writer.abort()
        assert place.stored() == {"app/a": b"x", "app/b": b"x", "app/c": b"first"}

    def test_without_bulk_removal_objects_are_removed_one_by_one(
        self, place: BucketPlace, fault_proxy: FaultProxy
    ) -> None:
        for name in "abc":
            place.put(f"app/{name}", b"x")
        fault_proxy.answer_errors(1, status=501, code="NotImplemented", method="POST", path="delete")
        place.open().remove(["app/a", "app/b", "app/none"])
        assert place.stored() == {"app/c": b"x"}


class TestOptions:
    """What is asked for reaches the server."""

    def test_storage_class_and_encryption_are_those_of_the_options(self, place: BucketPlace) -> None:
        repository = place.open(storage_class="STANDARD_IA", server_side_encryption="aws:kms", kms_key_id="my-key")
        repository.write_file("app/small", b"x")
        writer = repository.create("app/big", 0)
        write_pieces(writer, bytes(9 << 20))
        writer.commit()
        for name in ("small", "big"):
            found = place.store.client.head_object(Bucket=place.bucket, Key=f"lifeboat/app/{name}")
            assert (found["StorageClass"], found["ServerSideEncryption"], found["SSEKMSKeyId"]) == (
                "STANDARD_IA",
                "aws:kms",
                "my-key",
            )

    @pytest.mark.parametrize(("mode", "expected"), [("when_supported", True), ("when_required", False)])
    def test_checksums_are_sent_as_asked_and_match(self, place: BucketPlace, mode: str, expected: bool) -> None:
        repository = place.open(checksum_mode=mode)
        writer = repository.create("app/big", 0)
        write_pieces(writer, os.urandom(9 << 20))
        writer.commit()
        repository.write_file("app/small", b"123456789")
        heads = [
            place.store.client.head_object(Bucket=place.bucket, Key=f"lifeboat/app/{name}", ChecksumMode="ENABLED")
            for name in ("small", "big")
        ]
        assert ["ChecksumCRC32" in head for head in heads] == [expected, expected]
        if expected:
            assert heads[0]["ChecksumCRC32"] == "y/Q5Jg=="  # CRC-32 of 123456789 is 0xCBF43926

    def test_the_whole_object_is_read_back_when_asked(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        repository = place.open(read_back="hash")
        writer = repository.create("app/a", 0)
        write_pieces(writer, os.urandom(9 << 20))
        writer.commit()
        assert fault_proxy.count(method="GET", path="app/a") == 1
        assert fault_proxy.bytes_down > 9 << 20

    def test_a_small_file_takes_one_upload_request(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        place.open().write_file("app/a", bytes(8 << 20))
        assert [request.method for request in fault_proxy.requests] == ["HEAD", "PUT", "HEAD"]


class TestManyObjects:
    """More than one page or one request holds."""

    def test_1002_objects_are_listed_and_removed(self, place: BucketPlace, fault_proxy: FaultProxy) -> None:
        paths = [f"app/{number:04}" for number in range(1002)]
        for path in paths:
            place.put(path, b"")
        repository = place.open()
        assert [file.path for file in repository.list_files("app")] == paths
        repository.remove(paths[:1001])
        assert fault_proxy.count(method="POST", path="delete") == 2
        assert [file.path for file in repository.list_files("app")] == paths[1001:]


class TestVersions:
    """A bucket that keeps versions keeps none of what was not committed."""

    def test_a_probe_leaves_no_version_and_no_delete_marker(self, versioned: BucketPlace) -> None:
        versioned.open().probe(0)
        assert versions(versioned) == []

    def test_abort_after_a_failed_read_back_leaves_no_version(
        self, versioned: BucketPlace, fault_proxy: FaultProxy
    ) -> None:
        writer = versioned.open(read_back="hash").create("app/a", 1)
        writer.write(b"content")
        fault_proxy.answer_errors(20, status=403, code="AccessDenied", method="GET")
        with pytest.raises(RepositoryError, match="Reading"):
            writer.commit()
        assert len(versions(versioned)) == 1
        writer.abort()
        assert versions(versioned) == []
