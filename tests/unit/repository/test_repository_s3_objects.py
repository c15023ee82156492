# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing and reading objects when the server does odd things that a real one cannot be made to do.

The client is a mock.
"""

from __future__ import annotations

import datetime
import hashlib
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _parts, _s3_read, _s3_writer
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._parts import MemoryBudget
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3 import S3Repository
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_read import read_object
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_store import S3Store
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._s3_writer import S3Writer
from botocore.exceptions import ConnectionClosedError, IncompleteReadError

from tests.unit.repository.mock_s3 import NOT_FOUND, MockBody, MockS3Client, refusal

StoreOf = t.Callable[..., S3Store]
_CUT = ConnectionClosedError(endpoint_url="http://s3.example:9000")


def head(size: int, writer: str = "", version: str | None = None) -> dict[str, t.Any]:
    return {
        "ContentLength": size,
        "Metadata": {"lifeboat-writer": writer},
        **({"VersionId": version} if version else {}),
    }


def own_head(client: MockS3Client, operation: str, size: int) -> t.Callable[[dict[str, t.Any]], dict[str, t.Any]]:
    """HEAD's answer for an object that was written by the request ``operation`` of this client."""
    return lambda _arguments: head(
        size, next(call["Metadata"]["lifeboat-writer"] for name, call in client.calls if name == operation), "v1"
    )


def writer_of(store: S3Store, read: t.Callable[[str], t.Iterator[bytes]] = lambda path: iter([])) -> S3Writer:
    return S3Writer(store, "app/a", 0, MemoryBudget(), read)


def upload() -> dict[str, t.Any]:
    """A script for a multipart upload that goes well."""
    return {
        "create_multipart_upload": {"UploadId": "u1"},
        "upload_part": {"ETag": '"e"'},
        "complete_multipart_upload": {},
        "abort_multipart_upload": {},
        "list_parts": refusal("NoSuchUpload", 404),
        "list_multipart_uploads": {"Uploads": []},
    }


class TestReadBack:
    """What is stored is looked at."""

    def test_another_size_than_written_is_refused_and_removed(self, store_of: StoreOf) -> None:
        client = MockS3Client(put_object={}, delete_object={})
        client.script["head_object"] = [own_head(client, "put_object", 99)]
        writer = writer_of(store_of(client))
        writer.write(b"content")
        with pytest.raises(
            RepositoryError,
            match="app/a at http://s3.example:9000 has 99 bytes after 7 bytes were stored.*when_required",
        ):
            writer.commit()
        writer.abort()
        assert ("delete_object", {"Bucket": "shop-backups", "Key": "lifeboat/app/a", "VersionId": "v1"}) in client.calls

    def test_an_object_that_is_not_there_after_all_is_noticed(self, store_of: StoreOf) -> None:
        writer = writer_of(store_of(MockS3Client(put_object={}, head_object=NOT_FOUND)))
        with pytest.raises(RepositoryError, match="is not there after 0 bytes"):
            writer.commit()

    def test_other_bytes_than_written_are_refused(self, store_of: StoreOf) -> None:
        client = MockS3Client(put_object={}, head_object=head(7))
        writer = writer_of(store_of(client, read_back="hash"), lambda path: iter([b"con", b"tEnt"]))
        writer.write(b"content")
        with pytest.raises(RepositoryError, match="gave back other bytes than were stored"):
            writer.commit()

    def test_the_same_bytes_are_accepted(self, store_of: StoreOf) -> None:
        writer = writer_of(
            store_of(MockS3Client(put_object={}, head_object=head(7)), read_back="hash"),
            lambda path: iter([b"con", b"tent"]),
        )
        writer.write(b"content")
        writer.commit()

    def test_another_runs_object_of_the_same_size_is_not_ours(self, store_of: StoreOf) -> None:
        client = MockS3Client(put_object={}, head_object=head(7, "somebody else"), delete_object={})
        writer = writer_of(store_of(client))
        writer.write(b"content")
        with pytest.raises(RepositoryError, match="stored by another run at the same time"):
            writer.commit()
        writer.abort()
        assert client.count("delete_object") == 0


