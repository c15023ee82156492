# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a manifest says of a base backup, and of the log that it needs."""

from __future__ import annotations

import dataclasses
import datetime

BASE = "base"
"""What the artifact is for: the data folder as a tar, with PostgreSQL's own manifest of its files."""


@dataclasses.dataclass(frozen=True)
class Database:
    """One database of the cluster."""

    name: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class Marker:
    """A restore point of the live cluster, with one row that was written before it, and one that was written after it.

    After a recovery to the point, the first row is there and the second is not.
    """

    point: str
    database: str
    lsn: str
    at: str  # ISO 8601, between the two rows, by the server's clock


@dataclasses.dataclass(frozen=True)
class PhysicalContent:
    """One base backup. Positions are PostgreSQL's: ``0/2000138``."""

    server_version: str
    major: int
    system_identifier: str
    timeline: int
    start_lsn: str
    stop_lsn: str  # the recovery is consistent from here on
    stopped_at: str  # ISO 8601 with microseconds, by the server's clock: no target may be before it
    segment_bytes: int
    archive: str  # where its log is: wal/<archive> in the repositories
    first_segment: str
    last_segment: str  # the last one that was found in the archive before the backup was called done
    superuser: str  # the role that made the cluster
    data_checksums: bool
    databases: tuple[Database, ...] = ()
    marker: Marker | None = None
    prior: str = ""  # of an incremental backup: the id of the one that it builds on
    full_at: str = ""  # of an incremental backup: when the full one at the bottom of its chain was consistent
    outside: tuple[str, ...] = ()  # configuration files outside of the data folder, which the backup does not hold

    @property
    def stopped(self) -> datetime.datetime:
        """When the backup was consistent."""
        return datetime.datetime.fromisoformat(self.stopped_at)
