# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A background job of Ansible on a host (``async_wrapper``), as seen from outside: the shell commands that prepare,
watch and stop it, and what their output means.

Ansible says whether a job has ended, and with which result (``async_status``). It does not notice a job that was
killed, and stops none: that is here. All processes of a job have the name of Ansible's temporary folder in their
command line: the wrapper that keeps the time, the wrapper that waits for the module, and the module. The commands are
for a POSIX shell on Linux, with ``cat``, ``find``, ``grep``, ``sed`` and ``sleep``.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

_WRAPPER = "async_wrapper"
_ABANDONED_DAYS = 7
_WAIT = "sleep 0.2 || sleep 1; n=$((n+1))"

_STOP = """\
pids() {{ grep -ls '{pattern}' /proc/[0-9]*/cmdline | sed 's/[^0-9]//g'; }}
module() {{ for pid in $(pids); do grep -qs {wrapper} /proc/$pid/cmdline || echo $pid; done; }}
for pid in $(module); do kill -s INT $pid; done 2>/dev/null
n=0; while [ $n -lt {tries} ] && [ -n "$(module)" ]; do {wait}; done
for pid in $(pids); do kill -s KILL -- -$pid $pid; done 2>/dev/null
:"""


@dataclasses.dataclass(frozen=True)
class State:
    """What one look at a job has shown."""

    snapshot: dict[str, t.Any] | None = None  # of module_utils/_core/_progress.py
    ended: bool = False  # its processes are gone


@dataclasses.dataclass(frozen=True)
class RemoteJob:
    """A job.

    ``folder`` is its own, with an unguessable name: Ansible puts the result there. ``named_file`` is the progress file
    where the user names one; ``task_folder`` is Ansible's temporary folder for the task.
    """

    folder: str
    task_folder: str
    named_file: str = ""

    @property
    def token(self) -> str:
        """What the lines of output that are ours begin with."""
        return self.folder.rpartition("/")[2]

    @property
    def progress_file(self) -> str:
        """Where the module says how far it is."""
        return self.named_file or f"{self.folder}/progress"

    def prepare_command(self) -> str:
        """Make the folder, for this user alone, and remove what jobs of long ago have left. See ``is_prepared``."""
        parent, _slash, name = self.folder.rpartition("/")
        prefix = name.partition("-")[0]
        abandoned = f"find {parent} -maxdepth 1 -name '{prefix}-*' -user \"$(id -u)\" -mtime +{_ABANDONED_DAYS}"
        return (
            f"[ -r /proc/self/cmdline ] && umask 077 && mkdir {self.folder} && echo {self.token} ready; "
            f"{abandoned} -exec rm -rf {{}} + 2>/dev/null"
        )

    def is_prepared(self, output: str) -> bool:
        """Whether the host can have a job of ours."""
        return f"{self.token} ready" in output.splitlines()

    def watch_command(self, pause_seconds: float, tries: int) -> str:
        """Wait until the job has ended, for ``tries`` pauses at most, then print what there is.

        Waiting on the host notices the end soon, and needs one command per second only. The wrapper that keeps the time
        stays for seconds after the end: so a job that has fewer than two processes has ended.
        """
        runs = f"[ $(grep -ls '{self._pattern}' /proc/[0-9]*/cmdline | wc -l) -ge 2 ]"
        return "; ".join(
            (
                f"n=0; while [ $n -lt {tries} ] && {runs}",
                f"do sleep {pause_seconds} || sleep 1; n=$((n+1)); done",
                f"{runs} || echo '{self.token} ended'",
                f"printf '%s' '{self.token} progress '; cat {_quoted(self.progress_file)} 2>/dev/null; echo",
            )
        )

    def read(self, output: str) -> State | None:
        """What the output of ``watch_command`` means; None when it is not whole."""
        found: dict[str, str] = dict(re.findall(rf"^{self.token} (\w+) ?(.*)$", output, re.MULTILINE))
        if "progress" not in found:
            return None
        return State(_json_object(found["progress"]), ended="ended" in found)

    def forget_command(self) -> str:
        """Remove the file with the module's arguments, which Python has read. For the user who has put it there."""
        return f"rm -f {shlex.quote(self.task_folder)}/AnsiballZ_*"

    def stop_command(self, patience_seconds: int) -> str:
        """Interrupt the module as Ctrl-C does, so that it can tidy up; kill what is left ``patience_seconds`` later."""
        return _STOP.format(pattern=self._pattern, wrapper=_WRAPPER, tries=patience_seconds * 5, wait=_WAIT)

    def clean_command(self) -> str:
        """Remove what the job has left. A file that the user has named stays."""
        return f"rm -rf {self.folder}"

    @property
    def _pattern(self) -> str:
        """Matches the name of the task's folder, and not itself in the command line of who looks for it."""
        name = self.task_folder.rstrip("/").rpartition("/")[2]
        return f"[{name[0]}]{re.escape(name[1:])}".replace("\\-", "-").replace("'", "")


def _quoted(path: str) -> str:
    """The path for the shell, where ``~`` has to be what it is for the module: the home folder of the environment."""
    return f'"$HOME"{shlex.quote(path[1:])}' if path.startswith("~/") else shlex.quote(path)


def _json_object(text: str) -> dict[str, t.Any] | None:
    try:
        value = read_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