class TestConditions:
    """Never overwriting, and never taking one's own object for another's."""

    def test_every_write_of_an_object_is_conditional(self, store_of: StoreOf) -> None:
        client = MockS3Client(**upload(), head_object=[NOT_FOUND, head(9 << 20)])
        writer = writer_of(store_of(client))
        writer.write(bytes(9 << 20))
        writer.commit()
        assert next(call for name, call in client.calls if name == "complete_multipart_upload")["IfNoneMatch"] == "*"

    def test_an_object_that_appears_while_the_answer_is_lost_is_not_ours(self, store_of: StoreOf) -> None:
        client = MockS3Client(
            put_object=[_CUT, refusal("PreconditionFailed", 412)], head_object=head(7, "somebody else")
        )
        writer = writer_of(store_of(client))
        writer.write(b"content")
        with pytest.raises(RepositoryError, match="exists already"):
            writer.commit()

    def test_a_server_that_calls_the_condition_invalid_is_asked_without_it(self, store_of: StoreOf) -> None:
        invalid = refusal("InvalidArgument", 400, "Unsupported header 'if-none-match'")
        client = MockS3Client(put_object=[invalid, {}], head_object=[NOT_FOUND, head(7)])
        writer = writer_of(store_of(client))
        writer.write(b"content")
        writer.commit()
        assert ["IfNoneMatch" in call for name, call in client.calls if name == "put_object"] == [True, False]

    def test_an_upload_that_the_server_has_forgotten_is_an_error(self, store_of: StoreOf) -> None:
        client = MockS3Client(
            **{**upload(), "complete_multipart_upload": refusal("NoSuchUpload", 404)}, head_object=NOT_FOUND
        )
        writer = writer_of(store_of(client))
        writer.write(bytes(9 << 20))
        with pytest.raises(RepositoryError, match="NoSuchUpload"):
            writer.commit()


class TestParts:
    """Part by part."""

    def test_parts_are_completed_in_order_whatever_order_they_arrive_in(self, store_of: StoreOf) -> None:
        second_is_there = threading.Event()

        def slow_first(arguments: dict[str, t.Any]) -> dict[str, str]:
            if arguments["PartNumber"] == 1:
                second_is_there.wait(10)
            else:
                second_is_there.set()
            return {"ETag": f'"{arguments["PartNumber"]}"'}

        content = bytes(8 << 20) + b"x" * (8 << 20) + b"last"
        client = MockS3Client(**{**upload(), "upload_part": slow_first}, head_object=[NOT_FOUND, head(len(content))])
        writer = writer_of(store_of(client))
        writer.write(content)
        writer.commit()
        parts = next(call for name, call in client.calls if name == "complete_multipart_upload")["MultipartUpload"][
            "Parts"
        ]
        assert [(part["PartNumber"], part["ETag"]) for part in parts] == [(1, '"1"'), (2, '"2"'), (3, '"3"')]
        sent = {call["PartNumber"]: call["Body"] for name, call in client.calls if name == "upload_part"}
        assert (
            hashlib.sha256(b"".join(sent[number] for number in (1, 2, 3))).digest() == hashlib.sha256(content).digest()
        )

    def test_a_part_that_fails_ends_the_writing(self, store_of: StoreOf) -> None:
        client = MockS3Client(**{**upload(), "upload_part": refusal("QuotaExceeded", 403)})
        writer = writer_of(store_of(client))
        with pytest.raises(
            RepositoryError, match=r"Uploading part \d of s3://shop-backups/lifeboat/app/a .*quota.* Nothing is stored"
        ):
            for _turn in range(200):
                writer.write(bytes(1 << 20))
        with pytest.raises(RepositoryError, match="the quota"):
            writer.commit()
        writer.abort()
        assert client.count("abort_multipart_upload") == 1
        assert client.count("complete_multipart_upload") == 0

    def test_an_error_of_the_program_in_a_part_ends_the_writing_too(self, store_of: StoreOf) -> None:
        writer = writer_of(store_of(MockS3Client(**{**upload(), "upload_part": ZeroDivisionError("odd")})))
        with pytest.raises(RepositoryError, match="ZeroDivisionError: odd"):
            for _turn in range(200):
                writer.write(bytes(1 << 20))
        writer.abort()

    def test_more_parts_than_s3_takes_are_refused(self, store_of: StoreOf, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_s3_writer, "MOST_PARTS", 2)
        writer = writer_of(store_of(MockS3Client(**upload())))
        with pytest.raises(RepositoryError, match="more than the 2 parts.*Split the backup"):
            for _turn in range(40):
                writer.write(bytes(1 << 20))
        writer.abort()

    def test_parts_that_arrive_after_the_abort_are_aborted_again(self, store_of: StoreOf) -> None:
        client = MockS3Client(
            **{**upload(), "list_parts": [{"Parts": [{}]}, {"Parts": [{}]}, refusal("NoSuchUpload", 404)]}
        )
        writer = writer_of(store_of(client))
        writer.write(bytes(9 << 20))
        writer.abort()
        assert client.count("abort_multipart_upload") == 3

    def test_abort_never_raises(self, store_of: StoreOf) -> None:
        client = MockS3Client(
            **{
                **upload(),
                "abort_multipart_upload": refusal("AccessDenied", 403),
                "list_multipart_uploads": ZeroDivisionError(),
            }
        )
        writer = writer_of(store_of(client))
        writer.write(bytes(9 << 20))
        writer.abort()
        writer.abort()
        assert client.count("abort_multipart_upload") == 1

    def test_all_memory_is_given_back(self, store_of: StoreOf) -> None:
        budget = MemoryBudget()
        for ending in ("commit", "abort"):
            client = MockS3Client(**upload(), head_object=[NOT_FOUND, head(20 << 20)])
            writer = S3Writer(store_of(client), "app/a", 0, budget, lambda path: iter([]))
            writer.write(bytes(20 << 20))
            getattr(writer, ending)()
            assert budget.used_bytes == 0

    def test_with_memory_for_nothing_parts_go_up_one_at_a_time(self, store_of: StoreOf) -> None:
        client = MockS3Client(**upload(), head_object=[NOT_FOUND, head(50 << 20)])
        writer = S3Writer(store_of(client), "app/a", 0, MemoryBudget(1), lambda path: iter([]))
        for _turn in range(50):
            writer.write(bytes(1 << 20))
        writer.commit()
        assert client.count("upload_part") == 7


