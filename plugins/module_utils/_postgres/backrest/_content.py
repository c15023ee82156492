# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a manifest says of a backup that pgBackRest keeps."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._info import (
    StanzaBackup,
    segment_bytes_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import parse_name

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest

SYSTEM = "pgbackrest"


@dataclasses.dataclass(frozen=True)
class BackrestContent:
    """One backup, as pgBackRest describes it."""

    stanza: str
    backup: StanzaBackup
    window_to: str  # the newest segment that was in the archive then
    earlier_backups: int = 0  # of the same cluster, that are older
    earlier: tuple[str, ...] = ()  # the newest of them: label, kind, time


@dataclasses.dataclass(frozen=True)
class BackrestFacts:
    """What it takes to find the backup again."""

    stanza: str
    config: str
    repo: int
    system_identifier: str
    cipher: str


def read_content(manifest: Manifest) -> tuple[BackrestContent, BackrestFacts]:
    """The content and the facts. Raises DamagedError."""
    reference = manifest.reference
    if reference is None or reference.system != SYSTEM:
        raise DamagedError(f"The manifest of {manifest.backup_id} does not refer to a backup of pgBackRest.")
    try:
        content = from_plain(BackrestContent, manifest.content, "the manifest's content")
        return content, from_plain(BackrestFacts, reference.facts, "the manifest's reference")
    except RecordError as error:
        raise DamagedError(f"The manifest of {manifest.backup_id} has the wrong shape: {error}.") from None


def physical(content: BackrestContent, superuser: str) -> PhysicalContent:
    """The same as it is told of a base backup of ours; what only the data folder says is filled in after a restore.

    Raises DamagedError where the backup was taken without its log.
    """
    backup = content.backup
    segment = parse_name(backup.first_segment)
    if segment is None:
        raise DamagedError(
            f"pgBackRest took {backup.label} without waiting for its log (archive-check is off), so nobody knows "
            "whether it can be recovered.",
            hint="Switch archive-check on in pgBackRest's configuration, and take a new backup.",
        )
    version = backup.server_version.split(".")[0]
    return PhysicalContent(
        server_version=backup.server_version,
        major=int(version) if version.isdigit() else 0,
        system_identifier=backup.system_identifier,
        timeline=segment.timeline,
        start_lsn=backup.start_lsn,
        stop_lsn=backup.stop_lsn,
        stopped_at=moment(backup.stopped + 1).isoformat(),  # its times are whole seconds
        segment_bytes=segment_bytes_of(backup.first_segment, backup.start_lsn),
        archive=content.stanza,
        first_segment=backup.first_segment,
        last_segment=backup.last_segment,
        superuser=superuser,
        data_checksums=False,
    )


def moment(seconds: int) -> datetime.datetime:
    """The time that pgBackRest means. Raises DamagedError for one that no clock shows."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (OverflowError, ValueError, OSError):
        raise DamagedError(f"pgbackrest info has a time that cannot be: {seconds} seconds.") from None
