# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the controller makes of a background job: which lines it shows, what it takes for an end, and the shell commands
it uses.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import itertools
import json
import os
import pathlib
import secrets
import shlex
import signal
import stat
import subprocess
import sys
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._follower import Follower, LostConnectionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._narrator import Narrator
from ansible_collections.lifeboat.dr.plugins.plugin_utils._remote_job import Ended, RemoteJob, State
from hypothesis import given
from hypothesis import strategies as st

JOB = RemoteJob("lifeboat-abc", "/dev/shm")


def snapshot(phase: str, done: int = 0, total: int | None = None) -> dict[str, t.Any]:
    return {
        "title": "shop/codex", "phase": phase, "phase_title": phase, "done": done, "total": total, "rate": 0.0,
        "eta_seconds": None,
    }  # fmt: skip


# --- which snapshots are worth a line


def test_a_new_phase_has_a_line() -> None:
    narrator = Narrator(0.0)
    assert narrator.line(snapshot("snapshot"), 1.0) == "shop/codex  snapshot"
    assert narrator.line(snapshot("snapshot"), 2.0) is None
    assert narrator.line(snapshot("globals"), 3.0) == "shop/codex  globals"


def test_ten_percent_more_has_a_line_and_less_has_none() -> None:
    narrator = Narrator(0.0)
    said = [second for second in range(1, 20) if narrator.line(snapshot("dump", 4 * second, 100), float(second))]
    assert said == [1, 4, 7, 10, 13, 16, 19]  # 4 %, then every 12 % of these, sooner than every 5 s


def test_a_standstill_is_told_every_five_seconds() -> None:
    narrator = Narrator(0.0)
    lines = [line for second in range(1, 13) if (line := narrator.line(snapshot("dump", 50, 100), float(second)))]
    assert lines[0].endswith("50 %")
    assert [line.rpartition("  ")[2] for line in lines[1:]] == ["nothing moved for 5 s", "nothing moved for 10 s"]


def test_the_end_has_no_line() -> None:
    assert Narrator(0.0).line(snapshot("done", 5, 5), 99.0) is None


@given(st.lists(st.tuples(st.floats(0.05, 60), st.sampled_from("abc"), st.integers(0, 100)), max_size=200))
def test_a_log_is_never_flooded(looks: list[tuple[float, str, int]]) -> None:
    narrator, now, said = Narrator(0.0), 0.0, []
    for seconds, phase, done in looks:
        now += seconds
        if narrator.line(snapshot(phase, done, 100), now):
            said.append(now)
    assert all(
        after - before >= 0.9 * min(12.0, max(1.0, after / 60)) - 1e-9 for before, after in itertools.pairwise(said)
    )


def test_a_job_of_ten_hours_with_a_hundred_phases_has_a_few_hundred_lines() -> None:
    narrator = Narrator(0.0)
    lines = sum(
        narrator.line(snapshot(f"phase {second // 360}", second), float(second)) is not None for second in range(36_000)
    )
    assert 500 < lines < 800


# --- what an end looks like