class TestReading:
    """Answers that break."""

    def answer(self, content: bytes, *, size: int, fault: Exception | None, ranged: bool = True) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = {"ETag": '"e"', "ContentLength": size, "Body": MockBody(content, fault)}
        return {**answer, "ContentRange": "bytes"} if ranged else answer

    @pytest.fixture(autouse=True)
    def no_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_s3_read, "wait_seconds", lambda attempt: 0.0)

    def test_it_goes_on_at_the_same_byte_if_the_object_is_the_same(self, store_of: StoreOf) -> None:
        client = MockS3Client(
            get_object=[self.answer(b"con", size=7, fault=_CUT), self.answer(b"tent", size=4, fault=None)]
        )
        assert b"".join(read_object(store_of(client), "app/a", 2)) == b"content"
        assert client.calls[1][1] == {
            "Bucket": "shop-backups",
            "Key": "lifeboat/app/a",
            "Range": "bytes=3-",
            "IfMatch": '"e"',
        }

    def test_an_answer_that_ends_early_goes_on_too(self, store_of: StoreOf) -> None:
        early = IncompleteReadError(actual_bytes=3, expected_bytes=7)
        client = MockS3Client(
            get_object=[self.answer(b"con", size=7, fault=early), self.answer(b"tent", size=4, fault=None)]
        )
        assert b"".join(read_object(store_of(client), "app/a", 100)) == b"content"

    def test_connections_without_progress_end_it_after_the_retries(self, store_of: StoreOf) -> None:
        client = MockS3Client(get_object=lambda _arguments: self.answer(b"x", size=1 << 30, fault=_CUT))
        with pytest.raises(
            RepositoryError,
            match=r"app/a at http://s3.example:9000 broke after 4 of 1073741824 bytes: the endpoint closed",
        ):
            list(read_object(store_of(client, retries=3), "app/a", 100))
        assert client.count("get_object") == 4

    def test_connections_with_progress_may_break_more_often_than_the_retries(self, store_of: StoreOf) -> None:
        piece = bytes(1 << 20)
        client = MockS3Client(get_object=lambda _arguments: self.answer(piece, size=10 << 20, fault=_CUT))
        assert sum(len(piece) for piece in read_object(store_of(client, retries=1), "app/a", 1 << 20)) == 10 << 20

    def test_a_server_that_begins_again_at_the_first_byte_is_not_believed(self, store_of: StoreOf) -> None:
        client = MockS3Client(
            get_object=[
                self.answer(b"con", size=7, fault=_CUT),
                self.answer(b"content", size=7, fault=None, ranged=False),
            ]
        )
        with pytest.raises(RepositoryError, match="broke after 3 of 7 bytes"):
            list(read_object(store_of(client), "app/a", 100))

    def test_an_archived_object_is_named_with_the_way_out(self, store_of: StoreOf) -> None:
        client = MockS3Client(get_object=refusal("InvalidObjectState", 403))
        with pytest.raises(RepositoryError, match="archive class.*restore-object"):
            list(read_object(store_of(client), "app/a", 100))

    def test_every_answer_is_closed(self, store_of: StoreOf) -> None:
        answers = [self.answer(b"con", size=7, fault=_CUT), self.answer(b"tent", size=4, fault=None)]
        reader = read_object(store_of(MockS3Client(get_object=list(answers))), "app/a", 2)
        next(reader)
        next(reader)
        next(reader)
        close(reader)
        assert [answer["Body"].closed for answer in answers] == [True, True]


