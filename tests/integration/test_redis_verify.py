# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""redis_verify: a good backup is proven on real servers, and a backup that is not good never is."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
import time
import typing as t

import pytest

from tests.integration.modules import result_of, start_module
from tests.integration.proofs import ends_in_a_report, says_that_nothing_was_compared
from tests.integration.redis_place import RedisPlace, Servers
from tests.integration.test_progress_action import Host
from tests.lab.redis import VERSIONS, RedisCluster, RedisServer


@pytest.fixture
def place(tmp_path: pathlib.Path) -> RedisPlace:
    return RedisPlace(tmp_path)


def checks(result: dict[str, t.Any]) -> dict[str, str]:
    return {check["id"]: check["status"] for check in result.get("checks", [])}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_good_backup_is_proven_key_by_key(version: str, full_server: Servers, place: RedisPlace) -> None:
    place.back_up(full_server(version))
    report = place.folder / "report"
    result = place.verify(version, report_dir=str(report))
    assert result["verdict"] == "passed" and set(checks(result).values()) == {"passed"}
    controls = {control["id"]: control["status"] for control in result["controls"]}
    assert controls == dict.fromkeys(
        ["control.lost", "control.value", "control.expiry", "control.flip", "control.cut"], "passed"
    )
    document = json.loads(pathlib.Path(result["report_files"]["json"]).read_text(encoding="utf-8"))
    parts = {part["name"]: part for part in document["parts"]}
    assert {"database 0", "database 3", "database 9"} <= set(parts)
    assert all(part["fingerprint_expected"] == part["fingerprint_restored"] for part in parts.values())
    assert document["source"]["words"]["unit"] == "key"
    assert not list(pathlib.Path("/var/tmp").glob("lifeboat-scratch-*/dump.rdb"))


@pytest.mark.parametrize(
    ("source", "scratch"),
    [("6.2", "7.0"), ("6.2", "8.2"), ("7.0", "8.2"), ("7.0", "valkey 9.1"), ("valkey 8.1", "valkey 9.1")],
)
def test_a_newer_server_proves_the_backup_of_an_older_one(
    source: str, scratch: str, full_server: Servers, place: RedisPlace
) -> None:
    place.back_up(full_server(source))
    result = place.verify(scratch)
    assert result["verdict"] == "passed", result["msg"]


def test_a_server_that_cannot_read_the_format_is_named_with_what_would(full_server: Servers, place: RedisPlace) -> None:
    place.back_up(full_server("8.2"))
    result = place.verify("7.0")
    assert result["verdict"] == "failed" and "RDB" in result["msg"]
    assert "redis_server_binary" in str(result["checks"]) or "redis_server_binary" in result["msg"]


def test_keys_and_fields_whose_time_is_over_since_the_backup_are_proven_too(place: RedisPlace) -> None:
    for version in ("7.0", "8.2", "valkey 9.1"):
        with RedisServer(version, settings=["enable-debug-command yes"]) as server:
            server.cli("DEBUG", "SET-ACTIVE-EXPIRE", "0")  # so that it keeps them, and the RDB has them
            server.feed([("SET", f"k{number}", "v", "PX", "1") for number in range(100)])
            if version != "7.0":
                server.feed([("HSET", "h", "a", "1", "b", "2"), ("HPEXPIRE", "h", "500", "FIELDS", "1", "a")])
            time.sleep(0.6)
            assert place.back_up(server)["key_count"] == 100 + (version != "7.0")
        result = place.verify(version)
        assert result["verdict"] == "passed", (version, result["msg"])


def test_the_profiles_do_what_they_say(full_server: Servers, place: RedisPlace) -> None:
    place.back_up(full_server("7.0"))
    artifact = place.verify("7.0", profile="artifact", redis_server_binary="/nowhere")
    assert artifact["verdict"] == "passed" and set(checks(artifact)) == {"artifact.stored"}
    quick = place.verify("7.0", profile="quick")
    assert set(checks(quick)) == {"artifact.stored", "restore.restore", "content.counts"}
    missing = place.verify("7.0", redis_server_binary="/nowhere")
    assert "redis_server_binary" in missing["msg"] and "verdict" not in missing


def test_the_users_questions_are_asked(full_server: Servers, place: RedisPlace) -> None:
    server = full_server("7.0")
    place.back_up(server)
    good = [
        {"name": "all keys", "command": "DBSIZE", "operator": ">=", "value": 20},
        {"name": "text", "command": "GET 's:text'", "database": "3", "value": "hello"},
        {"name": "members", "command": "SCARD set:many", "operator": "==", "value": 1500},
    ]
    assert place.verify("7.0", profile="quick", checks=good)["verdict"] == "passed"
    for wrong, status in (
        ({"command": "DBSIZE", "operator": ">", "value": 1000}, "failed"),
        ({"command": "GET nothing", "value": "x"}, "failed"),
        ({"command": "LRANGE l:small 0 -1", "value": "x"}, "error"),
        ({"command": "SET a b", "value": "OK"}, "error"),
        ({"command": "NOSUCH", "value": "x"}, "error"),
    ):
        result = place.verify("7.0", profile="quick", checks=[wrong])
        assert result["verdict"] == "failed" and checks(result)["custom.1"] == status, wrong
    for refused in ({"command": "GET 'x", "value": 1}, {"query": "select 1", "value": 1}):
        assert "verdict" not in place.verify("7.0", checks=[refused])


