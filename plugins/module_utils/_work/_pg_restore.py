# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_restore``: a backup into a new database, into a scratch cluster, or in the place of an existing
database.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    OptionError,
    RepositoryError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _database_sql
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
    Connection,
    connection_from_options,
    parse_dsn,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import (
    CONNECTION_SPEC,
    SCRATCH_SPEC,
    TOOLS_SPEC,
    preloaded,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _properties, _target, _working
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import CHOICE_SPEC, opened_copies
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_restore_target import Target

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._restore import Restore

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    "backup": {"type": "raw", "default": "newest_verified"},
    **CHOICE_SPEC,
    **CONNECTION_SPEC,
    **REPOSITORY_SPEC,
    **AUDIT_SPEC,
    **ENCRYPTION_SPEC,
    **TOOLS_SPEC,
    **SCRATCH_SPEC,
    **PROGRESS_SPEC,
    "target": {
        "type": "dict",
        "required": True,
        "options": {
            "database": {"type": "str"},
            "dsn": {"type": "str", "no_log": True},  # it may hold a password
            "replace": {"type": "str"},
            "swap": {"type": "str", "no_log": True},  # it may hold a password
            "scratch": {"type": "bool", "default": False},
            "confirm": {"type": "str"},
        },
    },
    "tables": {"type": "list", "elements": "str", "default": []},
    "schema_only": {"type": "bool", "default": False},
    "owners": {"type": "bool", "default": True},
    "superuser_objects": {"type": "str", "choices": ["restore", "leave_out"], "default": "restore"},
    "tablespaces": {"type": "str", "choices": ["keep", "default"], "default": "keep"},
    "require_whole": {"type": "bool", "default": False},
    "jobs": {"type": "int", "default": 2},
    "time_limit": {"type": "str"},
}


_BY_NAME = {"dsn": "database", "swap": "replace"}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    kind = _target_kind(module.params["target"])
    targets: dict[str, type[Target]] = {
        "database": _NewDatabase,
        "dsn": _NewDatabase,
        "replace": _Swap,
        "swap": _Swap,
        "scratch": _Scratch,
    }
    return targets[kind](module).restore()


def _target_kind(target: t.Mapping[str, t.Any]) -> str:
    given = [kind for kind in ("database", "dsn", "replace", "swap", "scratch") if target[kind]]
    if len(given) != 1:
        raise OptionError(
            f"target names {' and '.join(given) or 'nothing'}.",
            hint=(
                "Give one of database or dsn (a new database), replace or swap (take the place of an existing one) and "
                "scratch: true."
            ),
        )
    if target["confirm"] and given[0] not in ("replace", "swap"):
        raise OptionError("target.confirm belongs to target.replace and target.swap.", hint="Leave it out.")
    return given[0]


def server_of(options: t.Mapping[str, t.Any]) -> Connection:
    """Where to restore to, and the database's name: a whole connection string in ``target``, or a name there beside
    the options that lead to the server. Raises OptionError.
    """
    target = options["target"]
    kind = _target_kind(target)
    value = target[kind]
    beside = sorted(name for name in CONNECTION_SPEC if options[name] not in (None, ""))
    if kind in ("dsn", "swap"):
        if beside:
            raise OptionError(
                f"target.{kind} is a connection string, and {', '.join(beside)} is given beside it.",
                hint=f"Give the name alone (target.{_BY_NAME[kind]}), or leave the others out.",
            )
        server = Connection(parse_dsn(f"target.{kind}", value))
        if not server.parameters.get("dbname"):
            raise OptionError(f"target.{kind} names no database.", hint="Write postgresql://user@host/NAME.")
        return server
    given = connection_from_options(options)
    return Connection(
        {**given.parameters, "dbname": value}, maintenance_database=given.parameters.get("dbname") or "postgres"
    )


class _OnServer(Target):
    """A target on a server that exists."""

    def __init__(self, module: AnsibleModule) -> None:
        super().__init__(module)
        self._server = server_of(self._options)
        self._kind = _target_kind(self._options["target"])
        self._name = self._server.parameters["dbname"]
        self._restored_before = (
            _target.exists(self._server, self._name) and _properties.mark_of(self._server, self._name) == self._mark
        )
        self._working = _target.working_name(self._name, _working.WORD, self._tail)

    def _prepared(self) -> Tools:
        """Refuse a server that cannot take the backup."""
        self._copies = opened_copies(self._module, self._backup)
        self._check_copies()
        major = _target.check_server(self._server, self._content, owners=self._options["owners"])
        return self._tools(major)

    def _put_in_place(self, tools: Tools, finish: t.Callable[[Connection], None]) -> list[str]:
        """Fill the working database and let ``finish`` give it its name.

        Gives what killed restores had left, and is gone now.
        """
        removed, kept = _working.remove_abandoned(self._server, self._name)
        for words in kept:
            self._module.warn(words)
        with _working.claimed(self._server, self._working):
            database = self._fill(tools, self._server, self._working)
            try:
                finish(database)
            except BaseException as error:
                self._drop(self._server, self._working, error)
                raise
        self._progress.done()
        return removed


