# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What all targets of ``pg_restore`` have in common: the backup, its copies, and the restore itself."""

from __future__ import annotations

import abc
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    OptionError,
    RepositoryError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _database_sql, _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import (
    _properties,
    _restore,
    _target,
    _working,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import chosen_backup

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools


class Target(abc.ABC):
    """What all targets have in common: the backup, its copies, and the restore itself."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._options = module.params
        self._check()
        self._backup: Backup = chosen_backup(module, STORE)
        self._content = from_plain(PostgresContent, self._backup.manifest.content, "the manifest's content")
        self._tail = secrets.token_hex(3)
        limit = self._options["time_limit"]
        self._deadline = Deadline(parse_duration("time_limit", limit).total_seconds() if limit else 0)
        self._progress = Progress(
            self._options["progress_file"], f"{self._options['app']}/{self._options['component']}"
        )
        self._copies: list[StoredBackup] = []
        self._used = ""
        self._left_out: list[str] = []  # what of the backup the database does not have
        self._backup_copies: t.Mapping[str, str] = {}  # by table, the COPY statement of the backup

    @abc.abstractmethod
    def restore(self) -> dict[str, t.Any]:
        """Restore, and give the module's result."""

    def _check(self) -> None:
        """Refuse options that cannot be right."""
        if self._options["jobs"] < 1:
            raise OptionError(f"jobs is {self._options['jobs']}.", hint="Use 1 or more.")

    @property
    def _mark(self) -> str:
        """What a restored database bears as its comment, so that a second run sees it."""
        manifest = self._backup.manifest
        part = f", tables {', '.join(sorted(self._options['tables']))}" if self._options["tables"] else ""
        part += ", definitions only" if self._options["schema_only"] else ""
        return f"{_system_catalog.RESTORED}{manifest.app}/{manifest.component}/{manifest.backup_id}{part}"

    def _result(self, changed: bool, database: str, **more: t.Any) -> dict[str, t.Any]:
        manifest = self._backup.manifest
        result = {
            "changed": changed,
            "app": manifest.app,
            "component": manifest.component,
            "backup_id": manifest.backup_id,
            "taken_at": manifest.snapshot_at,
            "database": database,
            "plain_bytes": manifest.plain_bytes,
            **more,
        }
        if changed and not self._module.check_mode:
            for words in self._left_out:
                self._module.warn(f"Not restored: {words}")
            result.update(repository=self._used, phases=self._progress.phases(), left_out=self._left_out)
        return result

    def _tools(self, major: int) -> Tools:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import find_tools

        options = self._options
        return find_tools(
            major, bin_dir=options["bin_dir"], allow_vulnerable=options["allow_vulnerable_client"], program="pg_restore"
        )

    def _fill(self, tools: Tools, server: Connection, name: str) -> Connection:
        """Make the database and fill it, from the first copy that is whole. What a damaged copy left is dropped."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import from_any

        copies = {copy.repository.name: copy for copy in self._copies}

        def attempt(repository: t.Any) -> Connection:
            database = self._filled(tools, server, name, copies[repository.name])
            self._used = repository.name
            return database

        return from_any([copy.repository for copy in self._copies], attempt, self._module.warn)

    def _filled(self, tools: Tools, server: Connection, name: str, stored: StoredBackup) -> Connection:
        options, source = self._options, self._content.database
        keep = options["tablespaces"] == "keep"
        usable = _target.usable_tablespaces(_target.maintenance(server)) if keep and source.tablespace else set()
        tablespace = source.tablespace if source.tablespace in usable else ""

        def create() -> Connection:
            made = _target.create(server, name, source, tablespace=tablespace)
            _properties.mark(server, name, _working.COMMENT)
            return made

        try:
            restore = self._run(tools, stored, server, name, create)
            refused = _properties.apply(server, name, self._properties(name))
        except BaseException as error:
            self._drop(server, name, error)
            raise
        self._backup_copies = restore.copies
        moved = sorted({*restore.moved, *([source.tablespace] if source.tablespace and not tablespace else [])})
        self._left_out += [
            *restore.left_out,
            *(f"the tablespace {words}: what lies in it is in the database's own" for words in moved if keep),
            *refused,
            *(f"the security label of {provider} on the database" for provider in source.labels),
        ]
        return server.with_database(name)

    def _run(
        self, tools: Tools, stored: StoredBackup, server: Connection, name: str, create: t.Callable[[], Connection]
    ) -> _restore.Restore:
        """Make the database ``name`` and restore into it. Raises LifeboatError."""
        restore = _restore.Restore(stored, self._content, tools, create(), **self._how())
        restore.run()
        return restore

    def _how(self) -> dict[str, t.Any]:
        """What of the backup is restored, and how."""
        options = self._options
        what = _restore.RestoreScope(
            tables=tuple(options["tables"]),
            data=not options["schema_only"],
            owners=options["owners"],
            superuser_objects=options["superuser_objects"] == "restore",
            tablespaces=options["tablespaces"] == "keep",
        )
        return {"what": what, "jobs": options["jobs"], "deadline": self._deadline, "progress": self._progress}

    def _properties(self, name: str) -> list[_database_sql.Statement]:
        """What the restored database gets beside its content. A part of a database gets only what changes values."""
        if self._options["tables"]:
            return _database_sql.settings(self._content.database, name)
        return _database_sql.properties(self._content.database, name, owners=self._options["owners"])

    def _comment(self) -> str:
        """The comment of the database that was backed up, and our mark on a line of its own."""
        return "\n\n".join(words for words in (self._content.database.comment, self._mark) if words)

    def _drop(self, server: Connection, name: str, error: BaseException) -> None:
        """Drop what cannot be used, and say so in the error that led here, which is still the one to show."""
        try:
            _target.drop(server, name)
            words = "What had been restored so far was removed again."
        except LifeboatError as reason:
            words = f"The unfinished database {name} could not be dropped, so drop it yourself: {reason}"
            self._module.warn(words)
        if isinstance(error, LifeboatError):
            error.hint = f"{words} {error.hint}".rstrip()

    # the copies of the backup

    def _check_copies(self) -> None:
        """Keep the copies that can be restored, as far as that can be known before anything is done.

        Raises DamagedError or RepositoryError where there is none.
        """
        whole: list[StoredBackup] = []
        last: LifeboatError | None = None
        for copy in self._copies:
            try:
                self._check_copy(copy)
                whole.append(copy)
            except (DamagedError, RepositoryError) as error:
                self._module.warn(f"{copy.repository.name} could not be used: {error}")
                last = error
        if last and not whole:
            raise last
        self._copies = whole

    def _check_copy(self, copy: StoredBackup) -> None:
        """Every artifact is there and has its size. The contents are proven where they are read.

        What is not read to restore is read here where it is small (the globals); all are with ``require_whole``.
        """
        strict = self._options["require_whole"]
        sizes = {file.path: file.size for file in copy.repository.list_files(self._backup.manifest.folder)}
        for artifact in self._backup.manifest.artifacts:
            try:
                path = self._backup.manifest.artifact_path(artifact)
                if sizes.get(path) != artifact.stored_bytes:
                    found = f"has {sizes[path]} bytes: it was cut or changed" if path in sizes else "is not there"
                    raise DamagedError(
                        f"{copy.repository.name}/{path} {found}; the manifest says {artifact.stored_bytes} bytes.",
                        hint="Use another repository or another backup; keep this copy for the investigation.",
                    )
                if not self._module.check_mode and (strict or artifact.content == "globals"):
                    copy.check(artifact)
            except (DamagedError, RepositoryError) as error:
                if strict or self._needs(artifact):
                    raise
                self._module.warn(f"The copy is not whole, though nothing of this is restored here: {error}")

    def _needs(self, artifact: Artifact) -> bool:
        """Whether the restore cannot do without this artifact, whatever it selects."""
        part = self._options["schema_only"] or self._options["tables"]
        return artifact.content != "globals" and not (artifact.content == "data" and part)
