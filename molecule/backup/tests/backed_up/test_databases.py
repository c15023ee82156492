# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts with a database show after the controller had them back up and rehearse."""

from __future__ import annotations

import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("databases")

KEY = "/etc/lifeboat/operations.key"


def test_the_manifest_says_what_was_backed_up(site: Site) -> None:
    content = site.manifest("codex")["content"]
    assert content["server_version_num"] // 10000 == site.variables["postgresql_major"]
    rows = {table["name"]: table["rows"] for table in content["tables"] if table["kind"] == "table"}
    assert rows == {
        "customers": 500,
        "products": 200,
        "orders": 2000,
        "order_lines": 6000,
        "events_old": 1711,
        "events_new": 2289,
    }


def test_the_commands_of_the_manifest_restore_the_backup_with_stock_tools(site: Site) -> None:
    folder, given = site.folder("codex"), site.manifest("codex")["restore_by_hand"]
    commands = [command for command in given if "_globals." not in command or "sha256sum" in command]
    try:
        for command in commands:
            site.as_account(f"cd {folder} && {command.replace('KEY_FILE', KEY).replace('NEW', 'by_hand')}")
        dumped = [site.as_account(f"pg_dump {name} | grep -v '^.\\(un\\)\\?restrict '") for name in ("shop", "by_hand")]
        assert dumped[0] == dumped[1]
        assert "Customer500@example.org" in dumped[0]
    finally:
        site.as_account("dropdb --if-exists by_hand")


def test_the_database_is_what_it_was_before(site: Site) -> None:
    databases = site.as_account("psql -Atc 'select datname from pg_database order by 1'").split()
    assert databases == ["postgres", "shop", "template0", "template1"]
    after = site.output("runuser -u postgres -- pg_dumpall | grep -v '^.\\(un\\)\\?restrict '")
    assert after == site.host.file("/root/before.sql").content_string
