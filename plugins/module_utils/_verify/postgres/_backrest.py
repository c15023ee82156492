# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The proof of a backup that pgBackRest keeps: pgBackRest restores it, and we recover and ask it in a sandbox.

``artifact`` has pgBackRest verify its repository, and reads every segment of the log that makes the backup consistent;
``quick`` recovers to the end of the backup; ``full`` recovers to a time by chance within the window, checks every page
and every index, and plants damage. Nothing of the stanza is changed: no marker is written into the live cluster.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import random
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._archive import (
    BackrestArchive,
    check_content,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._content import physical, read_content
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import Database
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Log
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import IMMEDIATE, TIME, Target
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._window import Reach
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import parse_lsn, parse_name
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Control, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import outcome
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._physical import (
    Options,
    PhysicalVerification,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._scratch import ScratchRecovery

_DATABASES = "select datname::text, pg_database_size(oid) from pg_database order by datname"
_LARGEST = """
    select pg_relation_filepath(oid) from pg_class
    where relkind = 'r' and reltablespace = 0 and pg_relation_size(oid) > 0 order by pg_relation_size(oid) desc limit 1
"""
_MICROSECOND = datetime.timedelta(microseconds=1)


class BackrestVerification(PhysicalVerification):
    """As of a base backup of ours; what is read and restored comes from pgBackRest."""

    def __init__(
        self,
        copies: t.Sequence[StoredBackup],
        backrest: Backrest,
        superuser: str,
        options: Options,
        deadline: Deadline,
        progress: Progress,
    ) -> None:
        self._backrest = backrest
        self._superuser = superuser
        self._known, self._facts = read_content(copies[0].manifest)
        self._archive = BackrestArchive(backrest, self._known.backup.archive_id, self._facts.system_identifier)
        super().__init__(copies, dataclasses.replace(options, log=self._open_log), deadline, progress)
        self._damageable = ""  # the largest file of the database postgres

    def _described(self) -> PhysicalContent:
        return physical(self._known, self._superuser)

    def _open_log(self, content: PhysicalContent) -> Log:
        return Log(self._archive, self._archive.listing(), content.system_identifier)

    def _controlled(self) -> Artifact | None:
        return None

    def _plain_bytes(self) -> int:
        return self._known.backup.bytes

    # what is stored

    def _verify_archives(self) -> None:
        self._check_there()
        self._progress.phase("read", "pgBackRest verifies its repository")
        stored = outcome("pgbackrest verify", self._verify_repository)
        self._add_stored([stored])
        self._guarded(Check("artifact.log", "The log is there", "artifact", "passed"), self._see_log)

    def _see_log(self) -> None:
        super()._see_log()
        self._plant_in_log()

    def _check_there(self) -> None:
        """The backup is still in the stanza, and the stanza is of the same cluster. Raises DamagedError."""
        stanza, label = self._backrest.info(), self._known.backup.label
        there = [one for one in stanza.backups if one.label == label]
        if not there or there[0] != self._known.backup and there[0].stop_lsn != self._known.backup.stop_lsn:
            raise DamagedError(
                f"The backup {label} is not in the stanza {stanza.name} any more: pgBackRest has expired it, or "
                "somebody removed it.",
                hint="Record the newest one with lifeboat.dr.pgbackrest_backup, and prove that.",
            )
        if there[0].system_identifier != self._facts.system_identifier:
            raise DamagedError(
                f"The stanza {stanza.name} is of the cluster {stanza.system_identifier}, and the backup was of "
                f"{self._facts.system_identifier}.",
                hint="Name the configuration and the repository of pgBackRest in which the backup is.",
            )

    def _verify_repository(self) -> None:
        said = self._backrest.call("verify", "--output=text", "--verbose")
        bad = [line.strip() for line in said.splitlines() if _is_bad(line)]
        if bad:
            raise DamagedError(f"pgbackrest verify: {'; '.join(bad[:5])}")

    def _plant_in_log(self) -> None:
        """A flipped bit in a segment has to be refused by the very code that reads the log."""
        name = parse_name(self._content.first_segment)
        if name is None:
            return
        content = self._archive.fetch(name, self._content.system_identifier)
        if content is None:
            return
        middle = len(content) // 2
        damaged = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        words, seen = "The damaged segment was taken for a good one.", False
        try:
            check_content(name, damaged, self._archive.sha1_of(name), self._content.system_identifier)
        except DamagedError as error:
            words, seen = f"Refused: {error.message}", True
        self._controls.append(
            Control(
                "control.log", "One bit of a segment turned over", f"byte {middle} of {name.text}",
                "passed" if seen else "failed", words,
            )
        )  # fmt: skip

    # what comes back

    def _bring(self, scratch: ScratchRecovery) -> list[Item]:
        self._check_there()
        label = self._known.backup.label
        self._progress.phase("restore", f"pgBackRest restores {label}", self._plain_bytes())
        item = outcome(label, lambda: scratch.fill(functools.partial(self._backrest.restore_into, label)))
        if item.status == "passed":
            found = scratch.control()
            system = found.get("Database system identifier")
            if system != self._content.system_identifier:
                return [Item(label, "failed", None, None, f"{label} is of the cluster {system}")]
            checksums = found.get("Data page checksum version", "0") != "0"
            self._content = dataclasses.replace(self._content, data_checksums=checksums)
        return [item]

    def _check_files(self, scratch: ScratchRecovery) -> str:
        return "pgBackRest found every file with its checksum, and "

    def _aim(self, log: Log, found: Reach, tools: Tools | None) -> tuple[Target, int]:
        """In the profile full a time by chance: after the backup, and before a commit that is archived."""
        stop = parse_lsn("stop_lsn", self._content.stop_lsn)
        size = self._content.segment_bytes
        first = next((at for at, text in enumerate(found.names) if _end_of(text, size) > stop), None)
        if tools is None or self._profile != "full" or first is None:
            return Target(IMMEDIATE), stop
        chance = random.SystemRandom()
        # The segment may hold no commit since the backup: then the whole log, so that a time is proven if any is.
        for last in (chance.randrange(first, len(found.names)), len(found.names) - 1):
            end = _end_of(found.names[last], size)
            part = Reach(found.timeline, found.names[: last + 1], end)
            newest = log.last_commit(part, tools, self._deadline)
            if newest is not None and newest > self._content.stopped:
                break
        else:
            return Target(IMMEDIATE), stop
        span = (newest - self._content.stopped) // _MICROSECOND
        moment = self._content.stopped + chance.randrange(span) * _MICROSECOND
        return Target(TIME, moment.strftime("%Y-%m-%d %H:%M:%S.%f+00"), moment=moment), end - 1

    def _check_point(self, scratch: ScratchRecovery) -> None:
        """What can be known without a fingerprint of the live cluster, and what cannot."""
        self._guarded(_WHO, lambda: self._ask_databases(scratch))
        self._guarded(_LOG_CONTROL, self._plant_in_log)
        self._checks.append(_UNREAD)

    def _ask_databases(self, scratch: ScratchRecovery) -> None:
        with self._cursor(scratch, "postgres") as cursor:
            databases = tuple(Database(name, int(size)) for name, size in query(cursor, _DATABASES))
            self._damageable = value(cursor, _LARGEST) or ""
        self._content = dataclasses.replace(self._content, databases=databases)

    def _check_pages(self, scratch: ScratchRecovery) -> None:
        super()._check_pages(scratch)
        if not self._damageable:
            return
        scratch.damage(self._damageable, 5000)
        try:
            scratch.run("pg_checksums", "--check", "--pgdata")
            words, seen = "pg_checksums took the damaged page for a good one.", False
        except SourceError as error:
            words, seen = f"Refused: {str(error).splitlines()[0][:300]}", True
        finally:
            scratch.damage(self._damageable, 5000)
        damage = f"byte 5000 of {self._damageable}"
        title = "One bit of a page turned over"
        self._controls.append(Control("control.page", title, damage, "passed" if seen else "failed", words))

    # the report

    def _source(self) -> _model.Source:
        content = self._content
        return _model.Source.of(
            STORE, content.server_version, f"cluster {content.system_identifier}", self._manifest.host
        )

    def _details(self) -> tuple[_model.Detail, ...]:
        backup = self._known.backup
        found = {
            "Stanza": f"{self._known.stanza}, repo{self._facts.repo}, encryption {self._facts.cipher}",
            "Backup": f"{backup.label} ({backup.kind})",
            "Reads also": ", ".join(backup.references),
            "Log": f"{backup.start_lsn} to {backup.stop_lsn}, {backup.first_segment} to {backup.last_segment}",
            "In the repository": format_bytes(backup.repository_bytes),
        }
        if self._profile != "artifact":
            found["Recovered to"] = str(self._target)
        return tuple(_model.Detail(term, text) for term, text in found.items() if text)

    def _tool_versions(self) -> dict[str, str]:
        return {**super()._tool_versions(), "pgbackrest": self._backrest.version}


def _is_bad(line: str) -> bool:
    """Whether a line of ``pgbackrest verify`` counts something that is wrong."""
    words = line.strip().lower()
    if words.startswith("status: error"):
        return True
    wrong = ("missing:", "checksum invalid:", "size invalid:", "other:")
    return any(f"{word} " in words and f"{word} 0" not in words for word in wrong)


def _end_of(text: str, segment_bytes: int) -> int:
    name = parse_name(text)
    return (name.index(segment_bytes) + 1) * segment_bytes if name else 0


_WHO = Check("structure.catalog", "The cluster says which databases it has", "structure", "passed")
_LOG_CONTROL = Check("artifact.log_control", "A damaged segment can be read", "artifact", "passed")
_UNREAD = Check(
    "content.unread",
    "What was not compared",
    "content",
    "skipped",
    "The rows were not compared with those of the live cluster: pgBackRest's own backups carry no fingerprint of them. "
    "That they are right is shown by pgBackRest's checksums, by the checksums of pages, by amcheck, and by your own "
    "checks.",
)
