# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The backups of a stanza, and how far each can be brought with the log that pgBackRest has archived."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._archive import BackrestArchive
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._content import BackrestContent, physical
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Candidate, Log
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._window import covers
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import lsn_text

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._info import Stanza, StanzaBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest


@dataclasses.dataclass(frozen=True)
class Labelled:
    """A backup of a stanza, by what pgBackRest calls it."""

    backup_id: str


def open_log(backrest: Backrest, stanza: Stanza) -> tuple[BackrestArchive, Log]:
    """The archive of the stanza's present cluster, and the log in it. Raises OptionError where there is none."""
    ids = sorted({backup.archive_id for backup in stanza.current} - {""})
    if len(ids) != 1:
        raise OptionError(
            f"The stanza {stanza.name} has no backup of its present cluster ({stanza.system_identifier}) with a log.",
            hint="Take one: pgbackrest backup.",
        )
    archive = BackrestArchive(backrest, ids[0], stanza.system_identifier)
    return archive, Log(archive, archive.listing(), stanza.system_identifier)


def candidates(stanza: Stanza, log: Log, superuser: str, timeline: int = 0) -> tuple[list[Candidate], list[str]]:
    """The backups that the log makes consistent, the newest first; and why the others are not among them."""
    good, reasons = [], []
    for backup in reversed(stanza.current):
        try:
            good.append(_candidate(stanza, backup, log, superuser, timeline))
        except LifeboatError as error:
            reasons.append(f"{backup.label}: {error.message}")
    return good, reasons


def _candidate(stanza: Stanza, backup: StanzaBackup, log: Log, superuser: str, timeline: int) -> Candidate:
    """Raises LifeboatError where nobody should rely on the backup."""
    if backup.page_errors:
        raise LifeboatError("pages had a wrong checksum when it was taken.")
    content = physical(BackrestContent(stanza.name, backup, stanza.archive_max), superuser)
    found = log.reach(content, timeline)
    if not covers(found, content):
        missing = found.missing or "the log after " + lsn_text(found.end)
        raise LifeboatError(f"it needs {missing}, which is not in the archive.")
    return Candidate(Labelled(backup.label), content, found)
