# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sessions of the modules leave behind, and what stands in their way: poolers, kills, secrets."""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
import time
import typing as t

import psycopg2
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    SESSION_SETTINGS,
    Connection,
)

from tests.integration.modules import run_module, start_module
from tests.integration.pg_backup_place import Place, until
from tests.lab.faultproxy import FaultProxy
from tests.lab.pgbouncer import PgBouncer
from tests.lab.postgres import Database, PostgresCluster

_MARK = "decrypted-and-to-be-seen-nowhere"


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


def pooled_settings(dsn: str) -> dict[str, int]:
    """The settings of all sessions of the pool that are not as the server gives them, as an application sees it."""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(contextlib.closing(psycopg2.connect(dsn))) for _number in range(5)]
        found: dict[str, int] = {}
        for session in sessions:  # each holds its server process, as none of them ends its transaction
            cursor = session.cursor()
            cursor.execute("SELECT name FROM pg_settings WHERE source = 'session' AND name <> 'application_name'")
            for (name,) in cursor.fetchall():
                found[name] = found.get(name, 0) + 1
            cursor.execute("SELECT count(*) FROM applications_table")
        return found


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_nothing_of_ours_stays_in_the_sessions_of_a_pooler(
    postgres: PostgresCluster, empty_database: Database, place: Place, mode: str
) -> None:
    empty_database.execute("CREATE TABLE applications_table AS SELECT 1 AS a")
    with PgBouncer(postgres, mode) as pooler:
        dsn = pooler.dsn(empty_database.name)
        before = pooled_settings(dsn)
        for check_mode in (True, False):
            result = run_module("pg_backup", place.arguments(dsn, jobs=2), check_mode=check_mode)
            if mode == "transaction":
                assert result["failed"] and "a connection pooler in transaction mode" in result["msg"]
                assert "Connect to the server itself" in result["msg"]
            else:
                assert not result.get("failed"), result["msg"]
            assert pooled_settings(dsn) == before
        if mode == "transaction":
            refused = run_module(
                "pg_restore", {**place.arguments(""), "backup": "newest", "target": {"dsn": pooler.dsn("new")}}
            )
            assert refused["failed"]


def test_a_killed_restore_leaves_nothing_decrypted_and_the_next_one_removes_its_database(
    postgres: PostgresCluster, empty_database: Database, place: Place
) -> None:
    empty_database.execute(
        f"CREATE TABLE bulky AS SELECT i, repeat(md5(i::text), 4) AS noise FROM generate_series(1, 100000) AS i;"
        f"COMMENT ON TABLE bulky IS '{_MARK}'; CREATE INDEX ON bulky (noise)"
    )
    place.back_up(empty_database.dsn(), jobs=2)
    target = Database(postgres, "killed restore")
    arguments = {**place.arguments(""), "backup": "newest", "target": {"dsn": target.dsn()}}
    reading = {key: arguments[key] for key in ("app", "component", "repositories", "backup", "target")}
    began = time.time()
    with FaultProxy(postgres.port, http=False) as slow:
        slow.slow_down(3e5)
        dsn = target.dsn().replace(f"port={postgres.port}", f"port={slow.port}")
        process = start_module("pg_restore", {**reading, "target": {"dsn": dsn}})
        try:
            until(lambda: postgres.backend_pids("lifeboat pg_restore", "killed restore%"), "pg_restore is at work")
            assert files_with(_MARK, postgres, began) == [], "decrypted bytes have a name while the restore runs"
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
    until(lambda: not postgres.backend_pids("lifeboat pg_restore", "killed restore%"), "pg_restore has gone")
    assert files_with(_MARK, postgres, began) == []
    # As if it had been killed before it could say what its database is; and one that somebody has put something into.
    early, used = "killed restore_restoring_abcdef", "killed restore_restoring_abcde0"
    for name in (early, used):
        postgres.create_database(name)
    postgres.execute("CREATE TABLE precious (a integer)", dbname=used)
    try:
        result = run_module("pg_restore", reading)
        assert not result.get("failed"), result["msg"]
        assert early in result["removed_leftovers"] and len(result["removed_leftovers"]) == 2
        assert {name for name in postgres.databases() if name.startswith("killed restore")} == {target.name, used}
    finally:
        for name in (target.name, early, used):
            postgres.drop_database(name)


