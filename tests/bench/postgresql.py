# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PostgreSQL: the modules against the stock tools, on one throw-away server."""

from __future__ import annotations

import contextlib
import pathlib

from tests.bench import table
from tests.bench.contest import DATABASE, Contest
from tests.bench.suite import Measured, Settings
from tests.lab import dataset, throwaway
from tests.lab.postgres import PostgresCluster

ROWS = table.ROWS
# No background work of the server's begins in the middle of somebody's turn.
_SETTINGS = {"autovacuum": "off", "shared_buffers": "512MB", "maintenance_work_mem": "128MB", "max_wal_size": "8GB"}


def measure(settings: Settings) -> Measured:
    """All rows with these keys."""
    measured = Measured(ROWS)
    names = table.needed(settings.keys)
    megabytes = settings.scaled(settings.megabytes)
    with contextlib.ExitStack() as stack:
        folder = throwaway.Folder("bench")
        stack.callback(folder.remove)
        cluster = stack.enter_context(PostgresCluster(settings=_SETTINGS))
        cluster.create_database(DATABASE)
        settings.say(f"PostgreSQL: a database of {megabytes:,} MB of dump text ...")
        loaded = dataset.load_benchmark(cluster.dsn(DATABASE), megabytes)
        rows = f"{sum(loaded.rows.values()):,} rows in {len(loaded.rows)} tables"
        settings.say(f"  {rows}, in {loaded.seconds:.0f} s")
        contest = Contest(cluster, pathlib.Path(folder.path))
        measured.figures |= settings.figures(contest.contestants(names & set(table.BACKUPS)))
        rest = names - set(table.BACKUPS)
        if rest:
            contest.prepare_restores()
            measured.figures |= settings.figures(contest.contestants(rest & set(table.RESTORES)))
            measured.figures |= settings.figures(contest.contestants(rest - set(table.RESTORES)))
        measured.remarks.append(
            f"PostgreSQL {cluster.value('SHOW server_version')}: {megabytes:,} MB of dump text, {rows}."
        )
    return measured
