# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was listed is asked for again: what cannot be asked for is unverifiable, and whatever comes, the sums add up."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Requests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._ask_again import Facts, Settler
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    EXTRA,
    MISMATCHED,
    MISSING,
    compare_objects,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._verdict import Limits, of_tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.s3.compare.walks import A, B, compared_object

_DOUBTFUL = "a\ufffd".encode()


class MockSettler(Settler):
    """Whose servers have what a test says, under the real names."""

    def __init__(self, *sides: dict[bytes, t.Any], still_listed: bool = False) -> None:
        super().__init__(
            t.cast(t.Any, None), t.cast(t.Any, None), Requests(), Rules(), parallel=1, deadline=Deadline(60)
        )
        self.sides = sides
        self.still_listed = still_listed

    def head(self, side: int, key: bytes, version: bytes = b"") -> Facts | None:
        found = self.sides[side].get(key)
        if isinstance(found, Exception):
            raise found
        return Facts(found, {}, False, "") if found else None

    def _is_listed(self, side: int, key: bytes) -> bool:
        return self.still_listed


def _settled(settler: Settler, source: list[Row], destination: list[Row]) -> Tally:
    tally = Tally()
    tally.count_rows(0, source)
    tally.count_rows(1, destination)
    tally.add(compare_objects(source, destination), Rules())
    settler.recheck(tally, (MISSING, EXTRA, MISMATCHED), 1000)
    settler.recheck_doubtful(tally, 1000)
    assert tally.unaccounted(markers=False) == [0, 0]
    return tally


def _kinds(tally: Tally) -> dict[str, int]:
    return {kind: finding.count for kind, finding in tally.findings.items() if finding.count}


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("key", [_DOUBTFUL, b"\xff"])
def test_a_name_that_is_not_the_real_one_is_unverifiable(key: bytes, there: bool) -> None:
    row = compared_object(key)
    tally = _settled(MockSettler({}, {}), [row], [row] if there else [])
    assert _kinds(tally) == {"unverifiable": 1}
    assert of_tally(tally, Limits(ignore_extra=True)).verdict == "unknown"


def test_a_key_that_really_has_that_character_is_compared_as_any_other() -> None:
    row, other = compared_object(_DOUBTFUL), compared_object(_DOUBTFUL, B)
    same = _settled(MockSettler({_DOUBTFUL: row}, {_DOUBTFUL: row}), [row], [row])
    assert (_kinds(same), same.matched) == ({}, 1) and of_tally(same, Limits()).verdict == "in_sync"
    assert _kinds(_settled(MockSettler({_DOUBTFUL: row}, {_DOUBTFUL: other}), [row], [other])) == {"mismatched": 1}
    assert _kinds(_settled(MockSettler({_DOUBTFUL: row}, {}), [row], [])) == {"missing": 1}


def test_what_is_listed_and_not_found_is_gone_or_has_another_name() -> None:
    row = compared_object(b"k")
    gone = _settled(MockSettler({}, {}), [row], [])
    assert (_kinds(gone), gone.gone) == ({}, [1, 0]) and of_tally(gone, Limits()).verdict == "unknown"
    assert _kinds(_settled(MockSettler({}, {}, still_listed=True), [row], [])) == {"unverifiable": 1}


def test_what_may_not_be_looked_at_stops_no_other_and_is_unverifiable() -> None:
    refused = S3Error("no", hint="", code="AccessDenied", status=403, attempts=1)
    rows = [compared_object(b"a"), compared_object(b"b")]
    tally = _settled(MockSettler({b"a": refused, b"b": rows[1]}, {b"b": rows[1]}), rows, [])
    assert (_kinds(tally), tally.matched) == ({"unverifiable": 1}, 1)
    broken = S3Error("no", hint="", code="InternalError", status=500, attempts=8)
    with pytest.raises(S3Error):
        _settled(MockSettler({b"a": broken}, {}), rows[:1], [])


_KEYS = st.sampled_from([b"a", b"b", _DOUBTFUL, b"\xff"])
_LISTED = st.lists(st.builds(compared_object, _KEYS, st.sampled_from([A, B])), max_size=4, unique_by=lambda row: row[0])


@given(_LISTED, _LISTED, _LISTED, _LISTED, st.booleans())
def test_the_sums_add_up_whatever_has_happened_meanwhile(
    source: list[Row], destination: list[Row], source_now: list[Row], destination_now: list[Row], listed: bool
) -> None:
    now = ({row[0]: row for row in rows} for rows in (source_now, destination_now))
    tally = _settled(MockSettler(*now, still_listed=listed), sorted(source), sorted(destination))
    if of_tally(tally, Limits()).verdict == "in_sync":
        assert tally.matched and not _kinds(tally)
