# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_restore``: a backup into a new database, into a scratch cluster, or in the place of an existing
database.
"""

from __future__ import annotations

import abc
import functools
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    OptionError,
    RepositoryError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import SCRATCH_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import chosen_backup, opened_copies

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    "backup": {"type": "raw", "default": "newest_verified"},
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **TOOLS_SPEC,
    **SCRATCH_SPEC,
    **PROGRESS_SPEC,
    "target": {
        "type": "dict",
        "required": True,
        "options": {
            "dsn": {"type": "str", "no_log": True},  # it may hold a password
            "swap": {"type": "str", "no_log": True},  # it may hold a password
            "scratch": {"type": "bool", "default": False},
            "confirm": {"type": "str"},
        },
    },
    "tables": {"type": "list", "elements": "str", "default": []},
    "schema_only": {"type": "bool", "default": False},
    "owners": {"type": "bool", "default": True},
    "jobs": {"type": "int", "default": 2},
    "time_limit": {"type": "str"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    kind = _target_kind(module.params["target"])
    targets: dict[str, type[_Target]] = {"dsn": _NewDatabase, "swap": _Swap, "scratch": _Scratch}
    return targets[kind](module).restore()


def _target_kind(target: t.Mapping[str, t.Any]) -> str:
    given = [kind for kind in ("dsn", "swap", "scratch") if target[kind]]
    if len(given) != 1:
        raise OptionError(
            f"target names {' and '.join(given) or 'nothing'}.",
            hint="Give one of dsn (a new database), swap (take the place of an existing one) and scratch: true.",
        )
    if target["confirm"] and given != ["swap"]:
        raise OptionError("target.confirm belongs to target.swap.", hint="Leave it out.")
    return given[0]


class _Target(abc.ABC):
    """What all targets have in common: the backup, its copies, and the restore itself."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._options = module.params
        self._check()
        self._backup: Backup = chosen_backup(module)
        self._content = from_plain(PostgresContent, self._backup.manifest.content, "the manifest's content")
        self._tail = secrets.token_hex(3)
        limit = self._options["time_limit"]
        self._deadline = Deadline(parse_duration("time_limit", limit).total_seconds() if limit else 0)
        self._progress = Progress(
            self._options["progress_file"], f"{self._options['app']}/{self._options['component']}"
        )
        self._copies: list[StoredBackup] = []
        self._used = ""

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
        return f"Restored by lifeboat.dr from {manifest.app}/{manifest.component}/{manifest.backup_id}{part}"

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
            result.update(repository=self._used, phases=self._progress.phases())
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
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _restore, _target, _working

        options = self._options
        what = _restore.RestoreScope(
            tables=tuple(options["tables"]), data=not options["schema_only"], owners=options["owners"]
        )
        restore = functools.partial(
            _restore.Restore, jobs=options["jobs"], deadline=self._deadline, progress=self._progress
        )
        database = _target.create(server, name, self._content.database)
        try:
            _target.mark(server, name, _working.COMMENT)
            restore(stored, self._content, tools, database, what=what).run()
            for refused in _target.apply_settings(server, name, self._content.database.settings):
                self._module.warn(f"A setting of the database could not be given back: {refused}")
        except BaseException:
            self._drop(server, name)
            raise
        return database

    def _drop(self, server: Connection, name: str) -> None:
        """Drop what cannot be used. When that fails the error that led here is still the one to show."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target

        try:
            _target.drop(server, name)
        except LifeboatError as error:
            self._module.warn(f"The unfinished database {name} could not be dropped, so drop it yourself: {error}")


class _OnServer(_Target):
    """A target on a server that exists."""

    _option = ""

    def __init__(self, module: AnsibleModule) -> None:
        super().__init__(module)
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
            Connection,
            parse_dsn,
        )
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target, _working

        self._server = Connection(parse_dsn(f"target.{self._option}", self._options["target"][self._option]))
        self._name = self._server.parameters.get("dbname", "")
        if not self._name:
            raise OptionError(f"target.{self._option} names no database.", hint="Write postgresql://user@host/NAME.")
        self._restored_before = (
            _target.exists(self._server, self._name) and _target.mark_of(self._server, self._name) == self._mark
        )
        self._working = _target.working_name(self._name, _working.WORD, self._tail)

    def _prepared(self) -> Tools:
        """Refuse a server that cannot take the backup."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target

        self._copies = opened_copies(self._module, self._backup)
        major = _target.check_server(self._server, self._content, owners=self._options["owners"])
        return self._tools(major)

    def _put_in_place(self, tools: Tools, finish: t.Callable[[Connection], None]) -> list[str]:
        """Fill the working database and let ``finish`` give it its name.

        Gives what killed restores had left, and is gone now.
        """
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _working

        removed = _working.remove_abandoned(self._server, self._name)
        with _working.claimed(self._server, self._working):
            database = self._fill(tools, self._server, self._working)
            try:
                finish(database)
            except BaseException:
                self._drop(self._server, self._working)
                raise
        self._progress.done()
        return removed


