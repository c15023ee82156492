# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the demo's plays with the ansible-playbook that everybody has, and shows what it says while it says it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import typing as t

from tests.demo.screen import Screen

_HERE = pathlib.Path(__file__).parent
_PLAYS = _HERE / "plays"
_COLLECTIONS = _HERE.parents[1] / ".ansible" / "collections"
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_STARS = re.compile(r" \*{3,}")
_PATIENCE_SECONDS = 30


class DemoError(Exception):
    """The demo did not show what it should."""


class Playbooks:
    """The plays, with their variables in a file of the private folder ``folder``, which is also Ansible's home."""

    def __init__(
        self, screen: Screen, folder: pathlib.Path, variables: t.Mapping[str, t.Any], environment: t.Mapping[str, str]
    ) -> None:
        self._screen = screen
        self._results = folder / "results.jsonl"
        self._variables = folder / "variables.json"
        local = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "lifeboat_progress": True,  # what ansible-playbook says goes through a pipe, and from there to a person
        }
        self._variables.touch(0o600)  # there are passwords in it
        self._variables.write_text(json.dumps({**local, **variables}), encoding="utf-8")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "PG"))
        }
        self._environment = {
            **inherited,
            **environment,
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(folder / ".ansible"),
            "ANSIBLE_REMOTE_TMP": str(
                folder / ".ansible" / "tmp"
            ),  # its default is in the account's own home, whatever HOME says
            "ANSIBLE_ASYNC_DIR": str(folder / ".ansible_async"),
            "ANSIBLE_CONFIG": str(_HERE.parents[1] / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(_COLLECTIONS),
            "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "keep_results",
            "LIFEBOAT_DEMO_RESULTS": str(self._results),
            **({"ANSIBLE_FORCE_COLOR": "1"} if screen.colored else {"ANSIBLE_NOCOLOR": "1"}),
        }

    def know(self, more: t.Mapping[str, t.Any]) -> None:
        """More variables for the plays that come."""
        known = json.loads(self._variables.read_text(encoding="utf-8"))
        self._variables.write_text(json.dumps({**known, **more}), encoding="utf-8")

    def show(self, name: str) -> None:
        """The tasks as they stand in the play, and the options that all of them have."""
        lines = (_PLAYS / f"{name}.yml").read_text(encoding="utf-8").splitlines()
        common = "  module_defaults:"
        first = lines.index(common) if common in lines else lines.index("  tasks:")
        self._screen.quote(line.removeprefix("  ") for line in lines[first:])

    def run(self, name: str, *options: str) -> list[dict[str, t.Any]]:
        """The results of the play's tasks: one of the demo's, or a playbook of the collection (``lifeboat.dr.NAME``).
        Raises DemoError when the play fails.
        """
        self._results.write_text("", encoding="utf-8")
        ours = name.startswith("lifeboat.dr.")
        self._screen.program(" ".join(["$ ansible-playbook", name if ours else f"{name}.yml", *options]))
        command = [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            "-i",
            "db1,",
            "-e",
            f"@{self._variables}",
            name if ours else str(_PLAYS / f"{name}.yml"),
            *options,
        ]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**self._environment, **({"ANSIBLE_PIPELINING": "1"} if ours else {})},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # so that Ctrl-C reaches it once, and from here
        )
        try:
            lines = t.cast(t.TextIO, process.stdout)
            self._follow(_what_changes(lines) if ours else lines)
            code = process.wait()
        except BaseException:
            _end(process)
            raise
        results = [json.loads(line) for line in self._results.read_text(encoding="utf-8").splitlines()]
        if code:
            reason = results[-1].get("msg") if results else ""
            raise DemoError(f"the play {name} failed: {reason or f'ansible-playbook ended with {code}'}")
        return results

    def _follow(self, output: t.Iterable[str]) -> None:
        recap = False
        for line in output:
            plain = _STYLE.sub("", line).strip()
            recap = recap or plain.startswith("PLAY RECAP")
            if plain and not recap and not plain.startswith("PLAY ["):
                self._screen.program(_STARS.sub("", line.rstrip("\n")))


def _what_changes(lines: t.Iterable[str]) -> t.Iterator[str]:
    """Of a role with a hundred tasks: those that change something, and what has gone wrong."""
    task, wrong = "", False
    for line in lines:
        plain = _STYLE.sub("", line).strip()
        if plain.startswith("TASK ["):
            task = line.replace("lifeboat.dr.failover : ", "")
        wrong = wrong or plain.startswith(("[ERROR]", "fatal:"))
        if plain.startswith("changed:"):
            yield task
        if wrong or plain.startswith(("changed:", "PLAY RECAP")):
            yield line


def _end(process: subprocess.Popen[str]) -> None:
    """Ask ansible-playbook to end, which ends the module that it runs; then make sure."""
    for number, seconds in ((signal.SIGINT, _PATIENCE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