class _NewDatabase(_OnServer):
    def restore(self) -> dict[str, t.Any]:
        if self._restored_before:
            return self._result(False, self._name)
        if _target.exists(self._server, self._name):
            raise OptionError(
                f"target: the database {self._name} exists at {self._server.describe()}, and it is not this backup.",
                hint="Name a database that does not exist yet, or use target.swap to put the restored "
                "one in its place.",
            )
        tools = self._prepared()
        result: dict[str, t.Any] = {"diff": {"before": "", "after": f"{self._name}: {self._mark}\n"}}
        if not self._module.check_mode:
            result["removed_leftovers"] = self._put_in_place(tools, self._give_name)
        return self._result(True, self._name, **result)

    def _give_name(self, _database: Connection) -> None:
        _properties.mark(self._server, self._working, self._comment())
        _target.rename(self._server, self._working, self._name)


class _Swap(_OnServer):
    def restore(self) -> dict[str, t.Any]:
        if self._restored_before:
            self._module.warn(
                f"The database {self._name} was restored from this backup before, so nothing was done: what has been "
                "changed in it since is still there. To put the backup in its place once more, take the mark off it in "
                f"psql, and run this again: {_properties.to_unmark(self._server, self._name)};"
            )
            return self._result(False, self._name)
        if not _target.exists(self._server, self._name):
            raise OptionError(
                f"target.{self._kind}: there is no database {self._name} at {self._server.describe()}.",
                hint="Use target.database or target.dsn for a new one.",
            )
        if self._options["target"]["confirm"] != self._name:
            raise OptionError(
                f"target.{self._kind} ends every session in {self._name} and puts the restored database in its place.",
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
                "before": f"{self._name}: {_properties.mark_of(self._server, self._name)}\n",
                "after": f"{self._name}: {self._mark}\n",
            },
        }
        if not self._module.check_mode:

            def finish(database: Connection) -> None:
                self._prove(tools, database)
                _properties.mark(self._server, self._working, self._comment())
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

    def _properties(self, name: str) -> list[_database_sql.Statement]:
        """The rest belongs to the place, and is taken over from the database that had it."""
        return _database_sql.settings(self._content.database, name)

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
        found = _compare.fingerprint_restored(
            tools,
            database,
            self._content,
            self._backup_copies,
            self._options["jobs"],
            self._deadline,
            self._progress.advance,
        )
        differences = {
            table.qualified_name: _compare.difference(table, found.tables.get(table.qualified_name))
            for table in _compare.compared_tables(self._content)
        }
        differences["large objects"] = _compare.large_objects_difference(self._content, found)
        for name, words in differences.items():
            if words:
                raise DamagedError(
                    f"{name} came back wrong: {words}. {self._name} is as it was.",
                    hint="Use another backup, and keep this one.",
                )


class _Scratch(Target):
    _loaded_by = ""

    def restore(self) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore._scratch import ScratchCluster
        from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import open_account

        account = open_account(self._options)
        preload = preloaded(self._options)
        # A cluster has a database postgres from the beginning.
        name = self._content.database.name if self._content.database.name != "postgres" else "postgres_restored"
        self._copies = opened_copies(self._module, self._backup)
        self._check_copies()
        tools = self._tools(self._content.major)
        if self._module.check_mode:
            return self._result(True, name)
        scratch = ScratchCluster(
            tools,
            account,
            base_dir=self._options["scratch_dir"],
            database_bytes=0 if self._options["schema_only"] else self._content.database.bytes,
            preload=preload,
            deadline=self._deadline,
        )
        self._progress.phase("scratch", "starting a scratch cluster")
        with scratch as cluster:
            self._restore_globals(tools, cluster.connection)
            self._fill(tools, cluster.connection, name)
            _properties.mark(cluster.connection, name, self._comment())
            kept = {**cluster.keep(), "isolation": cluster.isolation, "rows_loaded_by": self._loaded_by}
        self._progress.done()
        return self._result(True, name, scratch=kept)

    def _run(
        self, tools: Tools, stored: StoredBackup, server: Connection, name: str, create: t.Callable[[], Connection]
    ) -> Restore:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _scratch_restore

        def make(database: Connection) -> _scratch_restore.ScratchRestore:
            work = _scratch_restore.ScratchRestore(stored, self._content, tools, database, **self._how())
            work.kept = True
            return work

        work, self._loaded_by = _scratch_restore.restore(server, name, create, make, self._content)
        self._left_out = [
            f"the rows of the materialized view {view}: to fill it would read another server ({reason})"
            for view, reason in work.unpopulated
        ]
        if not work.apart:
            self._module.warn(
                f"The rows were loaded by {self._loaded_by}: functions of the source's table owners ran as a superuser "
                "of the scratch cluster."
            )
        return work

    def _restore_globals(self, tools: Tools, cluster: Connection) -> None:
        """Roles and their memberships, from the first copy that is whole; the roles that things are given back to in
        any case.
        """
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _globals

        for copy in self._copies:
            try:
                failures = _globals.restore(tools, cluster, copy, self._content)
                break
            except (DamagedError, RepositoryError, SourceError) as error:
                self._module.warn(f"{copy.repository.name}: {error}")
        else:
            failures = _globals.create_missing_roles(cluster, self._content)
        for failure in failures:
            self._module.warn(f"A statement of the globals did not work: {failure}")
