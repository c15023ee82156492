# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_health_info on a real server."""

from __future__ import annotations

from tests.integration.modules import run_module
from tests.lab.postgres import Database


def test_a_real_database_says_how_it_is_and_which_tables_are_large(database: Database) -> None:
    database.execute("create table large as select i, repeat('x', 500) from generate_series(1, 5000) i")
    database.execute("create table small (id integer primary key)")
    result = run_module("pg_health_info", {"dsn": database.dsn(), "largest": 1})
    assert [table["name"] for table in result["tables"]] == ["large"] and result["tables"][0]["bytes"] > 2_000_000
    assert result["bytes"] > result["tables"][0]["bytes"] and result["changed"] is False
    assert result["oldest_xid_age"] > 0 and not result["in_recovery"] and result["connections"] >= 1
    assert result["archiver"]["failing"] is False and result["archive_mode"] == "off"


def test_an_index_that_could_not_be_built_is_said(database: Database) -> None:
    database.execute("create table twice as select 1 as id from generate_series(1, 2)")
    session = database.connect()
    session.autocommit = True
    with session.cursor() as cursor:
        try:
            cursor.execute("create unique index concurrently broken on twice (id)")
        except Exception as error:  # psycopg2's own, which is what is wanted
            assert "could not create unique index" in str(error)
    session.close()
    result = run_module("pg_health_info", {"dsn": database.dsn()})
    assert (result["state"], result["invalid_indexes"]) == ("warning", ["public.broken"])
    assert [finding["code"] for finding in result["findings"]] == ["invalid_index"]


def test_options_and_servers_that_are_wrong_are_named(database: Database) -> None:
    assert "largest is -1" in run_module("pg_health_info", {"dsn": database.dsn(), "largest": -1})["msg"]
    gone = run_module("pg_health_info", {"dsn": "postgresql:///?host=/nowhere"})
    assert gone["failed"] and "Cannot connect to PostgreSQL" in gone["msg"]
