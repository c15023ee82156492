# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Live progress in a real ansible-playbook, on a terminal, with a small module in place of the long ones."""

from __future__ import annotations

import collections.abc
import contextlib
import json
import os
import pathlib
import pty
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import typing as t

import pytest

FIXTURES = pathlib.Path(__file__).parent / "fixtures" / "progress"
COLLECTIONS = pathlib.Path(__file__).parents[2] / ".ansible" / "collections"
PLAYBOOK = pathlib.Path(sys.executable).parent / "ansible-playbook"
PATIENCE_SECONDS = 60


class Host:
    """This machine as a managed host, with a home folder of its own, where everything that is left over can be seen."""

    def __init__(self, folder: pathlib.Path, interpreter: str = sys.executable) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.jobs = folder / "jobs"
        self.jobs.mkdir()
        self.jobs.chmod(0o1777)  # as /dev/shm
        self._interpreter = interpreter

    def start(self, *tasks: dict[str, t.Any], terminal: bool = True, **environment: str) -> Play:
        """Run these tasks. ``environment`` is added to that of ansible-playbook."""
        playbook = self.folder / "play.json"
        variables = {"ansible_connection": "local", "ansible_python_interpreter": self._interpreter}
        playbook.write_text(
            json.dumps([{"hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}]), encoding="utf-8"
        )
        settings = {
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_REMOTE_TMP": str(self.home / ".ansible" / "tmp"),  # ~ would be the real home
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_LIBRARY": str(FIXTURES / "library"),
            "ANSIBLE_ACTION_PLUGINS": str(FIXTURES / "action_plugins"),
            "ANSIBLE_NOCOLOR": "1",
            "LONG_WORK_JOBS": str(self.jobs),
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWX_"))}
        return Play([str(PLAYBOOK), "-i", "db1,", str(playbook)], {**inherited, **settings, **environment}, terminal)

    def run(self, *tasks: dict[str, t.Any], **environment: str) -> list[str]:
        """Run these tasks to the end; gives what was shown."""
        with self.start(*tasks, **environment) as play:
            return play.read_to_end()

    def kept(self, name: str) -> t.Any:
        """What a task of ``keep`` has kept."""
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))

    def keep(self, name: str) -> dict[str, t.Any]:
        """A task that keeps a registered variable for the test."""
        content = f"{{{{ {name} | to_json }}}}"
        return {"ansible.builtin.copy": {"dest": str(self.folder / f"{name}.json"), "content": content, "mode": "0600"}}

    def leftovers(self) -> list[str]:
        """The files in the folders that a job and Ansible use on a host."""
        folders = (self.jobs, self.home / ".ansible_async", self.home / ".ansible" / "tmp")
        return [
            path.name
            for folder in folders
            if folder.exists()
            for path in folder.rglob("*")
            if "ansible-local" not in str(path)
        ]


class Play:
    """A running ansible-playbook, as a person sees it: on a terminal."""

    def __init__(self, arguments: list[str], environment: dict[str, str], terminal: bool) -> None:
        self._terminal, theirs = pty.openpty() if terminal else os.pipe()
        try:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        self._seen = ""

    def __enter__(self) -> Play:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def read_until(self, text: str) -> str:
        """What is shown until it holds ``text``."""
        while text not in self._seen:
            assert self._read_more(), f"{text!r} was never shown:\n{self._seen}"
        return self._seen

    def read_to_end(self) -> list[str]:
        """Everything that was shown, in lines."""
        while self._read_more():
            pass
        self.process.wait(PATIENCE_SECONDS)
        return self._seen.splitlines()

    def communicate(self) -> str:
        """The same, in one piece."""
        return "\n".join(self.read_to_end())

    def _read_more(self) -> bool:
        piece = b""
        with contextlib.suppress(OSError):  # EIO: the other side has closed the terminal
            piece = os.read(self._terminal, 65536)
        self._seen += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(piece)


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    return Host(tmp_path)


def progress_lines(shown: list[str]) -> list[str]:
    return [line for line in shown if line.startswith("[db1] shop/codex")]


def wait_for(path: pathlib.Path) -> str:
    end = time.monotonic() + PATIENCE_SECONDS
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)
    return path.read_text(encoding="ascii")


def wait_until_gone(process: int) -> None:
    end = time.monotonic() + PATIENCE_SECONDS / 2  # the works in these tests would go on for longer
    while pathlib.Path(f"/proc/{process}").exists():
        assert time.monotonic() < end, f"process {process} still runs"
        time.sleep(0.05)


def test_lines_appear_in_order_while_the_module_runs(host: Host) -> None:
    go = host.folder / "go"
    with host.start({"long_work": {"seconds": 4, "wait_for": str(go)}}) as play:
        play.read_until("[db1] shop/codex  taking the snapshot\n")
        go.touch()
        assert "changed:" not in play.read_until("%")
        lines = progress_lines(play.read_to_end())
    shares = [int(found[1]) for line in lines if (found := re.search(r"(\d+) %", line))]
    assert shares and shares == sorted(set(shares))
    assert re.search(r"\[db1\] shop/codex  dump  \[[#-]{14}\] +\d.* / ~400 MB  [ \d]\d %", lines[-1])
    assert host.leftovers() == []


def test_the_result_is_the_same_as_without_a_job(host: Host) -> None:
    ends = ["good", "unchanged", "silent", "fail", "raise", "exit", "stderr"]

    def tasks(name: str, progress: bool) -> list[dict[str, t.Any]]:
        work = {"long_work": {"end": "{{ item }}"}, "loop": ends, "register": name, "ignore_errors": True}
        return [{**work, "vars": {"lifeboat_progress": progress}}, host.keep(name)]

    host.run(*tasks("job", True), *tasks("plain", False))
    results = {name: {result["item"]: result for result in host.kept(name)["results"]} for name in ("job", "plain")}
    for result in (*results["job"].values(), *results["plain"].values()):
        result.get("invocation", {"module_args": {}})["module_args"].pop("progress_file", None)
    words = {name: result.pop("exit") for name, result in results.items()}
    assert results["job"] == results["plain"]
    assert [result["changed"] for result in results["job"].values()] == [True] + [False] * 5
    assert results["job"]["fail"]["msg"] == "The database is not there." and results["job"]["fail"]["details"] == {
        "port": 5432
    }
    assert "a mistake of the module" in results["job"]["raise"]["msg"]
    assert "not a word of JSON" in words["plain"]["module_stderr"]
    assert words["job"]["failed"] and words["job"]["details"]["module_stderr"] == "not a word of JSON"
    assert "ended without a result" in words["job"]["msg"]
    assert host.leftovers() == []


def test_a_module_that_fails_fails_its_task_with_its_message(host: Host) -> None:
    shown = host.run({"long_work": {"end": "fail"}})
    assert any(line.startswith("fatal: [db1]: FAILED!") and "The database is not there." in line for line in shown)


def processes_of(host: Host) -> list[tuple[int, str]]:
    """The processes of the host's jobs, oldest first: their numbers and command lines."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if f"{host.home}/.ansible/tmp/ansible-tmp-" in line and "ansible-playbook" not in line:
                found.append((int(folder.name), line))
    return sorted(found)


@pytest.mark.parametrize("victim", ["the module", "the wrapper that waits for it", "all of them"])
def test_a_job_that_was_killed_is_reported_within_seconds(host: Host, victim: str) -> None:
    work = {"seconds": 90, "pid_file": str(host.folder / "pid")}
    with host.start({"long_work": work, "register": "out", "ignore_errors": True}, host.keep("out")) as play:
        play.read_until("taking the snapshot")
        module = int(wait_for(host.folder / "pid"))
        wrapper = int(pathlib.Path(f"/proc/{module}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        victims = {"the module": [module], "the wrapper that waits for it": [wrapper]}
        for number in victims.get(victim) or [number for number, _line in processes_of(host)]:
            os.kill(number, signal.SIGKILL)
        killed = time.monotonic()
        play.read_until("FAILED!")
        assert time.monotonic() - killed < 20
        wait_until_gone(module)
        play.read_to_end()
    assert host.kept("out")["failed"] and not host.kept("out")["changed"]
    words = "ended without a result" if victim == "the module" else "does not exist any more, and it has left no result"
    assert re.search(rf"long_work {words}.*Last seen: shop/codex  taking the snapshot", host.kept("out")["msg"])
    assert host.leftovers() == [] and processes_of(host) == []


def test_the_arguments_are_removed_when_the_module_has_read_them(host: Host) -> None:
    with host.start({"long_work": {"seconds": 90, "pid_file": f"{host.folder}/secret-of-the-test"}}) as play:
        play.read_until("taking the snapshot")
        end = time.monotonic() + 10
        while found := [path for path in files_of(host) if b"secret-of-the-test" in path.read_bytes()]:
            assert time.monotonic() < end, found
            time.sleep(0.1)
        modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in host.jobs.glob("*")}
        assert modes == {0}, "the folder of the job is for its user alone"
        play.process.send_signal(signal.SIGINT)
        play.read_to_end()


def files_of(host: Host) -> list[pathlib.Path]:
    """What a host keeps of a running task."""
    folders = (host.jobs, host.home / ".ansible" / "tmp")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_the_playbook_ends_the_work_and_lets_it_tidy_up(host: Host, number: signal.Signals) -> None:
    work = {"seconds": 90, "pid_file": str(host.folder / "pid"), "tidied_file": str(host.folder / "tidied")}
    with host.start({"long_work": work}) as play:
        play.read_until("taking the snapshot")
        play.process.send_signal(number)
        wait_until_gone(int(wait_for(host.folder / "pid")))
        play.read_to_end()
    assert (host.folder / "tidied").exists()
    end = time.monotonic() + 10  # the worker cleans up after the playbook has ended
    while host.leftovers() and time.monotonic() < end:
        time.sleep(0.1)
    assert host.leftovers() == []


def test_the_timeout_of_the_task_ends_the_work(host: Host) -> None:
    work = {"seconds": 90, "pid_file": str(host.folder / "pid"), "tidied_file": str(host.folder / "tidied")}
    shown = host.run({"long_work": work, "timeout": 10})
    assert any("Timed out after 10 second(s)" in line for line in shown)
    wait_until_gone(int(wait_for(host.folder / "pid")))
    assert (host.folder / "tidied").exists()
    assert host.leftovers() == []


def test_check_mode_needs_no_job(host: Host) -> None:
    work = {"long_work": {"seconds": 90}, "check_mode": True, "register": "out"}
    shown = host.run(work, host.keep("out"))
    assert progress_lines(shown) == []
    assert host.kept("out")["check"] is True


def test_the_users_own_async_is_left_alone(host: Host) -> None:
    # Ansible's own polling looks for ~ in the password file, not in HOME.
    jobs = str(host.home / ".ansible_async")
    shown = host.run(
        {"long_work": {"seconds": 2}, "async": 60, "poll": 1, "register": "out"},
        host.keep("out"),
        ANSIBLE_ASYNC_DIR=jobs,
    )
    assert progress_lines(shown) == []
    assert host.kept("out")["answer"] == 42 and "ansible_job_id" in host.kept("out")


def test_no_log_shows_nothing(host: Host) -> None:
    shown = host.run({"long_work": {"seconds": 3}, "no_log": True})
    assert not [line for line in shown if "shop/codex" in line]


def test_a_progress_file_that_the_user_names_is_used_and_stays(host: Host) -> None:
    shown = host.run({"long_work": {"seconds": 3, "progress_file": "~/mine.json"}})
    assert progress_lines(shown)
    assert json.loads((host.home / "mine.json").read_text(encoding="ascii"))["phase"] == "done"
    assert host.leftovers() == []


def test_without_a_terminal_the_module_runs_as_any_other(host: Host) -> None:
    work = {"long_work": {"seconds": 2}, "register": "out"}
    with host.start(work, host.keep("out"), terminal=False) as play:
        assert "shop/codex" not in play.communicate()
    assert host.kept("out")["answer"] == 42
    with host.start({**work, "vars": {"lifeboat_progress": True}}, terminal=False) as play:
        assert "[db1] shop/codex" in play.communicate()
    with host.start(work, terminal=False, AWX_ISOLATED_DATA_DIR="/runner/artifacts/1") as play:
        assert "[db1] shop/codex" in play.communicate()


def test_on_a_core_that_it_was_not_tested_on_the_module_runs_as_any_other(host: Host) -> None:
    shown = host.run({"long_work": {"seconds": 2}, "register": "out"}, host.keep("out"), LONG_WORK_CORES="2.10 2.11")
    assert progress_lines(shown) == [] and host.kept("out")["answer"] == 42


@pytest.mark.parametrize("pipelining", ["0", "1"])
def test_a_host_without_a_place_for_jobs_runs_the_module_in_the_foreground(host: Host, pipelining: str) -> None:
    work = {"long_work": {"seconds": 2}, "register": "out"}
    shown = host.run(work, host.keep("out"), LONG_WORK_JOBS="/proc/no/such/folder", ANSIBLE_PIPELINING=pipelining)
    assert progress_lines(shown) == []
    assert host.kept("out")["answer"] == 42 and host.kept("out")["changed"]
    assert host.leftovers() == []


@pytest.fixture
def host_of_postgres() -> collections.abc.Iterator[Host]:
    """A host where the user postgres can be become: its folders are open to that user."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user without a password")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lifeboat-progress-"))
    folder.chmod(0o777)
    yield Host(folder, interpreter="/usr/bin/python3")
    shutil.rmtree(folder)


@pytest.mark.parametrize("end", ["good", "fail"])
def test_it_works_as_another_user(host_of_postgres: Host, end: str) -> None:
    host = host_of_postgres
    become = {"become": True, "become_user": "postgres", "become_method": "ansible.builtin.su"}
    shown = host.run(
        {"long_work": {"seconds": 3, "end": end}, "register": "out", "ignore_errors": True, **become}, host.keep("out")
    )
    assert progress_lines(shown)
    assert host.kept("out")["failed"] is (end == "fail")
    assert host.kept("out").get("user", pwd.getpwnam("postgres").pw_uid) == pwd.getpwnam("postgres").pw_uid
    assert host.leftovers() == []


def test_pipelining_needs_no_file_of_ansible(host: Host) -> None:
    shown = host.run({"long_work": {"seconds": 3}, "register": "out"}, host.keep("out"), ANSIBLE_PIPELINING="1")
    assert progress_lines(shown) and host.kept("out")["answer"] == 42
    assert host.leftovers() == []
