# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after its schedule has fired, another scheduler took over, and old backups were thinned out."""

from __future__ import annotations

import os
import typing as t

import testinfra.utils.ansible_runner

if t.TYPE_CHECKING:
    from testinfra.host import Host

RUNNER = testinfra.utils.ansible_runner.AnsibleRunner(
    os.environ["MOLECULE_SCENARIO_DIRECTORY"] + "/inventory/hosts.yml"
)
testinfra_hosts = [f"ansible://{name}" for name in RUNNER.get_hosts("containers")]

UNITS = "find /etc/systemd/system /var/lib/systemd/timers -name '*lifeboat*'"


def test_the_run_that_the_schedule_began_has_found_the_young_backup(
    host: Host, output: t.Any, schedulers: tuple[str, str]
) -> None:
    said = {
        "systemd": "journalctl --unit lifeboat@backup_run --output cat",
        "cron": "cat /var/log/lifeboat/backup_run-*.log",
    }[schedulers[0]]
    assert "changed=0" in output(said) and "failed=0" in output(said)


def test_only_the_scheduler_of_now_is_there(host: Host, output: t.Any, schedulers: tuple[str, str]) -> None:
    entries = "ls -d /etc/cron.d/lifeboat /opt/lifeboat/bin/lifeboat-cron 2>/dev/null || true"
    if schedulers[1] == "cron":
        assert output(UNITS).strip() == ""
        assert output("systemctl list-units --all --plain --no-legend 'lifeboat@*.timer'").strip() == ""
        lines = output("grep -v '^#' /etc/cron.d/lifeboat").split("\n")
        command = "postgres /opt/lifeboat/bin/lifeboat-cron"
        assert [line for line in lines if " /opt" in line] == [
            f"0 1 1 1 * {command} backup_run", f"0 0 1 1 * {command} backup_prune",
        ]  # fmt: skip
        assert len(output(entries).split()) == 2
    else:
        assert output(entries).strip() == ""
        for playbook in ("backup_run", "backup_prune"):
            assert host.service(f"lifeboat@{playbook}.timer").is_enabled
            assert host.service(f"lifeboat@{playbook}.timer").is_running
        assert "OnCalendar=*-1-1 1:0:00" in output("systemctl cat lifeboat@backup_run.timer")


def test_of_two_backups_with_a_label_the_newer_stays_and_so_does_the_one_without(host: Host, output: t.Any) -> None:
    labels = output("grep --no-filename '\"label\"' /var/backups/lifeboat/shop/codex/*/manifest.json || true")
    assert len(output("ls -d /var/backups/lifeboat/shop/codex/*").split()) == 2
    assert "before-release-2" in labels and "before-release-1" not in labels