class Host:
    """Gives scripted answers to the commands of a follower; each look at the job takes a second."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.now = 0.0
        self.said: list[str] = []

    def execute(self, command: str) -> str | None:
        self.now += 1.0
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def follower(self, limit_seconds: float = 1000.0) -> Follower:
        return Follower(
            JOB, "lifeboat.dr.pg_backup", execute=self.execute, say=self.said.append, limit_seconds=limit_seconds,
            unreachable_seconds=60,
            clock=lambda: self.now, sleep=self.sleep,
        )  # fmt: skip


def answer(ended: Ended | None = None, progress: dict[str, t.Any] | None = None, gone: bool = False) -> str:
    lines = ["Welcome to db1!", "lifeboat-abc gone"] if gone else ["Welcome to db1!"]
    lines.append(f"lifeboat-abc progress {json.dumps(progress) if progress else ''}")
    lines.append(f"lifeboat-abc ended {json.dumps(dataclasses.asdict(ended)) if ended else ''}")
    return "\r\n".join([*lines, ""])


GOOD = Ended(0, '{"changed": true, "name": "Zo\u00eb"}\n', "a warning of Python\n")
FAILED = Ended(1, '{"failed": true}', "")


@pytest.mark.parametrize(
    "ended", [GOOD, FAILED, Ended(1, "", "Traceback"), Ended(0, "", ""), Ended(137, '{"failed": true}', "")]
)
def test_what_the_module_left_is_given_as_it_is(ended: Ended) -> None:
    assert Host(answer(progress=snapshot("dump", 10, 100)), answer(ended)).follower().follow(State()) == ended


@pytest.mark.parametrize("code", [137, -9])
def test_a_killed_module_is_named_with_the_point_that_it_had_reached(code: int) -> None:
    host = Host(answer(progress=snapshot("dump", 50, 100)), answer(Ended(code, "", ""), snapshot("dump", 60, 100)))
    with pytest.raises(
        LifeboatError, match=r"pg_backup was killed by SIGKILL\. Last seen: shop/codex  dump .* 60 %.*journalctl"
    ):
        host.follower().follow(State())


def test_a_job_without_supervisor_and_result_is_lost() -> None:
    host = Host(answer(progress=snapshot("dump", 50, 100)), answer(progress=snapshot("dump", 50, 100), gone=True))
    with pytest.raises(LifeboatError, match="does not exist any more, and it has left no result"):
        host.follower().follow(State())


def test_a_result_counts_even_when_the_supervisor_is_gone() -> None:
    assert Host(answer(GOOD, gone=True)).follower().follow(State()) == GOOD


def test_a_job_that_hangs_is_given_up_at_its_limit() -> None:
    host = Host(answer())
    with pytest.raises(LifeboatError, match=r"not done after 120 s.*time_limit"):
        host.follower(limit_seconds=120.0).follow(State())
    assert 120 < host.now < 125


def test_a_connection_that_comes_back_has_cost_nothing() -> None:
    host = Host(answer(), None, None, "garbage", answer(GOOD))
    assert host.follower().follow(State()) == GOOD
    assert len(host.said) == 1 and "connection is lost" in host.said[0]


def test_a_connection_that_stays_away_ends_the_task_and_names_the_file_of_the_result() -> None:
    host = Host(answer(), None)
    with pytest.raises(
        LostConnectionError, match=r"may still be at work there; its result will be in /dev/shm/lifeboat-abc/ended"
    ):
        host.follower().follow(State())
    assert 60 < host.now < 70


@pytest.mark.parametrize(
    "bad", [{}, {"phase": "dump"}, {**snapshot("dump"), "done": "many"}, {**snapshot("x"), "total": {}}]
)
def test_a_progress_file_that_makes_no_sense_is_passed_over(bad: dict[str, t.Any]) -> None:
    assert Host(answer(progress=bad), answer(GOOD, bad)).follower().follow(State()) == GOOD


@given(st.text())
def test_output_of_any_kind_is_read_without_an_error(output: str) -> None:
    assert JOB.read(output) is None


# --- the shell commands, on real shells and processes


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> collections.abc.Callable[[str], str]:
    def run(command: str, stdin: str = "") -> str:
        return subprocess.run(
            [request.param, "-c", command], check=True, capture_output=True, input=stdin, text=True, timeout=60
        ).stdout

    return run


@pytest.fixture
def job(tmp_path: pathlib.Path, shell: t.Any) -> t.Iterator[RemoteJob]:
    token = f"lifeboat-{secrets.token_hex(8)}"
    job = RemoteJob(token, str(tmp_path))
    yield job
    shell(job.stop_command(0))


def start(job: RemoteJob, shell: t.Any, command: str, stdin: str | None = None) -> State | None:
    return job.read(
        shell(job.start_command(command, sys.executable, stdin is not None), *([stdin] if stdin is not None else []))
    )


def wait_for(path: pathlib.Path) -> None:
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


def supervisor(job: RemoteJob) -> int:
    return int(pathlib.Path(job.folder, "pids").read_text(encoding="ascii").split()[0])


TIDY = (
    "import time\ntry:\n open('{0}/ready', 'w')\n time.sleep(90)\nexcept KeyboardInterrupt:\n open('{0}/tidied', 'w')"
)
STUBBORN = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nopen('{0}/ready', 'w')\ntime.sleep(90)"


def test_a_command_that_ends_at_once_is_over_with_its_start(
    job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path
) -> None:
    began = time.monotonic()
    state = start(job, shell, "A='b c' sh -c 'echo \"$A\"; echo two >&2; exit 3'")
    assert state == State(ended=Ended(3, "b c\n", "two\n"))
    assert time.monotonic() - began < 1
    assert list(tmp_path.iterdir()) == []


def test_a_command_gets_its_standard_input(job: RemoteJob, shell: t.Any) -> None:
    assert start(job, shell, "cat; wc -c", stdin="\u20ac\n") == State(ended=Ended(0, "\u20ac\n0\n", ""))
    assert start(job, shell, "wc -c") == State(ended=Ended(0, "0\n", ""))


def test_the_environment_of_the_command_is_as_without_a_job(job: RemoteJob, shell: t.Any) -> None:
    state = start(job, shell, "env; umask; pwd; ls -l /proc/self/fd | wc -l")
    assert state is not None and state.ended is not None and "LIFEBOAT" not in state.ended.stdout
    expected = shell("env; umask; pwd; ls -l /proc/self/fd | wc -l")
    ignored = ("_=", "LIFEBOAT_COMMAND=", "SHLVL=")
    lines = [
        sorted(line for line in text.splitlines() if not line.startswith(ignored))
        for text in (state.ended.stdout, expected)
    ]
    assert lines[0] == lines[1]


def test_a_long_command_goes_on_after_its_start(job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path) -> None:
    assert start(job, shell, "sleep 2.5; echo done") == State()
    assert stat.S_IMODE(os.stat(job.folder).st_mode) == 0o700
    assert job.read(shell(job.watch_command(0.1, 2))) == State()
    state = job.read(shell(job.watch_command(0.1, 100)))
    assert state is not None and state.ended == Ended(0, "done\n", "")
    shell(job.clean_command())
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_command_is_in_the_list_of_processes(job: RemoteJob, shell: t.Any) -> None:
    start(job, shell, "PGPASSWORD=secret-of-the-test sleep 90")
    assert (
        "secret-of-the-test"
        not in subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout
    )


def test_without_a_place_for_its_folder_the_command_runs_in_the_foreground(shell: t.Any) -> None:
    job = RemoteJob("lifeboat-abc", "/proc/no/such/folder")
    assert shell(job.start_command("cat; echo out", sys.executable, True), "in\n") == "in\nout\n"


def test_progress_is_read_from_the_file_of_the_job(job: RemoteJob, shell: t.Any) -> None:
    content = shlex.quote(json.dumps(snapshot("dump", 5)))
    assert start(job, shell, f"echo {content} > {job.progress_file}; sleep 90") == State(snapshot("dump", 5))
    assert job.read(shell(job.watch_command(0.1, 1))) == State(snapshot("dump", 5))


def test_progress_is_read_from_a_file_that_the_user_names_and_left_there(
    job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "it's mine"
    path.write_text(json.dumps(snapshot("dump", 5)), encoding="ascii")
    named = RemoteJob(job.token, job.parent_folder, str(path))
    assert start(named, shell, "sleep 90") == State(snapshot("dump", 5))
    assert named.read(shell(named.watch_command(0.1, 1))) == State(snapshot("dump", 5))
    shell(named.stop_command(0))
    assert list(tmp_path.iterdir()) == [path]


def test_a_job_whose_supervisor_was_killed_is_gone(job: RemoteJob, shell: t.Any) -> None:
    start(job, shell, "sleep 90")
    os.kill(supervisor(job), signal.SIGKILL)
    assert job.read(shell(job.watch_command(0.1, 1))) == State(gone=True)


def test_a_job_whose_folder_has_vanished_is_gone(job: RemoteJob, shell: t.Any) -> None:
    assert job.read(shell(job.watch_command(0.1, 1))) == State(gone=True)


def test_the_number_of_a_dead_supervisor_may_be_anothers(job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path) -> None:
    pathlib.Path(job.folder).mkdir()
    pathlib.Path(job.folder, "pids").write_text(f"{os.getpid()} {os.getpid()}\n", encoding="ascii")
    assert job.read(shell(job.watch_command(0.1, 1))) == State(gone=True)
    shell(job.stop_command(0))  # and this process is still there


def test_stopping_interrupts_first_so_that_the_module_can_tidy_up(
    job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path
) -> None:
    start(job, shell, f"{sys.executable} -c {shlex.quote(TIDY.format(tmp_path))}")
    wait_for(tmp_path / "ready")
    shell(job.stop_command(20))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ready", "tidied"]


@pytest.mark.parametrize("orphan", [False, True])
def test_stopping_kills_what_does_not_stop(job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path, orphan: bool) -> None:
    start(job, shell, f"{sys.executable} -c {shlex.quote(STUBBORN.format(tmp_path))} {job.token}-module")
    wait_for(tmp_path / "ready")
    if orphan:
        os.kill(supervisor(job), signal.SIGKILL)
    began = time.monotonic()
    shell(job.stop_command(1))
    assert 0.9 < time.monotonic() - began < 10
    time.sleep(0.1)
    assert (
        f"{job.token}-module"
        not in subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout
    )
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]
