# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the manifest says about a backup of files: the snapshot that restic keeps, and what it holds."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest

SYSTEM = "restic"
HASHES = "hashes"  # the content of the artifact with the files' hashes


@dataclasses.dataclass(frozen=True)
class PathsContent:
    """The manifest's ``content``. Counts are of the snapshot as it was read back from the restic repository."""

    paths: tuple[str, ...]  # what was backed up, as restic recorded it
    files: int
    folders: int
    others: int  # symbolic links, pipes, devices, sockets
    bytes: int  # of the files; one with several names counts as often
    data_added: int  # what was new to the restic repository, before its compression
    fingerprint: str  # full, sample, none
    hashed_files: int = 0  # files whose content was read a second time, by us, and is in the list of hashes
    hashed_bytes: int = 0
    changed_files: int = 0  # that could not be hashed, as they were no longer what restic had read
    unnamed_files: int = 0  # that could not be hashed, as their names are not UTF-8
    unreadable: tuple[str, ...] = ()  # with allow_unreadable: what restic could not read, the first of them
    unreadable_files: int = 0
    earlier_snapshots: int = 0  # of the same paths, which were in the restic repository before
    earlier: tuple[str, ...] = ()  # the newest of them: id, time, host


@dataclasses.dataclass(frozen=True)
class ResticFacts:
    """The facts of the manifest's reference: what it takes to find the snapshot again, and to know it."""

    repository: str
    repository_id: str
    tree: str  # restic's hash over all names, metadata and contents
    host: str
    password_file: str


def read_content(manifest: Manifest) -> tuple[PathsContent, ResticFacts, str]:
    """The content, the facts and the snapshot's id. Raises DamagedError."""
    reference = manifest.reference
    if reference is None or reference.system != SYSTEM:
        raise DamagedError(f"The manifest of {manifest.backup_id} does not refer to a restic snapshot.")
    try:
        content = from_plain(PathsContent, manifest.content, "the manifest's content")
        return content, from_plain(ResticFacts, reference.facts, "the manifest's reference"), reference.id
    except RecordError as error:
        raise DamagedError(f"The manifest of {manifest.backup_id} has the wrong shape: {error}.") from None
