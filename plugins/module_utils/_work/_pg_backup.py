# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_backup``: is there a backup that is young enough, and if not, take one."""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC, open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC, open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import (
    BACKUP_SPEC,
    BackupRun,
    TakenBackup,
    check_options,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._backup import Preflight, Request
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **BACKUP_SPEC,
    **CONNECTION_SPEC,
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **COMPRESSION_SPEC,
    **TOOLS_SPEC,
    **PROGRESS_SPEC,
    "databases": {"type": "list", "elements": "str"},
    "fingerprint": {"type": "str", "choices": ["stream", "rows", "count", "none"], "default": "stream"},
    "globals": {
        "type": "str",
        "choices": ["with_passwords", "without_passwords", "none"],
        "default": "without_passwords",
    },
    "jobs": {"type": "int", "default": 1},
    "lock_timeout": {"type": "str", "default": "60s"},
    **{option: {"type": "list", "elements": "str", "default": []} for option in _plan.FILTERS},
}
ENGINE = "postgresql"
_HASHED = re.compile(r"-[0-9a-f]{8}$")


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    _check(options)
    repositories = open_repositories(options["repositories"])
    if not options["databases"]:
        return _Component(module, repositories, options["component"], None).back_up()
    return _several(module, repositories)


def _check(options: t.Mapping[str, t.Any]) -> None:
    check_options(options, ("max_age", "lock_timeout", "time_limit"))
    open_compressor(options["compression"])


def _several(module: AnsibleModule, repositories: list[Repository]) -> dict[str, t.Any]:
    """Each database is a component of its own. One that fails does not keep the others from being backed up."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
        connection_from_options,
    )

    wanted = module.params["databases"]
    if "*" in wanted:
        session = connection_from_options(module.params).connect()
        try:
            with session.cursor() as cursor:
                wanted = _system_catalog.databases(cursor)
        finally:
            session.close()
    results: list[dict[str, t.Any]] = []
    failures: dict[str, str] = {}
    for database in wanted:
        component = component_name(module.params["component"], database)
        try:
            results.append(_Component(module, repositories, component, database).back_up())
        except LifeboatError as error:
            failures[database] = str(error)
    changed = any(result["changed"] for result in results)
    if failures:
        words = " ".join(f"{database}: {reason}" for database, reason in failures.items())
        return {
            "failed": True,
            "changed": changed,
            "msg": f"{len(failures)} of {len(wanted)} databases failed. {words}",
            "backups": results,
        }
    return {"changed": changed, "backups": results}


def component_name(component: str, database: str) -> str:
    """The component that a database of a cluster is: ``codex-shop``.

    What had to be changed gets a hash, so no two are one; and so does what looks as if it had got one already.
    """
    head, plain = component[:29], re.sub(r"[^A-Za-z0-9._-]", "_", database)[:24]
    changed = (head, plain) != (component, database) or _HASHED.search(plain)
    digest = hashlib.sha256(f"{component}\0{database}".encode("utf-8", "surrogateescape")).hexdigest()
    return _manifest.check_name("component", f"{head}-{plain}" + (f"-{digest[:8]}" if changed else ""))


class _Component(BackupRun):
    """The backup of one database."""

    engine = ENGINE

    def __init__(
        self, module: AnsibleModule, repositories: list[Repository], component: str, database: str | None
    ) -> None:
        super().__init__(module, repositories, component)
        self._database = database

    def plan(self, newest: Backup | None) -> dict[str, t.Any]:
        """The database's sizes."""
        _request, before = self._prepared(newest)
        return {
            "database": before.database.name,
            "server_version": before.server.version,
            "tables": before.tables,
            "tables_bytes": before.tables_bytes,
            "needed_bytes": before.needed_bytes,
        }

    def take(self, newest: Backup | None, stem: str, progress: Progress) -> TakenBackup:
        """Dump the database."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._backup import back_up

        request, before = self._prepared(newest)
        manifest, outcome = back_up(request, before, stem, progress)
        return TakenBackup(manifest, outcome, progress)

    def describe(self, manifest: _manifest.Manifest) -> dict[str, t.Any]:
        """What was dumped of which server."""
        content, stored = manifest.content, manifest.stored_bytes
        return {
            "database": content["database"]["name"],
            "server_version": content["server_version"],
            "lsn": content["lsn"],
            "tables": len(content["tables"]),
            "rows": sum(table["rows"] for table in content["tables"] if table["rows"] > 0),
            "fingerprint": content["fingerprint"],
            "ratio": round(manifest.plain_bytes / stored, 2) if stored else 0.0,
        }

    def _prepared(self, newest: Backup | None) -> tuple[Request, Preflight]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._backup import Request, preflight

        options = self._options
        request = Request(
            app=self._app,
            component=self._component,
            connection=self._connection(),
            repositories=tuple(self._repositories),
            compressor=open_compressor(options["compression"]),
            cipher=open_cipher(options["encryption"]),
            jobs=options["jobs"],
            fingerprint=options["fingerprint"],
            globals=options["globals"],
            filters={option: options[option] for option in _plan.FILTERS},
            bin_dir=options["bin_dir"],
            allow_vulnerable_client=options["allow_vulnerable_client"],
            lock_timeout_seconds=max(1, int(parse_duration("lock_timeout", options["lock_timeout"]).total_seconds())),
            time_limit_seconds=self.time_limit_seconds(),
            last_stored_bytes=newest.manifest.stored_bytes if newest else 0,
        )
        before = preflight(request)
        for warning in request.cipher.warnings:
            self._module.warn(warning)
        return request, before

    def _connection(self) -> Connection:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import (
            connection_from_options,
        )

        connection = connection_from_options(self._options)
        return connection.with_database(self._database) if self._database else connection
