# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Follows a background job to its end, whatever that end is.

Knows no Ansible: how to reach the host and how to show a line come in.
"""

from __future__ import annotations

import contextlib
import signal
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import format_line
from ansible_collections.lifeboat.dr.plugins.plugin_utils._narrator import Narrator
from ansible_collections.lifeboat.dr.plugins.plugin_utils._remote_job import Ended, RemoteJob, State

_EARLY_SECONDS = 5.0  # so long the end is looked for more often, because short work must not be made longer
_EARLY_PAUSE, _PAUSE = 0.1, 0.5
_WATCH_SECONDS = 1.0
_RETRY_SECONDS = 2.0


class LostConnectionError(Exception):
    """The host could not be reached for too long. The job may still run there."""


class Follower:
    """Follows one job.

    ``execute`` runs a shell command on the host as the job's user and gives its output, or None when the host cannot be
    reached.
    ``name`` is what the job is called in messages.
    """

    def __init__(
        self,
        job: RemoteJob,
        name: str,
        *,
        execute: t.Callable[[str], str | None],
        say: t.Callable[[str], None],
        limit_seconds: float,
        unreachable_seconds: float,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._job = job
        self._name = name
        self._execute = execute
        self._say = say
        self._limit_seconds = limit_seconds
        self._unreachable_seconds = unreachable_seconds
        self._clock = clock
        self._sleep = sleep
        self._began = clock()
        self._narrator = Narrator(self._began)
        self._last_line = ""

    def follow(self, state: State) -> Ended:
        """Wait for the end; ``state`` is what the start has shown.

        Raises LifeboatError where there is no result; LostConnectionError.
        """
        while True:
            if state.snapshot is not None:
                self._narrate(state.snapshot)
            if state.ended is not None:
                return self._checked(state.ended)
            if state.gone:
                raise self._failure(
                    "does not exist any more, and it has left no result: it was killed, or the host was restarted.",
                    "Look into the host's journal.",
                )
            if self._clock() - self._began > self._limit_seconds:
                raise self._failure(
                    f"was stopped, because it was not done after {self._limit_seconds:.0f} s.",
                    "Raise time_limit, or find out what slowed it down.",
                )
            asked = self._clock()
            state = self._look()
            if self._clock() - asked < _EARLY_PAUSE:
                self._sleep(_PAUSE)  # the host did not wait, for whatever reason

    def _look(self) -> State:
        """One look at the job. A lost connection is waited for: the job goes on without it."""
        lost_since: float | None = None
        pause = _EARLY_PAUSE if self._clock() - self._began < _EARLY_SECONDS else _PAUSE
        while True:
            output = self._execute(self._job.watch_command(pause, round(_WATCH_SECONDS / pause)))
            state = None if output is None else self._job.read(output)
            if state is not None:
                return state
            now = self._clock()
            if lost_since is None:
                lost_since = now
                self._say(f"{self._name}: the connection is lost. The work goes on; trying to reach the host again.")
            if now - lost_since >= self._unreachable_seconds:
                raise LostConnectionError(
                    f"The host could not be reached for {now - lost_since:.0f} s. {self._name} may still be at work "
                    "there; "
                    f"its result will be in {self._job.folder}/ended.{self._seen()}"
                )
            self._sleep(_RETRY_SECONDS)

    def _narrate(self, snapshot: dict[str, t.Any]) -> None:
        with contextlib.suppress(KeyError, TypeError, ValueError):  # a progress file is news, never a reason to fail
            line = self._narrator.line(snapshot, self._clock())
            self._last_line = format_line(snapshot) if snapshot["phase"] else ""
            if line is not None:
                self._say(line)

    def _checked(self, ended: Ended) -> Ended:
        """A process that was killed says nothing; all others speak for themselves."""
        number = -ended.rc if ended.rc < 0 else ended.rc - 128
        if ended.stdout.strip() or number not in set(signal.Signals):
            return ended
        hint = (
            "If memory was short, journalctl -k on the host says so."
            if number == signal.SIGKILL
            else "Look into the host's journal."
        )
        raise self._failure(f"was killed by {signal.Signals(number).name}.", hint)

    def _failure(self, what: str, hint: str) -> LifeboatError:
        return LifeboatError(f"The process of {self._name} {what}{self._seen()}", hint=hint)

    def _seen(self) -> str:
        return f" Last seen: {self._last_line}." if self._last_line else ""
