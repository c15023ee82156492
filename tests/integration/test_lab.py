# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab is itself under test: a fault that does not happen would make every test that relies on it green."""

from __future__ import annotations

import base64
import collections.abc
import contextlib
import errno
import hashlib
import io
import os
import pathlib
import signal
import subprocess
import sys
import time

import psycopg2
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ResponseStreamingError,
)
from psycopg2.extensions import make_dsn

from tests.lab import debian, sockets
from tests.lab.dataset import load_benchmark, load_debian_archive
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import Database, PostgresCluster
from tests.lab.smalldisk import SmallDisk
from tests.lab.throwaway import Folder
from tests.lab.writer import Writer

ROOT = pathlib.Path(__file__).parents[2]


def is_running(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(condition: collections.abc.Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


# --- PostgreSQL ---


def test_a_cluster_leaves_no_process_no_folder_and_no_shared_memory() -> None:
    with PostgresCluster() as cluster:
        folder, pid = cluster.folder, cluster.postmaster_pid
        shared_memory = (cluster.data_dir / "postmaster.pid").read_text().splitlines()[6].split()[1]
        assert cluster.value("SELECT 1") == 1
        cluster.kill()
    assert not is_running(pid)
    assert not folder.exists()
    assert shared_memory not in {line.split()[1] for line in pathlib.Path("/proc/sysvipc/shm").read_text().splitlines()}


def test_a_cluster_ends_with_its_killed_owner_and_its_folder_goes_with_the_next_one() -> None:
    program = (
        "import time; from tests.lab.postgres import PostgresCluster\n"
        "with PostgresCluster() as c: print(c.folder, c.postmaster_pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder, pid = owner.stdout.readline().split()
        owner.kill()
    wait_until(lambda: not is_running(int(pid)))
    assert os.path.exists(folder)
    Folder("probe").remove()
    assert not os.path.exists(folder)


def test_a_cluster_listens_on_loopback_alone_and_wants_the_password(postgres: PostgresCluster) -> None:
    assert sockets.addresses(postgres.port) == {sockets.LOOPBACK}
    assert sockets.ports(postgres.postmaster_pid) == {postgres.port}
    for tcp in (True, False):
        postgres.connect(tcp=tcp).close()
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            postgres.connect(user="postgres", password="wrong", tcp=tcp)


def test_a_cluster_has_checksums_and_the_settings_it_was_given() -> None:
    with PostgresCluster(
        settings={"work_mem": "7MB", "cluster_name": "it's"}, locale="C", encoding="LATIN1"
    ) as cluster:
        names = ("data_checksums", "work_mem", "cluster_name", "fsync")
        assert [cluster.value("SELECT current_setting(%s)", (name,)) for name in names] == ["on", "7MB", "it's", "off"]
        assert (
            cluster.value("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'template1'")
            == "LATIN1"
        )


@pytest.mark.parametrize("name", ['a "quoted" name', "it's", "-leading-dash", "ünïcode 客户", "semi;colon"])
def test_databases_and_roles_may_have_any_name(postgres: PostgresCluster, name: str) -> None:
    password = "p'a\\s\"s @:/?#%&ü"
    postgres.create_role(name, password=password)
    postgres.create_database(name, owner=name, encoding="UTF8", locale="C")
    try:
        with contextlib.closing(postgres.connect(name, name, password)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_database(), current_user")
            assert cursor.fetchone() == (name, name)
    finally:
        postgres.drop_database(name)
        postgres.drop_role(name)


def test_a_killed_backend_and_a_killed_cluster_are_recovered() -> None:
    with PostgresCluster() as cluster:
        cluster.execute("CREATE TABLE kept AS SELECT 1 AS id")
        connection = cluster.connect(application_name="victim")
        assert cluster.backend_pids("vic%") == [connection.get_backend_pid()]
        cluster.kill_backend(connection.get_backend_pid())
        cluster.wait_ready()
        with pytest.raises(psycopg2.OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        cluster.kill()
        assert not cluster.is_ready()
        cluster.start()
        assert cluster.value("SELECT id FROM kept") == 1


def test_each_test_gets_a_database_of_its_own(database: Database) -> None:
    assert database.value("SELECT count(*) FROM orders") == 2000
    assert database.value("SELECT count(*) FROM audit.changes") > 0
    database.execute("DROP TABLE order_lines")
    assert "varied_template" in database.cluster.databases()


# --- S3 ---


def test_the_object_store_listens_on_loopback_alone_and_leaves_nothing() -> None:
    with ObjectStore() as store:
        port, folder = store.port, store.folder
        assert sockets.addresses(port) == {sockets.LOOPBACK}
        assert folder.exists()
    assert sockets.addresses(port) == set()
    assert not folder.exists()


def test_the_object_store_never_overwrites_when_told_so(object_store: ObjectStore, bucket: str) -> None:
    object_store.client.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        object_store.client.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert object_store.read(bucket, "k") == b"first"


def test_the_object_store_refuses_a_body_with_a_wrong_checksum(object_store: ObjectStore, bucket: str) -> None:
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    with pytest.raises(ClientError, match="BadDigest"):
        object_store.client.put_object(Bucket=bucket, Key="k", Body=b"body", ChecksumSHA256=wrong)
    assert object_store.sizes(bucket) == {}


def test_an_unfinished_upload_is_seen_until_it_is_aborted(object_store: ObjectStore, bucket: str) -> None:
    upload = object_store.client.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    object_store.client.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"part")
    assert [entry["Key"] for entry in object_store.multipart_uploads(bucket)] == ["big"]
    assert object_store.sizes(bucket) == {}
    object_store.client.abort_multipart_upload(Bucket=bucket, Key="big", UploadId=upload)
    assert object_store.multipart_uploads(bucket) == []


# --- the network ---


def test_the_proxy_passes_everything_through(object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy) -> None:
    client = object_store.new_client(fault_proxy.endpoint_url)
    body = os.urandom(3_000_000)
    client.upload_fileobj(io.BytesIO(body), bucket, "é x/y")
    assert client.get_object(Bucket=bucket, Key="é x/y")["Body"].read() == body == object_store.read(bucket, "é x/y")
    assert (fault_proxy.count(method="PUT"), fault_proxy.count(method="GET", path="%C3%A9%20x/y")) == (1, 1)


def test_the_proxy_cuts_an_upload_after_the_bytes_it_was_told(
    object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    client = object_store.new_client(fault_proxy.endpoint_url)
    fault_proxy.cut_after(1_000_000)
    with pytest.raises(ConnectionClosedError):
        client.put_object(Bucket=bucket, Key="k", Body=bytes(3_000_000))
    assert fault_proxy.bytes_up == 1_000_000
    assert object_store.sizes(bucket) == {}
    client.put_object(Bucket=bucket, Key="k", Body=b"once only")


def test_the_proxy_cuts_a_download_and_then_stays_away(
    object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    client = object_store.new_client(fault_proxy.endpoint_url)
    object_store.write(bucket, "k", bytes(3_000_000))
    fault_proxy.cut_after(1_000_000, direction="down", then_refuse=True)
    with pytest.raises(ResponseStreamingError):
        client.get_object(Bucket=bucket, Key="k")["Body"].read()
    with pytest.raises(EndpointConnectionError):
        client.head_object(Bucket=bucket, Key="k")
    fault_proxy.pass_all()
    client.head_object(Bucket=bucket, Key="k")


def test_the_proxy_resets_open_connections_when_the_endpoint_goes(postgres: PostgresCluster) -> None:
    with FaultProxy(postgres.port, http=False) as proxy:
        dsn = make_dsn(postgres.dsn(), port=proxy.port)
        with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            proxy.refuse()
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("SELECT 1")
        with pytest.raises(psycopg2.OperationalError, match="refused"):
            psycopg2.connect(dsn)


def test_the_proxy_answers_503_twice_and_then_passes(
    object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    client = object_store.new_client(fault_proxy.endpoint_url)
    fault_proxy.answer_errors(2, method="PUT", path="/slow")
    client.put_object(Bucket=bucket, Key="other", Body=b"1")
    for _turn in range(2):
        with pytest.raises(ClientError, match="SlowDown") as caught:
            client.put_object(Bucket=bucket, Key="slow", Body=b"1")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    client.put_object(Bucket=bucket, Key="slow", Body=b"1")
    assert fault_proxy.count(answered=503) == 2
    assert object_store.sizes(bucket) == {"other": 1, "slow": 1}


def test_the_proxy_slows_down_and_speeds_up_again(
    object_store: ObjectStore, bucket: str, fault_proxy: FaultProxy
) -> None:
    client = object_store.new_client(fault_proxy.endpoint_url)
    fault_proxy.slow_down(1_000_000)
    started = time.monotonic()
    client.put_object(Bucket=bucket, Key="k", Body=bytes(500_000))
    assert time.monotonic() - started >= 0.45
    fault_proxy.slow_down(None)
    started = time.monotonic()
    client.put_object(Bucket=bucket, Key="k", Body=bytes(500_000))
    assert time.monotonic() - started < 0.45


def test_the_proxy_leaves_nothing_that_listens(object_store: ObjectStore) -> None:
    with FaultProxy(object_store.port) as proxy:
        assert sockets.addresses(proxy.port) == {sockets.LOOPBACK}
    assert sockets.addresses(proxy.port) == set()
    with pytest.raises(BotoCoreError):
        object_store.new_client(proxy.endpoint_url).list_buckets()


# --- the disk ---


def test_the_small_disk_is_really_full_and_gone_afterwards() -> None:
    with SmallDisk(1 << 20) as disk:
        path = disk.path
        assert disk.free_bytes == 1 << 20
        ballast = disk.fill(leave_bytes=64 << 10)
        assert disk.free_bytes == 64 << 10
        with pytest.raises(OSError) as caught, open(path / "file", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        assert caught.value.errno == errno.ENOSPC
        ballast.unlink()
        assert disk.free_bytes > 0
    assert not path.exists()
    assert str(path) not in pathlib.Path("/proc/mounts").read_text()


# --- the data ---


def test_the_package_index_is_read_field_by_field(tmp_path: pathlib.Path) -> None:
    index = tmp_path / "Packages"
    index.write_text(
        "Package: a\nVersion: 1:2\nTag: x::y,\n z::q\nDepends: b (>= 1.0) | c:any, d\n\nPackage: e\n", encoding="utf-8"
    )
    first, second = debian.stanzas(debian.Source("a file", path=str(index)))
    assert (first["Version"], first["Tag"], second) == ("1:2", "x::y,\n z::q", {"Package": "e"})
    assert list(debian.relations(first["Depends"])) == [
        (1, 1, debian.Relation("b", None, ">=", "1.0")),
        (1, 2, debian.Relation("c", "any", None, None)),
        (2, 1, debian.Relation("d", None, None, None)),
    ]


def test_the_writer_moves_the_database_away_from_a_snapshot(empty_database: Database) -> None:
    installed = debian.Source("the installed packages", path="/var/lib/dpkg/status")
    with contextlib.closing(empty_database.connect()) as connection:
        loaded = load_debian_archive(connection, installed)
    assert loaded.rows["package_versions"] > 100
    assert loaded.rows["relations"] > loaded.rows["package_versions"]
    with contextlib.closing(empty_database.connect(autocommit=False)) as snapshot, snapshot.cursor() as cursor:
        snapshot.set_session(isolation_level="REPEATABLE READ")
        cursor.execute("SELECT count(*) FROM stats.version_changes")
        with Writer(empty_database.dsn(), transactions_per_second=500) as writer:
            time.sleep(0.5)
        assert writer.stop() > 20
        cursor.execute("SELECT count(*) FROM stats.version_changes")
        assert cursor.fetchone() == (0,)
    assert (
        empty_database.value("SELECT count(*) FROM stats.version_changes")
        >= writer.commits - writer.by_kind["download"]
    )


def test_the_writer_comes_back_after_a_crash_and_says_when_it_cannot(empty_database: Database) -> None:
    with contextlib.closing(empty_database.connect()) as connection:
        load_debian_archive(connection, debian.Source("the installed packages", path="/var/lib/dpkg/status"))
    writer = Writer(empty_database.dsn())
    with writer:
        empty_database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%writer'"
        )
        before = writer.commits
        wait_until(lambda: writer.commits >= before + 5)
        assert writer.reconnects >= 1
        empty_database.execute("ALTER TABLE relations RENAME COLUMN operator TO renamed")
        wait_until(lambda: not writer.is_running)
        with pytest.raises(psycopg2.errors.UndefinedColumn):
            writer.stop()


def test_the_benchmark_data_is_the_same_each_time_and_as_large_as_asked(postgres: PostgresCluster) -> None:
    digests = []
    for name in ("bench_1", "bench_2"):
        postgres.create_database(name)
        try:
            load_benchmark(postgres.dsn(name), megabytes=4)
            content = {}
            for table in ("accounts", "documents", "customers", "orders"):
                with (
                    contextlib.closing(postgres.connect(name)) as connection,
                    connection.cursor() as cursor,
                    io.BytesIO() as text,
                ):
                    cursor.copy_expert(f"COPY bench.{table} TO STDOUT", text)
                    content[table] = text.getvalue()
            digests.append({table: hashlib.sha256(data).hexdigest() for table, data in content.items()})
            assert all(0.9e6 < len(data) < 1.1e6 for data in content.values())
        finally:
            postgres.drop_database(name)
    assert digests[0] == digests[1]


def test_signals_are_not_lost_on_the_way_to_the_server() -> None:
    with PostgresCluster() as cluster:
        pid = cluster.postmaster_pid
        cluster.stop(signal.SIGTERM)
        assert not is_running(pid)
        cluster.start()
        assert cluster.postmaster_pid != pid
        cluster.restart()
        assert cluster.value("SELECT 1") == 1
