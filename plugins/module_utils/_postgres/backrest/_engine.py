# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The engine ``pgbackrest``: backups that pgBackRest keeps, as references in the catalog.

By default it takes none: it records the newest that is there, and changes nothing of what others have configured.
"""

from __future__ import annotations

import dataclasses
import shlex
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, Look, Saved
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Reference, iso
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._content import (
    SYSTEM,
    BackrestContent,
    BackrestFacts,
    moment,
    read_content,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._info import Stanza, StanzaBackup
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._options import check_stanza
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest, LockedError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._store import STORE

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import BackupSession

TAKES = ("none", "full", "diff", "incr", "auto")
_PREFLIGHT_SECONDS = 300.0
_EARLIER = 20
_LEFT = "No backup was recorded. pgBackRest continues or removes what it has begun with its next backup."


@dataclasses.dataclass(frozen=True)
class BackrestLook(Look):
    """The stanza as it is, and what is to be done: ``kind`` is the backup to take; empty for none."""

    backrest: Backrest
    stanza: Stanza
    kind: str


class BackrestEngine(Engine[BackrestLook]):
    """A stanza."""

    name = STORE.engine

    def look(self, last: Manifest | None) -> BackrestLook:
        """Whether the stanza is there, is of the cluster that is meant, and has a backup to record."""
        options = self._options
        check_stanza(options)
        backrest = Backrest(options, Deadline(_PREFLIGHT_SECONDS))
        stanza = backrest.info()
        _check_cluster(stanza, options["system_identifier"] or "", last)
        kind = self._kind(stanza)
        if kind and stanza.locked:
            raise LockedError(
                f"A backup of the stanza {stanza.name} runs already.",
                hint="Wait until it has ended: pgbackrest info shows it. Nothing was done.",
            )
        if not kind:
            _check_usable(stanza)
        return BackrestLook(0, backrest, stanza, kind)

    def is_known(self, newest: Manifest) -> bool:
        """Whether the catalog has the newest backup of the stanza already, where none is to be taken."""
        if self._options["take"] != "none":
            return False
        stanza = self.look(newest).stanza
        return bool(newest.reference and newest.reference.id == stanza.current[-1].label)

    def _kind(self, stanza: Stanza) -> str:
        take = self._options["take"]
        if take != "auto":
            return "" if take == "none" else str(take)
        if not self._is_young(stanza, ("full",), "full_max_age"):
            return "full"
        return "incr" if self._is_young(stanza, ("full", "diff"), "diff_max_age") else "diff"

    def _is_young(self, stanza: Stanza, kinds: t.Sequence[str], option: str) -> bool:
        """Whether the newest backup of these kinds is younger than the option says; without it any is."""
        if option == "diff_max_age" and not self._options[option]:
            return True
        limit = parse_duration(option, self._options[option]).total_seconds()
        good = [one for one in stanza.current if one.kind in kinds and not one.page_errors]
        return bool(good) and time.time() - good[-1].started < limit

    def planned(self, look: BackrestLook) -> dict[str, t.Any]:
        """The stanza, and which backup would be recorded or taken."""
        current = look.stanza.current
        return {
            "stanza": look.stanza.name,
            "pgbackrest_version": look.backrest.version,
            "system_identifier": look.stanza.system_identifier,
            "take": look.kind or "none",
            "newest": current[-1].label if current else "",
            "backups": len(current),
        }

    def save(self, look: BackrestLook, session: BackupSession) -> Saved:
        """Have pgBackRest take its backup, where that is asked for; and describe the newest."""
        backrest, stanza = look.backrest, look.stanza
        backrest.deadline = session.deadline
        before = {one.label for one in stanza.backups}
        if look.kind:
            session.progress.phase("backup", f"pgBackRest takes a backup ({look.kind})")
            with left_when_stopped(_LEFT):
                backrest.back_up(look.kind)
            stanza = backrest.info()
            if not stanza.current or stanza.current[-1].label in before:
                raise DamagedError(
                    f"pgBackRest ended well, and the stanza {stanza.name} has no new backup.",
                    hint="Nothing was recorded. See whether pgbackrest_repo is the repository that it writes to.",
                )
            _check_usable(stanza)
        newest, earlier = stanza.current[-1], stanza.current[:-1]
        facts = BackrestFacts(
            stanza.name, backrest.config, backrest.repo, stanza.system_identifier, stanza.cipher or "none"
        )
        content = BackrestContent(
            stanza=stanza.name,
            backup=newest,
            window_to=stanza.archive_max,
            earlier_backups=len(earlier),
            earlier=tuple(
                f"{one.label} {one.kind} {iso(moment(one.stopped))}" for one in earlier[: -_EARLIER - 1 : -1]
            ),
        )
        return Saved(
            content=content,
            taken_at=moment(newest.stopped),
            tool_versions={"pgbackrest": backrest.version, "postgresql": newest.server_version},
            by_hand=by_hand(facts, newest),
            reference=Reference(SYSTEM, newest.label, to_plain(facts)),
        )

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """The backup, and where it stands in the log."""
        content, facts = read_content(manifest)
        backup = content.backup
        return {
            "stanza": content.stanza,
            "pgbackrest_label": backup.label,
            "pgbackrest_type": backup.kind,
            "pgbackrest_version": manifest.tool_versions.get("pgbackrest", ""),
            "system_identifier": facts.system_identifier,
            "server_version": backup.server_version,
            "references": list(backup.references),
            "bytes": backup.bytes,
            "repository_bytes": backup.repository_bytes,
            "start_lsn": backup.start_lsn,
            "stop_lsn": backup.stop_lsn,
            "first_segment": backup.first_segment,
            "last_segment": backup.last_segment,
            "window_to": content.window_to,
            "earlier_backups": content.earlier_backups,
            "earlier": list(content.earlier),
        }


def by_hand(facts: BackrestFacts, backup: StanzaBackup) -> list[str]:
    """The commands that show the backup and restore it."""
    config = f" --config={shlex.quote(facts.config)}" if facts.config else ""
    backrest = f"pgbackrest --stanza={facts.stanza} --repo={facts.repo}{config}"
    return [
        f"{backrest} info --set={backup.label}",
        "# into an empty folder. For a point in time: --type=time --target='2026-01-15 14:30:00+00'",
        f"{backrest} restore --set={backup.label} --pg1-path=/whole/path/of/data --archive-mode=off",
    ]


def _check_cluster(stanza: Stanza, wanted: str, last: Manifest | None) -> None:
    """Refuse a stanza of another cluster than the one that is meant. Raises OptionError."""
    known = read_content(last)[1].system_identifier if last else ""
    expected = wanted or known
    if expected and stanza.system_identifier != expected:
        raise OptionError(
            f"The stanza {stanza.name} is of the cluster {stanza.system_identifier}, and "
            + (f"system_identifier is {wanted}." if wanted else f"the backups in the catalog are of {known}."),
            hint="Name the stanza of this cluster. After pg_upgrade, or where the cluster was made anew, say "
            f"system_identifier: {stanza.system_identifier}. Nothing was recorded.",
        )


def _check_usable(stanza: Stanza) -> None:
    """Refuse to record what is not a backup that anyone should rely on."""
    if not stanza.current:
        raise OptionError(
            f"The stanza {stanza.name} has no backup of its present cluster ({stanza.system_identifier}).",
            hint="Take one: pgbackrest backup, or take: full here.",
        )
    newest = stanza.current[-1]
    if newest.page_errors:
        raise DamagedError(
            f"pgBackRest found pages with a wrong checksum when it took {newest.label}: the live cluster is damaged. "
            "It was not recorded.",
            hint="Look at the live cluster now (pg_amcheck, the disk), and do not let older backups expire.",
        )
