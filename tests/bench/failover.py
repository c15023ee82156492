# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failovers between two regions on loopback while customers order: for how long nobody can write, and what is lost.

The whole of an application, with DNS, objects, a cache and units of systemd, is measured by the Molecule scenario
``failover``: what its last run wrote down is shown beside the table.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import typing as t

from tests.bench.measure import Contestant, MeasureError, Run
from tests.bench.suite import Measured, Settings
from tests.bench.table import Row
from tests.demo.moved import move
from tests.demo.playbooks import DemoError
from tests.lab import throwaway

DATABASE = "planned failover of a database"
REGION = "planned failover of a database and its streams"
KILLED = "unplanned failover of a database and its streams"
_REFUSED = "writes refused"
_WRITTEN = pathlib.Path(__file__).resolve().parents[1] / "output" / "failover"

ROWS = (
    Row("planned", "a database alone: writes are refused for", "seconds", (f"{DATABASE}, {_REFUSED}",), "", 5),
    Row("planned", "... the whole run", "seconds", (DATABASE,), "", 120),
    Row("planned", "... acknowledged writes lost, all runs", "count", (DATABASE,), "", 0, "writes"),
    Row("planned", "with its streams: writes are refused for", "seconds", (f"{REGION}, {_REFUSED}",), "", 15),
    Row("planned", "... the whole run", "seconds", (REGION,), "", 120),
    Row("planned", "... acknowledged writes lost, all runs", "count", (REGION,), "", 0, "writes"),
    Row("unplanned", "unplanned: from the token to a verified service", "seconds", (KILLED,), "", 90),
)
_CONTESTANTS = {
    "planned": {DATABASE: {"streams": False}, REGION: {"streams": True}},
    "unplanned": {KILLED: {"streams": True, "killed": True}},
}


def measure(settings: Settings) -> Measured:
    """All rows with these keys."""
    measured = Measured(ROWS)
    for key, contestants in _CONTESTANTS.items():
        if key not in settings.keys:
            continue
        lost: dict[str, int] = {}
        works = [
            Contestant(name, functools.partial(_move, name, options, lost)) for name, options in contestants.items()
        ]
        figures = settings.figures(works, warm_up=False)
        for name in contestants:
            figures[name] = dataclasses.replace(figures[name], work=float(lost[name]))
        measured.figures |= figures
    measured.remarks += list(_of_hosts())
    return measured


def _move(name: str, options: t.Mapping[str, bool], lost: dict[str, int]) -> Run:
    folder = throwaway.Folder("bench-failover")
    try:
        moved = move(pathlib.Path(folder.path), **options)
    except DemoError as error:
        raise MeasureError(f"{name}: {error}") from None
    finally:
        folder.remove()
    lost[name] = lost.get(name, 0) + moved.lost
    return Run(moved.seconds, 0, "", parts={_REFUSED: moved.refused_seconds})


def _of_hosts() -> t.Iterator[str]:
    """What the last run of the Molecule scenario has measured, with all stores, on hosts of their own."""
    for path in sorted(_WRITTEN.glob("*.json")):
        found = json.loads(path.read_text(encoding="ascii"))
        said = ", ".join(
            f"{name[:-2]}: {value:g} s" for name, value in found.items() if isinstance(value, (int, float))
        )
        yield f"Molecule, all stores, {path.stem}: {said}."
    if not _WRITTEN.is_dir():
        yield "The whole region with all stores is measured by make molecule, which has not run here yet."
