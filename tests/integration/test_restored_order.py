# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows come back in the order of the backup, whatever the source's updates and deletes have made of its heap, and need
no vacuum.
"""

from __future__ import annotations

import pathlib

from tests.integration.modules import run_module
from tests.lab.postgres import Database, PostgresCluster

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


def test_a_table_of_rows_that_were_updated_and_deleted_is_proven(
    empty_database: Database, tmp_path: pathlib.Path
) -> None:
    for statement in _STATEMENTS:
        empty_database.execute(statement)
    common = {"app": "shop", "component": "notes", "repositories": [{"path": str(tmp_path / "repository")}]}
    taken = run_module(
        "pg_backup", {**common, "dsn": empty_database.dsn(), "jobs": 2, "state_dir": str(tmp_path / "state")}
    )
    assert taken.get("changed"), taken
    proof = run_module("pg_verify", {**common, "profile": "full"})
    assert proof.get("verdict") == "passed", proof


def test_restored_rows_are_frozen_so_no_vacuum_writes_their_pages_again(
    postgres: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path
) -> None:
    for statement in _STATEMENTS:
        empty_database.execute(statement)
    target = Database(postgres, "restored and frozen")
    common = {"app": "shop", "component": "notes", "repositories": [{"path": str(tmp_path / "repository")}]}
    taken = run_module("pg_backup", {**common, "dsn": empty_database.dsn(), "state_dir": str(tmp_path / "state")})
    restored = run_module("pg_restore", {**common, "backup": "newest", "target": {"dsn": target.dsn()}})
    try:
        assert taken.get("changed") and restored.get("changed"), (taken, restored)
        target.execute("CREATE EXTENSION pg_visibility")
        for table in ("notes", '"it\'s "" odd"'):
            quoted = table.replace("'", "''")
            pages = target.execute(
                f"SELECT all_visible, all_frozen, count(*) > 1 FROM pg_visibility_map('{quoted}') GROUP BY 1, 2"
            )
            assert pages == [(True, True, True)], table
            assert target.value(f"SELECT count(*) FROM pg_check_frozen('{quoted}')") == 0
    finally:
        postgres.drop_database(target.name)
