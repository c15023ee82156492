# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a base backup can be brought: over holes, over timelines, and not at all."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _window
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import Switch

SEGMENT = 16 << 20


def content(timeline: int = 1, start: str = "0/2000028", stop: str = "0/2000138") -> PhysicalContent:
    return PhysicalContent(
        server_version="17.5", major=17, system_identifier="1", timeline=timeline, start_lsn=start, stop_lsn=stop,
        stopped_at="2026-01-15T14:30:00+00:00", segment_bytes=SEGMENT, archive="a", first_segment="", last_segment="",
        superuser="postgres", data_checksums=True,
    )  # fmt: skip


def follow(one: PhysicalContent, timeline: int, histories: dict[int, tuple[Switch, ...]], there: set[tuple[int, int]]):  # type: ignore[no-untyped-def]
    return _window.reach(_window.stretches(one, timeline, histories), there, SEGMENT)


def test_a_log_without_a_hole_is_followed_to_its_end() -> None:
    found = follow(content(), 1, {}, {(1, 1), (1, 2), (1, 3), (1, 4)})
    assert found.names == ("000000010000000000000002", "000000010000000000000003", "000000010000000000000004")
    assert (found.end, found.missing) == (5 * SEGMENT, "") and _window.covers(found, content())


def test_a_hole_ends_it_and_is_named_only_where_there_is_more_behind_it() -> None:
    found = follow(content(), 1, {}, {(1, 2), (1, 3), (1, 5)})
    assert (found.end, found.missing) == (4 * SEGMENT, "000000010000000000000004")
    assert follow(content(), 1, {}, {(1, 2), (1, 3)}).missing == ""


def test_a_backup_whose_own_log_is_missing_is_not_covered() -> None:
    long = content(stop="0/3000100")
    for there in (set(), {(1, 3)}, {(1, 2)}):
        assert not _window.covers(follow(long, 1, {}, there), long)
    assert _window.covers(follow(long, 1, {}, {(1, 2), (1, 3)}), long)


def test_the_segment_in_which_a_timeline_was_left_is_read_from_the_next_one() -> None:
    histories = {2: (Switch(1, 4 * SEGMENT + 4096),)}
    found = follow(content(), 2, histories, {(1, 2), (1, 3), (2, 4), (2, 5)})
    assert found.names == tuple(f"0000000{timeline}000000000000000{index}" for timeline, index in
                                ((1, 2), (1, 3), (2, 4), (2, 5)))  # fmt: skip
    assert (found.timeline, found.missing) == (2, "")
    gap = follow(content(), 2, histories, {(1, 2), (2, 4), (2, 5)})
    assert gap.missing == "000000010000000000000003"


def test_a_backup_of_a_later_timeline_needs_nothing_of_the_one_before() -> None:
    histories = {3: (Switch(1, 4 * SEGMENT), Switch(2, 8 * SEGMENT)), 2: (Switch(1, 4 * SEGMENT),)}
    found = follow(content(2, "0/5000028", "0/5000138"), 3, histories, {(2, 5), (2, 6), (2, 7), (3, 8)})
    assert found.end == 9 * SEGMENT and not found.missing
    whole = follow(content(), 3, histories, {(1, 2), (1, 3), (2, 4), (2, 5), (2, 6), (2, 7), (3, 8)})
    assert len(whole.names) == 7


def test_a_timeline_that_left_before_the_backup_was_consistent_is_refused() -> None:
    with pytest.raises(LifeboatError, match="was left at 0/2000100, before the base backup was consistent"):
        _window.stretches(content(), 2, {2: (Switch(1, 0x2000100),)})
    for histories in ({}, {2: ()}, {3: (Switch(2, SEGMENT),)}):
        with pytest.raises(LifeboatError, match="Timeline 2 does not come from timeline 1"):
            _window.stretches(content(), 2, histories)


def test_the_latest_timeline_is_the_one_a_server_would_find() -> None:
    assert _window.latest_timeline(1, {}) == 1
    assert _window.latest_timeline(1, {2: (), 3: (), 5: ()}) == 3
