# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Follows a background job to its end, whatever that end is.

Knows no Ansible: how to reach the host, how to ask for the result, and how to show a line come in.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import format_line
from ansible_collections.lifeboat.dr.plugins.plugin_utils._narrator import Narrator

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._remote_job import RemoteJob, State

_EARLY_SECONDS = 5.0  # so long the end is looked for more often, because short work must not be made longer
_EARLY_PAUSE, _PAUSE = 0.1, 0.5
_WATCH_SECONDS = 1.0
_RETRY_SECONDS = 2.0

_T = t.TypeVar("_T")


class LostConnectionError(Exception):
    """The host could not be reached for too long. The job may still run there."""


class Follower:
    """Follows one job.

    ``execute`` runs a shell command on the host as the job's user and gives its output; ``status`` gives what Ansible
    knows of the job: both None when the host cannot be reached. ``name`` is what the job is called in messages;
    ``begun`` is called once, when the module has said something.
    """

    def __init__(
        self,
        job: RemoteJob,
        name: str,
        *,
        execute: t.Callable[[str], str | None],
        status: t.Callable[[], dict[str, t.Any] | None],
        say: t.Callable[[str], None],
        begun: t.Callable[[], object],
        limit_seconds: float,
        unreachable_seconds: float,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._job = job
        self._name = name
        self._execute = execute
        self._status = status
        self._say = say
        self._begun: t.Callable[[], object] | None = begun
        self._limit_seconds = limit_seconds
        self._unreachable_seconds = unreachable_seconds
        self._clock = clock
        self._sleep = sleep
        self._began = clock()
        self._narrator = Narrator(self._began)
        self._last_line = ""

    def follow(self) -> dict[str, t.Any]:
        """Wait for the end; gives the result of the module.

        Raises LifeboatError where there is none; LostConnectionError.
        """
        while True:
            looked = self._clock()
            state = self._patiently(self._look)
            if state.snapshot is not None:
                self._narrate(state.snapshot)
            if state.ended:
                return self._result()
            if self._clock() - self._began > self._limit_seconds:
                raise self._failure(
                    f"was stopped, because it was not done after {self._limit_seconds:.0f} s.",
                    "Raise time_limit, or find out what slowed it down.",
                )
            if self._clock() - looked < _EARLY_PAUSE:
                self._sleep(_PAUSE)  # the host did not wait, for whatever reason

    def _look(self) -> State | None:
        pause = _EARLY_PAUSE if self._clock() - self._began < _EARLY_SECONDS else _PAUSE
        output = self._execute(self._job.watch_command(pause, round(_WATCH_SECONDS / pause)))
        return None if output is None else self._job.read(output)

    def _result(self) -> dict[str, t.Any]:
        """What the module has left, now that no process is there."""
        for _time in range(2):
            status = self._patiently(self._status)
            if status.get("finished") and "started" not in status:
                return self._checked(status)
            self._sleep(_WATCH_SECONDS)  # it may have been written just now
        raise self._failure(
            "does not exist any more, and it has left no result: it was killed, or the host was restarted.",
            "Look into the host's journal.",
        )

    def _patiently(self, ask: t.Callable[[], _T | None]) -> _T:
        """The answer of the host. A lost connection is waited for: the job goes on without it."""
        lost_since: float | None = None
        while True:
            answer = ask()
            if answer is not None:
                return answer
            now = self._clock()
            if lost_since is None:
                lost_since = now
                self._say(f"{self._name}: the connection is lost. The work goes on; trying to reach the host again.")
            if now - lost_since >= self._unreachable_seconds:
                raise LostConnectionError(
                    f"The host could not be reached for {now - lost_since:.0f} s. {self._name} may still be at work "
                    f"there; its result will be in {self._job.folder}.{self._seen()}"
                )
            self._sleep(_RETRY_SECONDS)

    def _narrate(self, snapshot: dict[str, t.Any]) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            begun()
        with contextlib.suppress(KeyError, TypeError, ValueError):  # a progress file is news, never a reason to fail
            line = self._narrator.line(snapshot, self._clock())
            self._last_line = format_line(snapshot) if snapshot["phase"] else ""
            if line is not None:
                self._say(line)

    def _checked(self, status: dict[str, t.Any]) -> dict[str, t.Any]:
        """What a module that was killed leaves, and one that Python could not run, Ansible's wrapper reports as a
        traceback of its own, with the ``data`` and ``stderr`` of the module.
        """
        result = {key: value for key, value in status.items() if key not in _KEYS_OF_JOBS}
        if not (status.get("failed") and {"cmd", "data", "stderr"} <= set(status)):
            return result
        output, words = str(status["data"]).strip(), str(status["stderr"]).strip()
        raise self._failure(
            "ended without a result: it was killed, or Python could not run it.",
            "If memory was short, journalctl -k on the host says so.",
            {"module_stdout": output, "module_stderr": words},
        )

    def _failure(self, what: str, hint: str, details: dict[str, t.Any] | None = None) -> LifeboatError:
        return LifeboatError(f"The process of {self._name} {what}{self._seen()}", hint=hint, details=details)

    def _seen(self) -> str:
        return f" Last seen: {self._last_line}." if self._last_line else ""


# The last two: Ansible adds what Python has warned of to the result, which a module without a job never shows.
_KEYS_OF_JOBS = ("ansible_job_id", "started", "finished", "results_file", "stderr", "stderr_lines")
