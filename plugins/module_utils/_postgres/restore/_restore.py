# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Streams a backup into an empty database, with pg_restore, and without a temporary copy of the data.

The table of contents stands at an archive's beginning, and alone it is an archive that pg_restore takes. So definitions
come first (``--section=pre-data``), then the rows, as many streams at a time as there are jobs, then indexes and
constraints (``--section=post-data``), which pg_restore makes in parallel.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import subprocess
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _selection
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner, TocEntry
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._in_order import in_order
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import python_codec
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._launch import NamelessFile, start
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _compare, _definitions, _target
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._failure import failure

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools


@dataclasses.dataclass(frozen=True)
class RestoreScope:
    """Which part of a backup to restore, and how."""

    tables: tuple[str, ...] = ()  # schema.name; empty means all
    data: bool = True  # False: definitions alone
    owners: bool = True  # give things back to their owners, and grant what was granted
    scan: bool = False  # fingerprint the rows as they pass
    superuser_objects: bool = True  # False: leave out what only a superuser can make
    tablespaces: bool = True  # False: everything into the database's own


class Restore:
    """One restore into one empty database.

    ``scanners`` has, by artifact, what the data streams held, where that was asked for. ``left_out`` names what only a
    superuser could have made, and ``moved`` the tablespaces that the server does not have for this role.
    """

    def __init__(
        self,
        stored: StoredBackup,
        content: PostgresContent,
        tools: Tools,
        target: Connection,
        *,
        what: RestoreScope,
        jobs: int,
        deadline: Deadline,
        progress: Progress,
    ) -> None:
        self.scanners: dict[str, ArchiveScanner] = {}
        self.entries: list[TocEntry] = []  # of the definitions, once they have been read
        self.left_out: list[str] = []
        self.moved: list[str] = []
        self._stored = stored
        self._content = content
        self._tools = tools
        self._target = target.for_programs()
        self._what = what
        self._jobs = jobs
        self._deadline = deadline.part()  # when it fails, the caller goes on: with the next copy, or with its report
        self._progress = progress
        self._codec = python_codec(content.database.encoding)
        self._selected: set[int] | None = None  # the entries that are restored, where not all are
        self._names: set[str] | None = None  # the relations among them
        self._created: set[tuple[str, str]] = set()  # schema and name of the tables that the definitions make

    @property
    def copies(self) -> dict[str, str]:
        """By table, the COPY statement that its rows were loaded with."""
        return _compare.copy_statements(self.scanners.values())

    def run(self) -> None:
        """Fill the database.

        Raises LifeboatError naming the object that failed; the database is then of no use and must be dropped.
        """
        with contextlib.ExitStack() as stack:
            self._progress.phase("definitions", "restoring the definitions")
            scanner = self._read_definitions()
            self.entries = scanner.entries
            toc = self._with_tablespaces(scanner)
            files = [stack.enter_context(NamelessFile(toc))]
            arguments = []
            self._selected = self._chosen(scanner.entries)
            if self._selected is not None:
                self._names = _selection.relation_names(scanner.entries, self._selected)
                files.append(stack.enter_context(NamelessFile(_listed(scanner.entries, self._selected))))
                arguments.append(f"--use-list={files[-1].path}")
            self._run(["--section=pre-data", *arguments, files[0].path], files=files)
            if self._what.data:
                self._created = self._own_tables()
                self._load_rows()
            self._progress.phase("indexes", "making indexes and constraints")
            self._run(["--section=post-data", f"--jobs={self._jobs}", *arguments, files[0].path], files=files)

    def _read_definitions(self) -> ArchiveScanner:
        """Header and table of contents: an archive without data."""
        artifact = next(iter(self._stored.artifacts("schema") or self._stored.artifacts("whole")), None)
        if artifact is None:
            raise DamagedError(f"The backup {self._stored.manifest.backup_id} has no artifact with definitions.")
        scanner = ArchiveScanner(content="skip", codec=self._codec, keep_toc=True)
        pieces = self._stored.open(artifact)
        try:
            for piece in pieces:
                self._deadline.check("Reading the definitions")
                scanner.feed(piece)
                # An artifact of definitions alone is read to its end, so that its hash is proven before any of its SQL
                # is run.
                if scanner.toc_complete and artifact.content == "whole":
                    break
        finally:
            close(pieces)
        scanner.finish()
        return scanner

    def _with_tablespaces(self, scanner: ArchiveScanner) -> bytes:
        """The definitions, in which no tablespace is named that this role may not use on this server."""
        named = _definitions.tablespaces(scanner.entries)
        usable = _target.usable_tablespaces(self._target) if named and self._what.tablespaces else set()
        self.moved = sorted(named - usable)
        return _definitions.without_tablespaces(scanner, set(self.moved)) if self.moved else bytes(scanner.toc_bytes)

    def _chosen(self, entries: list[TocEntry]) -> set[int] | None:
        """The dump ids to restore; None for all of them."""
        chosen = None
        if self._what.tables:
            chosen = _selection.select(entries, self._what.tables)
        if not self._what.superuser_objects and not _target.is_superuser(self._target):
            refused = _definitions.needs_superuser(entries, _target.untrusted_extensions(self._target))
            everything = {entry.dump_id for entry in entries} if chosen is None else chosen
            self.left_out = [_definitions.named(entry) for entry in refused if entry.dump_id in everything]
            if self.left_out:
                chosen = everything - {entry.dump_id for entry in refused}
        return chosen

    def _own_tables(self) -> set[tuple[str, str]]:
        """Schema and name of the tables that the definitions have made, and that no entry but their own puts rows
        into.
        """
        created = {(entry.schema, entry.tag) for entry in self.entries if entry.description == "TABLE"}
        if any(entry.description == "TABLE ATTACH" for entry in self.entries):
            created -= _target.dealt_out_tables(self._target)
        return created

    def _load_rows(self) -> None:
        artifacts = self._stored.artifacts("data") or self._stored.artifacts("whole")
        if self._names is not None:
            holders = {table.artifact for table in self._content.tables if table.qualified_name in self._names}
            first = min(artifact.name for artifact in artifacts)  # which holds the sequences' values
            artifacts = [artifact for artifact in artifacts if artifact.name in holders or artifact.name == first]
        self._progress.phase("rows", "loading the rows", sum(artifact.plain_bytes for artifact in artifacts))
        together(
            [functools.partial(self._load_artifact, artifact) for artifact in artifacts], self._jobs, self._deadline
        )

    def _load_artifact(self, artifact: Artifact) -> None:
        mode = "skip" if not self._what.scan else "hash" if self._content.fingerprint == "stream" else "count"
        scanner = ArchiveScanner(content=mode, codec=self._codec)
        pieces = self._observed(artifact, scanner)
        try:
            if self._names is None:
                self._run(["--section=data"], in_order(pieces, self._codec, self._created))
                # pg_restore may go when it has all; the artifact's hash is proven only at its end
                for _piece in pieces:
                    self._deadline.check("Reading the rows")
            else:
                self._load_part(pieces, scanner, self._names)
        finally:
            close(pieces)
        scanner.finish()
        self.scanners[artifact.name] = scanner

    def _load_part(self, pieces: t.Iterator[bytes], scanner: ArchiveScanner, names: set[str]) -> None:
        head: list[bytes] = []
        for piece in pieces:
            head.append(piece)
            if scanner.toc_complete:
                break
        else:
            scanner.finish()
        chosen = _selection.select_data(scanner.entries, names)
        with NamelessFile(_listed(scanner.entries, chosen)) as listed:
            self._run(
                ["--section=data", f"--use-list={listed.path}"],
                in_order(itertools.chain(head, pieces), self._codec, self._created),
                files=[listed],
            )

    def _observed(self, artifact: Artifact, scanner: ArchiveScanner) -> t.Iterator[bytes]:
        pieces = self._stored.open(artifact)
        try:
            for piece in pieces:
                scanner.feed(piece)
                self._progress.advance(len(piece))
                yield piece
        finally:
            close(pieces)

    def _run(
        self,
        arguments: t.Sequence[str],
        pieces: t.Iterator[bytes] | None = None,
        *,
        files: t.Sequence[NamelessFile] = (),
    ) -> None:
        """Run pg_restore on a file, or on pieces."""
        command = [self._tools.path("pg_restore"), "--exit-on-error", "--no-password"]
        if not self._what.tablespaces:
            command.append("--no-tablespaces")
        if not self._what.owners:
            command += ["--no-owner", "--no-acl"]
        stdin = subprocess.PIPE if pieces is not None else subprocess.DEVNULL
        try:
            with start(
                [*command, *arguments], self._target, files=files, stdin=stdin, stdout=subprocess.DEVNULL
            ) as program:
                if pieces is None:
                    program.wait(self._deadline)
                else:
                    program.write(pieces, self._deadline)
        except SourceError as error:
            raise failure(error, self._target.describe(), owners=self._what.owners) from None


def _listed(entries: t.Sequence[TocEntry], chosen: t.Container[int]) -> bytes:
    return _selection.use_list(entries, chosen).encode("ascii")
