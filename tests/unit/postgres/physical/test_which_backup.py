# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which base backups and which log a target is for, and when a time is refused before anything is restored."""

from __future__ import annotations

import datetime
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import LATEST, TIME, Target
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._window import Reach


def at(hour: int, minute: int = 0) -> datetime.datetime:
    return datetime.datetime(2026, 1, 15, hour, minute, tzinfo=datetime.UTC)


def content(hour: int = 12, archive: str = "a", system: str = "1") -> PhysicalContent:
    return PhysicalContent(
        server_version="17.5", major=17, system_identifier=system, timeline=1, start_lsn="0/2000028",
        stop_lsn="0/2000138", stopped_at=at(hour).isoformat(), segment_bytes=16 << 20, archive=archive,
        first_segment="", last_segment="", superuser="postgres", data_checksums=True,
    )  # fmt: skip


def backup(hour: int, archive: str, system: str = "1") -> t.Any:
    plain = to_plain(content(hour, archive, system))
    return types.SimpleNamespace(backup_id=f"at-{hour}", manifest=types.SimpleNamespace(content=plain))


def moment(when: datetime.datetime) -> Target:
    return Target(TIME, when.isoformat(), moment=when)


@pytest.mark.parametrize("before", [("old", "1"), ("a", "2")])
def test_a_moment_before_a_promotion_or_an_upgrade_is_in_the_log_of_the_cluster_before_it(
    before: tuple[str, str],
) -> None:
    backups = [backup(16, "a"), backup(15, "a"), backup(12, *before), backup(10, *before)]

    def chosen(target: Target) -> list[str]:
        return [one.backup_id for one in _plan.group_for(backups, target)]

    assert chosen(moment(at(14, 30))) == ["at-12", "at-10"]
    assert chosen(moment(at(15, 1))) == ["at-16", "at-15"]
    assert chosen(moment(at(9))) == ["at-16", "at-15"]  # where it is refused
    assert chosen(Target(LATEST)) == ["at-16", "at-15"]


class FakeLog:
    """A log whose last commit is known, or lies further back than anybody looks."""

    def __init__(self, last: datetime.datetime | None, *, whole: bool) -> None:
        self._last, self._whole = last, whole

    def last_commit(self, *_arguments: object) -> datetime.datetime | None:
        return self._last

    def searched_whole(self, _found: Reach) -> bool:
        return self._whole


def checked(last: datetime.datetime | None, when: datetime.datetime, *, whole: bool = True) -> _plan.Plan:
    candidate = _plan.Candidate(t.cast(t.Any, backup(10, "a")), content(10), Reach(1, (), 16 << 20))
    log = t.cast(t.Any, FakeLog(last, whole=whole))
    return _plan.checked(candidate, moment(when), log, t.cast(t.Any, None), Deadline(None))


def test_a_time_needs_a_later_commit_at_which_a_server_stops() -> None:
    assert checked(at(14), at(13)).last_commit == at(14)
    for when, words in ((at(14), "is at the last commit"), (at(15), "is after the last commit")):
        with pytest.raises(OptionError, match=words):
            checked(at(14), when)
    with pytest.raises(OptionError, match="which has none"):
        checked(None, at(13))


def test_one_transaction_that_fills_the_end_of_the_log_refuses_no_earlier_moment() -> None:
    """A load of gigabytes at the end hid every commit, so that each time was called later than the last of them."""
    assert checked(None, at(13), whole=False).last_commit is None
    names = tuple(f"{number:024X}" for number in range(201))
    assert not _plan.Log.searched_whole(Reach(1, names, 0))
    assert _plan.Log.searched_whole(Reach(1, names[1:], 0))
