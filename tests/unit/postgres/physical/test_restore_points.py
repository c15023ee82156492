# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore point whose name is used again and again: the newest is meant, and a server would stop at the first."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import Marker, PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Candidate
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._points import located, read_points
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import LATEST, LSN, NAME, Target
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._window import Reach
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import segment_name

SEGMENT = 16 << 20
END = 20


def candidate(name: str, first: int, marker: Marker | None = None) -> Candidate:
    content = PhysicalContent(
        server_version="17.5", major=17, system_identifier="1", timeline=1, start_lsn=f"0/{first:X}000028",
        stop_lsn=f"0/{first:X}000138", stopped_at="2026-01-15T14:30:00+00:00", segment_bytes=SEGMENT, archive="a",
        first_segment="", last_segment="", superuser="postgres", data_checksums=True, marker=marker,
    )  # fmt: skip
    names = tuple(segment_name(1, index, SEGMENT) for index in range(first, END))
    return Candidate(types.SimpleNamespace(backup_id=name), content, Reach(1, names, END * SEGMENT))


class FakeLog:
    """Restore points at positions, and which segments were read for them."""

    def __init__(self, *positions: int) -> None:
        self._positions = positions
        self.read: list[str] = []

    def points(self, text: str, *_arguments: object) -> tuple[int, ...]:
        self.read.append(text)
        return tuple(one for one in self._positions if segment_name(1, one // SEGMENT, SEGMENT) == text)


def find(log: FakeLog, target: Target, good: t.Sequence[Candidate]) -> tuple[str, Target, list[str]]:
    said: list[str] = []
    none = t.cast(t.Any, None)
    found, better = located(good[-1], good, target, t.cast(t.Any, log), none, Deadline(None), said.append)
    return found.backup.backup_id, better, said


GOOD = (candidate("new", 12), candidate("middle", 8), candidate("old", 2))
POINT = Target(NAME, "before the release")


def test_the_newest_point_is_reached_from_the_backup_before_it_without_what_is_older() -> None:
    log = FakeLog(3 * SEGMENT + 500, 10 * SEGMENT + 500)
    assert find(log, POINT, GOOD) == ("middle", POINT, [])
    assert segment_name(1, 7, SEGMENT) not in log.read and log.read[0] == segment_name(1, 19, SEGMENT)


@pytest.mark.parametrize("earlier", [9 * SEGMENT + 80, 10 * SEGMENT + 80, 8 * SEGMENT + 0x138])
def test_a_second_point_behind_the_same_backup_makes_it_a_position_and_is_said(earlier: int) -> None:
    backup, target, said = find(FakeLog(earlier, 10 * SEGMENT + 500), POINT, GOOD)
    assert (backup, target) == ("middle", Target(LSN, "0/A0001F4", lsn=10 * SEGMENT + 500))
    assert "more than one restore point before the release" in said[0] and "0/A0001F4" in said[0]


def test_a_point_before_the_backup_is_consistent_is_none_that_a_server_stops_at() -> None:
    assert find(FakeLog(8 * SEGMENT + 0x137, 10 * SEGMENT), POINT, GOOD) == ("middle", POINT, [])


def test_what_is_not_found_is_left_to_the_server_and_other_targets_are_as_they_were() -> None:
    assert find(FakeLog(), POINT, GOOD) == ("old", POINT, [])
    log = FakeLog(10 * SEGMENT)
    assert find(log, Target(LATEST), GOOD) == ("old", Target(LATEST), []) and not log.read
    own = (GOOD[0], candidate("old", 2, Marker(POINT.text, "postgres", "0/2000200", "2026-01-15T14:30:00+00:00")))
    assert find(log, POINT, own) == ("old", POINT, []) and not log.read


def test_points_are_read_as_pg_waldump_shows_them_also_from_a_segment_that_is_not_full() -> None:
    def lines() -> t.Iterator[bytes]:
        for position, name in (("0/3000090", "x"), ("0/30000F8", "before the release"), ("1/3000160", "x y")):
            yield (
                b"rmgr: XLOG        len (rec/tot):     98/    98, tx:          0, lsn: " + position.encode()
                + b", prev 0/03000028, desc: RESTORE_POINT " + name.encode() + b"\n"
            )  # fmt: skip
        raise SourceError("error in WAL record")

    assert read_points(lines(), "before the release") == (0x30000F8,)
    assert read_points(lines(), "x") == (0x3000090,)
    assert read_points(lines(), "y") == ()
