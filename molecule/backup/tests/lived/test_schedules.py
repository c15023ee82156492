# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts with a database show after their schedule has fired, another scheduler took over, and old backups were
thinned out.
"""

from __future__ import annotations

import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("databases")

UNITS = "find /etc/systemd/system /var/lib/systemd/timers -name '*lifeboat*'"


def test_the_run_that_the_schedule_began_has_found_the_young_backup(site: Site) -> None:
    said = {
        "systemd": "journalctl --unit lifeboat@backup_run --output cat",
        "cron": "cat /var/log/lifeboat/backup_run-*.log",
    }[site.variables["first_scheduler"]]
    assert "changed=0" in site.output(said) and "failed=0" in site.output(said)


def test_only_the_scheduler_of_now_is_there(site: Site) -> None:
    entries = "ls -d /etc/cron.d/lifeboat /opt/lifeboat/bin/lifeboat-cron 2>/dev/null || true"
    if site.variables["later_scheduler"] == "cron":
        assert site.output(UNITS).strip() == ""
        assert site.output("systemctl list-units --all --plain --no-legend 'lifeboat@*.timer'").strip() == ""
        lines = site.output("grep -v '^#' /etc/cron.d/lifeboat").split("\n")
        command = "postgres /opt/lifeboat/bin/lifeboat-cron"
        assert [line for line in lines if " /opt" in line] == [
            f"0 1 1 1 * {command} backup_run", f"0 0 1 1 * {command} backup_prune",
        ]  # fmt: skip
        assert len(site.output(entries).split()) == 2
    else:
        assert site.output(entries).strip() == ""
        for playbook in ("backup_run", "backup_prune"):
            assert site.host.service(f"lifeboat@{playbook}.timer").is_enabled
            assert site.host.service(f"lifeboat@{playbook}.timer").is_running
        assert "OnCalendar=*-1-1 1:0:00" in site.output("systemctl cat lifeboat@backup_run.timer")


def test_of_two_backups_with_a_label_the_newer_stays_and_so_does_the_one_without(site: Site) -> None:
    labels = site.output("grep --no-filename '\"label\"' /var/backups/lifeboat/shop/codex/*/manifest.json || true")
    assert len(site.output("ls -d /var/backups/lifeboat/shop/codex/*").split()) == 2
    assert "before-release-2" in labels and "before-release-1" not in labels
