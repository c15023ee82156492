# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Proves one base backup and its log: recovers them to a restore point of the live cluster in a sandbox, and asks.

``artifact`` reads the backup and every segment that it needs; ``quick`` recovers to the backup's own restore point and
looks for the two rows that were written around it; ``full`` takes a point by chance among those of this backup and all
later ones, or a time between them, checks every page and every index, and plants damage.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _markers
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import (
    BASE,
    PhysicalContent,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._scratch import ScratchRecovery
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import (
    IMMEDIATE,
    NAME,
    TIME,
    Target,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import parse_lsn, parse_name
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Control, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._verify import _assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification, outcome, summarised
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres import _aims, _aside, _structure
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._query import ask

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Log
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._window import Reach
    from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ScratchAccount

_COLLATIONS = """
    select datname::text, datcollversion, pg_database_collation_actual_version(oid) from pg_database
    where datcollversion is distinct from pg_database_collation_actual_version(oid) order by 1
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """How to verify. ``log`` opens the archive of the backup's log; ``aim`` is where to recover to."""

    profile: _model.Profile
    log: t.Callable[[PhysicalContent], Log]
    aim: _aims.Aim | None
    below: tuple[StoredBackup, ...] = ()  # what an incremental backup builds on, the full one first
    assertions: tuple[_assertions.Assertion, ...] = ()
    account: t.Callable[[], ScratchAccount] | None = None
    scratch_dir: str = "/var/tmp"
    bin_dir: str | None = None
    allow_vulnerable_client: bool = False
    preload: str = ""  # shared_preload_libraries of the scratch server


class PhysicalVerification(Verification):
    """Recovers in a sandbox."""

    def __init__(
        self, copies: t.Sequence[StoredBackup], options: Options, deadline: Deadline, progress: Progress
    ) -> None:
        super().__init__(copies, options.profile, deadline, progress)
        self._content = self._described()
        self._options = options
        self._end = 0  # the position after the last segment that was read
        self._target = Target(IMMEDIATE)

    def _described(self) -> PhysicalContent:
        return from_plain(PhysicalContent, self._manifest.content, "the manifest's content")

    # what is stored

    def _verify_archives(self) -> None:
        self._progress.phase("read", "reading the base backup", self._plain_bytes())
        self._add_stored([outcome(name, functools.partial(_read, pieces)) for name, pieces in self._chain()])
        self._guarded(_LOG, self._see_log)

    def _see_log(self) -> None:
        self._read_log(lambda name, content: None)

    def _chain(self) -> list[tuple[str, t.Iterator[bytes]]]:
        """Name and content of each backup that is put together, the full one first."""
        found = []
        for stored in (*self._options.below, self._stored):
            artifact = stored.artifacts(BASE)[0]
            name = f"{stored.manifest.backup_id}/{artifact.name}" if self._options.below else artifact.name
            found.append((name, iter(CheckedPieces(stored, artifact, self._deadline, self._progress.advance))))
        return found

    def _plain_bytes(self) -> int:
        return sum(stored.manifest.plain_bytes for stored in (*self._options.below, self._stored))

    def _add_stored(self, items: list[Item]) -> None:
        check = Check("artifact.stored", "Every stored file is what was written", "artifact", "passed")
        self._checks.append(summarised(check, items, "files"))

    def _aim(self, log: Log, found: Reach, tools: Tools | None) -> tuple[Target, int]:
        """Where to recover to, and the position that the log has to contain. ``tools`` where there is a recovery."""
        aim, size = self._options.aim, self._content.segment_bytes
        if aim is None:
            return Target(IMMEDIATE), parse_lsn("stop_lsn", self._content.stop_lsn)
        position = parse_lsn("point", aim.point.lsn)
        if aim.moment is None:
            return Target(NAME, aim.point.point), position
        text = aim.moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        # The row after the last point is the first that is later for certain.
        return Target(TIME, text, moment=aim.moment), min(found.end - 1, position + size)

    def _read_log(self, take: t.Callable[[str, bytes], None], tools: Tools | None = None) -> bool:
        """Give every segment up to the point to ``take``. Whether all of them are there and what was archived."""
        self._progress.phase("log", "reading the archived log")
        log, content, size = self._options.log(self._content), self._content, self._content.segment_bytes
        found = log.reach(content, 0)
        self._target, position = self._aim(log, found, tools)
        last = position // size
        items, needed, self._end = [], [], min(found.end, (last + 1) * size)
        for text in found.names:
            name = parse_name(text)
            if name is not None and name.index(size) <= last:
                items.append(outcome(text, functools.partial(self._read_file, log, text, take)))
                needed.append(text)
                self._deadline.check("Reading the archived log")
        if found.end <= last * size:
            missing = found.missing or "the log after " + (found.names[-1] if found.names else content.first_segment)
            items.append(Item(missing, "failed", None, None, "it is not in the archive"))
        for copy in self._copies:  # whose log has to lead there when the others are gone
            lacking = log.listing.lacking(needed, copy.repository.name)
            items += [Item(f"{text} in {copy.repository.name}", "failed", None, None, "it is missing there")
                      for text in lacking]  # fmt: skip
        for timeline in log.histories:
            items.append(outcome(f"{timeline:08X}.history",
                                 functools.partial(self._read_file, log, f"{timeline:08X}.history", take)))  # fmt: skip
        items += [Item(f"{timeline:08X}.history", "failed", None, None, str(error))
                  for timeline, error in log.unreadable.items()]  # fmt: skip
        check = summarised(_LOG, items, "files of the log")
        self._checks.append(check)
        return check.status == "passed"

    def _read_file(self, log: Log, text: str, take: t.Callable[[str, bytes], None]) -> None:
        name = parse_name(text)
        content = log.archive.fetch(name, log.system_identifier) if name else None
        if content is None:
            raise SourceError(f"{text} is not in the archive.")
        take(text, content)

    # what comes back

    def _verify_restored(self) -> None:
        options = self._options
        tools = find_tools(
            self._content.major,
            bin_dir=options.bin_dir,
            allow_vulnerable=options.allow_vulnerable_client,
            program="postgres",
        )
        if options.account is None:
            raise AssertionError(f"the profile {options.profile} was asked for without an account")
        scratch = ScratchRecovery(
            tools,
            options.account(),
            self._content,
            base_dir=options.scratch_dir,
            # The parts of a chain, and once more what they are put together to.
            needed_bytes=self._plain_bytes() * (11 if options.below else 6) // 5 + (1 << 30),
            preload=options.preload,
            deadline=self._deadline,
        )
        with scratch:
            self._isolation = scratch.isolation
            if not self._restore(scratch, tools):
                return
            self._check_point(scratch)
            self._guarded(_DATABASES, lambda: self._check_databases(scratch))
            self._ask(scratch)
            if options.profile == "full" and self._content.data_checksums:
                self._guarded(_PAGES, lambda: self._check_pages(scratch))
            elif options.profile == "full":
                self._checks.append(
                    dataclasses.replace(_PAGES, status="skipped", message="the cluster has no page checksums")
                )

    def _restore(self, scratch: ScratchRecovery, tools: Tools) -> bool:
        """Unpack, check every file, and recover. Whether there is a server that can be asked."""
        began = time.monotonic()
        items = self._bring(scratch)
        self._add_stored(items)
        if any(item.status != "passed" for item in items) or not self._read_log(scratch.write_log, tools):
            return False
        self._progress.phase("recovery", f"recovering to {self._target}")
        check = dataclasses.replace(_RECOVERY)
        try:
            found = self._check_files(scratch)
            reached = scratch.recover(self._target, self._end)
        except LifeboatError as error:
            self._deadline.check("The recovery")
            self._checks.append(dataclasses.replace(check, status="failed", message=str(error)))
            return False
        self._restore_seconds = time.monotonic() - began
        words = f"{found}recovery stopped {reached.words}"
        self._checks.append(dataclasses.replace(check, message=words, seconds=self._restore_seconds))
        return True

    def _bring(self, scratch: ScratchRecovery) -> list[Item]:
        """The data folder as it was backed up, in its place."""
        self._progress.phase("restore", "unpacking the base backup", self._plain_bytes())
        chain = self._chain()
        if len(chain) == 1:
            return [outcome(chain[0][0], functools.partial(scratch.unpack, chain[0][1]))]
        items = [
            outcome(name, functools.partial(scratch.unpack, pieces, part)) for part, (name, pieces) in enumerate(chain)
        ]
        if all(item.status == "passed" for item in items):
            items.append(outcome("pg_combinebackup", functools.partial(scratch.combine, len(chain))))
        return items

    def _check_files(self, scratch: ScratchRecovery) -> str:
        """Every file of the data folder is what PostgreSQL sent. Gives how that is said. Raises LifeboatError."""
        scratch.run("pg_verifybackup", "--no-parse-wal", "--quiet")
        return "pg_verifybackup found every file, and "

    def _check_point(self, scratch: ScratchRecovery) -> None:
        """What was committed around the point is there, or is not."""
        if self._options.aim is not None:
            self._guarded(_MARKERS, lambda: self._check_markers(scratch))

    @contextlib.contextmanager
    def _cursor(self, scratch: ScratchRecovery, database: str) -> t.Iterator[psycopg2.extensions.cursor]:
        session = scratch.connection(database).connect()
        try:
            with session.cursor() as cursor:
                yield cursor
        finally:
            session.close()

    def _check_markers(self, scratch: ScratchRecovery) -> None:
        """Rows that were committed before the point are there, later ones are not; and a later one would be seen."""
        aim = t.cast(_aims.Aim, self._options.aim)
        row = _aims.planted(aim)
        with self._cursor(scratch, aim.point.database) as cursor:
            found = _markers.rows(cursor)
            cursor.execute(f"insert into {_markers.TABLE} (point, side) values (%s, %s)", row)
            beyond = _markers.rows(cursor)
            cursor.execute(f"delete from {_markers.TABLE} where (point, side) = (%s, %s)", row)
        there, absent = _aims.expected(aim)
        wrong = _aims.wrong(aim, found)
        self._checks.append(
            dataclasses.replace(
                _MARKERS,
                status="failed" if wrong else "passed",
                message="; ".join(wrong) or f"{len(there)} rows are there, and {len(absent)} later ones are not",
            )
        )
        seen = bool(_aims.wrong(aim, beyond))
        self._controls.append(
            Control(
                "control.marker",
                "A recovery that goes beyond its point",
                f"the row after {row[0]}",
                "passed" if seen else "failed",
                "Refused: the row after the point is there." if seen else "The row was not seen.",
            )
        )

    def _check_databases(self, scratch: ScratchRecovery) -> None:
        """Every database takes a session, and in the profile full every index in it is sound."""
        items, indexes = [], []
        closed = self._closed(scratch)
        for database in self._content.databases:
            if database.name in closed:
                items.append(Item(database.name, "skipped", None, None, "it allows no connections, as at the source"))
                continue
            self._deadline.check("Checking the databases")
            self._progress.phase("structure", f"checking {database.name}")
            items.append(outcome(database.name, functools.partial(self._count_relations, scratch, database.name)))
            if self._profile == "full" and items[-1].status == "passed":
                indexes += self._check_indexes(scratch, database.name)
        self._checks.append(summarised(_DATABASES, items, "databases"))
        if self._profile == "full":
            self._checks.append(summarised(_structure.question("indexes"), indexes, "indexes"))
            open_one = next((one.name for one in self._content.databases if one.name not in closed), "postgres")
            with self._cursor(scratch, open_one) as cursor:
                self._checks.append(self._collations(cursor))

    def _closed(self, scratch: ScratchRecovery) -> set[str]:
        """The databases that nobody can connect to: template0, and those that somebody has closed."""
        for database in self._content.databases:
            with contextlib.suppress(LifeboatError), self._cursor(scratch, database.name) as cursor:
                return {str(row[0]) for row in query(cursor, "select datname from pg_database where not datallowconn")}
        return set()

    def _check_indexes(self, scratch: ScratchRecovery, database: str) -> list[Item]:
        """The items of one database; what keeps it from being asked is an item, and the others are asked all the same.

        An event trigger of the database may refuse the extension that looks at the indexes, so it is put aside.
        """
        try:
            _aside.put_aside(scratch.connection(database))
            with self._cursor(scratch, database) as cursor:
                check = _structure.indexes(cursor, invalid="skipped")
        except (LifeboatError, import_psycopg2().Error) as error:
            return [Item(database, "error", None, None, f"its indexes could not be looked at: {str(error).strip()}")]
        if check.status == "skipped":
            self._checks.append(check)
        return [dataclasses.replace(item, name=f"{database}: {item.name}") for item in check.items]

    def _count_relations(self, scratch: ScratchRecovery, database: str) -> None:
        try:
            with self._cursor(scratch, database) as cursor:
                count = query(cursor, "select count(*) from pg_class where relkind in ('r', 'p', 'm', 'i')")[0][0]
        except LifeboatError:
            raise
        except Exception as error:  # the library's: a catalog that cannot be read
            raise SourceError(str(error).strip()) from None
        self._parts.append(_model.Part(database, "passed", None, int(count)))

    def _collations(self, cursor: psycopg2.extensions.cursor) -> Check:
        """A library that sorts by other rules makes every index over text wrong on this host, not in the backup."""
        check = _structure.question("collations")
        if cursor.connection.server_version < 150000:
            return dataclasses.replace(check, status="skipped", message="PostgreSQL 14 does not keep their versions")
        rows = query(cursor, _COLLATIONS)
        items = [
            Item(name, "skipped", was, now, "this host sorts by other rules: REINDEX before it is used here")
            for name, was, now in rows
        ]
        return summarised(check, items, "databases that sort otherwise here")

    def _check_pages(self, scratch: ScratchRecovery) -> None:
        """Every page has the checksum that it was written with, after the recovery."""
        self._progress.phase("pages", "checking every page")
        scratch.shut_down()
        item = outcome("every page", lambda: scratch.run("pg_checksums", "--check", "--pgdata"))
        self._checks.append(summarised(_PAGES, [item], "checks of all pages"))

    def _ask(self, scratch: ScratchRecovery) -> None:
        for number, assertion in enumerate(self._options.assertions):
            check = Check(f"custom.{number + 1}", assertion.name, "custom", "passed")
            self._guarded(check, functools.partial(self._answer, scratch, assertion, number))

    def _answer(self, scratch: ScratchRecovery, assertion: _assertions.Assertion, number: int) -> None:
        with self._cursor(scratch, assertion.where.get("database") or "postgres") as cursor:
            self._checks.append(ask(cursor, assertion=assertion, number=number))

    # the report

    def _source(self) -> _model.Source:
        content = self._content
        return _model.Source.of(
            STORE, content.server_version, f"cluster {content.system_identifier}", self._manifest.host
        )

    def _counts(self) -> tuple[_model.Count, ...]:
        return (_model.Count("databases", len(self._content.databases)),)

    def _details(self) -> tuple[_model.Detail, ...]:
        content = self._content
        found = [
            _model.Detail("Timeline", str(content.timeline)),
            _model.Detail("Log", f"{content.start_lsn} to {content.stop_lsn}, archive {content.archive}"),
        ]
        if self._profile != "artifact":
            found.append(_model.Detail("Recovered to", str(self._target)))
        return tuple(found)


def _read(pieces: t.Iterator[bytes]) -> None:
    for _piece in pieces:
        pass


_LOG = Check("artifact.log", "The log up to the point is there, and is what was archived", "artifact", "passed")
_RECOVERY = Check("restore.restore", "The backup recovers to exactly that point", "restore", "passed")
_MARKERS = Check(
    "content.markers", "What was committed before the point is there, and nothing after it", "content", "passed"
)
_DATABASES = Check("structure.databases", "Every database takes sessions", "structure", "passed")
_PAGES = Check("structure.pages", "Every page has its checksum", "structure", "passed")
