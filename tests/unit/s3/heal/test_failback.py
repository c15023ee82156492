# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes back to the source: nothing that is older, nothing that the source has had, and never without a
condition.
"""

from __future__ import annotations

import datetime

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal import _failback, _undelete
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_revert import ChangedKey, taken_by
from hypothesis import given
from hypothesis import strategies as st

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def row(second: int, content: int) -> Row:
    """Content 0 is a delete marker."""
    modified = (_START + datetime.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
    etag = b"" if not content else b"%032x" % content
    return (b"key", modified, etag, b"" if not content else b"7", b"v%d-%d" % (second, content), b"false")


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    seconds = sorted(draw(st.sets(st.integers(0, 30), max_size=5)), reverse=True)
    return [row(second, draw(st.integers(0, 4))) for second in seconds]


@given(histories(), histories())
def test_what_goes_back_is_younger_than_all_the_source_has_and_unknown_to_it(
    source: list[Row], destination: list[Row]
) -> None:
    what, wanted, _differs = _failback.decide(b"key", source, destination)
    assert (wanted is not None) == (what == _failback.COPY)
    if wanted is None:
        return
    new = destination[0]
    assert wanted.version_id == new[4].decode() and wanted.condition
    assert all(new[1] > entry[1] for entry in source)
    known = any(new[2] == entry[2] for entry in source)
    later = [entry[2] for entry in destination[1:] if source and entry[1] >= source[0][1]]
    assert not known or source[0][2] in later, "a content that the source has had, after its newest was there"
    if source and source[0][3]:
        assert wanted.condition == source[0][2].decode() and wanted.before == source[0][4].decode()
    else:
        assert wanted.condition == "*" and wanted.before == ""


def test_a_key_that_was_set_back_to_an_earlier_content_is_copied_or_a_conflict() -> None:
    """Not left alone as an old replica: it is the application's last write."""
    source = [row(20, 2), row(10, 1)]
    replicas = [(*entry[:4], b"own-" + entry[4], entry[5]) for entry in (row(21, 2), row(11, 1))]
    again = (*row(30, 1)[:4], b"own-again", b"true")
    what, wanted, differs = _failback.decide(b"key", source, [again, *replicas])
    assert (what, differs) == (_failback.COPY, True) and wanted is not None and wanted.before == "v20-2"
    late = (*row(22, 1)[:4], b"own-late", b"true")  # of a server that is slow, or of the application: nobody knows
    assert _failback.decide(b"key", source, [late]) == (_failback.SET_BACK, None, True)
    assert _failback.decide(b"key", source, replicas[1:]) == (_failback.OLDER, None, False)
    kept_id = (*row(30, 1)[:4], b"v10-1", b"true")
    assert _failback.decide(b"key", source, [kept_id]) == (_failback.OLDER, None, False)
    deleted = [row(20, 0), row(10, 1)]
    marker = (*row(21, 0)[:4], b"own-marker", b"false")
    assert _failback.decide(b"key", deleted, [again, marker, replicas[1]])[0] == _failback.COPY


@given(histories(), histories())
def test_after_the_copy_there_is_nothing_more_to_do(source: list[Row], destination: list[Row]) -> None:
    _what, wanted, _differs = _failback.decide(b"key", source, destination)
    if wanted is not None:
        copy = (b"key", b"2026-01-01T00:01:00.000Z", destination[0][2], destination[0][3], b"copy", b"true")
        assert _failback.decide(b"key", [copy, *source], destination)[0] == _failback.SAME


@given(histories(), histories(), st.integers(-600, 600))
def test_a_clock_that_is_off_changes_no_decision(source: list[Row], destination: list[Row], seconds: int) -> None:
    shifted = [
        (*entry[:1], row(seconds + int(entry[4][1:].partition(b"-")[0]), 1)[1], *entry[2:]) for entry in destination
    ]
    by_clock = _failback.decide(b"key", source, shifted, datetime.timedelta(seconds=seconds))
    assert by_clock == _failback.decide(b"key", source, destination)


@given(histories().filter(bool), st.integers(0, 30))
def test_a_key_becomes_what_it_was_at_that_time(history: list[Row], second: int) -> None:
    moment = _START + datetime.timedelta(seconds=second)
    what, wanted = _undelete.at_time(b"key", history, moment)
    then = [entry for entry in history if entry[1] <= row(second, 0)[1]]
    if what == "created_later":
        assert not then
    elif what == "deleted_then":
        assert not then[0][3]
    elif wanted is None:
        assert history[0][2] == then[0][2]
    else:
        assert wanted.version_id == then[0][4].decode() and wanted.condition


def test_versions_of_a_bucket_without_versioning_are_not_named() -> None:
    plain = (b"key", b"2026-01-01T00:00:00Z", b"e", b"1", b"null", b"true")
    _what, wanted, _differs = _failback.decide(b"key", [], [plain])
    assert wanted is not None and wanted.version_id == ""


def test_a_journal_tells_what_each_key_was() -> None:
    entries = [
        {"remove": [["a", "m2", "v1"], ["a", "m1", "v1"]], "side": "source"},
        {"removed": 2, "failed": []},
        {"copy": [["b", "etag", "v0"]], "to": "source"},
        {"copied": [["b", "v9", "v0"]], "to": "source"},
    ]
    assert taken_by(entries) == [ChangedKey("source", "a", "v1", ""), ChangedKey("source", "b", "v9", "v0")]


def test_a_journal_tells_what_a_run_may_have_done_that_was_killed() -> None:
    """Of a batch that has no end. One that has an end did what it says there, and nothing else."""
    entries = [
        {"copy": [["a", "e1", ""], ["conflict", "e2", "v0"]], "to": "destination", "batch": "1"},
        {"copied": [["a", "v1", ""]], "to": "destination", "batch": "1"},
        {"copy": [["b", "e3", ""], ["c", "e4", "v5"]], "to": "destination", "batch": "2"},
        {"copy": [["c", "e4", "v5"]], "to": "destination", "batch": "3"},
        {"copied": [["c", "v6", "v5"]], "to": "destination", "batch": "3"},
    ]
    assert sorted(taken_by(entries), key=lambda one: one.key) == [
        ChangedKey("destination", "a", "v1", ""),
        ChangedKey("destination", "b", "", "", "e3"),
        ChangedKey("destination", "c", "v6", "v5"),
    ]
