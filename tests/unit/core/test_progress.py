# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far work is: counted by many threads, written to a small file, and shown as one line."""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat
import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import WRITE_SECONDS, Progress, format_line
from hypothesis import given
from hypothesis import strategies as st


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "progress.json"


def read(path: pathlib.Path) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", json.loads(path.read_text(encoding="ascii")))


def snapshot(**changes: t.Any) -> dict[str, t.Any]:
    given_values = {"title": "shop/codex", "phase": "dump", "phase_title": "dumping", "unit": "bytes"}
    return {**given_values, "done": 412_000_000, "total": 1_100_000_000, "rate": 118e6, "eta_seconds": 5.8, **changes}


def test_the_file_says_what_the_work_is_at(path: pathlib.Path, clock: Clock) -> None:
    progress = Progress(str(path), "shop/codex", clock)
    progress.phase("dump", "dumping", 1000)
    clock.pass_(2)
    progress.advance(400)
    found = read(path)
    assert {key: found[key] for key in ("title", "phase", "phase_title", "done", "total", "unit")} == {
        "title": "shop/codex", "phase": "dump", "phase_title": "dumping", "done": 400, "total": 1000, "unit": "bytes",
    }  # fmt: skip
    assert (found["rate"], found["eta_seconds"]) == (200.0, 3.0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found["started_at"])
    assert found["updated_at"] > found["started_at"]


def test_only_its_owner_may_read_the_file_and_no_temporary_file_stays(path: pathlib.Path, clock: Clock) -> None:
    before = os.umask(0)
    try:
        Progress(str(path), "shop/codex", clock).phase("dump", "dumping")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_link_that_waits_at_the_temporary_name_is_not_followed(path: pathlib.Path, clock: Clock) -> None:
    victim = path.parent / "victim"
    victim.write_text("untouched")
    path.with_name(f"{path.name}.new").symlink_to(victim)
    Progress(str(path), "shop/codex", clock).phase("dump", "dumping")
    assert victim.read_text() == "untouched"
    assert read(path)["phase"] == "dump"


def test_bytes_are_written_at_most_every_half_second(path: pathlib.Path, clock: Clock) -> None:
    progress = Progress(str(path), "shop/codex", clock)
    progress.phase("dump", "dumping")
    seen = set()
    for _piece in range(80):
        clock.pass_(WRITE_SECONDS / 8)
        progress.advance(1)
        seen.add(read(path)["done"])
    assert len(seen) == 11  # 0, and one for each half second of five


def test_a_phase_is_written_at_once(path: pathlib.Path, clock: Clock) -> None:
    progress = Progress(str(path), "shop/codex", clock)
    progress.phase("snapshot", "taking the snapshot")
    progress.phase("dump", "dumping")
    assert read(path)["phase"] == "dump"
    progress.done()
    assert (read(path)["phase"], read(path)["eta_seconds"]) == ("done", 0.0)


@pytest.mark.parametrize("bad", ["/proc/no/such/folder/file", "", "/", "/tmp/nul\0byte"])
def test_a_file_that_cannot_be_written_does_not_disturb_the_work(bad: str, clock: Clock) -> None:
    progress = Progress(bad, "shop/codex", clock)
    progress.phase("dump", "dumping", 10)
    clock.pass_(1)
    progress.advance(10)
    progress.done()
    assert progress.phases() == [{"name": "dump", "title": "dumping", "seconds": 1.0, "bytes": 10}]


def test_a_file_that_cannot_take_its_place_leaves_no_temporary_file(path: pathlib.Path, clock: Clock) -> None:
    path.mkdir()
    Progress(str(path), "shop/codex", clock).phase("dump", "dumping")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_phases_remember_their_seconds_and_bytes_even_when_they_come_again(clock: Clock) -> None:
    progress = Progress(None, "shop/codex", clock)
    clock.pass_(5)
    for seconds, count in ((1.5, 10), (0.25, 7)):
        progress.phase("rows", "loading the rows", 100)
        clock.pass_(seconds)
        progress.advance(count)
        progress.phase("indexes", "making indexes")
        clock.pass_(2)
    rows = {"name": "rows", "title": "loading the rows", "seconds": 1.75, "bytes": 17}
    assert progress.phases() == [rows, {"name": "indexes", "title": "making indexes", "seconds": 4.0, "bytes": 0}]
    progress.done()
    clock.pass_(99)
    assert progress.phases()[1]["seconds"] == 4.0


class SlowCount(int):
    """A number whose addition takes a while, so that another thread comes in between reading a sum and storing it."""

    def __radd__(self, other: int) -> int:
        time.sleep(0)
        return other + int(self)


