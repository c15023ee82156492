# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The damaged views of a replica: seen by a comparison that looks, and let through by one that is blind, which the
control then tells.
"""

from __future__ import annotations

import hashlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Requests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import Entry
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._retrieval import Retrieval
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.s3._s3_controls import (
    Subject,
    content_controls,
    find_subject,
    listing_controls,
)

_CONTENT = b"content"


def _row(key: bytes = b"k", *, version: bytes = b"", etag: bytes = b"a" * 32, size: bytes = b"7") -> Row:
    row = (key, b"2026-01-15T02:00:00.000Z", etag, size)
    return (*row, version, b"true") if version else row


class Shown(Retrieval):
    """Two sides that are given as rows, and one content for all objects."""

    def __init__(self, source: list[Row], destination: list[Row], *, versions: bool) -> None:
        super().__init__(t.cast(t.Any, (None, None)), Requests(), versions=versions, deadline=Deadline())
        self._shown = (source, destination)

    def rows(self, side: int, key: bytes) -> list[Row]:
        return [row for row in self._shown[side] if row[0] == key]

    def digest(self, side: int, row: Row, damage: t.Any = None) -> tuple[str, int]:
        content = b"".join(damage(iter([_CONTENT]))) if damage else _CONTENT
        return hashlib.sha256(content).hexdigest(), len(content)


class Blind(Shown):
    """A comparison that calls everything the same, and reads nothing."""

    def agree(self, source: t.Sequence[Row], destination: t.Sequence[Row], *, markers: bool) -> bool:
        return True

    def digest(self, side: int, row: Row, damage: t.Any = None) -> tuple[str, int]:
        return "", 7


def _subject(retrieval: Retrieval, row: Row) -> Subject:
    subject = find_subject(retrieval, [Entry(row)], markers=True)
    assert subject is not None
    return subject


@pytest.mark.parametrize(
    "row",
    [_row(), _row(etag=b"a" * 32 + b"-2"), _row(version=b"3"), _row(version=b"null"), _row(version=b"3", etag=b"a-2")],
)
def test_every_damage_is_refused(row: Row) -> None:
    shown = Shown([row], [row], versions=len(row) > 4)
    subject = _subject(shown, row)
    controls = [*listing_controls(shown, subject, markers=True), *content_controls(shown, subject)]
    assert [(control.id, control.status) for control in controls] == [
        ("control.deleted", "passed"),
        ("control.changed", "passed"),
        ("control.truncated", "passed"),
        ("control.content", "passed"),
        ("control.content_cut", "passed"),
    ]


@pytest.mark.parametrize("row", [_row(), _row(version=b"3")])
def test_a_blind_comparison_is_found_out(row: Row) -> None:
    blind = Blind([row], [row], versions=len(row) > 4)
    subject = _subject(blind, row)
    controls = [*listing_controls(blind, subject, markers=True), *content_controls(blind, subject)]
    assert [control.status for control in controls] == ["failed"] * 5
    assert "called it the same" in controls[0].message


def test_what_is_not_the_same_or_there_twice_or_empty_is_passed_over() -> None:
    other = _row(b"other", etag=b"b" * 32)
    twice = [_row(b"twice", version=b"2"), _row(b"twice", version=b"1")]
    rows = [
        _row(b"good", version=b"1"),
        *twice,
        _row(b"only here", version=b"1"),
        _row(b"empty", version=b"1", size=b"0"),
    ]
    shown = Shown(rows, [row for row in rows if row[0] != b"only here"], versions=True)
    candidates = [Entry(row) for row in (rows[4], rows[3], twice[0], (*other, b"1", b"true"), rows[0])]
    subject = find_subject(shown, candidates, markers=True)
    assert subject is not None and subject.name == "good"
    assert find_subject(shown, candidates[:-1], markers=True) is None
    controls = [*listing_controls(shown, None, markers=True), *content_controls(shown, None)]
    assert {control.status for control in controls} == {"skipped"}, "no control is counted as one that refused"
