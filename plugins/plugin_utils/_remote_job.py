# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A command that runs as a background job on a host: the shell commands that start, watch and stop it, and what their
output means.

Ansible has such jobs too (``async``). They are not used here, because starting one takes as long as a short module
needs for all its work, and because they do not tell how a process ended. The commands are for a POSIX shell on Linux,
with ``cat``, ``grep`` and ``sleep``.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import shlex
import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils import _job_launcher


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a process has left. ``rc`` above 128 or below 0 is a signal."""

    rc: int
    stdout: str
    stderr: str


@dataclasses.dataclass(frozen=True)
class State:
    """What one look at the job has shown."""

    snapshot: dict[str, t.Any] | None = None  # of module_utils/_progress.py
    ended: Ended | None = None
    gone: bool = False  # it has no supervisor any more


@dataclasses.dataclass(frozen=True)
class RemoteJob:
    """A job.

    ``token`` is an unguessable word, and the name of its folder in ``parent_folder``; ``named_file`` is the progress
    file where the user names one.
    """

    token: str
    parent_folder: str
    named_file: str = ""

    @property
    def folder(self) -> str:
        """Made by the job, and removed at its end."""
        return f"{self.parent_folder}/{self.token}"

    @property
    def progress_file(self) -> str:
        """Where the module says how far it is."""
        return self.named_file or f"{self.folder}/progress"

    def start_command(self, command: str, interpreter: str, has_input: bool) -> str:
        """Run ``command`` as a job, with the Python ``interpreter`` to start it. Prints a state as ``watch_command``
        does.

        A command that ends within a second is over with this, and has left nothing. Where no folder can be made, the
        command runs in the foreground instead: then the output is the command's own, and ``read`` gives None.
        """
        source = pathlib.Path(_job_launcher.__file__).read_text(encoding="utf-8")
        arguments = [self.folder, self.progress_file, *(["input"] if has_input else [])]
        return "\n".join(
            (
                f"{_job_launcher.COMMAND}={shlex.quote(command)} {interpreter} -IS /dev/fd/3 {shlex.join(arguments)} "
                f"3<<'{self.token}'",
                f"{source}{self.token}",
                "",
            )
        )

    def watch_command(self, pause_seconds: float, tries: int) -> str:
        """Wait until the job has ended, for ``tries`` pauses at most, then print what there is.

        Waiting on the host notices the end soon, and needs one command per second only. Whether the supervisor lives is
        asked before the result is read, so that a job that ends between the two is not taken for lost.
        """
        alive = self._exists("$supervisor")
        return "; ".join(
            (
                "n=0",
                f"while [ $n -lt {tries} ] && [ ! -e {self.folder}/ended ] && {alive}",
                f"do sleep {pause_seconds} || sleep 1; n=$((n+1)); done",
                f"{alive} || echo '{self.token} gone'",
                f"printf '%s' '{self.token} progress '; cat {_quoted(self.progress_file)} 2>/dev/null; echo",
                f"printf '%s' '{self.token} ended '; cat {self.folder}/ended 2>/dev/null; echo",
            )
        )

    def stop_command(self, patience_seconds: int) -> str:
        """Interrupt the job as Ctrl-C does, so that the module can tidy up; kill it ``patience_seconds`` later; remove
        its folder.
        """
        exists = self._exists("$supervisor", "$job")
        wait = (
            f"n=0; while [ $n -lt {patience_seconds * 5} ] && [ ! -e {self.folder}/ended ] && {exists}; do {_PAUSE}; "
            "done"
        )
        return "; ".join(
            (
                # it may be starting still
                f"n=0; while [ $n -lt 5 ] && [ ! -e {self.folder}/pids ]; do {_PAUSE}; done",
                f"if {exists}; then kill -s INT -- -$job; {wait}; kill -s KILL -- $supervisor -$job; fi 2>/dev/null",
                self.clean_command(),
            )
        )

    def clean_command(self) -> str:
        """Remove what the job has left. A file that the user has named stays."""
        return f"rm -rf {self.folder}"

    def read(self, output: str) -> State | None:
        """What the output of a command means; None when it is not whole."""
        found: dict[str, str] = dict(re.findall(rf"^{self.token} (\w+) ?(.*)$", output, re.MULTILINE))
        if not {"progress", "ended"} <= set(found):
            return None
        ended = _json_object(found["ended"])
        return State(_json_object(found["progress"]), ended=Ended(**ended) if ended else None, gone="gone" in found)

    def _exists(self, *processes: str) -> str:
        """Asks for the command line, not for the number: the number of a dead process may be another's by now, or a
        zombie's.
        """
        files = " ".join(f"/proc/{process}/cmdline" for process in processes)
        return f"{{ read -r supervisor job < {self.folder}/pids && grep -qs {self.token} {files}; }} 2>/dev/null"


_PAUSE = "sleep 0.2 || sleep 1; n=$((n+1))"


def _quoted(path: str) -> str:
    """The path for the shell, where ``~`` has to be what it is for the module: the home folder of the environment."""
    return f'"$HOME"{shlex.quote(path[1:])}' if path.startswith("~/") else shlex.quote(path)


def _json_object(text: str) -> dict[str, t.Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
