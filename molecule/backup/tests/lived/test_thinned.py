# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host with two repositories shows after its old backups were thinned out in both."""

from __future__ import annotations

import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("stores")


def test_the_newest_backup_and_the_proven_one_stay_everywhere(site: Site) -> None:
    there = [folder.rsplit("/", 1)[1] for folder in site.folders("sessions")]
    assert len(there) == 2
    proven = site.output(f"ls -d {site.repository}/shop/sessions/*/verified").split("/")[-2]
    assert there[0] == proven
    stored = {key.split("/")[2] for key in site.objects("backups") if key.startswith("shop/sessions/")}
    assert stored == set(there), "the proof of the folder's copy counts for that of the bucket"


def test_what_is_young_enough_is_left_alone(site: Site) -> None:
    for component in ("events", "files", "chunks"):
        assert site.folder(component)


def test_only_cron_starts_it(site: Site) -> None:
    assert site.output("find /etc/systemd/system /var/lib/systemd/timers -name '*lifeboat*'").strip() == ""
    lines = site.output("grep -v '^#' /etc/cron.d/lifeboat").split("\n")
    assert [line for line in lines if " /opt" in line] == [
        "0 1 * * * lifeboat /opt/lifeboat/bin/lifeboat-cron backup_run",
        "0 4 * * 7 root /opt/lifeboat/bin/lifeboat-cron restore_rehearsal",
    ]


def test_every_run_of_cron_has_a_log_of_its_own(site: Site) -> None:
    codes = site.output("cat /var/log/lifeboat/backup_run-*.log | grep '^exit code'").split("\n")
    assert "exit code 2" in codes, "Redis was not there"
    assert codes[-2] == "exit code 0"
