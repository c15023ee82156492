# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pairs of buckets that the module s3_replication works on, and what a playbook would say about them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pathlib
import typing as t

from tests.integration.modules import run_module
from tests.lab.objectstore import ObjectStore

ROLE = "arn:aws:iam::123456789012:role/replication"
RULE = {"id": "ReplicateChunks", "priority": 1, "prefix": "chunks/", "replication_time": True, "metrics": True}
LIFECYCLE = {
    "rules": [
        {
            "id": "tier",
            "transitions": [{"days": 30, "storage_class": "STANDARD_IA"}, {"days": 90, "storage_class": "GLACIER_IR"}],
            "noncurrent_expire_days": 30,
        }
    ]
}
AWKWARD = [
    "a b+c%2F",
    "é/e\u0301",
    "\u00e9",
    "e\u0301",
    "quote\"'<&>",
    "tab\tnew\nline",
    "\U0001f6df",
    "//",
    "end/",
    "x" * 1024,
    "~*()!",
]
"""Keys that some part of the way could get wrong: escapes, both normal forms of one letter, the longest one."""
RECOVERING = ("undeleted", "resynced", "failed_back", "reverted")
"""The states of s3_recover, which is given no rules."""
_numbers = itertools.count(1)


@dataclasses.dataclass
class Pair:
    """Two empty buckets of one server, and the options that a playbook would give."""

    store: ObjectStore
    source: str
    destination: str
    state_dir: str
    endpoint_url: str

    def side(self, bucket: str, **more: t.Any) -> dict[str, t.Any]:
        keys = {"access_key": "LABACCESSKEY", "secret_key": "lab+secret/0123456789", "retries": 2, "connect_timeout": 5}
        return {"bucket": bucket, "endpoint_url": self.endpoint_url, **keys, **more}

    def options(self, **more: t.Any) -> dict[str, t.Any]:
        if more.get("state") in RECOVERING:
            given = {"source": self.side(self.source), "destination": self.side(self.destination)}
            given = {**given, "state_dir": self.state_dir, **more}
            return {key: value for key, value in given.items() if value is not None}
        given = {
            "source": self.side(self.source),
            "destination": self.side(self.destination, storage_class="STANDARD_IA"),
            "role_arn": ROLE,
            "rules": [RULE],
            "lifecycle": LIFECYCLE,
            "object_lock": {"mode": "GOVERNANCE", "days": 30},
            "state_dir": self.state_dir,
        }
        return {key: value for key, value in {**given, **more}.items() if value is not None}

    def run(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        module = "s3_recover" if more.get("state") in RECOVERING else "s3_replication"
        return run_module(module, self.options(**more), check_mode=check_mode)

    def rules(self, bucket: str = "") -> list[t.Any]:
        try:
            answer = self.store.client.get_bucket_replication(Bucket=bucket or self.source)
        except self.store.client.exceptions.ClientError as error:
            assert "ReplicationConfigurationNotFound" in str(error)
            return []
        return list(answer["ReplicationConfiguration"]["Rules"])

    def versioning(self, bucket: str) -> str:
        return self.store.client.get_bucket_versioning(Bucket=bucket).get("Status", "")

    def write_foreign_rule(self, **more: t.Any) -> dict[str, t.Any]:
        """A rule that another tool made, in a spelling of its own."""
        rule = {
            "ID": "of-another-tool",
            "Priority": 7,
            "Status": "Enabled",
            "Filter": {},
            "DeleteMarkerReplication": {"Status": "Enabled"},
            "Destination": {"Bucket": "arn:aws:s3:::elsewhere", "Account": "999999999999"},
            **more,
        }
        for bucket in (self.source, self.destination):
            self.store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        configuration: t.Any = {"Role": ROLE, "Rules": [rule]}
        self.store.client.put_bucket_replication(Bucket=self.source, ReplicationConfiguration=configuration)
        return rule

    def clear(self) -> None:
        """Remove both buckets with all that they hold."""
        for name in (self.source, self.destination):
            self.store.drop_bucket(name)


@contextlib.contextmanager
def fresh_pair(store: ObjectStore, folder: pathlib.Path) -> t.Iterator[Pair]:
    """Two new buckets on one server, removed afterwards."""
    number = next(_numbers)
    names = [store.make_bucket(f"{role}-{number}") for role in ("chunks", "chunks-dr")]
    pair = Pair(store, names[0], names[1], str(folder / "state"), store.endpoint_url)
    try:
        yield pair
    finally:
        pair.clear()


@contextlib.contextmanager
def versioned_pair(store: ObjectStore, folder: pathlib.Path) -> t.Iterator[Pair]:
    """The same, with versioning on both sides."""
    with fresh_pair(store, folder) as pair:
        for bucket in (pair.source, pair.destination):
            store.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield pair
