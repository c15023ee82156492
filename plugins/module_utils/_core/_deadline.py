# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A time limit that all stages of one piece of work share."""

from __future__ import annotations

import threading
import time

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError


class CancelledError(DeadlineError):
    """Another part of the same work has failed, so this part ends too. The other part's error is the one to show."""


class Deadline:
    """A point in time after which no stage may go on, and the way to end all stages before it.

    ``seconds`` of None or 0 mean no limit. Whoever waits, waits in steps of at most ``remaining(…)`` and calls
    ``check`` between them.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds or None
        self._cancelled = False
        self._whole: Deadline | None = None
        self._end = None if not seconds else time.monotonic() + seconds

    def part(self) -> Deadline:
        """The same point in time, for a part of the work that may fail and be tried again: what ends the part does not
        end the whole.

        What ends the whole ends the part.
        """
        part = Deadline(self.seconds)
        part._end = self._end
        part._whole = self
        return part

    def cancel(self) -> None:
        """Make every further ``check`` raise CancelledError."""
        self._cancelled = True

    def _is_cancelled(self) -> bool:
        return self._cancelled or (self._whole is not None and self._whole._is_cancelled())

    def remaining(self, at_most: float) -> float:
        """Seconds left, at most ``at_most``: what to give a call that waits."""
        if self._end is None:
            return at_most
        return max(0.0, min(at_most, self._end - time.monotonic()))

    def check(self, what: str) -> None:
        """Raise DeadlineError, naming ``what`` was being done, when the time is over."""
        if self._is_cancelled():
            raise CancelledError(f"{what} was stopped because another part of the same work failed.")
        if self._end is not None and time.monotonic() >= self._end:
            raise DeadlineError(
                f"{what} was stopped: the time limit of {self.seconds:g} s is over. Nothing unfinished was kept.",
                hint="Raise time_limit, or find out what slowed it down.",
            )


class Stoppable(Deadline):
    """A deadline whose end by another thread, or by a signal, also ends the waiting for the next attempt of a
    request.
    """

    def __init__(self, seconds: float | None, stopped: threading.Event) -> None:
        super().__init__(seconds)
        self._stopped = stopped

    def cancel(self) -> None:
        """Make every further ``check`` raise, and let no request be made again."""
        super().cancel()
        self._stopped.set()
