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

import dataclasses
import functools
import itertools
import os
import re
import shutil
import subprocess
import tempfile
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _selection
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner, TocEntry
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._in_order import in_order
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._codec import python_codec
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

_FAILED_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.+)")
_FAILED_STATEMENT = re.compile(r"Command was: (.{1,120})")
_FAILED_COMMAND = re.compile(r"error: (?:could not execute query: )?(?:ERROR: +)?(.+)")


@dataclasses.dataclass(frozen=True)
class RestoreScope:
    """Which part of a backup to restore, and how."""

    tables: tuple[str, ...] = ()  # schema.name; empty means all
    data: bool = True  # False: definitions alone
    owners: bool = True  # give things back to their owners, and grant what was granted
    scan: bool = False  # fingerprint the rows as they pass


class Restore:
    """One restore into one empty database.

    ``scanners`` has, by artifact, what the data streams held, where that was asked for.
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
        self._stored = stored
        self._content = content
        self._tools = tools
        self._target = target
        self._what = what
        self._jobs = jobs
        self._deadline = deadline.part()  # when it fails, the caller goes on: with the next copy, or with its report
        self._progress = progress
        self._codec = python_codec(content.database.encoding)
        self._folder = ""
        self._names: set[str] = set()  # the relations that the wanted tables need, where not all are wanted
        self._created: set[tuple[str, str]] = set()  # schema and name of the tables that the definitions make

    def run(self) -> None:
        """Fill the database.

        Raises LifeboatError naming the object that failed; the database is then of no use and must be dropped.
        """
        self._folder = tempfile.mkdtemp(prefix="lifeboat-restore-")
        try:
            self._give(self._folder)
            self._progress.phase("definitions", "restoring the definitions")
            definitions = self._write_definitions()
            self._run([*definitions, "--section=pre-data"])
            if self._what.data:
                self._load_rows()
            self._progress.phase("indexes", "making indexes and constraints")
            self._run([*definitions, "--section=post-data", f"--jobs={self._jobs}"])
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write_definitions(self) -> list[str]:
        """Write header and table of contents into a file of our own: an archive without data.

        Gives pg_restore's arguments for it.
        """
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
        self.entries = scanner.entries
        self._created = {(entry.schema, entry.tag) for entry in scanner.entries if entry.description == "TABLE"}
        arguments = [self._write("definitions.dump", bytes(scanner.toc_bytes))]
        if self._what.tables:
            chosen = _selection.select(scanner.entries, self._what.tables)
            self._names = _selection.relation_names(scanner.entries, chosen)
            arguments.append(
                "--use-list="
                + self._write("definitions.list", _selection.use_list(scanner.entries, chosen).encode("ascii"))
            )
        return arguments

    def _write(self, name: str, content: bytes) -> str:
        path = os.path.join(self._folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        self._give(path)
        return path

    def _give(self, path: str) -> None:
        """To the account that pg_restore runs as."""
        if self._target.identity:
            os.chown(path, self._target.identity["user"], self._target.identity["group"])

    def _load_rows(self) -> None:
        artifacts = self._stored.artifacts("data") or self._stored.artifacts("whole")
        if self._what.tables:
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
            arguments = ["--section=data"]
            head: list[bytes] = []
            if self._what.tables:
                for piece in pieces:
                    head.append(piece)
                    if scanner.toc_complete:
                        break
                else:
                    scanner.finish()
                chosen = _selection.select_data(scanner.entries, self._names)
                listed = self._write(
                    f"{artifact.name}.list", _selection.use_list(scanner.entries, chosen).encode("ascii")
                )
                arguments.append(f"--use-list={listed}")
            self._run(arguments, in_order(itertools.chain(head, pieces), self._codec, self._created))
            if not self._what.tables:
                for (
                    _piece
                ) in pieces:  # pg_restore may go when it has all; the artifact's hash is proven only at its end
                    self._deadline.check("Reading the rows")
        finally:
            close(pieces)
        scanner.finish()
        self.scanners[artifact.name] = scanner

    def _observed(self, artifact: Artifact, scanner: ArchiveScanner) -> t.Iterator[bytes]:
        pieces = self._stored.open(artifact)
        try:
            for piece in pieces:
                scanner.feed(piece)
                self._progress.advance(len(piece))
                yield piece
        finally:
            close(pieces)

    def _run(self, arguments: t.Sequence[str], pieces: t.Iterator[bytes] | None = None) -> None:
        """Run pg_restore on a file, or on pieces."""
        command = [
            self._tools.path("pg_restore"),
            "--exit-on-error",
            "--no-password",
            "--no-tablespaces",
            f"--dbname={self._target.conninfo()}",
        ]
        if not self._what.owners:
            command += ["--no-owner", "--no-acl"]
        stdin = subprocess.PIPE if pieces is not None else subprocess.DEVNULL
        try:
            with Program(
                [*command, *arguments],
                environment=self._target.environment(),
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                **self._target.identity,
            ) as program:
                if pieces is None:
                    program.wait(self._deadline)
                else:
                    program.write(pieces, self._deadline)
        except SourceError as error:
            raise failure(error, self._target.describe(), owners=self._what.owners) from None


def failure(error: SourceError, where: str, *, owners: bool) -> LifeboatError:
    """What pg_restore said, in one sentence that names the object: by its entry, or by the statement that makes it,
    which holds no rows.
    """
    said = str(error.details.get("stderr", ""))
    entry = _FAILED_ENTRY.search(said)
    reason = _FAILED_COMMAND.search(said)
    statement = _FAILED_STATEMENT.search(said)
    place = entry.group(1).strip() if entry else statement.group(1).strip() if statement else "the archive"
    remedy = (
        "use owners: false if an owner or a grant is in the way"
        if owners
        else "make the role first if a policy names one"
    )
    return LifeboatError(
        f"pg_restore stopped at {place} in {where}: {reason.group(1).strip() if reason else error.message}.",
        hint=f"What had been restored so far was removed again. See the server's log, or {remedy}.",
        details={"exit_code": error.details.get("exit_code")},
    )
