# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a restored stream's replicas count as current: when all are called so, for as long as what is under way to them
may take.
"""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import StreamInfo
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore import _afterwards


class Cluster:
    """A session with a stream of three replicas.

    ``late`` says from which second until which the second replica is not current.
    """

    def __init__(self, late: t.Sequence[tuple[float, float]] = (), *, replicas: int = 3) -> None:
        self.now = 100.0
        self._late = late
        self._replicas = replicas

    def stream(self, _name: str) -> StreamInfo:
        current = not any(begin <= self.now - 100 < end for begin, end in self._late)
        replicas = [{"name": "n2", "current": current}, {"name": "n3", "current": True}][: self._replicas - 1]
        return StreamInfo(
            {
                "config": {"name": "GH", "num_replicas": self._replicas},
                "cluster": {"leader": "n1", "replicas": replicas},
            }
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def seconds_waited(
        self, monkeypatch: pytest.MonkeyPatch, *, size: int = 1000, limit: float = 600, just_restored: bool = True
    ) -> float:
        monkeypatch.setattr(_afterwards.time, "monotonic", lambda: self.now)
        plan: t.Any = types.SimpleNamespace(name="GH", stream=types.SimpleNamespace(bytes=size))
        session: t.Any = self
        _afterwards.wait_for_replicas(session, plan, self.sleep, limit, just_restored=just_restored)
        return self.now - 100


def test_a_stream_without_replicas_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Cluster(replicas=1).seconds_waited(monkeypatch) == 0


def test_replicas_that_are_called_current_before_they_have_begun_to_fetch_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Cluster([(0.3, 8)]).seconds_waited(monkeypatch) == pytest.approx(9, abs=0.2)


@pytest.mark.parametrize(("size", "seconds"), [(1000, 1), (32 << 20, 2), (10 << 30, 3)])
def test_what_is_under_way_has_time_to_arrive(size: int, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Cluster([(0, 5)]).seconds_waited(monkeypatch, size=size) == pytest.approx(5 + seconds, abs=0.2)


def test_a_stream_that_was_there_before_is_waited_for_only_where_one_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Cluster().seconds_waited(monkeypatch, just_restored=False) == 0
    assert Cluster([(0, 2)]).seconds_waited(monkeypatch, just_restored=False) == pytest.approx(3, abs=0.2)


def test_a_replica_that_stays_behind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        LifeboatError, match="GH is restored, but not all of its replicas are current: n2. Run the same task again"
    ) as caught:
        Cluster([(0, 99)]).seconds_waited(monkeypatch, limit=10)
    assert "replicas_timeout" in caught.value.hint


def test_messages_that_a_server_takes_from_its_sources_once_more_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, warnings = Cluster(), t.cast("list[str]", [])
    monkeypatch.setattr(_afterwards.time, "monotonic", lambda: cluster.now)
    for last, words in ((65, ""), (125, "ALL has 60 messages beyond the last one of the backup (65)")):
        info = StreamInfo({"config": {"name": "ALL"}, "state": {"last_seq": last}})
        session: t.Any = types.SimpleNamespace(stream=lambda _name, info=info: info)
        plan: t.Any = types.SimpleNamespace(name="ALL", stream=types.SimpleNamespace(name="ALL", last_sequence=65))
        _afterwards.warn_of_more(session, plan, cluster.sleep, warnings.append)
        assert words in " ".join(warnings) and bool(words) == bool(warnings)
