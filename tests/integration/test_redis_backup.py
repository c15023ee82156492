# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""redis_backup: everything that a server holds, whole or not at all, with no more rights than it needs."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

from tests.integration.backups import is_alive
from tests.integration.modules import result_of, start_module
from tests.integration.redis_place import RedisPlace, Servers
from tests.lab.faultproxy import FaultProxy
from tests.lab.redis import VERSIONS, RedisCluster, RedisServer, new_name, program

LARGE = 12 << 20


@pytest.fixture
def place(tmp_path: pathlib.Path) -> RedisPlace:
    return RedisPlace(tmp_path)


def warnings_of(result: dict[str, object]) -> str:
    return str(result.get("warnings", ""))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_backup_holds_every_key_of_every_database(version: str, full_server: Servers, place: RedisPlace) -> None:
    server = full_server(version)
    result = place.back_up(server)
    counted = {one["number"]: one["keys"] for one in result["nodes"][0]["databases"]}
    assert counted == {number: int(server.cli("DBSIZE", database=number)) for number in (0, 3, 9)}
    assert result["key_count"] == sum(counted.values()) and result["expires"] == 3
    assert result["functions"] == (version != "6.2") and result["nodes"][0]["checksum"]
    assert result["product"] == ("valkey" if "valkey" in version else "redis")
    assert result["server_version"].startswith(version.rpartition(" ")[2]) and "warnings" not in result


def test_the_commands_of_the_manifest_bring_the_data_back_with_stock_tools(
    full_server: Servers, place: RedisPlace, tmp_path: pathlib.Path
) -> None:
    server = full_server("7.0")
    result = place.back_up(server)
    commands = place.manifest(result)["restore_by_hand"]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        cwd=place.folder_of(result),
        check=True,
        capture_output=True,
        text=True,
    )
    assert "RDB looks OK" in done.stdout and "OK" in done.stdout.splitlines()[0]
    with RedisServer() as restored:
        restored.stop()
        (restored.folder / "dump.rdb").write_bytes((place.folder_of(result) / "dump.rdb").read_bytes())
        restored.start()
        for database in (0, 3, 9):
            names = server.cli("--raw", "KEYS", "*", database=database).split("\n")
            assert names == sorted(names) or names
            assert sorted(names) == sorted(restored.cli("--raw", "KEYS", "*", database=database).split("\n"))
        for command in (("HGETALL", "h:small"), ("LRANGE", "l:small", "0", "-1"), ("XPENDING", "x", "readers")):
            assert restored.cli(*command) == server.cli(*command)
        assert restored.cli("FCALL", "hello", "0") == "hi"


