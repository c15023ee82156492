# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the controller makes of a background job: which lines it shows, what it takes for an end, and the shell commands
it uses.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import secrets
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
from ansible_collections.lifeboat.dr.plugins.plugin_utils._remote_job import RemoteJob, State
from hypothesis import given
from hypothesis import strategies as st

JOB = RemoteJob("/dev/shm/lifeboat-abc", "/root/.ansible/tmp/ansible-tmp-1-2-3")


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
    """Gives scripted answers to a follower; each look at the job and each question for its result takes a second."""

    def __init__(self, *looks: str | None, statuses: t.Sequence[dict[str, t.Any] | None] = ()) -> None:
        self.looks, self.statuses = list(looks), list(statuses or [GOOD])
        self.now = 0.0
        self.said: list[str] = []
        self.begun = 0

    def execute(self, _command: str) -> str | None:
        return self._next(self.looks)

    def status(self) -> dict[str, t.Any] | None:
        return self._next(self.statuses)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def follow(self, limit_seconds: float = 1000.0) -> dict[str, t.Any]:
        return Follower(
            JOB,
            "lifeboat.dr.pg_backup",
            execute=self.execute,
            status=self.status,
            say=self.said.append,
            begun=self._begin,
            limit_seconds=limit_seconds,
            unreachable_seconds=60,
            clock=lambda: self.now,
            sleep=self.sleep,
        ).follow()

    def _next(self, answers: list[t.Any]) -> t.Any:
        self.now += 1.0
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _begin(self) -> None:
        self.begun += 1


def look(progress: dict[str, t.Any] | None = None, ended: bool = False) -> str:
    lines = ["Welcome to db1!", "lifeboat-abc ended"] if ended else ["Welcome to db1!"]
    lines.append(f"lifeboat-abc progress {json.dumps(progress) if progress else ''}")
    return "\r\n".join([*lines, ""])


JOB_KEYS = {"ansible_job_id": "j1.2", "finished": True}
GOOD = {"changed": True, "name": "Zo\u00eb", "stderr": "a warning of Python", **JOB_KEYS}
RUNNING = {"ansible_job_id": "j1.2", "started": True, "finished": False}
VANISHED = {"failed": True, "msg": "could not find job", "ansible_job_id": "j1.2", "started": True, "finished": True}
KILLED = {"failed": True, "cmd": "x.py", "data": "", "stderr": "", "msg": "Traceback: No start of json", **JOB_KEYS}


def test_what_the_module_left_is_given_without_what_ansible_added() -> None:
    host = Host(look(snapshot("dump", 10, 100)), look(ended=True))
    assert host.follow() == {"changed": True, "name": "Zo\u00eb"}
    assert host.begun == 1 and len(host.said) == 1


def test_a_module_that_failed_speaks_for_itself() -> None:
    failed = {"failed": True, "msg": "The database is not there.", "cmd": ["pg_dump"]}
    assert Host(look(ended=True), statuses=[{**failed, **JOB_KEYS}]).follow() == failed


def test_a_killed_module_is_named_with_the_point_that_it_had_reached() -> None:
    host = Host(look(snapshot("dump", 50, 100)), look(snapshot("dump", 60, 100), ended=True), statuses=[KILLED])
    with pytest.raises(LifeboatError, match=r"pg_backup ended without a result.* Last seen: shop/codex  dump .* 60 %"):
        host.follow()


@pytest.mark.parametrize("status", [RUNNING, VANISHED])
def test_a_job_without_processes_and_result_is_lost(status: dict[str, t.Any]) -> None:
    host = Host(look(snapshot("dump", 50, 100)), look(ended=True), statuses=[status])
    with pytest.raises(LifeboatError, match="does not exist any more, and it has left no result"):
        host.follow()


def test_a_result_that_comes_a_moment_later_counts() -> None:
    assert Host(look(ended=True), statuses=[RUNNING, GOOD]).follow()["changed"] is True


