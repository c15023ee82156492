# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A function of ours in a process beside us, which is a new Python."""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import os
import pathlib
import select
import signal
import subprocess
import sys
import textwrap
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency import _own_process

_WORK = """
import os, sys

def main(number=0, fd=-1):
    if number == 1:
        raise RuntimeError("the reason why")
    if number == 2:
        os.kill(os.getpid(), 9)
    if number == 3:
        there = os.path.exists(f"/proc/self/fd/{fd}") and os.readlink(f"/proc/self/fd/{fd}")
        os.write(1, b"it" if str(there).startswith("pipe:") else b"nothing")
        return
    while data := os.read(0, 100):
        os.write(1, data.upper())
"""


@pytest.fixture(autouse=True)
def work(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module ``work`` for the process."""
    (tmp_path / "work.py").write_text(_WORK, encoding="ascii")
    monkeypatch.syspath_prepend(str(tmp_path))


@contextlib.contextmanager
def running(*numbers: int, **fds: t.Collection[int]) -> t.Iterator[_own_process.OwnProcess]:
    """One that runs as long as this lasts."""
    process = _own_process.start("work", *numbers, **fds)
    try:
        yield process
    finally:
        process.close()


def test_it_answers_and_ends_with_its_input() -> None:
    with running() as process:
        process.stdin.write(b"hello")
        assert process.stdout.read(5) == b"HELLO" and process.poll() is None
        process.stdin.close()
        assert (process.wait(), process.poll(), process.stdout.read()) == (0, 0, b"")


def test_what_it_raised_is_told_after_its_end() -> None:
    with running(1) as process:
        assert process.wait() == 1 and process.words().splitlines()[-1] == "RuntimeError: the reason why"
    assert process.words() == ""


def test_a_killed_one_tells_its_signal_and_may_be_killed_again() -> None:
    with running() as process:
        process.kill()
        process.kill()
        assert (process.wait(), process.wait(), process.words()) == (-signal.SIGKILL, -signal.SIGKILL, "")
    with running(2) as process:
        assert process.wait() == -signal.SIGKILL


def test_many_threads_may_end_it_at_the_same_time() -> None:
    def end(process: _own_process.OwnProcess, together: threading.Barrier) -> int:
        together.wait()
        process.kill()
        return process.wait()

    for _turn in range(20):
        with running() as process, concurrent.futures.ThreadPoolExecutor(4) as pool:
            together = threading.Barrier(4)
            ends = [pool.submit(end, process, together) for _number in range(4)]
            assert {future.result() for future in ends} == {-signal.SIGKILL}


def test_it_gets_the_descriptors_that_it_is_given_and_no_others() -> None:
    pipe = os.pipe()
    try:
        for mine, answer in ((pipe[0], b"it"), (pipe[1], b"nothing")):
            with running(3, mine, pass_fds=[pipe[0]]) as process:
                assert process.stdout.read(10) == answer
    finally:
        os.close(pipe[0])
        os.close(pipe[1])


def test_an_older_one_ends_with_its_input_although_a_younger_one_lives() -> None:
    with running() as older, running():
        older.stdin.close()
        assert older.wait() == 0


def test_a_lock_of_the_caller_ends_with_the_caller(tmp_path: pathlib.Path) -> None:
    with (
        open(tmp_path / "lock", "w", encoding="ascii") as mine,
        open(tmp_path / "lock", "w", encoding="ascii") as other,
    ):
        fcntl.flock(mine, fcntl.LOCK_EX)
        with running() as process:
            process.stdin.write(b"x")
            assert process.stdout.read(1) == b"X"
            mine.close()
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_nothing_of_the_caller_goes_on_in_it(capfd: pytest.CaptureFixture[str]) -> None:
    sys.stdout.write("once")
    with running(1) as process:
        process.wait()
    sys.stdout.flush()
    assert capfd.readouterr() == ("once", "")


def test_other_threads_of_the_caller_are_no_hindrance() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        with running() as process:
            process.stdin.write(b"x")
            assert process.stdout.read(1) == b"X"
    finally:
        ended.set()
        thread.join()


def test_they_end_when_their_parent_is_killed(tmp_path: pathlib.Path) -> None:
    code = f"""
        import sys, time
        sys.path[:] = {[str(tmp_path), *sys.path]!r}
        from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency import _own_process
        kept = [_own_process.start("work") for _number in range(3)]
        print(*(process.pid for process in kept), flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
        assert len(pids) == 3 and parent.stdout.read() == b"", "they have not kept its output open"
    for pid in pids:
        _until_gone(pid)


def _until_gone(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        fd = os.pidfd_open(pid)
        try:
            assert select.select([fd], [], [], 30)[0], "it still runs"
        finally:
            os.close(fd)