def test_no_byte_is_lost_between_threads(path: pathlib.Path) -> None:
    progress = Progress(str(path), "shop/codex")
    progress.phase("dump", "dumping", 10**6)
    ready = threading.Barrier(8)

    def work() -> None:
        ready.wait()
        for _piece in range(2_000):
            progress.advance(SlowCount(3))

    threads = [threading.Thread(target=work) for _thread in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert 0 <= read(path)["done"] <= 48_000  # whole JSON at any time
    progress.done()
    assert progress.phases()[0]["bytes"] == read(path)["done"] == 48_000


def test_counting_a_piece_costs_microseconds_at_most() -> None:
    progress = Progress(None, "shop/codex")
    progress.phase("dump", "dumping")
    best = 1.0
    for _round in range(5):  # the best of some rounds: other work on the machine does not count
        began = time.perf_counter()
        for _piece in range(20_000):
            progress.advance(262_144)
        best = min(best, (time.perf_counter() - began) / 20_000)
    assert best < 3e-6


def test_the_rate_follows_what_happens_now(clock: Clock) -> None:
    progress = Progress(None, "shop/codex", clock)
    progress.phase("dump", "dumping", 10**9)
    rates = []
    for count in [1000] * 60 + [100] * 60:
        clock.pass_(0.5)
        progress.advance(count)
        rates.append(progress.snapshot()["rate"])
    assert rates[59] == pytest.approx(2000)
    assert rates[61] > 1000 > rates[70] > rates[119]
    assert rates[119] == pytest.approx(200, rel=0.05)


@given(
    steps=st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 2**50)), max_size=30),
    total=st.none() | st.integers(0, 2**60),
)
def test_rate_and_eta_make_sense_whatever_happens(steps: list[tuple[float, int]], total: int | None) -> None:
    clock = Clock()
    progress = Progress(None, "shop/codex", clock)
    progress.phase("dump", "dumping", total)
    fastest = 0.0
    passed = moved = 0.0
    for seconds, count in steps:
        clock.pass_(seconds)
        progress.advance(count)
        passed, moved = passed + seconds, moved + count
        fastest = max(fastest, moved / WRITE_SECONDS)  # bytes are looked at every half second at most
        found = progress.snapshot()
        assert 0 <= found["rate"] <= fastest * 1.001 + 0.1
        if found["eta_seconds"] is not None:
            assert found["eta_seconds"] >= 0 and total is not None and found["done"] < total
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert format_line(found)
    assert progress.phases()[0]["seconds"] == pytest.approx(passed, abs=1e-3 + passed * 1e-6)


def test_the_line_shows_amount_rate_and_end() -> None:
    assert format_line(snapshot()) == "shop/codex  dump  [#####---------]  412 MB / ~1.1 GB  37 %   118 MB/s  ETA 6 s"


def test_an_unknown_amount_has_no_bar() -> None:
    line = format_line(
        snapshot(phase="globals", phase_title="dumping roles", total=None, done=2000, rate=0.0, eta_seconds=None)
    )
    assert line == "shop/codex  dumping roles  2.0 kB"


def test_a_standstill_shows_how_long_it_lasts_instead_of_a_rate() -> None:
    assert (
        format_line(snapshot(), 73.2)
        == "shop/codex  dump  [#####---------]  412 MB / ~1.1 GB  37 %  nothing moved for 1 min 13 s"
    )
    waiting = snapshot(total=None, done=0, phase_title="waiting for the lock")
    assert format_line(waiting, 12.4) == "shop/codex  waiting for the lock  12 s so far"


def test_more_than_was_estimated_is_never_a_hundred_percent() -> None:
    line = format_line(snapshot(done=1_200_000_000, eta_seconds=None))
    assert line == "shop/codex  dump  [##############]  1.2 GB / ~1.1 GB  99 %   118 MB/s"


def test_names_cannot_command_the_terminal() -> None:
    line = format_line(snapshot(title="shop/\x1b[2Jcodex\n", phase="d\rump"))
    assert not re.search(r"[\x00-\x1f\x7f]", line)


@given(
    done=st.integers(0, 2**60),
    total=st.none() | st.integers(0, 2**60),
    rate=st.floats(0, 1e15),
    eta=st.none() | st.floats(0, 1e12),
    idle=st.floats(0, 1e7),
    name=st.text(),
)
def test_every_snapshot_has_one_line(
    done: int, total: int | None, rate: float, eta: float | None, idle: float, name: str
) -> None:
    line = format_line(
        snapshot(done=done, total=total, rate=rate, eta_seconds=eta, title=name, phase=name or "x"), idle
    )
    assert len(line.splitlines()) <= 1
    cells = re.search(r"\[(#*)(-*)\]", line.replace(name, "")) if total and name.isalnum() else None
    assert cells is None or len(cells[1]) + len(cells[2]) == 14
    assert "100 %" not in line or "100 %" in name