class _NewDatabase(_OnServer):
    _option = "dsn"

    def restore(self) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target

        if self._restored_before:
            return self._result(False, self._name)
        if _target.exists(self._server, self._name):
            raise OptionError(
                f"target.dsn: the database {self._name} exists at {self._server.describe()}, and it is not this "
                "backup.",
                hint="Name a database that does not exist yet, or use target.swap to put the restored "
                "one in its place.",
            )
        tools = self._prepared()
        result: dict[str, t.Any] = {"diff": {"before": "", "after": f"{self._name}: {self._mark}\n"}}
        if not self._module.check_mode:
            result["removed_leftovers"] = self._put_in_place(tools, self._give_name)
        return self._result(True, self._name, **result)

    def _give_name(self, _database: Connection) -> None:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target

        _target.mark(self._server, self._working, self._mark)
        _target.rename(self._server, self._working, self._name)


class _Swap(_OnServer):
    _option = "swap"

    def restore(self) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target

        if self._restored_before:
            return self._result(False, self._name)
        if not _target.exists(self._server, self._name):
            raise OptionError(
                f"target.swap: there is no database {self._name} at {self._server.describe()}.",
                hint="Use target.dsn for a new one.",
            )
        if self._options["target"]["confirm"] != self._name:
            raise OptionError(
                f"target.swap ends every session in {self._name} and puts the restored database in its place.",
                hint=(
                    f"Say that you mean it: set target.confirm to {self._name}. The present database is kept under "
                    "another name."
                ),
            )
        tools = self._prepared()
        kept = _target.working_name(self._name, "before", self._tail)
        result: dict[str, t.Any] = {
            "kept_as": kept,
            "diff": {
                "before": f"{self._name}: {_target.mark_of(self._server, self._name)}\n",
                "after": f"{self._name}: {self._mark}\n",
            },
        }
        if not self._module.check_mode:

            def finish(database: Connection) -> None:
                self._prove(tools, database)
                _target.mark(self._server, self._working, self._mark)
                _target.swap(self._server, self._working, self._name, kept)

            result["removed_leftovers"] = self._put_in_place(tools, finish)
        return self._result(True, self._name, **result)

    def _check(self) -> None:
        super()._check()
        if not self._options["owners"]:
            raise OptionError(
                "target.swap takes the place of a whole database, and owners: false leaves its owners and grants out.",
                hint="Leave owners out, or restore into a new database (target.dsn).",
            )
        if self._options["tables"] or self._options["schema_only"]:
            raise OptionError(
                "target.swap takes the place of a whole database, and tables or schema_only ask for a part.",
                hint="Restore the part into a new database (target.dsn) and move the rows from there.",
            )

    def _prove(self, tools: Tools, database: Connection) -> None:
        """Compare the restored rows with the manifest before the database takes its place. Raises DamagedError."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _compare

        if self._content.fingerprint == "none":
            raise DamagedError(
                f"The backup {self._backup.backup_id} was taken with fingerprint: none, so what was restored cannot "
                "be proven.",
                hint=(
                    f"Restore it into a new database (target.dsn), look at it, and rename it yourself. {self._name} "
                    "is as it was."
                ),
            )
        self._progress.phase("compare", "comparing the restored rows", self._backup.manifest.plain_bytes)
        found = _compare.fingerprint_database(
            tools, database, self._content, self._options["jobs"], self._deadline, self._progress.advance
        )
        compared = _compare.compared_tables(self._content)
        if self._content.fingerprint == "rows":
            found = _compare.with_row_sums(database, found, compared, self._deadline)
        differences = {
            table.qualified_name: _compare.difference(table, found.tables.get(table.qualified_name))
            for table in compared
        }
        differences["large objects"] = _compare.large_objects_difference(self._content, found)
        for name, words in differences.items():
            if words:
                raise DamagedError(
                    f"{name} came back wrong: {words}. {self._name} is as it was.",
                    hint="Use another backup, and keep this one.",
                )


class _Scratch(_Target):
    def restore(self) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._scratch import ScratchCluster
        from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import open_account

        account = open_account(self._options)
        # A cluster has a database postgres from the beginning.
        name = self._content.database.name if self._content.database.name != "postgres" else "postgres_restored"
        self._copies = opened_copies(self._module, self._backup)
        tools = self._tools(self._content.major)
        if self._module.check_mode:
            return self._result(True, name)
        scratch = ScratchCluster(
            tools,
            account,
            base_dir=self._options["scratch_dir"],
            database_bytes=0 if self._options["schema_only"] else self._content.database.bytes,
            deadline=self._deadline,
        )
        self._progress.phase("scratch", "starting a scratch cluster")
        with scratch as cluster:
            self._restore_globals(cluster.connection)
            self._fill(tools, cluster.connection, name)
            _target.mark(cluster.connection, name, self._mark)
            kept = cluster.keep()
        self._progress.done()
        return self._result(True, name, scratch=kept)

    def _restore_globals(self, cluster: Connection) -> None:
        """Roles and their memberships, from the first copy that is whole; the roles that things are given back to in
        any case.
        """
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _globals

        for copy in self._copies:
            try:
                for failure in _globals.restore(cluster, copy, self._content.roles):
                    self._module.warn(f"A statement of the globals did not work: {failure}")
                return
            except (DamagedError, RepositoryError) as error:
                self._module.warn(f"{copy.repository.name}: {error}")
        _globals.create_missing_roles(cluster, self._content.roles)
