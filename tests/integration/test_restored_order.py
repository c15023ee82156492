# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows come back in the order of the backup, whatever the source's updates and deletes have made of its heap."""

from __future__ import annotations

import pathlib

from tests.integration.modules import run_module
from tests.lab.postgres import Database

_STATEMENTS = (
    "CREATE TABLE notes (id integer, body text)",
    'CREATE TABLE "it\'s "" odd" (id integer, body text)',
    "INSERT INTO notes SELECT i, repeat('x', (i * 7919) % 1500) FROM generate_series(1, 3000) AS i",
    "UPDATE notes SET body = repeat('y', (id * 10473) % 1500) WHERE id % 3 = 0",
    "DELETE FROM notes WHERE id % 5 = 0",
    "VACUUM notes",
    "INSERT INTO notes SELECT i, repeat('z', (i * 15485) % 1500) FROM generate_series(3001, 4000) AS i",
    'INSERT INTO "it\'s "" odd" SELECT * FROM notes',
)


def test_a_table_of_rows_that_were_updated_and_deleted_is_proven(empty_database: Database, tmp_path: pathlib.Path) -> None:
    for statement in _STATEMENTS:
        empty_database.execute(statement)
    common = {"app": "shop", "component": "notes", "repositories": [{"path": str(tmp_path / "repository")}]}
    taken = run_module("pg_backup", {**common, "dsn": empty_database.dsn(), "jobs": 2, "state_dir": str(tmp_path / "state")})
    assert taken.get("changed"), taken
    proof = run_module("restore_verify", {**common, "profile": "full"})
    assert proof.get("verdict") == "passed", proof