def test_a_second_run_does_nothing_while_the_backup_is_young(full_server: Servers, place: RedisPlace) -> None:
    server = full_server("7.0")
    planned = place.back_up(server, check_mode=True, max_age="1h")
    assert planned["changed"] and planned["planned"]["nodes"][0]["keys"]["db0"] > 20 and place.files() == []
    first = place.back_up(server, max_age="1h")
    second = place.back_up(server, max_age="1h")
    assert first["changed"] and not second["changed"] and second["backup_id"] == first["backup_id"]
    assert first["diff"]["after"] == f"newest backup: {first['backup_id']}\n"
    assert second["key_count"] == first["key_count"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_server_with_the_least_rights_is_enough(version: str, diskless: str, place: RedisPlace) -> None:
    rights = "user backup on >secret resetchannels -@all +psync +replconf"
    with RedisServer(version, settings=[rights, f"repl-diskless-sync {diskless}"]) as server:
        server.cli("SET", "a", "1")
        path = place.folder / "password"
        path.write_text("secret\n", encoding="utf-8")
        result = place.back_up(server, login_user="backup", login_password_file=str(path))
        assert result["key_count"] == 1 and result["nodes"][0]["role"] == ""
        assert place.back_up(server, check_mode=True, login_user="backup", login_password="secret")["planned"]["nodes"]


def test_a_missing_right_is_named_with_the_command_that_gives_it(place: RedisPlace) -> None:
    with RedisServer(settings=["user backup on >secret -@all +replconf"]) as server:
        result = place.try_backup(server, login_user="backup", login_password="secret")
        assert "ACL SETUSER backup +psync" in result["msg"] and "secret" not in str(result["msg"])
        assert place.files() == []


def test_a_wrong_password_is_said_in_words_and_never_shown(place: RedisPlace) -> None:
    with RedisServer(password="right-word") as server:
        for given in ({"login_password": "wrong-word"}, {"login_password": ""}):
            result = place.try_backup(server, **given)
            assert "password" in result["msg"] and "word" not in result["msg"].replace("password", "")
        assert place.back_up(server)["key_count"] == 0


def test_a_server_that_forbids_replication_says_so_once(place: RedisPlace) -> None:
    with RedisServer(settings=["rename-command PSYNC ''"]) as server:
        result = place.try_backup(server)
        assert "PSYNC" in result["msg"] and "snapshots of its own" in result["msg"] and place.files() == []


def test_a_unix_socket_and_tls_with_a_clients_certificate_lead_to_the_server(place: RedisPlace) -> None:
    with RedisServer(tls=True) as server:
        server.cli("SET", "a", "1")
        assert place.back_up(None, login_unix_socket=server.socket)["key_count"] == 1
        certificate, key = server.client_certificate
        given = {"tls": True, "ssl_cert": str(certificate), "ssl_key": str(key)}
        assert place.back_up(server, ca_cert=str(server.ca_file), **given)["key_count"] == 1
        assert "certificate" in place.try_backup(server, **given)["msg"]
        assert "closed the connection" in place.try_backup(server)["msg"] or "broke" in place.try_backup(server)["msg"]


def test_a_server_without_checksums_is_backed_up_and_that_is_said(place: RedisPlace) -> None:
    with RedisServer(settings=["rdbchecksum no"]) as server:
        server.cli("SET", "a", "1")
        result = place.back_up(server)
        assert result["nodes"][0]["checksum"] == "" and "rdbchecksum no" in warnings_of(result)


def test_a_replica_may_be_the_source(place: RedisPlace) -> None:
    with RedisServer() as primary, RedisServer(settings=[f"replicaof 127.0.0.1 {primary.port}"]) as replica:
        primary.cli("SET", "a", "1")
        end = time.monotonic() + 20
        while replica.cli("GET", "a") != "1":
            assert time.monotonic() < end
            time.sleep(0.05)
        result = place.back_up(replica)
        assert result["key_count"] == 1 and result["nodes"][0]["role"] == "slave"


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_connection_that_breaks_on_the_way_leaves_nothing(diskless: str, place: RedisPlace) -> None:
    with RedisServer(settings=[f"repl-diskless-sync {diskless}", "rdbcompression no"]) as server:
        server.feed([("SET", "large", os.urandom(LARGE))])
        with FaultProxy(server.port, http=False) as proxy:
            for count in (100, LARGE // 2, LARGE):
                proxy.cut_after(count, direction="down")
                result = place.try_backup(None, login_port=proxy.port)
                assert result["failed"] and ("closed" in result["msg"] or "broke" in result["msg"])
                assert place.files() == []
            proxy.pass_all()
            assert place.back_up(None, login_port=proxy.port)["plain_bytes"] > LARGE


def test_a_killed_run_leaves_no_backup_and_the_next_one_removes_what_it_left(place: RedisPlace) -> None:
    with RedisServer(settings=["rdbcompression no"]) as server:
        server.feed([("SET", "large", os.urandom(LARGE))])
        with FaultProxy(server.port, http=False) as proxy:
            proxy.slow_down(2 << 20)
            process = start_module("redis_backup", place.options(None, login_port=proxy.port))
            end = time.monotonic() + 30
            while not any(name.endswith(".partial") for name in place.files()):
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not is_alive(process.pid) and not list(place.repositories[0].rglob("manifest.json"))
            proxy.slow_down(None)
            result = place.back_up(None, login_port=proxy.port)
        assert result["removed_leftovers"] and len(list(place.repositories[0].rglob("*.zst"))) == 1


def test_the_time_limit_ends_a_backup_that_hangs(place: RedisPlace) -> None:
    with RedisServer(settings=["rdbcompression no"]) as server:
        server.feed([("SET", "large", os.urandom(LARGE))])
        with FaultProxy(server.port, http=False) as proxy:
            proxy.slow_down(1 << 18)
            process = start_module("redis_backup", place.options(None, login_port=proxy.port, time_limit="2s"))
            result = result_of(process, timeout=30)
        assert "time limit" in result["msg"] and place.files() == []


def test_keys_that_come_go_and_expire_meanwhile_do_not_disturb_the_backup(place: RedisPlace) -> None:
    with RedisServer(settings=["rdbcompression no", "repl-diskless-sync yes"]) as server:
        server.feed([("SET", "large", os.urandom(LARGE)), *(("SET", f"k{n}", "v", "PX", "900") for n in range(2000))])
        stopped = threading.Event()

        def write() -> None:
            while not stopped.is_set():
                server.feed([("SET", new_name(), "v", "PX", "50") for _number in range(200)])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            with FaultProxy(server.port, http=False) as proxy:
                proxy.slow_down(6 << 20)
                result = place.back_up(None, login_port=proxy.port)
        finally:
            stopped.set()
            writer.join()
        assert result["key_count"] >= 1 and result["expires"] == result["key_count"] - 1


def test_every_primary_of_a_cluster_is_a_file_of_the_backup(place: RedisPlace) -> None:
    with RedisCluster() as cluster:
        for number in range(60):
            cluster.cli("SET", f"key {number}", str(number))
        one = place.try_backup(cluster.nodes[0])
        assert "cluster: true" in one["msg"] and place.files() == []
        result = place.back_up(cluster.nodes[1], cluster=True)
        assert result["key_count"] == 60 and len(result["nodes"]) == 3
        assert [node["slots"] for node in result["nodes"]] == ["0-5460", "5461-10922", "10923-16383"]
        assert {node["artifact"] for node in result["nodes"]} == {f"node-{number}.rdb.zst" for number in (1, 2, 3)}
        cluster.nodes[0].cli("CLUSTER", "DELSLOTS", "0")
        cut = place.try_backup(cluster.nodes[0], cluster=True)
        assert "16383 of 16384 slots" in cut["msg"]


def test_options_that_cannot_be_right_are_refused_before_anything_is_asked(place: RedisPlace) -> None:
    for given, words in (
        ({"login_password_file": "/nowhere"}, "login_password_file"),
        ({"login_user": "somebody"}, "without a password"),
        ({"tls": True, "ca_cert": "/nowhere"}, "ca_cert"),
        ({"idle_timeout": "soon"}, "idle_timeout"),
        ({"login_host": "127.0.0.1", "login_port": 1}, "cannot be reached"),
    ):
        assert words in place.try_backup(None, **given)["msg"]


def test_no_secret_is_in_the_arguments_of_a_process_or_in_the_result(place: RedisPlace) -> None:
    with RedisServer(password="pass-phrase-42", settings=["rdbcompression no"]) as server:
        server.feed([("AUTH", "pass-phrase-42"), ("SET", "large", os.urandom(LARGE))])
        with FaultProxy(server.port, http=False) as proxy:
            proxy.slow_down(12 << 20)
            options = place.options(server, login_port=proxy.port)
            process = start_module("redis_backup", options)
            seen = b""
            while process.poll() is None:
                for path in pathlib.Path("/proc").glob(f"{process.pid}/cmdline"):
                    seen += path.read_bytes()
                time.sleep(0.05)
            result = result_of(process)
        assert b"pass-phrase" not in seen and "pass-phrase" not in str(result)
        assert "pass-phrase" not in str(place.manifest(result))


def test_the_programs_of_the_other_versions_are_what_they_are_called() -> None:
    for version in VERSIONS:
        said = subprocess.run([str(program(version)), "--version"], check=True, capture_output=True, text=True).stdout
        assert f"v={version.rpartition(' ')[2]}" in said
