# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a chunk is acknowledged: at once, later, or just in time."""

from __future__ import annotations

import collections.abc

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._intake import Intake
from hypothesis import given
from hypothesis import strategies as st

_CHUNK = 100


class Scene:
    """An intake with a clock that stands still, and the acknowledgements that went out."""

    def __init__(self, **options: int) -> None:
        self.now = 1000.0
        self.calls: list[list[bytes]] = []
        bounds = {"soft_bytes": 300, "hard_bytes": 600, **options}
        self.intake = Intake(self._sent, ack_seconds=2.0, clock=lambda: self.now, **bounds)
        self.put_chunks = 0

    def _sent(self, acks: collections.abc.Sequence[bytes]) -> None:
        self.calls.append(list(acks))

    @property
    def acked(self) -> list[bytes]:
        return [ack for call in self.calls for ack in call]

    def put(self, size: int = _CHUNK) -> None:
        self.put_chunks += 1
        self.intake.put(bytes(size), b"%d" % self.put_chunks)


def test_chunks_are_acknowledged_at_once_while_little_waits() -> None:
    scene = Scene()
    for _number in range(3):
        scene.put()
    assert scene.acked == [b"1", b"2", b"3"]


def test_chunks_beyond_the_soft_bound_are_acknowledged_when_others_were_taken() -> None:
    scene = Scene()
    for _number in range(5):
        scene.put()
    assert scene.acked == [b"1", b"2", b"3"]
    assert scene.intake.holding
    scene.intake.take()
    assert scene.acked == [b"1", b"2", b"3"]
    scene.intake.take()
    assert scene.acked == [b"1", b"2", b"3", b"4", b"5"]
    assert not scene.intake.holding


def test_one_acknowledgement_goes_out_in_time_though_nothing_is_taken() -> None:
    scene = Scene()
    for _number in range(5):
        scene.put()
    scene.now += 1.9
    scene.intake.tick()
    assert len(scene.acked) == 3
    scene.now += 0.2
    scene.intake.tick()
    scene.intake.tick()
    assert scene.acked[3:] == [b"4"]


def test_beyond_the_hard_bound_nothing_is_acknowledged() -> None:
    scene = Scene()
    for _number in range(7):
        scene.put()
    scene.now += 60
    scene.intake.tick()
    assert len(scene.acked) == 3
    assert scene.intake.most_bytes == 700


def test_late_acknowledgements_make_up_the_bytes_that_old_servers_count() -> None:
    scene = Scene(late_bytes=101)
    for size in (300, 10, 40, 100, 100):
        scene.put(size)
    assert scene.acked == [b"1"]
    scene.now += 3
    scene.intake.tick()
    assert scene.acked == [b"1", b"2", b"3", b"4"]


def test_acknowledgements_go_together_unless_time_presses() -> None:
    scene = Scene(together=3)
    scene.put(10)
    scene.put(10)
    assert scene.calls == []
    scene.put(10)
    assert scene.calls == [[b"1", b"2", b"3"]]
    scene.put(10)
    scene.now += 2.5
    scene.intake.tick()
    assert scene.calls[1:] == [[b"4"]]


def test_the_last_chunk_has_nothing_to_acknowledge_and_the_end_comes_after_all_pieces() -> None:
    scene = Scene()
    scene.intake.put(b"last", b"")
    scene.intake.end()
    assert (scene.intake.take(), scene.intake.take(), scene.calls) == (b"last", b"", [])


def test_an_error_comes_after_the_pieces_before_it() -> None:
    scene = Scene()
    scene.put()
    scene.intake.end(ValueError("broken"))
    assert scene.intake.take() == bytes(_CHUNK)
    with pytest.raises(ValueError, match="broken"):
        scene.intake.take()


@given(st.lists(st.sampled_from(["put", "take", "tick", "wait"]), max_size=300), st.integers(1, 4))
def test_memory_stays_within_the_bounds_whatever_happens(steps: list[str], together: int) -> None:
    """The server is one that sends while fewer than its window of 5 chunks are unacknowledged."""
    scene, window = Scene(together=together), 5
    taken = 0
    for step in steps:
        if step == "put" and scene.put_chunks - len(scene.acked) < window:
            scene.put()
        elif step == "take" and taken < scene.put_chunks:
            taken += 1
            scene.intake.take()
        elif step == "tick":
            scene.intake.tick()
        elif step == "wait":
            scene.now += 1.5
            scene.intake.tick()
        assert scene.acked == [b"%d" % number for number in range(1, len(scene.acked) + 1)]
        assert scene.intake.waiting_bytes <= 600 + (window + 1) * _CHUNK
