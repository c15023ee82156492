# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Heartbeats of any store: the counter never goes back, and what was published stays when the store is gone."""

from __future__ import annotations

import pathlib
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import (
    beat_once,
    beat_until,
    next_counter,
    read_published,
)
from hypothesis import given
from hypothesis import strategies as st


class MockBeater:
    """A store that takes heartbeats until it is gone."""

    def __init__(self, gone: bool = False) -> None:
        self.gone = gone
        self.taken: list[int] = []
        self.stop_after: threading.Event | None = None

    def beat(self, counter: int) -> dict[str, t.Any]:
        if self.gone:
            raise LifeboatError("it is gone")
        self.taken.append(counter)
        if self.stop_after and len(self.taken) == 2:
            self.stop_after.set()
        return {"at": "2026-11-30T03:00:00+00:00", "lsn": "0/1"}

    def close(self) -> None:
        """Nothing to close."""


@given(st.integers(0, 1 << 40), st.floats(0, 1e10), st.floats(1, 300))
def test_the_counter_never_goes_back_whatever_the_clock_does(last: int, now: float, every: float) -> None:
    assert next_counter(last, now, every) > last


def test_the_counters_of_two_stores_in_one_slot_are_the_same() -> None:
    assert next_counter(0, 1000.1, 5) == next_counter(7, 1004.9, 5) == 200


def test_a_store_that_is_gone_leaves_the_last_beat_and_says_when_it_was_tried(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "beat.json")
    beater = MockBeater()
    good = beat_once(beater, path, 1)
    beater.gone = True
    bad = beat_once(beater, path, 1)
    assert (bad.counter, bad.facts, bad.error) == (good.counter, good.facts, "it is gone")
    assert read_published(path) == bad and bad.tried_at >= good.tried_at
    assert (tmp_path / "beat.json").stat().st_mode & 0o777 == 0o644


def test_a_damaged_file_counts_as_none(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "beat.json"
    for damage in ("", "{", "[]", '{"schema": "other/1"}'):
        path.write_text(damage)
        assert read_published(str(path)).counter == 0


def test_it_beats_until_it_is_stopped(tmp_path: pathlib.Path) -> None:
    beater, stopped = MockBeater(), threading.Event()
    beater.stop_after = stopped
    beat_until(beater, str(tmp_path / "beat.json"), 1, stopped)
    assert len(beater.taken) == 2 and beater.taken[1] > beater.taken[0]
