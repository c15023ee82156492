# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""lifeboat-wal and base backups in a bucket, beside a directory."""

from __future__ import annotations

import pathlib
import tempfile

from tests.integration.physical_place import PhysicalPlace
from tests.integration.repository_places import SECRET, BucketPlace
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import PostgresCluster


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