def test_a_job_that_hangs_is_given_up_at_its_limit() -> None:
    host = Host(look())
    with pytest.raises(LifeboatError, match=r"not done after 120 s.*time_limit"):
        host.follow(limit_seconds=120.0)
    assert 120 < host.now < 125


def test_a_connection_that_comes_back_has_cost_nothing() -> None:
    host = Host(look(), None, None, "garbage", look(ended=True), statuses=[None, GOOD])
    assert host.follow()["changed"] is True
    assert len(host.said) == 2 and all("connection is lost" in line for line in host.said)


def test_a_connection_that_stays_away_ends_the_task_and_names_the_folder_of_the_result() -> None:
    host = Host(look(), None)
    with pytest.raises(
        LostConnectionError, match=r"may still be at work there; its result will be in /dev/shm/lifeboat-abc\."
    ):
        host.follow()
    assert 60 < host.now < 70


@pytest.mark.parametrize(
    "bad", [{}, {"phase": "dump"}, {**snapshot("dump"), "done": "many"}, {**snapshot("x"), "total": {}}]
)
def test_a_progress_file_that_makes_no_sense_is_passed_over(bad: dict[str, t.Any]) -> None:
    assert Host(look(bad), look(bad, ended=True)).follow()["changed"] is True


@given(st.text())
def test_output_of_any_kind_is_read_without_an_error(output: str) -> None:
    assert JOB.read(output) is None


# --- the shell commands, on real shells and processes

_WRAPPER = """
import os, signal, subprocess, sys, time
wrapper, module, code = sys.argv[1:]
if os.fork():
    os.wait()
    time.sleep(5)
    sys.exit()
os.setpgid(0, 0)
subprocess.run([sys.executable, "-c", code, module])
"""  # a MockWrapper with the processes of async_wrapper: one keeps the time, one waits for the module
_TIDY = (
    "import time\ntry:\n open('{0}/ready', 'w')\n time.sleep(90)\nexcept KeyboardInterrupt:\n open('{0}/tidied', 'w')"
)
_STUBBORN = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nopen('{0}/ready', 'w')\ntime.sleep(90)"


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> collections.abc.Callable[[str], str]:
    def run(command: str) -> str:
        return subprocess.run(
            [request.param, "-c", command], check=True, capture_output=True, text=True, timeout=60
        ).stdout

    return run


@pytest.fixture
def job(tmp_path: pathlib.Path) -> RemoteJob:
    name = secrets.token_hex(8)
    folder = tmp_path / f"ansible-tmp-{name}"
    folder.mkdir()
    return RemoteJob(f"{tmp_path}/lifeboat-{name}", str(folder))


@contextlib.contextmanager
def wrapped(job: RemoteJob, code: str, ready: pathlib.Path) -> t.Iterator[subprocess.Popen[bytes]]:
    """A job that runs this code, once it is ``ready``."""
    names = [f"{job.task_folder}/{name}" for name in ("async_wrapper.py", "AnsiballZ_pg_backup.py")]
    with subprocess.Popen([sys.executable, "-c", _WRAPPER, *names, code]) as wrapper:
        try:
            wait_until(ready.exists)
            yield wrapper
        finally:
            wrapper.kill()
            for process in processes(job):
                os.kill(process, signal.SIGKILL)


