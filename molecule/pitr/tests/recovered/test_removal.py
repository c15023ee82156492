# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster archives its log with is not taken away under it: its disk would fill."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from testinfra.host import Host

testinfra_hosts = ["ansible://own_archive"]

_REMOVE = (
    "cd / && LC_ALL=C.UTF-8 ANSIBLE_COLLECTIONS_PATH=/opt/lifeboat/collections /opt/lifeboat/venv/bin/ansible-playbook "
    "--inventory localhost, --connection local --extra-vars @/etc/lifeboat/plan.yml lifeboat.dr.backup_remove"
)


def test_removal_is_refused_while_a_cluster_archives_and_says_how_to_end_that(host: Host) -> None:
    refused = host.run(_REMOVE)
    said = " ".join(refused.stdout.split())
    assert refused.rc != 0 and "/etc/lifeboat/wal/" in said and "End the archiving first" in said, said
    assert host.file("/opt/lifeboat/bin/lifeboat").exists and host.file("/etc/lifeboat/plan.yml").exists
