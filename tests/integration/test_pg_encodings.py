# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that databases of every encoding share (of roles, of databases), and that are bytes: made in a database of one
encoding, they are no text in another one, and are backed up, restored, swapped and proven all the same.
"""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

import pytest

from tests.integration.backups import Stock
from tests.integration.modules import run_module
from tests.lab.postgres import Database, PostgresCluster

_RAW = {"LATIN1": "rôle".encode("latin-1"), "EUC_JP": "役割".encode("euc_jp"), "SQL_ASCII": b"r\xf4\xe8le"}
_WORD = {"LATIN1": "é".encode("latin-1"), "EUC_JP": "語".encode("euc_jp"), "SQL_ASCII": b"\xe9"}


def _run(database: Database, statements: bytes) -> None:
    """Run SQL as the bytes that it is, in the database's own encoding."""
    with contextlib.closing(database.connect()) as session, session.cursor() as cursor:
        session.autocommit = True
        session.set_client_encoding(str(database.value("show server_encoding")))
        cursor.execute(statements)


def _around(cluster: PostgresCluster, name: str) -> list[tuple[t.Any, ...]]:
    """Owner, rights, settings and comment of a database, as bytes: read in a database that converts nothing."""
    return cluster.execute(
        """select convert_to(pg_get_userbyid(datdba), 'SQL_ASCII'), convert_to(datacl::text, 'SQL_ASCII'),
           (select array_agg(convert_to(pg_get_userbyid(setrole) || c, 'SQL_ASCII') order by 1)
            from pg_db_role_setting, unnest(setconfig) c where setdatabase = d.oid),
           split_part(convert_to(shobj_description(oid, 'pg_database'), 'SQL_ASCII')::text, '0a0a', 1)
           from pg_database d where datname = %s""",
        (name,),
        dbname="reads bytes",
    )


@pytest.fixture
def odd_cluster(postgres: PostgresCluster) -> t.Iterator[PostgresCluster]:
    """The shared cluster, with a database that reads shared names as bytes."""
    postgres.create_database("reads bytes", encoding="SQL_ASCII", locale="C")
    yield postgres
    postgres.drop_database("reads bytes")


@pytest.mark.parametrize("encoding", list(_RAW))
def test_a_role_that_is_no_text_elsewhere_owns_what_it_owned(
    odd_cluster: PostgresCluster, tmp_path: pathlib.Path, encoding: str
) -> None:
    cluster, role, word = odd_cluster, _RAW[encoding], _WORD[encoding]
    source = Database(cluster, cluster.create_database(f"{encoding} source", encoding=encoding, locale="C"))
    made = Database(cluster, f"{encoding} made")
    stock = Stock.new(tmp_path, encryption="none")
    try:
        _run(
            source,
            b'create role "%(r)s"; create role "%(r)s of more" in role "%(r)s"; create table "%(w)s" as select 1 as i;'
            b'alter table "%(w)s" owner to "%(r)s"; grant select on "%(w)s" to "%(r)s of more";'
            b'alter table "%(w)s" enable row level security; create policy p on "%(w)s" to "%(r)s";'
            b'alter database "%(d)s" owner to "%(r)s"; grant connect on database "%(d)s" to "%(r)s of more";'
            b'alter role "%(r)s" in database "%(d)s" set my.word = \'%(w)s\';'
            b"comment on database \"%(d)s\" is 'of %(w)s'" % {b"r": role, b"w": word, b"d": source.name.encode()},
        )
        for options in ({}, {"globals": "none", "jobs": 2}):
            stock.back_up(source, **options)
            proof = run_module("pg_verify", stock.arguments(profile="full", record=False))
            assert proof.get("verdict") == "passed", proof["msg"]
        restored = run_module("pg_restore", stock.arguments(target={"dsn": made.dsn()}))
        assert not restored.get("failed"), restored["msg"]
        assert restored["left_out"] == []
        assert _around(cluster, made.name) == _around(cluster, source.name)
        assert run_module("pg_restore", stock.arguments(target={"dsn": made.dsn()}))["changed"] is False
        swapped = run_module(
            "pg_restore", stock.arguments(target={"swap": source.dsn(), "confirm": source.name}, backup="newest")
        )
        assert not swapped.get("failed"), swapped["msg"]
        assert _around(cluster, source.name) == _around(cluster, made.name)
        made.cluster.drop_database(swapped["kept_as"])
    finally:
        for name in (source.name, made.name):
            cluster.drop_database(name)
        _run(Database(cluster, "reads bytes"), b'drop role "%(r)s", "%(r)s of more"' % {b"r": role})


@pytest.mark.not_by_hand("the catalogs cannot be read as text while this role is there")
def test_a_role_of_bytes_that_nobody_needs_stands_in_nobodys_way(
    odd_cluster: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path
) -> None:
    """One role of the cluster whose name is no text: databases that have nothing to do with it are restored."""
    _run(
        Database(odd_cluster, "reads bytes"), b'create role "stray\xf4"; comment on database "reads bytes" is \'\xf4\''
    )
    made = Database(odd_cluster, "made beside")
    stock = Stock.new(tmp_path, encryption="none")
    try:
        empty_database.execute("create table t as select 1 as i")
        stock.back_up(empty_database, globals="none")
        result = run_module("pg_restore", stock.arguments(target={"dsn": made.dsn()}))
        assert not result.get("failed"), result["msg"]
        swap = {"swap": made.dsn(), "confirm": made.name}
        stock.back_up(empty_database, globals="none")
        swapped = run_module("pg_restore", stock.arguments(target=swap))
        assert not swapped.get("failed"), swapped["msg"]
        odd_cluster.drop_database(swapped["kept_as"])
        with pytest.raises(AssertionError, match="name of a role is not text in the encoding"):  # as stock pg_dumpall
            stock.back_up(empty_database)
    finally:
        odd_cluster.drop_database(made.name)
        _run(Database(odd_cluster, "reads bytes"), b'drop role "stray\xf4"')
