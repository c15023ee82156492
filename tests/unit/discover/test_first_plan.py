# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first plan is one that the check of a plan takes, whatever names were found."""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml
from ansible_collections.lifeboat.dr.plugins.filter.plan_check import plan_check
from ansible_collections.lifeboat.dr.plugins.module_utils._discover import _look
from ansible_collections.lifeboat.dr.plugins.module_utils._discover._first_plan import first_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._discover._model import (
    Database,
    Folder,
    Found,
    KeyStore,
    Streams,
)
from hypothesis import given
from hypothesis import strategies as st


def test_what_was_found_becomes_components_and_what_a_person_decides_on_comments() -> None:
    found = Found(
        databases=[Database("codex", 5_000_000, "/run/postgresql", 5432, "postgres", "15.8")],
        streams=[Streams("SHOP", "nats://127.0.0.1:4222", ("GH",), 1000)],
        key_stores=[KeyStore("valkey-server", 6380, is_cluster=True)],
        folders=[Folder("/srv/uploads", "the service web.service")],
        dumps_of_today=["/etc/cron.d/dump line 3: pg_dump"],
        stanzas=["main"],
        could_not_see=["NATS on port 4223: it has no monitoring port"],
    )
    text = first_plan(found, "shop")
    plan = yaml.safe_load(text)["lifeboat_plan"]
    assert plan_check(plan)["errors"] == []
    assert [(one["name"], one["engine"]) for one in plan["components"]] == [
        ("codex", "postgresql"), ("streams-SHOP", "jetstream"), ("keys-6380", "redis"),
    ]  # fmt: skip
    for words in ("/srv/uploads (the service web", "/etc/cron.d/dump line 3: pg_dump", "main", "port 4223", "5.0 MB"):
        assert words in text
    assert max(len(line) for line in text.splitlines()) <= 140


def test_where_nothing_was_found_there_is_no_plan() -> None:
    assert first_plan(Found(folders=[Folder("/srv", "x")]), "shop") == ""


@pytest.mark.parametrize("words", ["{{ lookup('pipe', 'id') }}", "{% for x in y %}", "a{#b", "{{{"])
def test_a_name_that_ansible_would_run_is_said_and_not_written(words: str) -> None:
    """A plan is a file that Ansible trusts, and whoever may create a database has chosen its name."""
    found = Found(
        databases=[Database(name, 1, "/run", 5432, "postgres", "15") for name in ("codex", words)]
        + [Database("elsewhere", 1, f"/tmp/{words}", 5433, "postgres", "15")],
        streams=[
            Streams(words, "nats://127.0.0.1:4222", (words,), 1),
            Streams("X", f"nats://127.0.0.1:{words}", (), 1),
        ],
    )
    text = first_plan(found, words)
    plan = yaml.safe_load(text)["lifeboat_plan"]
    assert [one.get("login_db") for one in plan["components"] if one["engine"] == "postgresql"] == ["codex"]
    assert len([one for one in plan["components"] if one["engine"] == "jetstream"]) == 1
    assert text.count("is named like a template of Ansible") == 3


names = st.text(min_size=1, max_size=12)


@given(st.lists(names, min_size=1, max_size=4), names, names)
def test_no_name_makes_a_plan_that_is_none(databases: list[str], account: str, app: str) -> None:
    found = Found(
        databases=[Database(name, 1, "/run", 5432, "postgres", "15") for name in databases],
        streams=[Streams(account, "nats://127.0.0.1:4222", (account,), 1)],
        key_stores=[KeyStore("redis-server", 6379)],
        could_not_see=[account],
    )
    plan = yaml.safe_load(first_plan(found, app))["lifeboat_plan"]
    assert plan_check(plan)["errors"] == []
    assert [one["login_db"] for one in plan["components"][: len(databases)]] == databases


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("http: 127.0.0.1:8222\n", "8222"),
        ("port: 4222\nhttp_port = 8223\n", "8223"),
        ('{"port": 4222, "http": "127.0.0.1:8224"}', "8224"),
        ("monitor_port: 8225", "8225"),
        ("port: 4222", ""),
        ("# http: 8222", ""),
    ],
)
def test_the_monitoring_port_of_a_nats_server_is_read_from_its_configuration(text: str, port: str) -> None:
    assert _look._setting(text, r"(?:http_port|monitor_port|http)") == port


