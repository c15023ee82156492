# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the parts of the benchmark have in common: what they are told, and what they give back."""

from __future__ import annotations

import collections.abc
import dataclasses
import statistics
import typing as t

from tests.bench import table
from tests.bench.against import Against
from tests.bench.measure import Contestant, Run, take_turns, with_twins


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to measure. ``scale`` makes everything smaller or larger, for the development of the benchmark itself."""

    keys: tuple[str, ...]
    rounds: int
    megabytes: int
    scale: float
    say: collections.abc.Callable[[str], None]
    against: Against | None = None

    def scaled(self, count: float) -> int:
        """So many, made smaller or larger."""
        return max(1, round(count * self.scale))

    def figures(
        self, contestants: t.Sequence[Contestant], *, rounds: int = 0, warm_up: bool = True
    ) -> dict[str, table.Figures]:
        """Let them take turns. Where a run has parts, each is a contestant, too, named ``<name>, <part>``."""
        figures: dict[str, table.Figures] = {}
        for name, runs in take_turns(
            with_twins(contestants, self.against), rounds or self.rounds, self.say, warm_up=warm_up
        ).items():
            figures[name] = _figures(runs, [run.seconds for run in runs])
            for part in runs[0].parts:
                figures[f"{name}, {part}"] = _figures(runs, [run.parts[part] for run in runs])
        return figures


def _figures(runs: t.Sequence[Run], seconds: t.Sequence[float]) -> table.Figures:
    processor = statistics.median(run.cpu_seconds for run in runs)
    return table.Figures(tuple(seconds), max(run.peak_bytes for run in runs), runs[0].work, processor)


@dataclasses.dataclass
class Measured:
    """What a part has measured.

    ``rows`` are those that could be; ``remarks`` say what was measured on, and what could not be, and why.
    """

    rows: tuple[table.Row, ...]
    figures: dict[str, table.Figures] = dataclasses.field(default_factory=dict)
    remarks: list[str] = dataclasses.field(default_factory=list)
