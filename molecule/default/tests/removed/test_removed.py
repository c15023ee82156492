# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every host shows after everything but backups, reports and keys was taken away."""

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


def test_backups_reports_and_keys_stay_and_nothing_else(host: Host, output: t.Any) -> None:
    found = output("find / -xdev -name '*lifeboat*' -not -path '/proc/*' -not -path '/srv/*' | sort").split()
    assert found == ["/etc/lifeboat", "/var/backups/lifeboat", "/var/lib/lifeboat"]
    assert output("ls -A /etc/lifeboat /var/lib/lifeboat").split() == [
        "/etc/lifeboat:", "operations.key", "/var/lib/lifeboat:", "reports",
    ]  # fmt: skip
    assert len(output("ls /var/backups/lifeboat/shop/codex/*/manifest.json").split()) == 2


def test_nothing_is_started_any_more(host: Host, output: t.Any) -> None:
    units = output("systemctl list-units --all --plain --no-legend '*lifeboat*' | cut -d' ' -f1").split()
    assert [unit for unit in units if not unit.endswith(".slice")] == [], "an empty slice goes at the next start"
    assert "lifeboat" not in output("cut -d: -f1 /etc/passwd")