def test_entries_of_cron_are_named_and_not_repeated(tmp_path: pathlib.Path) -> None:
    (tmp_path / "etc" / "cron.d").mkdir(parents=True)
    (tmp_path / "etc" / "cron.d" / "dump").write_text(
        "# pg_dump was here\n0 1 * * * root PGPASSWORD=hunter2 pg_dump shop | gzip >/srv/shop.gz\n"
    )
    (tmp_path / "etc" / "pgbackrest").mkdir()
    (tmp_path / "etc" / "pgbackrest" / "pgbackrest.conf").write_text("[global]\nrepo1-path=/r\n[main]\npg1-path=/d\n")
    (tmp_path / "etc" / "systemd" / "system").mkdir(parents=True)
    (tmp_path / "etc" / "systemd" / "system" / "web.service").write_text("[Service]\nStateDirectory=web\n")
    found = _look.look(str(tmp_path), [])
    assert found.dumps_of_today == ["/etc/cron.d/dump line 2: pg_dump"] and found.stanzas == ["main"]
    assert Folder("/var/lib/web", "the service web.service") in found.folders
    assert "hunter2" not in str(found)


def test_what_dumps_in_a_unit_and_stanzas_in_parts_are_found(tmp_path: pathlib.Path) -> None:
    units = tmp_path / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    (units / "night.service").write_text("[Service]\nExecStart=/usr/bin/pg_dumpall --file=/srv/all.sql\n")
    parts = tmp_path / "etc" / "pgbackrest" / "conf.d"
    parts.mkdir(parents=True)
    (parts / "a.conf").write_text("[global:archive-push]\ncompress-level=3\n[shop]\npg1-path=/d\n[shop:backup]\n")
    (parts / "b.conf").write_text("no configuration\n")
    found = _look.look(str(tmp_path), [])
    assert found.dumps_of_today == ["/etc/systemd/system/night.service line 2: pg_dumpall"]
    assert found.stanzas == ["shop"]


def test_folders_that_containers_of_compose_write_to_are_found(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mock stands in for the program docker: what a real engine says is tried on hosts that have one."""
    (tmp_path / "data").mkdir()
    mounts = [
        {"Type": "bind", "Source": f"{tmp_path}/data", "RW": True},
        {"Type": "bind", "Source": f"{tmp_path}/data", "RW": True},
        {"Type": "bind", "Source": str(tmp_path), "RW": False},
        {"Type": "bind", "Source": "/var/run/docker.sock", "RW": True},
        {"Type": "volume", "Source": "/var/lib/docker/volumes/db/_data", "RW": True},
    ]
    (tmp_path / "mounts").write_text(json.dumps(mounts))
    program = tmp_path / "docker"
    program.write_text(
        "#!/bin/sh\ncase \"$1 $2\" in 'volume ls') printf 'db\\tshop\\t/var/lib/docker/volumes/db/_data\\n';;\n"
        f"'container ls') echo abc;; *) printf 'shop\\t'; cat {tmp_path}/mounts;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = Found()
    _look._compose_volumes(found, "", [])
    assert found.folders == [
        Folder("/var/lib/docker/volumes/db/_data", "the volume db of the Compose project shop"),
        Folder(f"{tmp_path}/data", "the Compose project shop"),
    ]
    assert found.could_not_see == []


def test_a_look_that_fails_in_any_way_says_so_and_ends_no_other(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a monitoring port that says something of another shape."""
    monkeypatch.setattr(_look, "_ask", lambda url: {"account_details": [7, {"stream_detail": [{}]}]})
    monkeypatch.setattr(_look, "_processes", lambda program: iter([["nats-server", "-m", "8222"]]))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "crontab").write_text("0 1 * * * root pg_dump shop\n")
    found = _look.look(str(tmp_path), [])
    assert "streams: AttributeError." in found.could_not_see
    assert found.dumps_of_today == ["/etc/crontab line 1: pg_dump"]


@pytest.mark.parametrize("title", ["redis-server unixsocket:/run/redis.sock", "redis-server *:0"])
def test_a_key_store_without_a_port_is_said_and_not_guessed(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_look, "_processes", lambda program: iter([title.split()] if program in title else []))
    found = Found()
    _look._key_stores(found, "", [])
    assert found.key_stores == [] and "login_unix_socket" in found.could_not_see[0]
