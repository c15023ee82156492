# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_backup when something goes wrong: a clear error, nothing left over, and the next run is whole."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import signal
import subprocess
import typing as t
import urllib.parse

import pytest

from tests.integration.modules import result_of, run_module
from tests.integration.pg_backup_place import Place, bucket_options, copied_now, noted, programs, session_pid, until
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import Database
from tests.lab.smalldisk import SmallDisk

_BULKY = """
CREATE TABLE bulky AS SELECT i AS id, encode(sha256(i::text::bytea), 'hex') || encode(sha256((-i)::text::bytea), 'hex')
AS noise
FROM generate_series(1, 150000) AS i
"""  # 20 MB that hardly compress


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def bulky(empty_database: Database) -> Database:
    """A database whose dump takes long enough to be interrupted."""
    empty_database.execute(_BULKY)
    return empty_database


@contextlib.contextmanager
def held(database: Database, table: str) -> t.Iterator[int]:
    """Another session holds the table with ACCESS EXCLUSIVE; gives its process id."""
    with contextlib.closing(database.connect(autocommit=False)) as session, session.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield session.get_backend_pid()
        session.rollback()


def wait_for_lock(database: Database, process: subprocess.Popen[str]) -> None:
    """Wait until this run waits for the table orders."""
    statement = "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted"
    until(lambda: process.poll() is not None or database.value(statement), "the module waits")
    assert process.poll() is None, process.communicate()[0]


@contextlib.contextmanager
def dump_stopped(place: Place, database: Database, proxy: FaultProxy, **more: t.Any) -> t.Iterator[t.Any]:
    """A run that stands still in the middle of the rows: the line to the server is too slow to let it end."""
    dsn = database.cluster.dsn(database.name).replace(f"port={database.cluster.port}", f"port={proxy.port}")
    process = place.started(dsn, **more)
    try:
        until(lambda: session_pid(database) and proxy.bytes_down > 1 << 20, "pg_dump reads the rows")
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def slow_line(bulky: Database) -> t.Iterator[FaultProxy]:
    """A line to PostgreSQL on which the dump of ``bulky`` takes some seconds."""
    with FaultProxy(bulky.cluster.port, http=False) as proxy:
        proxy.slow_down(6e6)
        yield proxy


def test_a_dump_whose_backend_is_killed_is_no_backup(bulky: Database, place: Place, slow_line: FaultProxy) -> None:
    with dump_stopped(place, bulky, slow_line) as process:
        bulky.execute("SELECT pg_terminate_backend(%s)", (session_pid(bulky),))
        result = result_of(process)
    assert result["failed"] and "pg_dump failed" in result["msg"] and "bulky" in result["msg"]
    assert place.files() == [] and place.journals() == []


def test_a_snapshot_whose_session_is_ended_is_no_backup(bulky: Database, place: Place, slow_line: FaultProxy) -> None:
    with dump_stopped(place, bulky, slow_line) as process:
        bulky.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = "
            "'lifeboat'",
            (bulky.name,),
        )
        result = result_of(process)
    assert result["failed"] and "session that holds the snapshot was ended" in result["msg"]
    assert place.files() == [] and place.journals() == []


