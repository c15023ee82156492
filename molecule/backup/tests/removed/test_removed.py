# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after everything but backups, reports and keys was taken away."""

from __future__ import annotations

import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("containers")

KEYS = {
    "db12": ["operations.key"],
    "db13": ["operations.key"],
    "nats": ["backup.creds", "operations.key", "restore.creds"],
    "store": ["backup.creds", "operations.key", "redis.password", "restic.password", "restore.creds"],
}
BACKUPS = {"codex": 2, "events": 1, "sessions": 2, "files": 1, "chunks": 1}


def test_backups_reports_and_keys_stay_and_nothing_else(site: Site) -> None:
    found = site.output("find / -xdev -name '*lifeboat*' -not -path '/proc/*' -not -path '/srv/*' | sort").split()
    name = site.variables["inventory_hostname"]
    rules = ["/etc/prometheus/rules/lifeboat.rules.yml"] if name == "nats" else []
    assert found == ["/etc/lifeboat", *rules, "/var/backups/lifeboat", "/var/lib/lifeboat"]
    assert site.output("ls -A /etc/lifeboat").split() == KEYS[name]
    assert site.output("ls -A /var/lib/lifeboat").split() == ["reports"]
    for component in site.components:
        backups = site.output(f"ls {site.repository}/shop/{component}/*/manifest.json").split()
        assert len(backups) == BACKUPS[component], component


def test_nothing_is_started_any_more(site: Site) -> None:
    units = site.output("systemctl list-units --all --plain --no-legend '*lifeboat*' | cut -d' ' -f1").split()
    assert [unit for unit in units if not unit.endswith(".slice")] == [], "an empty slice goes at the next start"
    accounts = site.output("cut -d: -f1 /etc/passwd").split()
    assert [one for one in accounts if "lifeboat" in one] == [one for one in ["lifeboat"] if one == site.account]
