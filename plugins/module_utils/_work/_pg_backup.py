# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_backup``: is there a backup that is young enough, and if not, take one."""

from __future__ import annotations

import datetime
import hashlib
import re
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._catalog import CLOCK_TOLERANCE, Backup, Catalog, read_catalog, young_enough
from ansible_collections.lifeboat.dr.plugins.module_utils._compression import COMPRESSION_SPEC, open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC, open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._errors import LifeboatError, OptionError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres._options import CONNECTION_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres._backup import Preflight, Request
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    **CONNECTION_SPEC,
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **COMPRESSION_SPEC,
    **TOOLS_SPEC,
    **PROGRESS_SPEC,
    "databases": {"type": "list", "elements": "str"},
    "fingerprint": {"type": "str", "choices": ["stream", "rows", "count", "none"], "default": "stream"},
    "globals": {"type": "str", "choices": ["with_passwords", "without_passwords", "none"], "default": "without_passwords"},
    "jobs": {"type": "int", "default": 1},
    "max_age": {"type": "str"},
    "min_copies": {"type": "int", "default": 1},
    "lock_timeout": {"type": "str", "default": "60s"},
    "time_limit": {"type": "str"},
    "state_dir": {"type": "path"},
    **{option: {"type": "list", "elements": "str", "default": []} for option in _plan.FILTERS},
}
ENGINE = "postgresql"
_MOST_JOBS = 32
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
    _manifest.check_name("app", options["app"])
    _manifest.check_name("component", options["component"])
    if not 1 <= options["jobs"] <= _MOST_JOBS:
        raise OptionError(f"jobs is {options['jobs']}.", hint=f"Use 1 to {_MOST_JOBS}; more than processors gains nothing.")
    if not 1 <= options["min_copies"] <= len(options["repositories"]):
        raise OptionError(
            f"min_copies is {options['min_copies']}, and there are {len(options['repositories'])} repositories.", hint="Use 1 or more."
        )
    for option in ("max_age", "lock_timeout", "time_limit"):
        if options[option]:
            parse_duration(option, options[option])
    open_compressor(options["compression"])
    open_cipher(options["encryption"])


