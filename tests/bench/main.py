# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures, prints one table for each suite, and writes tests/output/bench.json."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import signal
import sys
import types
import typing as t

import botocore.exceptions
import psycopg2

from tests.bench import buckets, failover, fleet, jetstream, physical, postgresql, table
from tests.bench.against import Against, checked_out
from tests.bench.measure import MeasureError
from tests.bench.suite import Measured, Settings
from tests.lab.throwaway import LabError

_OUTPUT = pathlib.Path(__file__).resolve().parents[1] / "output" / "bench.json"
_SUITES: dict[str, t.Any] = {
    "postgresql": postgresql,
    "physical": physical,
    "jetstream": jetstream,
    "s3": buckets,
    "fleet": fleet,
    "failover": failover,
}


def main() -> int:
    """The exit code: 0 when all was measured, whatever came out, as a benchmark is no gate; 1 when something could not
    be measured.
    """
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        _measure(options)
    except KeyboardInterrupt:
        print("bench: stopped; everything is removed again.", file=sys.stderr)
        return 130
    except (MeasureError, LabError, psycopg2.Error, botocore.exceptions.ClientError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    keys = _keys(_SUITES)
    parser = argparse.ArgumentParser(prog="bench", description="Speed, as ratios of what is measured in one run.")
    parser.add_argument(
        "--suite", nargs="+", choices=_SUITES, metavar="SUITE", help=f"of {', '.join(_SUITES)} (default: all)"
    )
    parser.add_argument(
        "--rows", nargs="+", choices=keys, metavar="ROW", help=f"of {', '.join(keys)} (default: all of the suites)"
    )
    parser.add_argument(
        "--megabytes", type=int, default=2000, metavar="N", help="size of the database as dump text (default: 2000)"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="timed runs of each contestant (default: 3)")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="X", help="make everything so many times as large (default: 1)"
    )
    parser.add_argument(
        "--against", metavar="COMMIT", help="measure our modules as they were at this commit, too, by turns"
    )
    options = parser.parse_args()
    if options.megabytes < 1 or options.rounds < 1 or options.scale <= 0:
        parser.error("--megabytes and --rounds want 1 or more, and --scale more than 0")
    if options.suite is None:
        options.suite = [name for name in _SUITES if options.rows is None or set(options.rows) & set(_keys([name]))]
    return options


def _keys(suites: t.Iterable[str]) -> list[str]:
    return list(dict.fromkeys(row.key for name in suites for row in _SUITES[name].ROWS))


def _leave(number: int, _frame: types.FrameType | None) -> None:
    sys.exit(128 + number)


def _measure(options: argparse.Namespace) -> None:
    machine = _machine()
    _say(machine["line"])
    with checked_out(options.against) as against:
        _measure_all(options, machine, against)


def _measure_all(options: argparse.Namespace, machine: dict[str, t.Any], against: Against | None) -> None:
    done: dict[str, tuple[Measured, list[table.Line]]] = {}
    for name in options.suite:
        keys = tuple(key for key in _keys([name]) if options.rows is None or key in options.rows)
        measured = _SUITES[name].measure(
            Settings(keys, options.rounds, options.megabytes, options.scale, _say, against)
        )
        done[name] = measured, table.conclude(keys, measured.figures, measured.rows)
        if against is not None:
            measured.remarks.append("\n" + table.render_against(measured.figures, against.commit, against.name))
        _tell(*done[name])
    machine["load_after"] = os.getloadavg()
    if len(done) > 1:
        _say("\nAll of it:")
        for measured, lines in done.values():
            _tell(measured, lines)
    _say(f"\n{machine['line']}\nMedian of {options.rounds} alternating runs after a warm-up.")
    _write(machine, done)
    _say(f"All figures: {_OUTPUT}")


def _tell(measured: Measured, lines: t.Sequence[table.Line]) -> None:
    _say("\n".join(["", table.render(lines), "", *measured.remarks]))


def _machine() -> dict[str, t.Any]:
    found = re.search(
        r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE
    )
    processor = found.group(1) if found else platform.machine()
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    load = os.getloadavg()
    line = (
        f"{date}: {cores} x {processor}, {memory / 1e9:.0f} GB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {load[0]:.1f} at the beginning"
    )
    return {"line": line, "load_before": load}


def _write(machine: t.Mapping[str, t.Any], done: t.Mapping[str, tuple[Measured, t.Sequence[table.Line]]]) -> None:
    document = {
        "machine": machine,
        "suites": {
            name: {
                "remarks": measured.remarks,
                "contestants": {
                    one: {**dataclasses.asdict(each), "median": each.median} for one, each in measured.figures.items()
                },
                "table": [
                    {
                        "what": line.row.what,
                        "ours": line.ours,
                        "peer": line.peer,
                        "kind": line.row.kind,
                        "figure": line.figure,
                        "bar": line.row.wanted,
                        "met": line.met,
                    }
                    for line in lines
                ],
            }
            for name, (measured, lines) in done.items()
        },
    }
    _OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    _OUTPUT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _say(text: str) -> None:
    print(text, flush=True)