def test_a_stopped_module_cleans_up_by_itself(bulky: Database, place: Place, slow_line: FaultProxy) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with dump_stopped(place, bulky, slow_line, jobs=2 if number == signal.SIGTERM else 1) as process:
            process.send_signal(number)
            result = result_of(process, timeout=30)
        assert result["failed"] and number.name in result["msg"]
        assert place.files() == [] and place.journals() == []
        assert programs("pg_dump", bulky.name) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_module_killed_in_the_dump_leaves_nothing_that_the_next_run_does_not_remove(
    bulky: Database, place: Place, slow_line: FaultProxy, object_store: ObjectStore, bucket: str, jobs: int
) -> None:
    repositories = [{"path": str(place.repository)}, bucket_options(object_store, bucket)]
    more = {"repositories": repositories, "compression": {"engine": "none"}, "jobs": jobs}
    with dump_stopped(place, bulky, slow_line, **more) as process:
        until(lambda: object_store.multipart_uploads(bucket), "the upload has begun")
        process.kill()
        process.wait()
    until(lambda: not programs("pg_dump", bulky.name), "pg_dump has ended with the module")
    assert place.files() and place.journals()
    listed = run_module("backup_info", {"repositories": repositories})
    assert listed["backups"] == listed["unreadable"] == []
    result = place.back_up(bulky.dsn(), **more)
    assert result["removed_leftovers"] and len(result["stored_in"]) == 2
    assert object_store.multipart_uploads(bucket) == [] and place.journals() == []
    folder = f"shop/codex/{result['backup_id']}"
    names = sorted([*(f"{folder}/{artifact['name']}" for artifact in result["artifacts"]), f"{folder}/manifest.json"])
    assert place.files() == names == sorted(key.removeprefix("lifeboat/") for key in object_store.sizes(bucket))


def test_a_module_killed_while_it_waits_for_a_table_leaves_nothing(database: Database, place: Place) -> None:
    with held(database, "orders"):
        process = place.started(database.dsn())
        wait_for_lock(database, process)
        process.kill()
        process.wait()
    assert place.files() == []
    assert place.back_up(database.dsn())["changed"]


