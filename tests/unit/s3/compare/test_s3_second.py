# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A walk of which somebody else has half. The second one is a mock: another walk in a thread."""

from __future__ import annotations

import threading
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY, Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._pair import Walk
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._second import WalkHelper
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._shards import Range
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Tally

from tests.unit.s3.compare.walks import compared_object, walk

_ROWS = [compared_object(b"%02x/%03d" % (number % 64, number)) for number in range(4000)]
_ROWS.sort(key=lambda row: row[KEY])
_THEIRS = [row for row in _ROWS if row[KEY] not in (_ROWS[7][KEY], _ROWS[3900][KEY])]


class MockWalkHelper(WalkHelper):
    """``how``: ``works``, ``never ready``, ``cannot start`` or ``fails`` after it was given its ranges."""

    def __init__(self, how: str) -> None:
        self._how = how
        self._walk: Walk | None = None
        self._thread: threading.Thread | None = None
        self.given: list[Range] = []
        self.started = self.widened = self.closed = False

    @property
    def ready(self) -> bool:
        return self.started and self._how in ("works", "fails")

    @property
    def ended(self) -> bool:
        if self._how == "cannot start":
            return self.started
        return bool(self.given) and (self._how == "fails" or self._thread is not None and not self._thread.is_alive())

    def start(self) -> None:
        self.started = True

    def take(self, ranges: t.Sequence[Range]) -> None:
        assert not self.given
        self.given = list(ranges)
        if self._how == "works":
            other = self._walk = walk(_ROWS, _THEIRS, 10, 4)
            self._thread = threading.Thread(target=lambda: other.run(self.given))
            self._thread.start()

    def widen(self) -> None:
        self.widened = True

    def state(self) -> tuple[list[Range], Tally]:
        return self._walk.parts() if self._walk else (self.given, Tally())

    def result(self) -> Tally:
        if self._walk is None:
            raise RepositoryError("The second one failed.")
        return self._walk.tally

    def close(self) -> None:
        self.closed = True


def _missing(tally: Tally) -> list[bytes]:
    return sorted(entry.row[KEY] for entry in tally.findings["missing"].kept)


@pytest.mark.parametrize("how", ["works", "never ready", "cannot start"])
def test_every_key_is_counted_once_whoever_walks_it(how: str) -> None:
    second = MockWalkHelper(how)
    tally = walk(_ROWS, _THEIRS, 10, 8, second=second).run()
    assert tally.objects == [len(_ROWS), len(_THEIRS)] and tally.matched == len(_THEIRS)
    assert _missing(tally) == [_ROWS[7][KEY], _ROWS[3900][KEY]]
    assert bool(second.given) is (how == "works") and second.widened is (how == "works") and second.closed


def test_what_a_second_one_that_failed_had_left_is_walked_by_the_next_run() -> None:
    second = MockWalkHelper("fails")
    ended = walk(_ROWS, _THEIRS, 10, 8, second=second)
    with pytest.raises(RepositoryError, match="second one failed"):
        ended.run()
    assert second.closed and 0 < ended.tally.objects[0] < len(_ROWS)
    following = walk(_ROWS, _THEIRS, 10, 8)
    tally = following.run(following.resume(ended.state()))
    assert tally.objects == [len(_ROWS), len(_THEIRS)] and _missing(tally) == [_ROWS[7][KEY], _ROWS[3900][KEY]]


def test_a_second_one_is_not_started_for_what_one_page_holds() -> None:
    second = MockWalkHelper("works")
    few: list[Row] = _ROWS[:9]
    assert walk(few, few, 10, 8, second=second).run().matched == 9
    assert not second.started and second.closed
