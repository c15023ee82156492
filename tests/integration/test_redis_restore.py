# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""redis_restore: an RDB in its place, or keys into a server that runs, and nothing that is in anybody's way."""

from __future__ import annotations

import os
import pathlib

import pytest

from tests.integration.redis_place import RedisPlace, Servers
from tests.lab.redis import VERSIONS, RedisCluster, RedisServer


@pytest.fixture
def place(tmp_path: pathlib.Path) -> RedisPlace:
    return RedisPlace(tmp_path)


def same(one: RedisServer, other: RedisServer) -> bool:
    """Whether DUMP-free commands of redis-cli see the same."""
    commands = [("HGETALL", "h:small"), ("LRANGE", "l:small", "0", "-1"), ("XPENDING", "x", "readers")]
    commands += [("ZRANGE", "z:small", "0", "-1", "WITHSCORES"), ("GET", "s:number"), ("SCARD", "set:many")]
    commands += [("STRLEN", "s:large"), ("LLEN", "l:large"), ("XLEN", "x"), ("PTTL", "s:text")]
    return all(
        one.cli(*command, database=database) == other.cli(*command, database=database)
        for command in commands
        for database in (0, 3, 9)
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_keys_of_a_backup_come_into_a_running_server_and_a_second_run_changes_nothing(
    version: str, full_server: Servers, place: RedisPlace
) -> None:
    source = full_server(version)
    place.back_up(source)
    keys = sum(int(source.cli("DBSIZE", database=database)) for database in (0, 3, 9)) + (version != "6.2")
    with RedisServer(version) as target:
        given = {"method": "keys", "login_port": target.port}
        planned = place.restore(**given, check_mode=True)
        assert (planned["changed"], planned["written"]) == (True, keys) and target.cli("DBSIZE") == "0"
        done = place.restore(**given)
        assert (done["changed"], done["missing"], done["same"]) == (True, keys, 0)
        assert same(source, target)
        expiry = int(source.cli("PTTL", "s:expires")) - int(target.cli("PTTL", "s:expires"))
        assert abs(expiry) < 5000
        if version in ("8.2", "valkey 9.1"):
            assert target.cli("HPEXPIRETIME", "h:ttl", "FIELDS", "2", "a", "b") == "33000000000000\n-1"
        if version != "6.2":
            assert target.cli("FCALL", "hello", "0") == "hi"
        again = place.restore(**given)
        assert (again["changed"], again["same"], again["written"]) == (False, keys, 0)


def test_what_is_in_the_way_decides_on_conflict(full_server: Servers, place: RedisPlace) -> None:
    place.back_up(full_server("7.0"))
    with RedisServer() as target:
        target.cli("SET", "s:text", "mine")
        target.cli("SET", "other", "mine")
        given = {"method": "keys", "login_port": target.port}
        refused = place.restore(**given)
        assert "the key s:text of database 0" in refused["msg"] and target.cli("DBSIZE") == "2"
        skipped = place.restore(**given, on_conflict="skip")
        assert skipped["different"] == 1 and target.cli("GET", "s:text") == "mine"
        assert not place.restore(**given, on_conflict="skip")["changed"]
        replaced = place.restore(**given, on_conflict="replace")
        assert (
            replaced["written"] == 1 and target.cli("GET", "s:text") == "hello" and target.cli("GET", "other") == "mine"
        )
        target.cli("PERSIST", "s:expires")
        assert "s:expires" in place.restore(**given)["msg"]
        new = "#!lua name=lab\nredis.register_function('hello', function() return 'other' end)"
        target.cli("FUNCTION", "LOAD", "REPLACE", new)
        assert (
            place.restore(**given, on_conflict="replace")["written"] == 2 and target.cli("FCALL", "hello", "0") == "hi"
        )


def test_keys_whose_time_is_over_are_left_out_and_counted(place: RedisPlace) -> None:
    with RedisServer(settings=["enable-debug-command yes"]) as source, RedisServer() as target:
        source.cli("DEBUG", "SET-ACTIVE-EXPIRE", "0")  # so that it keeps the key, and the RDB has it
        source.cli("SET", "short", "1", "PX", "1")
        source.cli("SET", "long", "1", "EX", "1000")
        assert place.back_up(source)["key_count"] == 2
        done = place.restore(method="keys", login_port=target.port)
        assert (done["written"], done["expired"]) == (1, 1) and target.cli("KEYS", "*") == "long"
        assert not place.restore(method="keys", login_port=target.port)["changed"]


def test_a_user_with_the_documented_rights_restores(full_server: Servers, place: RedisPlace) -> None:
    place.back_up(full_server("7.0"))
    rights = "+select +dump +pexpiretime +restore +function|list +function|load"
    with RedisServer(settings=[f"user restore on >secret ~* -@all {rights}"]) as target:
        given = {"method": "keys", "login_port": target.port, "login_user": "restore", "login_password": "secret"}
        assert place.restore(**given)["changed"] and target.cli("GET", "s:text") == "hello"
    with RedisServer(settings=["user restore on >secret ~* -@all +select +dump +pexpiretime"]) as target:
        given["login_port"] = target.port
        assert "+restore" in str(place.restore(**given)["msg"]).lower() or "function" in str(
            place.restore(**given)["msg"]
        )


def test_a_target_that_refuses_a_key_says_how_far_it_came(place: RedisPlace) -> None:
    with RedisServer("8.2") as source, RedisServer("7.0") as target:
        source.cli("SET", "a", "1")
        place.back_up(source)
        result = place.restore(method="keys", login_port=target.port)
        assert "the key a of database 0" in result["msg"] and "0 keys have been written" in result["msg"]


def test_keys_that_a_full_server_throws_away_fail_the_task(place: RedisPlace) -> None:
    with RedisServer() as source, RedisServer(settings=["maxmemory 4mb", "maxmemory-policy allkeys-lru"]) as target:
        source.feed(("SET", f"key:{number}", "x" * 50_000) for number in range(200))
        place.back_up(source)
        result = place.restore(method="keys", login_port=target.port)
        assert result["failed"] and result["evicted"] > 0 and int(target.cli("DBSIZE")) < 200
        assert "threw" in result["msg"] and result["written"] == 200


def test_a_replica_is_refused_in_check_mode_too(place: RedisPlace) -> None:
    with RedisServer() as source, RedisServer(settings=["replicaof 127.0.0.1 1"]) as replica:
        source.cli("SET", "a", "1")
        place.back_up(source)
        for check_mode in (True, False):
            result = place.restore(method="keys", login_port=replica.port, check_mode=check_mode)
            assert result["failed"] and "is a replica of 127.0.0.1:1" in result["msg"], result


def test_the_rdb_is_placed_for_a_server_that_is_stopped(full_server: Servers, place: RedisPlace) -> None:
    source = full_server("7.0")
    backup = place.back_up(source)
    with RedisServer() as target:
        target.cli("SET", "old", "1")
        target.cli("SAVE")
        path = target.folder / "dump.rdb"
        path.chmod(0o640)
        running = place.restore(method="place", path=str(path))
        assert "Stop it first" in running["msg"]
        target.stop()
        old = path.read_bytes()
        planned = place.restore(method="place", path=str(path), check_mode=True)
        assert planned["changed"] and path.read_bytes() == old
        done = place.restore(method="place", path=str(path))
        assert pathlib.Path(done["kept_as"]).read_bytes() == old and backup["backup_id"] in done["kept_as"]
        assert path.stat().st_mode & 0o777 == 0o640 and "appendonly" in str(done["warnings"])
        assert not place.restore(method="place", path=str(path))["changed"]
        owned = place.restore(method="place", path=str(path), owner="nobody", mode="0600")
        assert owned["changed"] and path.stat().st_mode & 0o777 == 0o600 and path.owner() == "nobody"
        target.start()
        assert same(source, target) and not list(target.folder.glob("*partial*"))


def test_a_place_where_a_log_would_win_is_refused(full_server: Servers, place: RedisPlace) -> None:
    place.back_up(full_server("7.0"))
    folder = place.folder / "data"
    (folder / "appendonlydir").mkdir(parents=True)
    (folder / "appendonlydir" / "appendonly.aof.1.base.rdb").touch()
    result = place.restore(method="place", path=str(folder / "dump.rdb"))
    assert "appendonly yes" in result["msg"] and not (folder / "dump.rdb").exists()


def test_a_damaged_copy_is_left_for_the_next_one_and_no_damage_gets_into_place(
    full_server: Servers, tmp_path: pathlib.Path
) -> None:
    place = RedisPlace(tmp_path, repositories=2)
    backup = place.back_up(full_server("7.0"))
    damage(place.folder_of(backup) / "dump.rdb.zst")
    path = tmp_path / "dump.rdb"
    done = place.restore(method="place", path=str(path))
    assert done["changed"] and "repository-0" in str(done["warnings"]) and path.exists()
    damage(place.folder_of(backup, 1) / "dump.rdb.zst")
    refused = place.restore(method="place", path=str(tmp_path / "other.rdb"))
    assert refused["failed"] and not (tmp_path / "other.rdb").exists() and not list(tmp_path.glob("*partial*"))
    with RedisServer() as target:
        assert place.restore(method="keys", login_port=target.port)["failed"] and target.cli("DBSIZE") == "0"


def damage(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    os.chmod(path, 0o600)
    path.write_bytes(content)


def test_a_backup_of_a_cluster_comes_into_another_cluster_or_one_server(place: RedisPlace) -> None:
    with RedisCluster() as cluster:
        for number in range(40):
            cluster.cli("SET", f"{{tag {number}}} key", str(number))
        place.back_up(cluster.nodes[0], cluster=True)
        one = place.restore(method="place", path=str(place.folder / "dump.rdb"))
        assert "node" in one["msg"]
        assert place.restore(method="place", path=str(place.folder / "dump.rdb"), node=2)["changed"]
        for node in cluster.nodes:
            node.cli("FLUSHALL")
        given = {"method": "keys", "login_port": cluster.nodes[0].port}
        assert "cluster: true" in place.restore(**given)["msg"]
        assert place.restore(**given, cluster=True)["written"] == 40
        assert [cluster.cli("GET", f"{{tag {number}}} key") for number in (0, 17, 39)] == ["0", "17", "39"]
        assert not place.restore(**given, cluster=True)["changed"]
    with RedisServer() as target:
        assert place.restore(method="keys", login_port=target.port)["written"] == 40 and target.cli("DBSIZE") == "40"


def test_options_of_the_other_method_are_refused(full_server: Servers, place: RedisPlace) -> None:
    place.back_up(full_server("7.0"))
    assert "belongs to method: keys" in place.restore(method="place", path="/x", on_conflict="skip")["msg"]
    assert "belongs to method: place" in place.restore(method="keys", path="/x")["msg"]
    assert "needs path" in place.restore(method="place")["msg"]
    assert "folder that exists" in place.restore(method="place", path="/nowhere/dump.rdb")["msg"]