def test_a_module_killed_before_the_manifest_leaves_no_backup(
    database: Database, place: Place, object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    repositories = [bucket_options(object_store, bucket, fault_proxy.endpoint_url), {"path": str(place.repository)}]
    fault_proxy.answer_errors(1000, path="manifest.json", method="PUT")
    process = place.started(database.dsn(), repositories=repositories)
    until(
        lambda: fault_proxy.count(path="manifest.json", method="PUT", answered=503),
        "all artifacts are stored",
        seconds=60,
    )
    process.kill()
    process.wait()
    assert object_store.sizes(bucket) and not any(key.endswith("manifest.json") for key in object_store.sizes(bucket))
    fault_proxy.pass_all()
    assert run_module("backup_info", {"repositories": repositories})["backups"] == []
    result = place.back_up(database.dsn(), repositories=repositories)
    assert len(result["stored_in"]) == 2 and len(result["removed_leftovers"]) >= 4
    assert all(result["backup_id"] in name for name in [*object_store.sizes(bucket), *place.files()])


def test_leftovers_wait_for_a_repository_that_is_not_named_now(
    bulky: Database, place: Place, slow_line: FaultProxy
) -> None:
    other = Place(place.folder / "other")
    both = [{"path": str(place.repository)}, {"path": str(other.repository)}]
    with dump_stopped(place, bulky, slow_line, repositories=both) as process:
        until(lambda: len(other.files()) > 1, "both are written to")
        process.kill()
        process.wait()
    place.back_up(bulky.dsn())
    assert other.files() and place.journals()
    result = place.back_up(bulky.dsn(), repositories=both)
    assert all("partial" in name or name.endswith("/") or result["app"] in name for name in result["removed_leftovers"])
    assert place.journals() == [] and all(result["backup_id"] in name for name in other.files())


def test_two_runs_of_one_component_never_overlap(database: Database, place: Place) -> None:
    with held(database, "orders"):
        first = place.started(database.dsn())
        until(lambda: list(place.state.glob("*lock")), "the first run has its lock")
        wait_for_lock(database, first)
        second = run_module("pg_backup", place.arguments(database.dsn()))
        assert (
            second["failed"]
            and f"process {first.pid}" in second["msg"]
            and "Another run for shop/codex" in second["msg"]
        )
        first.kill()
        first.wait()
        third = place.started(database.dsn())
        wait_for_lock(database, third)
    assert result_of(third)["changed"]


def test_the_leftovers_of_a_component_are_not_those_of_one_whose_name_begins_alike(
    database: Database, place: Place
) -> None:
    with held(database, "orders"):
        process = place.started(database.dsn(), component="codex.v2", globals="with_passwords")
        wait_for_lock(database, process)
    place.state.joinpath("shop@codex.v2@20260101T000000Z-abcdef.journal").write_text("kept")
    with contextlib.closing(database.connect()):
        assert place.back_up(database.dsn())["removed_leftovers"] == []
    assert "shop@codex.v2@20260101T000000Z-abcdef.journal" in place.journals()
    result_of(process)


@pytest.mark.parametrize("in_advance", [True, False])
def test_a_full_disk_is_an_error_and_leaves_nothing(
    bulky: Database, tmp_path: pathlib.Path, small_disk: SmallDisk, in_advance: bool
) -> None:
    place = Place(tmp_path)
    repository = small_disk.path / "repository"
    if not in_advance:
        bulky.execute("TRUNCATE bulky")  # a tiny last backup promises that there is room
        place.back_up(bulky.dsn(), repositories=[{"path": str(repository)}])
        bulky.execute("INSERT INTO bulky SELECT i, repeat(md5(i::text), 4) FROM generate_series(1, 150000) AS i")
    small_disk.fill(leave_bytes=4 << 20)
    before = sorted(repository.rglob("*"))
    options = {"repositories": [{"path": str(repository)}], "compression": {"engine": "none"}}
    result = run_module("pg_backup", place.arguments(bulky.dsn(), **options))
    assert result["failed"]
    assert ("free, and this backup may need" if in_advance else "No space left on device") in result["msg"]
    assert sorted(repository.rglob("*")) == before and place.journals() == []


def test_a_bucket_that_vanishes_costs_only_its_own_copy(
    bulky: Database, place: Place, object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    gone = bucket_options(object_store, bucket, fault_proxy.endpoint_url, retries=1, connect_timeout=1, read_timeout=5)
    more: dict[str, t.Any] = {
        "repositories": [{"path": str(place.repository)}, gone],
        "compression": {"engine": "none"},
    }
    fault_proxy.cut_after(8 << 20, then_refuse=True)
    result = place.back_up(bulky.dsn(), **more)
    assert result["stored_in"] == [str(place.repository)] and list(result["failed_repositories"]) == [
        f"s3://{bucket}/lifeboat"
    ]
    assert any(f"s3://{bucket}/lifeboat does not hold" in str(warning) for warning in result["warnings"])
    assert place.journals(), "the bucket's leftovers are remembered"
    failed = run_module("pg_backup", place.arguments(bulky.dsn(), **more, min_copies=2))
    assert (
        failed["failed"]
        and failed["changed"]
        and failed["stored_in"] == [str(place.repository)]
        and "min_copies" in failed["msg"]
    )
    fault_proxy.pass_all()
    assert len(place.back_up(bulky.dsn(), **more)["stored_in"]) == 2
    assert object_store.multipart_uploads(bucket) == [] and place.journals() == []
    fault_proxy.refuse()
    nobody = run_module("pg_backup", place.arguments(bulky.dsn(), repositories=[gone, {"path": "/proc/no/such"}]))
    assert nobody["failed"] and "No repository can be written to" in nobody["msg"]
    assert f"s3://{bucket}" in nobody["msg"] and "/proc/no/such" in nobody["msg"]


def test_a_time_limit_ends_a_slow_upload(
    bulky: Database, place: Place, object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    slow = bucket_options(object_store, bucket, fault_proxy.endpoint_url)
    fault_proxy.slow_down(1e6)
    process = place.started(bulky.dsn(), repositories=[slow], compression={"engine": "none"}, time_limit="3s")
    result = result_of(process, timeout=60)
    assert result["failed"] and "time limit of 3 s" in result["msg"]
    fault_proxy.pass_all()
    if place.journals():  # the line was too slow for cleaning up, too: then the next run does it
        place.back_up(bulky.dsn(), repositories=[slow])
    assert object_store.multipart_uploads(bucket) == [] and place.journals() == []


def test_two_answers_of_503_are_no_reason_to_fail(
    database: Database, place: Place, object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    fault_proxy.answer_errors(2, method="PUT")
    result = place.back_up(
        database.dsn(), repositories=[bucket_options(object_store, bucket, fault_proxy.endpoint_url)]
    )
    assert result["stored_in"] == [f"s3://{bucket}/lifeboat"] and fault_proxy.count(answered=503) == 2


_PASSWORD = "p@ss/w:o?r#d% '\"\\$`&=;<>|ü 客"


def test_a_password_of_every_special_character_works_and_is_seen_nowhere(
    bulky: Database, place: Place, slow_line: FaultProxy
) -> None:
    cluster = bulky.cluster
    cluster.create_role("backup", password=_PASSWORD, options="LOGIN SUPERUSER")
    encoded = urllib.parse.quote(_PASSWORD, safe="")
    dsn = f"postgresql://backup:{encoded}@127.0.0.1:{slow_line.port}/{bulky.name}"
    secrets = (_PASSWORD, encoded, repr(_PASSWORD)[1:-1])
    try:
        process = place.started(dsn, jobs=2, fingerprint="rows")
        seen = []
        while process.poll() is None:
            seen += [line for line in command_lines() if "lifeboat" in line]
        result = result_of(process)
        assert not result.get("failed"), result["msg"]
        assert any("pg_dump" in line for line in seen)
        manifest = (place.backup_folder(result) / "manifest.json").read_text()
        for secret in secrets:
            assert not any(secret in line for line in seen)
            assert secret not in str(result) and secret not in manifest
        raw = {"login_host": "127.0.0.1", "login_port": cluster.port, "login_user": "backup", "login_db": bulky.name}
        assert place.back_up("", **raw, login_password=_PASSWORD)["changed"]
        wrong = run_module("pg_backup", place.arguments("", **raw, login_password="not " + _PASSWORD))
        assert wrong["failed"] and "password authentication failed" in wrong["msg"]
        assert not any(secret in str(wrong) for secret in secrets)
    finally:
        bulky.execute("REASSIGN OWNED BY backup TO postgres")
        cluster.drop_role("backup")


def command_lines() -> list[str]:
    """The arguments of all running processes."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                found.append(pathlib.Path(entry.path, "cmdline").read_bytes().decode("utf-8", "replace"))
    return found


def test_the_environment_of_libpq_leads_to_the_database(database: Database, place: Place) -> None:
    cluster = database.cluster
    environment = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(cluster.port),
        "PGUSER": cluster.user,
        "PGPASSWORD": cluster.password,
    }
    assert place.back_up("", environment={**environment, "PGDATABASE": database.name})["database"] == database.name


def test_time_limits_of_the_role_do_not_end_the_backup(database: Database, place: Place) -> None:
    cluster = database.cluster
    cluster.create_role("hasty", password="secret", options="LOGIN SUPERUSER")
    try:
        for setting in (
            "statement_timeout = '1ms'",
            "lock_timeout = '1ms'",
            "idle_in_transaction_session_timeout = '10ms'",
            "datestyle = 'German, DMY'",  # psycopg2 changes it within the first of these limits
        ):
            cluster.execute(f"ALTER ROLE hasty SET {setting}")
        for jobs in (1, 2):
            result = place.back_up(database.dsn("hasty", "secret"), jobs=jobs, fingerprint="rows")
            assert {key: value[0] for key, value in noted(place.manifest(result)).items()} == {
                key: value[0] for key, value in copied_now(database).items()
            }
    finally:
        cluster.drop_role("hasty")


@pytest.mark.not_by_hand("one of its backups leaves out a table that a view needs")
def test_a_role_that_cannot_see_everything_is_refused_before_work_starts(database: Database, place: Place) -> None:
    cluster = database.cluster
    cluster.create_role("reader", password="secret")
    dsn = database.dsn("reader", "secret")
    try:
        assert "may not read" in place.refused(dsn)
        cluster.execute("GRANT pg_read_all_data TO reader")
        assert "large object" in place.refused(dsn)
        database.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
        cluster.execute("REVOKE pg_read_all_data FROM reader")
        assert "may read pg_authid" in place.refused(dsn, globals="with_passwords", tables=["orders"])
        cluster.execute("GRANT pg_read_all_data TO reader")
        database.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON orders USING (id < 1100)")
        message = place.refused(dsn)
        assert "Row-level security hides rows of public.orders" in message and "BYPASSRLS" in message
        assert place.back_up(dsn, exclude_tables=["orders"], globals="none")["changed"]
        cluster.execute("ALTER ROLE reader BYPASSRLS")
        assert noted(place.manifest(place.back_up(dsn))) == copied_now(database)
    finally:
        cluster.execute("DROP ROLE reader")


def fake_pg_dump(folder: pathlib.Path, version: str) -> str:
    """A program that says no more than its version."""
    folder.mkdir()
    program = folder / "pg_dump"
    program.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
    program.chmod(0o755)
    return str(folder)


def test_a_client_that_does_not_fit_the_server_is_refused(
    database: Database, place: Place, tmp_path: pathlib.Path
) -> None:
    major = database.cluster.major
    older = fake_pg_dump(tmp_path / "older", f"{major - 1}.30")
    assert f"is version {major - 1}.30, and the server runs PostgreSQL {major}" in place.refused(
        database.dsn(), bin_dir=older
    )
    (tmp_path / "none").mkdir()
    assert f"pg_dump of PostgreSQL {major} is not on this host" in place.refused(
        database.dsn(), bin_dir=str(tmp_path / "none")
    )
    vulnerable = fake_pg_dump(tmp_path / "vulnerable", f"{major}.1")
    assert "known security holes" in place.refused(database.dsn(), bin_dir=vulnerable)
    allowed = run_module(
        "pg_backup", place.arguments(database.dsn(), bin_dir=vulnerable, allow_vulnerable_client=True), check_mode=True
    )
    assert allowed["changed"] and not allowed.get("failed")


def test_a_table_that_somebody_holds_is_named_after_the_lock_timeout(database: Database, place: Place) -> None:
    with held(database, "orders") as pid:
        message = place.refused(database.dsn(), lock_timeout="1s")
    assert f"process {pid}" in message and "holds public.orders" in message and "LOCK TABLE orders" in message


def test_a_change_that_waits_behind_the_snapshot_is_named(
    database: Database, place: Place, tmp_path: pathlib.Path
) -> None:
    """The change comes between the snapshot's lock and pg_dump's: pg_dump waits for the change, which waits for the
    snapshot.
    """
    programs_folder, go = tmp_path / "bin", tmp_path / "go"
    programs_folder.mkdir()
    (programs_folder / "pg_dump").symlink_to(database.cluster.bin_dir / "pg_dump")
    waiting = programs_folder / "pg_dumpall"  # it runs after the snapshot and before pg_dump
    waiting.write_text(
        f'#!/bin/sh\nuntil [ -e {go} ]; do sleep 0.02; done\nexec {database.cluster.bin_dir}/pg_dumpall "$@"\n'
    )
    waiting.chmod(0o755)
    process = place.started(database.dsn(), lock_timeout="1s", bin_dir=str(programs_folder))
    until(lambda: programs("sh", str(waiting)), "the snapshot is taken")
    with contextlib.closing(database.connect()) as session, concurrent.futures.ThreadPoolExecutor() as pool:
        pid = session.info.backend_pid
        change = pool.submit(lambda: session.cursor().execute("ALTER TABLE orders ADD COLUMN note text"))
        wait_for_lock(database, process)
        go.touch()
        result = result_of(process)
        change.result(30)
    assert result["failed"]
    assert (
        f"process {pid} of postgres waits for public.orders (ALTER TABLE orders ADD COLUMN note text)" in result["msg"]
    )
    assert place.files() == [] and place.journals() == []