def test_a_turned_bit_and_a_cut_file_are_found_in_every_copy(full_server: Servers, tmp_path: pathlib.Path) -> None:
    place = RedisPlace(tmp_path, repositories=2)
    backup = place.back_up(full_server("7.0"))
    second = place.folder_of(backup, 1) / "dump.rdb.zst"
    whole = second.read_bytes()
    for damaged in (whole[:-1], whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]):
        os.chmod(second, 0o600)
        second.write_bytes(damaged)
        result = place.verify("7.0")
        assert result["verdict"] == "failed" and checks(result)["artifact.copies"] == "failed"
        first = place.folder_of(backup) / "dump.rdb.zst"
        os.chmod(first, 0o600)
        first.write_bytes(damaged)
        result = place.verify("7.0")
        assert checks(result)["artifact.stored"] == "failed" and checks(result)["restore.restore"] == "failed"
        first.write_bytes(whole)


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        ("", ""),
        ("DEL s:text", "s:text: lost"),
        ("HSET h:small f other", "h:small: changed"),
        ("PERSIST s:expires", "s:expires: changed"),
        ("SET new value", "new: added"),
    ],
)
def test_a_server_that_loses_a_key_or_changes_one_is_caught_and_the_key_is_named(
    harm: str, named: str, full_server: Servers, place: RedisPlace, scratch_base: pathlib.Path
) -> None:
    """Harm is done to the scratch server behind the proof's back, while a question of ours keeps it waiting."""
    place.back_up(full_server("7.0"))
    asked = {"name": "wait", "command": "XREAD BLOCK 4000 STREAMS x $", "value": "never"}
    given = {**place.common(), "encryption": {}, "checks": [asked], "scratch_dir": str(scratch_base)}
    process = start_module("redis_verify", given)
    end = time.monotonic() + 30
    while not (sockets := list(scratch_base.glob("lifeboat-scratch-*/server/socket"))):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.02)
    for command in ("CONFIG SET replica-read-only no", harm) if harm else ():
        while subprocess.run(
            ["redis-cli", "-e", "-s", str(sockets[0]), *command.split()], capture_output=True, check=False
        ).returncode:
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.05)
    result = result_of(process)
    (check,) = (check for check in result["checks"] if check["id"] == "content.keys")
    assert check["status"] == ("failed" if harm else "passed") and named in check["message"]


def test_all_nodes_of_a_cluster_are_proven_and_asked(place: RedisPlace) -> None:
    with RedisCluster() as cluster:
        for number in range(60):
            cluster.cli("SET", f"key {number}", str(number))
        place.back_up(cluster.nodes[0], cluster=True)
    questions = [{"command": "DBSIZE", "value": 60}, {"command": "GET 'key 7'", "value": "7"}]
    result = place.verify("7.0", checks=questions)
    assert result["verdict"] == "passed", result["msg"]


def test_a_young_proof_is_not_made_again_and_no_server_is_left(full_server: Servers, place: RedisPlace) -> None:
    backup = place.back_up(full_server("7.0"))
    assert place.verify("7.0", max_age="1h")["changed"] and not place.verify("7.0", max_age="1h")["changed"]
    assert list((place.folder_of(backup) / "verified").glob("*.json"))
    left = [path for path in pathlib.Path("/proc").glob("[0-9]*/cwd") if "lifeboat-scratch" in os.path.realpath(path)]
    assert not [path for path in left if (path.parent / "comm").read_text(encoding="utf-8").startswith("redis")]


def test_a_plan_backs_redis_up_proves_it_and_brings_it_back(tmp_path: pathlib.Path) -> None:
    with RedisServer() as source, RedisServer() as target:
        source.cli("SET", "user:1", "Ada")
        site = Host(tmp_path)
        plan = {
            "app": "shop",
            "repositories": [{"path": str(tmp_path / "backups")}],
            "encryption": {"engine": "none"},
            "components": [{"name": "sessions", "engine": "redis", "login_port": source.port}],
            "verification": {
                "checks": [{"name": "a user is there", "command": "DBSIZE", "operator": ">=", "value": 1}]
            },
        }
        state = {"state_dir": str(tmp_path / "state")}
        back = {"method": "keys", "login_port": target.port}
        tasks: list[dict[str, t.Any]] = [
            {"lifeboat.dr.component_backup": {"plan": plan, "component": "sessions", **state}},
            {"lifeboat.dr.component_verify": {"plan": plan, "component": "sessions"}},
            {"lifeboat.dr.component_restore": {"plan": plan, "component": "sessions", "options": back}},
        ]
        named = {"app": "shop", "component": "sessions", "repositories": plan["repositories"]}
        tasks.append({"lifeboat.dr.restore_verify": {**named, "encryption": {}, "profile": "quick"}})
        names = [f"result_{number}" for number in range(len(tasks))]
        steps = [
            step
            for name, task in zip(names, tasks, strict=True)
            for step in ({**task, "register": name, "ignore_errors": True}, site.keep(name))
        ]
        shown = "\n".join(site.run(*steps))
        backup, proof, restored, again = (site.kept(name) for name in names)
        assert backup["key_count"] == 1, shown
        assert proof["verdict"] == again["verdict"] == "passed", shown
        assert restored["written"] == 1 and target.cli("GET", "user:1") == "Ada", shown


def test_a_backup_of_an_empty_server_is_not_called_compared(tmp_path: pathlib.Path) -> None:
    place = RedisPlace(tmp_path)
    with RedisServer() as server:
        assert "holds no key at all" in str(place.back_up(server).get("warnings"))
    for profile in ("quick", "full"):
        says_that_nothing_was_compared("redis", place.verify("7.0", profile=profile))


def test_a_server_that_dies_in_a_proof_leaves_a_report(
    full_server: Servers, tmp_path: pathlib.Path, scratch_base: pathlib.Path
) -> None:
    place = RedisPlace(tmp_path)
    place.back_up(full_server("7.0"))
    checks = ends_in_a_report("redis", functools.partial(place.verify, "7.0"), scratch_base, "redis-server")
    assert checks["artifact.stored"] == "passed" and checks["restore.restore"] == "failed"
