# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Prometheus says of hosts whose backups are as they should be."""

from __future__ import annotations

import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("prometheus")

WATCHED = {
    ("db12", "codex"),
    ("db13", "codex"),
    ("nats", "events"),
    ("store", "chunks"),
    ("store", "events"),
    ("store", "files"),
    ("store", "sessions"),
}


def test_every_component_of_every_host_is_watched(site: Site) -> None:
    for metric in ("backup_last_success_timestamp", "lifeboat_backup_newest_good_timestamp_seconds",
                   "restore_rehearsal_success == 1", "lifeboat_status_state == 0"):  # fmt: skip
        found = {(one["metric"]["instance"].split(":")[0], one["metric"]["component"]) for one in site.query(metric)}
        assert found == WATCHED, metric


def test_no_alert_is_raised(site: Site) -> None:
    assert {one["value"][1] for one in site.query('up{job="node"}')} == {"1"}
    assert site.query("ALERTS") == []
    rules = site.output("promtool check rules /etc/prometheus/rules/*.yml; ls /etc/prometheus/rules")
    assert "SUCCESS" in rules and "lifeboat.rules.yml" in rules


def test_nobody_was_written_to(site: Site) -> None:
    assert site.mails() == []