class TestRemoving:
    """Locks and permissions."""

    def test_a_locked_version_is_hidden_by_a_delete_marker(self, store_of: StoreOf) -> None:
        client = MockS3Client(delete_object=[refusal("AccessDenied", 403), {}])
        store_of(client).delete("app/a", "v1")
        assert ["VersionId" in call for _name, call in client.calls] == [True, False]

    def test_what_could_not_be_removed_is_named_and_the_rest_is_gone(self, store_of: StoreOf) -> None:
        fault = {"Key": "lifeboat/app/b", "Code": "AccessDenied", "Message": "locked"}
        client = MockS3Client(delete_objects=[{"Errors": [fault]}, {}])
        with pytest.raises(
            RepositoryError, match="1 of 1500 objects could not be removed .* app/b: AccessDenied locked.*object lock"
        ):
            store_of(client).delete_many([f"app/{number}" for number in range(1500)])
        assert [len(call["Delete"]["Objects"]) for _name, call in client.calls] == [1000, 500]

    def test_a_probe_removes_what_a_killed_probe_left_an_hour_ago(self, store_of: StoreOf) -> None:
        now = datetime.datetime.now(datetime.UTC)
        client = MockS3Client(
            put_object={}, list_multipart_uploads={}, head_object=head(64), delete_object={}, delete_objects={}
        )

        def listing(_arguments: dict[str, t.Any]) -> dict[str, t.Any]:
            own = next(call["Key"] for name, call in client.calls if name == "put_object")
            found = {own: 0, "lifeboat/.lifeboat-probe-old": 4000, "lifeboat/.lifeboat-probe-young": 10}
            return {
                "Contents": [
                    {"Key": key, "Size": 64, "LastModified": now - datetime.timedelta(seconds=age)}
                    for key, age in found.items()
                ]
            }

        def content(_arguments: dict[str, t.Any]) -> dict[str, t.Any]:
            own = next(call["Body"] for name, call in client.calls if name == "put_object")
            return {"ETag": '"e"', "ContentLength": 64, "Body": MockBody(own)}

        client.script.update(list_objects_v2=[listing], get_object=[content])
        repository = S3Repository(store_of(client).settings)
        repository._store = store_of(client)
        repository.probe(0)
        removed = [call["Delete"]["Objects"] for name, call in client.calls if name == "delete_objects"]
        assert removed == [[{"Key": "lifeboat/.lifeboat-probe-old"}]]


def test_the_parts_of_a_body_are_small_enough_for_a_socket_time_limit() -> None:
    part = _parts.Part(1 << 20)
    part.append(bytes(1 << 20))
    body = part.body(lambda: None)
    assert max(len(piece) for piece in iter(lambda: body.read(1), b"")) == 128 << 10
