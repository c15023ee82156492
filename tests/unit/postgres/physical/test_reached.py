# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server says of its recovery is believed only where it is what was asked."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._reached import failure, judge
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import (
    CHOICES,
    Target,
    read_target,
)

SEGMENT = 16 << 20
DONE = "LOG:  redo done at 0/5000110 system usage: CPU\nLOG:  last completed transaction was at log time {}\n"


def target(**given: t.Any) -> Target:
    return read_target({**dict.fromkeys(CHOICES), "target_timeline": "latest", **given})


GOOD = [
    ({"target_time": "2026-01-15T14:30:00+01:00"},
     "LOG:  recovery stopping before commit of transaction 745, time 2026-01-15 13:30:00.5+00\n"
     + DONE.format("2026-01-15 13:29:59.25+00")),
    ({"target_time": "2026-01-15T13:30:00Z"},
     "LOG:  recovery stopping before abort of transaction 745, time 2026-01-15 13:30:01 UTC\n"),
    ({"target_name": "it's here"},
     'LOG:  recovery stopping at restore point "it\'s here", time 2026-01-15 13:30:00+00\n'),
    ({"target_lsn": "0/5000000"}, 'LOG:  recovery stopping after WAL location (LSN) "0/5000028"\n'),
    ({"target_xid": "745"}, "LOG:  recovery stopping after commit of transaction 745, time 2026-01-15 13:30:00+00\n"),
    ({"target": "immediate"}, "LOG:  recovery stopping after reaching consistency\n"),
    ({"target": "latest"}, DONE.format("2026-01-15 13:30:00+00")),
]  # fmt: skip
BAD = [
    ({"target_time": "2026-01-15T14:30:00+01:00"},
     "LOG:  recovery stopping before commit of transaction 745, time 2026-01-15 13:29:00+00\n"),
    ({"target_time": "2026-01-15T14:30:00+01:00"},
     "LOG:  recovery stopping before commit of transaction 745, time 2026-01-15 13:31:00+00\n"
     + DONE.format("2026-01-15 13:30:30+00")),
    ({"target_time": "2026-01-15T14:30:00+01:00"}, DONE.format("2026-01-15 13:20:00+00")),
    ({"target_name": "x"}, 'LOG:  recovery stopping at restore point "xy", time 2026-01-15 13:30:00+00\n'),
    ({"target_lsn": "0/5000000"}, 'LOG:  recovery stopping after WAL location (LSN) "0/4FFFFFF"\n'),
    ({"target_xid": "745"}, "LOG:  recovery stopping after commit of transaction 7450, time 2026-01-15 13:30:00+00\n"),
    ({"target": "immediate"}, DONE.format("2026-01-15 13:30:00+00")),
    ({"target": "latest"}, "LOG:  redo done at 0/4000110 system usage: CPU\n"),
    ({"target": "latest"}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("given", "said"), GOOD)
def test_what_was_asked_for_is_recognised(given: dict[str, t.Any], said: str) -> None:
    assert judge(target(**given), said, 6 * SEGMENT, SEGMENT).words


@pytest.mark.parametrize(("given", "said"), BAD)
def test_anything_else_is_an_error(given: dict[str, t.Any], said: str) -> None:
    with pytest.raises(LifeboatError, match="The recovery was to stop at"):
        judge(target(**given), said, 6 * SEGMENT, SEGMENT)


def test_an_error_of_ours_stands_before_the_servers() -> None:
    said = "lifeboat-wal: fetch 0001 failed: the repository is gone.\nFATAL:  could not restore file\n"
    assert "the repository is gone" in str(failure(said, target(target="latest")))
    ended = "FATAL:  recovery ended before configured recovery target was reached\n"
    assert "target_xid 7 is not in it" in str(failure(ended, target(target_xid="7")))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "No target is given"),
        ({"target": "latest", "target_xid": "1"}, "exactly one"),
        ({"target_time": "2026-01-15T14:30"}, "no time zone"),
        ({"target_time": "half past two"}, "not a point in time"),
        ({"target_lsn": "1"}, "not a position"),
        ({"target_xid": "-1"}, "not a transaction id"),
        ({"target_name": "x" * 64}, "longer than"),
        ({"target": "latest", "target_timeline": "0"}, "not a timeline"),
    ],
)
def test_what_is_not_a_target_is_refused(given: dict[str, t.Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        target(**given)


def test_the_setting_that_counts_comes_after_those_that_are_empty() -> None:
    settings = list(target(target_xid="745").settings("pause").items())
    assert settings[-1] == ("recovery_target_xid", "745")
    assert ("recovery_target_action", "pause") in settings and ("recovery_target_time", "") in settings
