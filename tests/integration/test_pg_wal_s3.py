# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""lifeboat-wal and base backups in a bucket, beside a directory."""

from __future__ import annotations

import json
import pathlib
import tempfile
import time

from tests.integration.physical_place import PhysicalPlace, wait_for
from tests.integration.repository_places import SECRET, BucketPlace
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import PostgresCluster
from tests.lab.throwaway import free_port


def test_a_cluster_archives_into_a_bucket_and_its_base_backup_sees_its_log_arrive_there(
    object_store: ObjectStore, bucket: str
) -> None:
    with tempfile.TemporaryDirectory(prefix="lifeboat-test-", dir="/var/tmp") as name, PostgresCluster() as cluster:
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        place = PhysicalPlace(folder)
        bucket_place = BucketPlace(object_store, bucket)
        place.others = [bucket_place.options]
        place.archive_with(cluster)
        cluster.execute("create table step (name text)")
        backup = place.back_up(cluster)
        assert len(backup["stored_in"]) == 2 and not backup["failed_repositories"]
        assert SECRET not in str(backup) and SECRET not in cluster.value("show archive_command")
        stored = set(bucket_place.stored())
        assert {path.relative_to(place.repositories[0]).as_posix() for path in place.archived().values()} <= stored, (
            "what the directory has of the log, the bucket has, too"
        )
        refused_in_time(place, cluster)


def refused_in_time(place: PhysicalPlace, cluster: PostgresCluster) -> None:
    """A bucket that refuses connections ends a push within its limit, in words, so that PostgreSQL counts a failure."""
    path = place.folder / "own" / "wal" / "shop@cluster.json"
    configuration = json.loads(path.read_text())
    assert configuration["time_limit_seconds"] == 30
    configuration["time_limit_seconds"] = 15
    configuration["repositories"][1]["endpoint_url"] = f"http://127.0.0.1:{free_port()}"
    path.write_text(json.dumps(configuration))
    cluster.execute("create table later (n integer)")
    before = int(cluster.value("select failed_count from pg_stat_archiver"))
    name = cluster.value("select pg_walfile_name(pg_current_wal_lsn())")
    began = time.monotonic()
    cluster.execute("select pg_switch_wal()")
    wait_for(lambda: int(cluster.value("select failed_count from pg_stat_archiver")) > before)
    assert time.monotonic() - began < 45, "before, a push was tried for more than a minute"
    pushed = place.wal_command("push", f"pg_wal/{name}", name, cwd=cluster.data_dir)
    assert pushed.returncode == 1 and "the endpoint cannot be reached" in pushed.stderr, pushed.stderr
