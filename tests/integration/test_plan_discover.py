# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""plan_discover_info finds real servers on this host, and the plan that it writes backs them up."""

from __future__ import annotations

import pathlib
import subprocess
import typing as t

import pytest
import yaml
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import backup_call
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors

from tests.integration.jetstream_place import Client
from tests.integration.modules import run_module
from tests.lab.nats import ensure_installed
from tests.lab.postgres import Database
from tests.lab.redis import RedisServer
from tests.lab.throwaway import free_port


def discover(database: Database, root: pathlib.Path, password: str | None = None) -> dict[str, t.Any]:
    cluster = database.cluster
    environment = {"PGUSER": cluster.user, "PGPASSWORD": password or cluster.password}
    arguments = {"app": "shop", "socket_dirs": [str(cluster.folder)], "root": str(root)}
    return run_module("plan_discover_info", arguments, environment=environment)


def test_servers_are_found_and_the_first_plan_backs_up_a_database(database: Database, tmp_path: pathlib.Path) -> None:
    with RedisServer() as redis:
        result = discover(database, tmp_path)
    found = {one["name"]: one for one in result["databases"]}
    assert found[database.name]["bytes"] > 1_000_000 and found[database.name]["port"] == database.cluster.port
    assert redis.port in [one["port"] for one in result["key_stores"]]
    plan = yaml.safe_load(result["plan"])["lifeboat_plan"]
    assert plan_errors(plan) == [] and result["changed"] is False
    (name,) = [one["name"] for one in plan["components"] if one.get("login_db") == database.name]
    arguments = backup_call(plan, name).arguments
    secret = {"login_user": database.cluster.user, "login_password": database.cluster.password}
    places = {"repositories": [{"path": str(tmp_path / "backups")}], "state_dir": str(tmp_path / "state")}
    assert run_module("pg_backup", {**arguments, **secret, **places})["changed"]


def test_no_database_is_passed_over_whatever_it_is_called_and_whatever_the_role_has_set(
    database: Database, tmp_path: pathlib.Path
) -> None:
    cluster = database.cluster
    odd, template = "tab\tand\nnewline", "{{ lookup('pipe', 'id') }}"
    for name in (odd, template):
        cluster.execute(f'create database "{name}"')
    cluster.execute("create database closed allow_connections false")
    cluster.execute("create schema evil; create table evil.pg_database (datname text)")
    cluster.execute(f'alter role "{cluster.user}" set search_path = evil, pg_catalog')
    try:
        result = discover(database, tmp_path)
    finally:
        cluster.execute(f'alter role "{cluster.user}" reset search_path')
        cluster.execute("drop schema evil cascade")
        for name in (odd, template, "closed"):
            cluster.execute(f'drop database "{name}"')
    names = [one["name"] for one in result["databases"]]
    assert {odd, template, database.name} <= set(names), result
    assert "{{" not in str(yaml.safe_load(result["plan"])), "Ansible would run it"
    assert any("named like a template of Ansible" in one for one in result["could_not_see"])
    assert "postgres" in names, "somebody keeps a table in it"
    assert any("the database closed allows no connections" in one for one in result["could_not_see"])


def test_a_server_that_lets_nobody_in_is_named_with_what_would_help(database: Database, tmp_path: pathlib.Path) -> None:
    result = discover(database, tmp_path, password="wrong")
    assert result["databases"] == []
    assert any("password authentication failed" in one and "Run this as" in one for one in result["could_not_see"])


@pytest.mark.parametrize("monitored", [True, False])
def test_accounts_with_streams_are_found_at_the_monitoring_port_or_that_is_missed(
    database: Database, tmp_path: pathlib.Path, monitored: bool
) -> None:
    program = ensure_installed("2.14")
    port, monitor = free_port(), free_port()
    more = ["-m", str(monitor)] if monitored else []
    command = [program, "-js", "-sd", tmp_path / "store", "-a", "127.0.0.1", "-p", str(port), *more]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            with Client(f"nats://127.0.0.1:{port}") as client:
                client.make("GH")
            result = discover(database, tmp_path)
        finally:
            server.terminate()
    urls = {one["url"]: one for one in result["streams"]}
    if monitored:
        assert urls[f"nats://127.0.0.1:{port}"]["names"] == ["GH"]
        assert plan_errors(yaml.safe_load(result["plan"])["lifeboat_plan"]) == []
    else:
        assert f"nats://127.0.0.1:{port}" not in urls
        assert any(f"NATS on port {port}: it has no monitoring port" in one for one in result["could_not_see"])
