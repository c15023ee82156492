# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first plan is one that the check of a plan takes, whatever names were found."""

from __future__ import annotations

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