def _several(module: AnsibleModule, repositories: list[Repository]) -> dict[str, t.Any]:
    """Each database is a component of its own. One that fails does not keep the others from being backed up."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres import _system_catalog
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres._connection import connection_from_options

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


class _Component:
    """The backup of one component."""

    def __init__(self, module: AnsibleModule, repositories: list[Repository], component: str, database: str | None) -> None:
        self._module = module
        self._options = module.params
        self._repositories = repositories
        self._app = module.params["app"]
        self._component = component
        self._database = database

    def back_up(self) -> dict[str, t.Any]:
        """The result: of a new backup, or of the one that is young enough."""
        newest = self._newest(warn=True)
        if newest and self._is_young(newest):
            return _unchanged(newest)
        if self._module.check_mode:
            return self._planned(newest)
        state_dir = self._options["state_dir"] or _run.default_state_dir()
        with _run.exclusive(state_dir, self._app, self._component) as stem:
            removed = _run.remove_leftovers(stem, self._repositories)
            if self._options["max_age"]:  # another run may have ended between the look and the lock
                newest = self._newest(warn=False)
                if newest and self._is_young(newest):
                    return _unchanged(newest)
            return {**self._taken(newest, stem), "removed_leftovers": removed}

    def _newest(self, *, warn: bool) -> Backup | None:
        """The newest backup that is not from the future, as far as repositories can be reached: the run tells of those that cannot."""
        catalog = self._catalog(warn)
        backups = [backup for backup in catalog.of(self._app, self._component) if backup.manifest.engine == ENGINE]
        limit = datetime.datetime.now(datetime.timezone.utc) + CLOCK_TOLERANCE
        for backup in backups:
            if warn and backup.taken_at > limit:
                self._module.warn(
                    f"The backup {backup.backup_id} is from the future ({backup.manifest.snapshot_at}): this host's clock was set back, or "
                    "was wrong then. It does not count as a young one."
                )
        return next((backup for backup in backups if backup.taken_at <= limit), None)

    def _catalog(self, warn: bool) -> Catalog:
        """The newest backup in each repository. None may be reachable: then there is nothing to compare with, and the run will tell."""
        try:
            catalog = read_catalog(self._repositories, self._app, self._component, newest=1)
        except RepositoryError:
            return Catalog(())
        for item in catalog.unreadable if warn else ():
            self._module.warn(f"{item.repository}/{item.path} cannot be read and does not count as a backup: {item.why}")
        return catalog

    def _is_young(self, newest: Backup) -> bool:
        if not self._options["max_age"] or len(newest.repositories) < len(self._repositories):
            return False
        now = datetime.datetime.now(datetime.timezone.utc)
        return young_enough(newest, parse_duration("max_age", self._options["max_age"]), now)

    def _prepared(self, newest: Backup | None) -> tuple[Request, Preflight]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres._backup import Request, preflight

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
            time_limit_seconds=parse_duration("time_limit", options["time_limit"]).total_seconds() if options["time_limit"] else 0,
            last_stored_bytes=newest.manifest.stored_bytes if newest else 0,
        )
        before = preflight(request)
        for warning in request.cipher.warnings:
            self._module.warn(warning)
        return request, before

    def _connection(self) -> Connection:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres._connection import connection_from_options

        connection = connection_from_options(self._options)
        return connection.with_database(self._database) if self._database else connection

    def _planned(self, newest: Backup | None) -> dict[str, t.Any]:
        """What check mode says: everything is checked that can be checked without writing."""
        _request, before = self._prepared(newest)
        planned = {
            "database": before.database.name,
            "server_version": before.server.version,
            "tables": before.tables,
            "tables_bytes": before.tables_bytes,
            "needed_bytes": before.needed_bytes,
            "repositories": [repository.name for repository in self._repositories],
        }
        return {"changed": True, "app": self._app, "component": self._component, "planned": planned, "diff": _diff(newest, "a new backup")}

    def _taken(self, newest: Backup | None, stem: str) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres._backup import back_up

        began = time.monotonic()
        request, before = self._prepared(newest)
        progress = Progress(self._options["progress_file"], f"{self._app}/{self._component}")
        manifest, outcome = back_up(request, before, stem, progress)
        progress.done()
        seconds = time.monotonic() - began
        for name, why in outcome.failed.items():
            self._module.warn(f"{name} does not hold the backup {manifest.backup_id}: {why}")
        result = {
            "changed": True,
            **_described(manifest),
            "stored_in": outcome.stored_in,
            "failed_repositories": outcome.failed,
            "seconds": round(seconds, 3),
            "bytes_per_second": int(manifest.plain_bytes / seconds),
            "phases": progress.phases(),
            "diff": _diff(newest, manifest.backup_id),
        }
        if len(outcome.stored_in) < self._options["min_copies"]:
            result["failed"] = True
            result["msg"] = (
                f"The backup {manifest.backup_id} is whole, and held by {len(outcome.stored_in)} of the {self._options['min_copies']} "
                "repositories that min_copies asks for. " + " ".join(f"{name}: {why}" for name, why in outcome.failed.items())
            )
        return result


def _unchanged(backup: Backup) -> dict[str, t.Any]:
    return {"changed": False, **_described(backup.manifest), "stored_in": [repository.name for repository in backup.repositories]}


def _described(manifest: _manifest.Manifest) -> dict[str, t.Any]:
    """The manifest's essentials."""
    content = manifest.content
    stored = manifest.stored_bytes
    return {
        "app": manifest.app,
        "component": manifest.component,
        "backup_id": manifest.backup_id,
        "taken_at": manifest.snapshot_at,
        "database": content["database"]["name"],
        "server_version": content["server_version"],
        "lsn": content["lsn"],
        "tables": len(content["tables"]),
        "rows": sum(table["rows"] for table in content["tables"] if table["rows"] > 0),
        "fingerprint": content["fingerprint"],
        "plain_bytes": manifest.plain_bytes,
        "stored_bytes": stored,
        "ratio": round(manifest.plain_bytes / stored, 2) if stored else 0.0,
        "artifacts": [
            {"name": artifact.name, "content": artifact.content, "stored_bytes": artifact.stored_bytes, "sha256": artifact.sha256}
            for artifact in manifest.artifacts
        ],
    }


def _diff(newest: Backup | None, after: str) -> dict[str, str]:
    before = f"newest backup: {newest.backup_id if newest else 'none'}\n"
    return {"before": before, "after": f"newest backup: {after}\n"}
