# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prefetching, works side by side, and time limits."""

from __future__ import annotations

import threading
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close, prefetch
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import CancelledError, Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, SourceError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

pytestmark = pytest.mark.usefixtures("no_thread_survives")


class Watched:
    """A generator that notes where it was closed and how many pieces were asked of it."""

    def __init__(self, pieces: t.Iterable[t.Any], error: BaseException | None = None) -> None:
        self.asked = 0
        self.closed = threading.Event()
        self.thread = ""
        self._pieces = pieces
        self._error = error

    def __call__(self) -> t.Iterator[t.Any]:
        try:
            for piece in self._pieces:
                self.asked += 1
                self.thread = threading.current_thread().name
                yield piece
            if self._error is not None:
                raise self._error
        finally:
            self.closed.set()


@given(st.lists(st.integers() | st.none()), st.integers(1, 4))
@settings(max_examples=examples(25), deadline=None)
def test_the_same_pieces_come_in_the_same_order(pieces: list[int | None], depth: int) -> None:
    assert list(prefetch(iter(pieces), depth)) == pieces


def test_pieces_are_made_by_a_thread_that_runs_ahead_only_so_far() -> None:
    source = Watched(range(100))
    pieces = prefetch(source(), 3, "ahead")
    assert next(pieces) == 0
    time.sleep(0.05)
    assert source.thread == "ahead"
    assert 4 <= source.asked <= 5  # one taken, three waiting, one in the thread's hand
    close(pieces)


@pytest.mark.parametrize("error", [SourceError("pg_dump failed"), ValueError("x"), KeyboardInterrupt()])
def test_an_error_comes_out_unchanged_after_the_pieces_before_it(error: BaseException) -> None:
    pieces = prefetch(Watched([1, 2], error)())
    assert [next(pieces), next(pieces)] == [1, 2]
    with pytest.raises(type(error)) as raised:
        next(pieces)
    assert raised.value is error


def test_closing_early_stops_the_thread_and_closes_the_source() -> None:
    source = Watched(iter(int, 1))
    pieces = prefetch(source(), 2)
    next(pieces)
    close(pieces)
    assert source.closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_what_has_nothing_to_close_is_left_alone() -> None:
    close(iter([1]))


def test_results_come_in_the_order_of_the_works() -> None:
    def slow() -> int:
        time.sleep(0.05)
        return 1

    assert together([slow, lambda: 2, lambda: 3], 2, Deadline()) == [1, 2, 3]


def test_no_more_works_run_at_once_than_there_are_jobs() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    together([work] * 8, 2, Deadline())
    assert most == 2


@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_first_error_ends_the_others_and_is_the_one_that_is_raised(position: int) -> None:
    deadline = Deadline()
    ended = []

    def waits() -> None:
        try:
            while True:
                deadline.check("Waiting")
                time.sleep(0.01)
        except CancelledError:
            ended.append(1)
            raise

    def fails() -> None:
        time.sleep(0.03)
        raise SourceError("this one")

    works: list[t.Callable[[], None]] = [waits, waits]
    works.insert(position, fails)
    with pytest.raises(SourceError, match="this one"):
        together(works, 3, deadline)
    assert len(ended) == 2


def test_without_a_limit_there_is_always_time() -> None:
    for deadline in (Deadline(), Deadline(0), Deadline(None)):
        assert deadline.remaining(7.5) == 7.5
        deadline.check("Anything")


def test_a_limit_that_is_over_says_what_was_being_done() -> None:
    deadline = Deadline(0.01)
    assert 0 < deadline.remaining(5) <= 0.01
    time.sleep(0.02)
    assert deadline.remaining(5) == 0.0
    with pytest.raises(DeadlineError, match=r"^Storing x was stopped: the time limit of 0\.01 s is over") as raised:
        deadline.check("Storing x")
    assert not isinstance(raised.value, CancelledError)


def test_a_cancelled_one_is_over_before_its_time() -> None:
    deadline = Deadline(1000)
    deadline.check("Storing x")
    deadline.cancel()
    with pytest.raises(CancelledError, match="another part of the same work failed"):
        deadline.check("Storing x")
