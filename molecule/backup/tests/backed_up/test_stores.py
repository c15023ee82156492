# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host with Redis, files and an S3 server shows after its timer's service has backed up, and the restore was
rehearsed.
"""

from __future__ import annotations

import typing as t

from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("stores")

RESTIC = "restic --no-lock --no-cache --repo /var/backups/restic --password-file /etc/lifeboat/restic.password"


def test_the_bucket_holds_what_the_folder_holds(site: Site) -> None:
    # a proof lies beside the copy that was read
    found = "find shop -type f -not -path '*/verified/*' -exec sha256sum {} +"
    lines = site.output(f"cd {site.repository} && {found}").splitlines()
    stored = {path: sha256 for sha256, path in (line.split(None, 1) for line in lines)}
    assert {path.split("/")[1] for path in stored} >= set(site.components)
    assert site.objects("backups") == stored


def test_every_key_of_redis_is_in_the_backup_and_in_the_server(site: Site) -> None:
    (node,) = site.manifest("sessions")["content"]["nodes"]
    assert node["databases"] == [{"number": 0, "keys": 1001, "expires": 1000}]
    assert site.output("redis-cli DBSIZE").strip() == "1001"
    assert site.output("redis-cli LRANGE jobs 0 -1").split() == ["one", "two", "three"]


def test_restic_alone_restores_the_files(site: Site) -> None:
    assert site.manifest("files")["content"]["files"] == 2
    site.output(f"{RESTIC} --quiet restore latest --tag component=files --target /root/by-hand")
    assert site.output("diff --recursive /srv/shop /root/by-hand/srv/shop && echo same").strip() == "same"


def test_the_inventory_counts_what_both_buckets_hold(site: Site) -> None:
    content = site.manifest("chunks")["content"]
    assert content["objects"] == 21
    assert site.objects("chunks") == site.objects("chunks-dr")