def wait_until(condition: collections.abc.Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def parent_of_module(job: RemoteJob) -> int:
    """The process that waits for the module. The numbers tell nothing: they begin anew when the largest was used."""
    return int(pathlib.Path(f"/proc/{module_of(job)}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def module_of(job: RemoteJob) -> int:
    """The process of the module."""
    (module,) = (
        process
        for process in processes(job)
        if b"async_wrapper" not in pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    )
    return module


def processes(job: RemoteJob) -> list[int]:
    """The living processes of a job."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if job.task_folder.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_the_folder_of_a_job_is_for_its_user_alone_and_those_of_long_ago_are_removed(
    job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path
) -> None:
    ages = {"lifeboat-abandoned": 9 * 86400, "lifeboat-younger": 86400, "others": 9 * 86400}
    for name, seconds in ages.items():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - seconds,) * 2)
    assert job.is_prepared(shell(job.prepare_command()))
    assert stat.S_IMODE(os.stat(job.folder).st_mode) == 0o700
    assert {name for name in ages if (tmp_path / name).exists()} == {"lifeboat-younger", "others"}
    assert not job.is_prepared(shell(f"{job.prepare_command()}; :")), "there is one already"


def test_without_a_place_for_its_folder_there_is_no_job(shell: t.Any) -> None:
    job = RemoteJob("/proc/no/such/folder/lifeboat-abc", "/tmp/ansible-tmp-1")
    assert not job.is_prepared(shell(f"{job.prepare_command()}; :"))


def test_a_job_has_ended_when_its_module_and_who_waited_for_it_are_gone(
    job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path
) -> None:
    with wrapped(job, _TIDY.format(tmp_path), tmp_path / "ready"):
        assert job.read(shell(job.watch_command(0.1, 2))) == State()
        os.kill(module_of(job), signal.SIGKILL)
        began = time.monotonic()
        assert job.read(shell(job.watch_command(0.1, 100))) == State(ended=True)
        assert time.monotonic() - began < 4, "it has not waited for the wrapper that keeps the time"


def test_a_job_that_never_was_has_ended(job: RemoteJob, shell: t.Any) -> None:
    assert job.read(shell(job.watch_command(0.1, 1))) == State(ended=True)


@pytest.mark.parametrize("named", ["", "it's mine"])
def test_progress_is_read_from_the_file_of_the_job_or_from_the_one_that_the_user_names(
    job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path, named: str
) -> None:
    job = dataclasses.replace(job, named_file=str(tmp_path / named) if named else "")
    shell(job.prepare_command())
    pathlib.Path(job.progress_file).write_text(json.dumps(snapshot("dump", 5)), encoding="ascii")
    state = job.read(shell(job.watch_command(0.1, 1)))
    assert state is not None and state.snapshot == snapshot("dump", 5)
    shell(job.clean_command())
    assert not os.path.exists(job.folder) and os.path.exists(job.progress_file) is bool(named)


def test_the_file_with_the_arguments_can_be_removed_alone(job: RemoteJob, shell: t.Any) -> None:
    for name in ("async_wrapper.py", "AnsiballZ_pg_backup.py"):
        pathlib.Path(job.task_folder, name).touch()
    shell(job.forget_command())
    assert os.listdir(job.task_folder) == ["async_wrapper.py"]


def test_stopping_interrupts_first_so_that_the_module_can_tidy_up(
    job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path
) -> None:
    with wrapped(job, _TIDY.format(tmp_path), tmp_path / "ready") as wrapper:
        shell(job.stop_command(20))
        assert (tmp_path / "tidied").exists()
        wrapper.wait(10)
        wait_until(lambda: processes(job) == [])


@pytest.mark.parametrize("orphan", [False, True])
def test_stopping_kills_what_does_not_stop(job: RemoteJob, shell: t.Any, tmp_path: pathlib.Path, orphan: bool) -> None:
    with wrapped(job, _STUBBORN.format(tmp_path), tmp_path / "ready") as wrapper:
        if orphan:
            os.kill(parent_of_module(job), signal.SIGKILL)
        began = time.monotonic()
        shell(job.stop_command(1))
        assert 0.9 < time.monotonic() - began < 10
        wrapper.wait(10)
        wait_until(lambda: processes(job) == [])


def test_stopping_a_job_that_has_ended_does_nothing(job: RemoteJob, shell: t.Any) -> None:
    assert shell(job.stop_command(1)) == ""
