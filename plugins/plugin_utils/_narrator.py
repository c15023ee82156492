# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Which of many snapshots of progress are worth a line. Pure: time comes in as a number."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import DONE, format_line, percent

_SHORTEST = 0.18  # of the pace, between any two lines: work of many short phases is no flood either
_STEP_PERCENT = 10
_IDLE_SECONDS = 5.0


class Narrator:
    """Turns the snapshots of one piece of work into few lines.

    A line comes when the phase changes, when the phase has come ten percent further, and otherwise at a pace that slows
    down from every 5 seconds to one a minute, so that a job of hours fills no log.
    """

    def __init__(self, now: float) -> None:
        self._began = now
        self._said = -math.inf
        self._said_phase = ""
        self._said_percent = 0
        self._moved = now
        self._position: tuple[t.Any, ...] = ()

    def line(self, snapshot: t.Mapping[str, t.Any], now: float) -> str | None:
        """The line to show at ``now`` (seconds of a clock that never goes back), or None.

        Raises KeyError, TypeError or ValueError.
        """
        phase, done, total = snapshot["phase"], snapshot["done"], snapshot["total"]
        if (phase, done) != self._position:
            self._position, self._moved = (phase, done), now
        pace = self._pace(now)
        if phase in ("", DONE) or now - self._said < pace * _SHORTEST:
            return None
        new_phase = phase != self._said_phase
        reached = percent(done, total)
        if not new_phase and reached < self._said_percent + _STEP_PERCENT and now - self._said < pace:
            return None
        idle = now - self._moved
        text = format_line(snapshot, idle if idle >= _IDLE_SECONDS else 0.0)
        self._said, self._said_phase, self._said_percent = now, phase, reached
        return text

    def _pace(self, now: float) -> float:
        return min(60.0, max(5.0, (now - self._began) / 12))
