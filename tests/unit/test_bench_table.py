# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark's table: which way each bar goes."""

from __future__ import annotations

import pathlib

import pytest

from tests.bench import against, measure, table


def _figures(**seconds: float) -> dict[str, table.Figures]:
    return {name: table.Figures((value,) * 3, 150_000_000) for name, value in seconds.items()}


@pytest.mark.parametrize(("ours", "met"), [(2.4, True), (2.5, False)])
def test_a_backup_has_to_be_so_many_times_faster_than_the_classic_script(ours: float, met: bool) -> None:
    lines = table.conclude(["classic"], _figures(**{table.CLASSIC: 9.9, table.BACKUP_1: ours, table.BACKUP_2: 1.0}))
    assert [line.met for line in lines] == [met, True]
    assert lines[0].figure == pytest.approx(9.9 / ours)


@pytest.mark.parametrize(("ours", "met"), [(7.0, True), (8.0, False)])
def test_a_restore_may_take_so_much_of_the_time_of_one_stream(ours: float, met: bool) -> None:
    lines = table.conclude(["restore"], _figures(**{table.RESTORE: ours, table.DIRECTORY: 10.0, table.STREAM: 10.0}))
    assert [line.met for line in lines] == [True, met]


def test_the_highest_peak_of_memory_counts() -> None:
    figures = _figures(**{table.BACKUP_1: 1.0, table.BACKUP_2: 1.0, table.RESTORE: 1.0})
    figures[table.BACKUP_2] = table.Figures((1.0,), 201_000_000)
    (line,) = table.conclude(["memory"], figures)
    assert not line.met
    assert line.ours == "201 MB"


def test_the_median_of_the_rounds_counts() -> None:
    assert table.Figures((9.0, 1.0, 2.0), 0).median == 2.0


def test_only_what_the_chosen_rows_compare_is_measured() -> None:
    assert table.needed(["again"]) == {table.AGAIN}
    assert table.needed(["limit"]) == {table.BARE, table.BACKUP_1, table.BACKUP_2}


def test_rates_are_compared_where_the_peer_did_less_work() -> None:
    row = table.Row("far", "restore", "faster", ("ours",), "peer", 60, "MB")
    figures = {"ours": table.Figures((2.0,), 0, 1000.0), "peer": table.Figures((10.0,), 0, 50.0)}
    (line,) = table.conclude(["far"], figures, [row])
    assert line.figure == pytest.approx(100) and line.met
    assert (line.ours, line.peer) == ("500.0 MB/s", "peer: 5.0 MB/s")


@pytest.mark.parametrize(("seconds", "met"), [(1.0, True), (1.1, False)])
def test_a_rate_has_to_be_reached(seconds: float, met: bool) -> None:
    row = table.Row("verify", "verification", "rate", ("ours",), "", 100_000, "messages")
    (line,) = table.conclude(["verify"], {"ours": table.Figures((seconds,), 0, 100_000.0)}, [row])
    assert line.met == met
    assert row.bar_text == "at least 100,000 messages/s"


@pytest.mark.parametrize(("heads", "met"), [(0, True), (1, False)])
def test_a_count_may_not_be_passed(heads: int, met: bool) -> None:
    row = table.Row("listing", "heads", "count", ("ours",), "", 0, "heads")
    (line,) = table.conclude(["listing"], {"ours": table.Figures((1.0,), 0, heads)}, [row])
    assert line.met == met
    assert line.ours == f"{heads} heads"


def test_what_another_commit_took_stands_beside_what_it_takes_now() -> None:
    now, then = table.Figures((1.0, 3.0, 2.0), 50, cpu_seconds=1.5), table.Figures((4.0,), 100, cpu_seconds=2.0)
    figures = {"pg_backup": now, "pg_backup, at abc": then, "age": now}
    lines = table.render_against(figures, "abc", lambda name: f"{name}, at abc").splitlines()
    assert len(lines) == 3 and "at abc" in lines[0]
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == [
        "pg_backup", "2.00 s", "4.00 s", "0.50", "0.75", "0.50",
    ]  # fmt: skip


def test_only_what_is_ours_runs_with_other_modules_too() -> None:
    seen: list[pathlib.Path | None] = []

    def work() -> measure.Run:
        seen.append(measure.collections_of_modules)
        return measure.Run(1.0, 1, "")

    other = against.Against("abc", pathlib.Path("/then"))
    contestants = [measure.Contestant("pg_backup, jobs 1", work), measure.Contestant("rclone check", work)]
    runs = measure.take_turns(measure.with_twins(contestants, other), 1, lambda _text: None, warm_up=False)
    assert list(runs) == ["pg_backup, jobs 1", "pg_backup, jobs 1, at abc", "rclone check"]
    assert seen == [None, pathlib.Path("/then"), None]
    assert measure.with_twins(contestants, None) == contestants
