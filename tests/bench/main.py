# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures, prints the table, and writes tests/output/bench.json."""

from __future__ import annotations

import argparse
import contextlib
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

import psycopg2

from tests.bench import table
from tests.bench.contest import DATABASE, Contest
from tests.bench.measure import MeasureError, take_turns
from tests.lab import dataset, throwaway
from tests.lab.postgres import PostgresCluster
from tests.lab.throwaway import LabError

_OUTPUT = pathlib.Path(__file__).resolve().parents[1] / "output" / "bench.json"
# No background work of the server's begins in the middle of somebody's turn.
_SETTINGS = {"autovacuum": "off", "shared_buffers": "512MB", "maintenance_work_mem": "128MB", "max_wal_size": "8GB"}


def main() -> int:
    """The exit code: 0 when all was measured, whatever came out, as a benchmark is no gate; 1 when something could not be measured."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        _measure(options)
    except KeyboardInterrupt:
        print("bench: stopped; everything is removed again.", file=sys.stderr)
        return 130
    except (MeasureError, LabError, psycopg2.Error, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Speed, as ratios of what is measured in one run.")
    parser.add_argument("--megabytes", type=int, default=2000, metavar="N", help="size of the database as dump text (default: 2000)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="timed runs of each contestant (default: 3)")
    parser.add_argument("--rows", nargs="+", choices=table.KEYS, default=table.KEYS, metavar="ROW", help=f"of {', '.join(table.KEYS)}")
    options = parser.parse_args()
    if options.megabytes < 1 or options.rounds < 1:
        parser.error("--megabytes and --rounds want 1 or more")
    return options


def _leave(number: int, _frame: types.FrameType | None) -> None:
    sys.exit(128 + number)


def _measure(options: argparse.Namespace) -> None:
    with contextlib.ExitStack() as stack:
        folder = throwaway.Folder("bench")
        stack.callback(folder.remove)
        cluster = stack.enter_context(PostgresCluster(settings=_SETTINGS))
        machine = _machine(cluster)
        _say(machine["line"])
        cluster.create_database(DATABASE)
        _say(f"Making a database of {options.megabytes:,} MB of dump text ...")
        loaded = dataset.load_benchmark(cluster.dsn(DATABASE), options.megabytes)
        _say(f"  {sum(loaded.rows.values()):,} rows in {len(loaded.rows)} tables, in {loaded.seconds:.0f} s")
        contest = Contest(cluster, pathlib.Path(folder.path))
        names = table.needed(options.rows)
        figures = _figures(contest, names & set(table.BACKUPS), options.rounds)
        rest = names - set(table.BACKUPS)
        if rest:
            contest.prepare_restores()
            figures |= _figures(contest, rest & set(table.RESTORES), options.rounds)
            figures |= _figures(contest, rest - set(table.RESTORES), options.rounds)
    lines = table.conclude(options.rows, figures)
    machine["load_after"] = os.getloadavg()
    _say(f"\n{table.render(lines)}\n\n{machine['line']}")
    _say(f"Median of {options.rounds} alternating runs after a warm-up; {options.megabytes:,} MB of dump text.")
    _write(options, machine, loaded, figures, lines)
    _say(f"All figures: {_OUTPUT}")


def _figures(contest: Contest, names: t.Collection[str], rounds: int) -> dict[str, table.Figures]:
    runs = take_turns(contest.contestants(names), rounds, _say)
    return {name: table.Figures(tuple(run.seconds for run in done), max(run.peak_bytes for run in done)) for name, done in runs.items()}


def _machine(cluster: PostgresCluster) -> dict[str, t.Any]:
    found = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    processor = found.group(1) if found else platform.machine()
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    server = cluster.value("SHOW server_version")
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    load = os.getloadavg()
    line = (
        f"{date}: {cores} x {processor}, {memory / 1e9:.0f} GB, Linux {platform.release()}, PostgreSQL {server}, "
        f"Python {platform.python_version()}, load {load[0]:.1f} at the beginning"
    )
    return {"line": line, "load_before": load}


def _write(
    options: argparse.Namespace, machine: t.Mapping[str, t.Any], loaded: dataset.Loaded, figures: t.Mapping[str, table.Figures],
    lines: t.Sequence[table.Line],
) -> None:
    document = {
        "machine": machine,
        "megabytes": options.megabytes,
        "rows": loaded.rows,
        "contestants": {name: {**dataclasses.asdict(each), "median": each.median} for name, each in figures.items()},
        "table": [
            {"what": line.row.what, "ours": line.ours, "peer": line.peer, "kind": line.row.kind, "figure": line.figure,
             "bar": line.row.wanted, "met": line.met}
            for line in lines
        ],
    }  # fmt: skip
    _OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    _OUTPUT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _say(text: str) -> None:
    print(text, flush=True)