def files_with(word: str, cluster: PostgresCluster, since: float) -> list[str]:
    """The files in the system's folders for temporary files that hold this word and were written since; the server's
    own are no matter.
    """
    found = []
    for base in ("/tmp", "/var/tmp", "/dev/shm"):
        for folder, folders, names in os.walk(base):
            folders[:] = [name for name in folders if not cluster.folder.is_relative_to(os.path.join(folder, name))]
            for name in names:
                path = pathlib.Path(folder, name)
                with contextlib.suppress(OSError):
                    seen = path.stat()
                    if not stat.S_ISREG(seen.st_mode) or seen.st_mtime < since or seen.st_size > 1 << 24:
                        continue
                    if word.encode() in path.read_bytes():
                        found.append(str(path))
    return sorted(found)


def arguments_seen(process: t.Any, program: str) -> list[str]:
    """The argument lists of all processes of this program as long as the module runs."""
    seen: set[str] = set()
    while process.poll() is None:
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    line = (
                        pathlib.Path(entry.path, "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    )
                    if program in line:
                        seen.add(line)
    return sorted(seen)


@pytest.mark.parametrize("module", ["pg_backup", "pg_restore"])
def test_no_secret_of_libpq_stands_in_an_argument_list(
    postgres: PostgresCluster, empty_database: Database, place: Place, module: str
) -> None:
    empty_database.execute("CREATE TABLE t AS SELECT i FROM generate_series(1, 100000) AS i; CREATE INDEX ON t (i)")
    way = {
        "login_host": "127.0.0.1",
        "login_port": postgres.port,
        "login_user": postgres.user,
        "login_password": postgres.password,
        "connect_params": {"sslpassword": "p@ss w0rd'=\\"},
    }
    arguments = {**place.arguments(""), **way, "login_db": empty_database.name}
    if module == "pg_restore":
        assert not run_module("pg_backup", arguments).get("failed")
        arguments = {key: arguments[key] for key in ("app", "component", "repositories")}
        arguments = {**arguments, **way, "backup": "newest", "target": {"database": "made by parts"}}
    process = start_module(module, arguments)
    try:
        seen = arguments_seen(process, "pg_dump" if module == "pg_backup" else "pg_restore")
        output, _errors = process.communicate()
        assert process.returncode == 0, output
        assert any("service='lifeboat'" in line for line in seen), seen
        assert not any("w0rd" in line or postgres.password in line for line in seen)
        assert "w0rd" not in output and postgres.password not in output
    finally:
        postgres.drop_database("made by parts")


_OTHER = {"DateStyle": "German", "TimeZone": "Asia/Kolkata", "search_path": "pg_temp", "extra_float_digits": "0"}


def _another(kind: str, choices: list[str] | None, ours: str, name: str) -> str:
    """A value of this setting that is not ours."""
    if kind == "bool":
        return "off" if ours == "on" else "on"
    if kind == "enum":
        return next(choice for choice in choices or [] if choice != ours)
    return _OTHER.get(name) or ("1000" if ours != "1000" else "2000")


def test_no_setting_of_a_role_is_inherited_by_a_session_of_ours(postgres: PostgresCluster) -> None:
    """Whatever is added to SESSION_SETTINGS is tried here, too."""
    postgres.create_role("odd", password="a password")
    try:
        for name, ours in SESSION_SETTINGS.items():
            kind, choices = postgres.execute("select vartype, enumvals from pg_settings where name = %s", (name,))[0]
            other = _another(kind, choices, ours, name)
            postgres.execute(f"alter role odd set {name} = '{other}'")
        connection = Connection({"host": "127.0.0.1", "port": postgres.port, "user": "odd", "password": "a password",
                                 "dbname": "postgres"})  # fmt: skip
        with contextlib.closing(connection.connect()) as session, session.cursor() as cursor:
            asked = "select name, setting, reset_val from pg_settings where name = any(%s)"
            cursor.execute(asked, (list(SESSION_SETTINGS),))
            found = {name: (now, inherited) for name, now, inherited in cursor.fetchall()}
    finally:
        postgres.execute("drop role odd")
    assert set(found) == set(SESSION_SETTINGS)
    assert {name: now for name, (now, _inherited) in found.items()} == SESSION_SETTINGS
    assert all(now != inherited for now, inherited in found.values()), "each of them was another one before"
