# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of copies, and batch jobs of Amazon S3 against botocore's Stubber, which stands in for what cannot be run
here.
"""

from __future__ import annotations

import hashlib
import io
import typing as t

import botocore.session
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    DeadlineError,
    LifeboatError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import GENERIC
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _jobs
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal import _copy, _parts_of
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import Wanted
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

_MIB = 1 << 20
_ACCOUNT = "123456789012"
_ROLE = "arn:aws:iam::123456789012:role/batch"


@given(st.integers(1, 6 << 40), st.integers(5, 1024))
def test_even_parts_hold_all_bytes_within_the_limits(size: int, part: int) -> None:
    sizes = _copy._even(size, part * _MIB)
    assert sum(sizes) == size and len(sizes) <= 10_000
    assert all(one == sizes[0] for one in sizes[:-1]) and sizes[-1] <= sizes[0]


@given(st.integers(1, 64 << 30), st.sampled_from([5, 8, 16, 64, 100]))
def test_a_guess_of_parts_has_the_right_number_and_sum(size: int, part: int) -> None:
    count = -(-size // (part * _MIB))
    sizes = _parts_of.guessed(count, size)
    assert sizes == [] or (len(sizes) == count and sum(sizes) == size)


def test_parts_of_the_usual_size_are_guessed_right() -> None:
    assert _parts_of.guessed(3, 20 * _MIB) == [8 * _MIB, 8 * _MIB, 4 * _MIB]


@pytest.mark.parametrize("sizes", [[], [5 * _MIB], [1, 10 * _MIB - 1], [10 * _MIB, 0]])
def test_parts_that_cannot_be_are_not_believed(sizes: list[int]) -> None:
    assert not _parts_of.fits(sizes, 2, 10 * _MIB)


@pytest.mark.parametrize("given", [b"all of it, whatever was asked for", b"cut"])
@pytest.mark.parametrize("in_parts", [False, True])
def test_an_original_that_comes_with_another_number_of_bytes_is_not_copied(given: bytes, in_parts: bool) -> None:
    """A server that takes no notice of a range would have each part hold all of the object."""
    keys = {"access_key": "AKIAEXAMPLE", "secret_key": "stub+secret/0123456789", "region": "us-east-1", "retries": 0}
    sides = [open_side(role, {"bucket": f"{role}-bucket", **keys}) for role in ("source", "destination")]
    counted: list[str] = []
    copier = _copy.Copier(*sides, GENERIC, _copy.STREAM, Deadline(60), counted.append)
    wanted = Wanted("k", "0" * 32 + "-2", 10)
    body = StreamingBody(io.BytesIO(given), len(given))
    with Stubber(sides[0].client) as stubber:
        stubber.add_response("get_object", {"Body": body, "ETag": "e"})
        with pytest.raises(DamagedError, match=f"and gave {len(given)}"):
            copier._read(wanted, 10, "bytes=0-9" if in_parts else "")
    assert counted == ["get"]


@pytest.mark.parametrize(("refusal", "hidden"), [(("AccessDenied", 403), True), (("NotImplemented", 501), False)])
def test_a_key_from_which_tags_are_hidden_is_found_by_the_first_original(
    refusal: tuple[str, int], hidden: bool
) -> None:
    """Amazon S3 counts tags only for a key that may read them, so that none are counted proves nothing."""
    keys = {"access_key": "AKIAEXAMPLE", "secret_key": "stub+secret/0123456789", "region": "us-east-1", "retries": 0}
    sides = [open_side(role, {"bucket": f"{role}-bucket", **keys}) for role in ("source", "destination")]
    copier = _copy.Copier(*sides, GENERIC, _copy.STREAM, Deadline(60), lambda _kind: None)
    md5 = hashlib.md5(b"content", usedforsecurity=False).hexdigest()
    with Stubber(sides[0].client) as origin, Stubber(sides[1].client) as target:
        for number in range(2):
            origin.add_response("get_object", {"Body": StreamingBody(io.BytesIO(b"content"), 7), "ETag": md5})
            if number == 0:
                code, status = refusal
                origin.add_client_error("get_object_tagging", code, http_status_code=status)
            target.add_response("put_object", {"ETag": md5})
            copier.copy(Wanted(f"k{number}", md5, 7))
        origin.assert_no_pending_responses()
    assert copier.tags.hidden is hidden


@pytest.fixture
def stubbed() -> t.Iterator[tuple[t.Any, Stubber]]:
    client = botocore.session.Session().create_client(
        "s3control", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stubber:
        yield client, stubber


def _job(status: str, **more: t.Any) -> dict[str, t.Any]:
    return {"Job": {"JobId": "job-1", "Status": status, **more}}


@pytest.mark.parametrize("kind", ["missing", "failed", "different"])
def test_a_stubbed_batch_job_is_made_of_valid_parameters_and_watched_to_its_end(
    stubbed: tuple[t.Any, Stubber], kind: str
) -> None:
    client, stubber = stubbed
    request = _jobs.job_request(_ACCOUNT, _ROLE, "chunks", kind, "chunks/", "reports", "token")
    filter_ = request["ManifestGenerator"]["S3JobManifestGenerator"]["Filter"]
    assert filter_["ObjectReplicationStatuses"] == _jobs.STATUSES[kind]
    assert filter_["KeyNameConstraint"] == {"MatchAnyPrefix": ["chunks/"]}
    stubber.add_response("create_job", {"JobId": "job-1"}, request)
    summary = {"TotalNumberOfTasks": 3, "NumberOfTasksSucceeded": 2, "NumberOfTasksFailed": 1}
    for answer in (_job("Preparing"), _job("Active"), _job("Complete", ProgressSummary=summary)):
        stubber.add_response("describe_job", answer, {"AccountId": _ACCOUNT, "JobId": "job-1"})
    waits: list[float] = []
    job = _jobs.start_job(client, request)
    found = _jobs.watch_job(client, _ACCOUNT, job, Deadline(60), waits.append)
    assert (found["status"], found["total"], found["succeeded"], found["failed"]) == ("Complete", 3, 2, 1)
    assert len(waits) == 2
    stubber.assert_no_pending_responses()


def test_a_stubbed_refusal_of_a_job_is_explained(stubbed: tuple[t.Any, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_client_error("create_job", "AccessDenied", "no", 403)
    with pytest.raises(LifeboatError, match="iam:PassRole"):
        _jobs.start_job(client, _jobs.job_request(_ACCOUNT, _ROLE, "chunks", "failed", "", "", "token"))


def test_the_wait_for_a_stubbed_job_has_an_end(stubbed: tuple[t.Any, Stubber]) -> None:
    client, stubber = stubbed
    stubber.add_response("describe_job", _job("Active"))
    deadline = Deadline(0.000001)
    with pytest.raises(DeadlineError, match="goes on by itself"):
        _jobs.watch_job(client, _ACCOUNT, "job-1", deadline, lambda _seconds: None)


@pytest.mark.parametrize("code", sorted(_jobs.REASONS))
def test_every_reason_for_a_failure_has_a_way_out(code: str) -> None:
    assert _jobs.REASONS[code].endswith(".")


def test_a_failed_job_gives_its_reasons() -> None:
    job = _job("Failed", FailureReasons=[{"FailureCode": "SrcBucketNotFound", "FailureReason": "gone"}])["Job"]
    assert _jobs.described(job)["reasons"] == ["SrcBucketNotFound: gone"]
