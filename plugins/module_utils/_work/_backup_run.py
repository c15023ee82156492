# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What every module that backs up does around the backup itself: is there one that is young enough, the lock, the
leftovers, the result.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import (
    CLOCK_TOLERANCE,
    Backup,
    Catalog,
    newest_of,
    read_catalog,
    young_enough,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._places import places
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import Destination, back_up
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration, seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import METRICS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._work._telling import backed_up

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher

BACKUP_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    "label": {"type": "str"},
    "max_age": {"type": "str"},
    "min_copies": {"type": "int", "default": 1},
    "time_limit": {"type": "str"},
    "state_dir": {"type": "path"},
    **METRICS_SPEC,
    **AUDIT_SPEC,
}
"""The options that every module that backs up has."""
_MOST_JOBS = 32


def check_options(options: t.Mapping[str, t.Any], durations: t.Sequence[str] = ("max_age", "time_limit")) -> None:
    """Refuse what cannot be right in the options that every module that backs up has. Raises OptionError."""
    _manifest.check_name("app", options["app"])
    _manifest.check_name("component", options["component"])
    if options["label"]:
        _manifest.check_name("label", options["label"])
    if "jobs" in options:
        check_jobs(options["jobs"])
    if not 1 <= options["min_copies"] <= len(options["repositories"]):
        raise OptionError(
            f"min_copies is {options['min_copies']}, and there are {len(options['repositories'])} repositories.",
            hint="Use 1 or more.",
        )
    for option in durations:
        if options[option]:
            parse_duration(option, options[option])
    if options.get("compression"):
        open_compressor(options["compression"])
    if options.get("state") != "restored":  # what opens a backup, its manifest says
        _cipher(options)


def _cipher(options: t.Mapping[str, t.Any]) -> Cipher:
    """The cipher of the option ``encryption``; none for a module without it, whose store encrypts by itself."""
    return open_cipher(options["encryption"]) if "encryption" in options else open_cipher({"engine": "none"})


def check_jobs(jobs: int) -> None:
    """Raise OptionError for a number that nobody means."""
    if not 1 <= jobs <= _MOST_JOBS:
        raise OptionError(f"jobs is {jobs}.", hint=f"Use 1 to {_MOST_JOBS}; more than processors gains nothing.")


def back_up_component(module: AnsibleModule, engine: Engine[t.Any], component: str | None = None) -> dict[str, t.Any]:
    """The result of a module that backs up: what its engine has saved, or the backup that is young enough.

    ``component`` is another one than the option names, where a module makes several.
    """
    name = component or module.params["component"]
    return backed_up(module, name, engine.name, BackupRun(module, engine, name).back_up)


def doubt(newest: Backup, listed: t.Sequence[str]) -> str:
    """Why no backup may build on this one, as the end of a sentence; empty where one may. ``listed`` are the
    repositories that could be listed.
    """
    proof = newest_of(newest.proofs)
    if proof is not None and proof.verdict == "failed":
        return f"the last backup, {newest.backup_id}, could not be proven."
    holders = [one.name for one in newest.repositories]
    lacking = [name for name in listed if name not in holders]
    if lacking:
        return f"the last backup, {newest.backup_id}, is not in {', '.join(lacking)}."
    return ""


class BackupRun:
    """The backup of one component with the engine of its store."""

    def __init__(self, module: AnsibleModule, engine: Engine[t.Any], component: str) -> None:
        self._module = module
        self._options = module.params
        self._engine = engine
        self._repositories = open_repositories(module.params["repositories"])
        self._app = module.params["app"]
        self._component = component

    def back_up(self) -> dict[str, t.Any]:
        """The result: of a new backup, or of the one that is young enough."""
        newest = self._newest(warn=True)
        if newest and self._is_young(newest):
            return self._unchanged(newest)
        if self._module.check_mode:
            planned = {**self._planned(newest), "repositories": [repository.name for repository in self._repositories]}
            changes = _diff(newest, "a new backup")
            return {
                "changed": True,
                "app": self._app,
                "component": self._component,
                "planned": planned,
                "diff": changes,
            }
        state_dir = self._options["state_dir"] or _run.default_state_dir()
        with _run.exclusive(state_dir, self._app, self._component) as stem:
            removed = _run.remove_leftovers(stem, self._repositories)
            if self._options["max_age"]:  # another run may have ended between the look and the lock
                newest = self._newest(warn=False)
                if newest and self._is_young(newest):
                    return self._unchanged(newest)
            return {**self._taken(newest, stem), "removed_leftovers": removed}

    def _planned(self, newest: Backup | None) -> dict[str, t.Any]:
        """What check mode says: everything is checked that can be checked without writing."""
        self._destination()
        return self._engine.planned(self._engine.look(newest.manifest if newest else None))

    def _destination(self) -> Destination:
        cipher = _cipher(self._options)
        cipher.check()
        for warning in cipher.warnings:
            self._module.warn(warning)
        return Destination(
            app=self._app,
            component=self._component,
            repositories=tuple(self._repositories),
            # A store that compresses by itself has no such option.
            compressor=open_compressor(self._options.get("compression", {"engine": "none"})),
            cipher=cipher,
            label=self._options["label"] or "",
            time_limit_seconds=seconds_or_zero("time_limit", self._options["time_limit"]),
        )

    def _newest(self, *, warn: bool) -> Backup | None:
        """The newest backup that is not from the future, as far as repositories can be reached: the run tells of those
        that cannot.
        """
        catalog = self._catalog(warn)
        backups = [
            backup for backup in catalog.of(self._app, self._component) if backup.manifest.engine == self._engine.name
        ]
        limit = datetime.datetime.now(datetime.timezone.utc) + CLOCK_TOLERANCE
        for backup in backups:
            if warn and backup.taken_at > limit:
                self._module.warn(
                    f"The backup {backup.backup_id} is from the future ({backup.manifest.snapshot_at}): this host's "
                    "clock was set back, or "
                    "was wrong then. It does not count as a young one."
                )
        newest = next((backup for backup in backups if backup.taken_at <= limit), None)
        listed = [one.name for one in self._repositories if one.name not in catalog.unreachable]
        self._engine.doubt = doubt(newest, listed) if newest else ""
        return newest

    def _catalog(self, warn: bool) -> Catalog:
        """The newest backup in each repository.

        None may be reachable: then there is nothing to compare with, and the run will tell.
        """
        try:
            catalog = read_catalog(self._repositories, self._app, self._component, newest=1)
        except RepositoryError:
            return Catalog(())
        for item in catalog.unreadable if warn else ():
            self._module.warn(
                f"{item.repository}/{item.path} cannot be read and does not count as a backup: {item.why}"
            )
        return catalog

    def _is_young(self, newest: Backup) -> bool:
        if self._options["label"]:  # it is wanted of this moment, whatever there is
            return False
        if len(newest.repositories) < len(self._repositories):
            return False
        if self._engine.is_known(newest.manifest):
            return True
        if not self._options["max_age"]:
            return False
        now = datetime.datetime.now(datetime.timezone.utc)
        return young_enough(newest, parse_duration("max_age", self._options["max_age"]), now)

    def _taken(self, newest: Backup | None, stem: str) -> dict[str, t.Any]:
        began = time.monotonic()
        progress = Progress(self._options["progress_file"], f"{self._app}/{self._component}")
        destination = self._destination()
        with places(self._repositories, destination.time_limit_seconds, progress) as admitted:
            look = self._engine.look(newest.manifest if newest else None)
            there = dataclasses.replace(destination, repositories=tuple(admitted.repositories))
            manifest, outcome = back_up(self._engine, look, there, stem, progress)
        outcome.failed.update(admitted.refused)
        progress.done()
        seconds = time.monotonic() - began
        for name, why in outcome.failed.items():
            self._module.warn(f"{name} does not hold the backup {manifest.backup_id}: {why}")
        result = {
            "changed": True,
            **self._described(manifest),
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
                f"The backup {manifest.backup_id} is whole, and held by {len(outcome.stored_in)} of the "
                f"{self._options['min_copies']} "
                "repositories that min_copies asks for. "
                + " ".join(f"{name}: {why}" for name, why in outcome.failed.items())
            )
        return self._complete(result, manifest)

    def _unchanged(self, backup: Backup) -> dict[str, t.Any]:
        stored_in = [repository.name for repository in backup.repositories]
        result = {"changed": False, **self._described(backup.manifest), "stored_in": stored_in}
        return self._complete(result, backup.manifest)

    def _complete(self, result: dict[str, t.Any], manifest: _manifest.Manifest) -> dict[str, t.Any]:
        """The result; failed where the backup is whole and lacks what was asked for."""
        lacks = self._engine.lacks(manifest)
        if lacks:
            result.update(failed=True, msg=" ".join(filter(None, [result.get("msg"), lacks])))
        return result

    def _described(self, manifest: _manifest.Manifest) -> dict[str, t.Any]:
        """The manifest's essentials."""
        return {
            "app": manifest.app,
            "component": manifest.component,
            "backup_id": manifest.backup_id,
            "label": manifest.label,
            "taken_at": manifest.snapshot_at,
            **self._engine.describe(manifest),
            "plain_bytes": manifest.plain_bytes,
            "stored_bytes": manifest.stored_bytes,
            "artifacts": [
                {
                    "name": artifact.name,
                    "content": artifact.content,
                    "stored_bytes": artifact.stored_bytes,
                    "sha256": artifact.sha256,
                }
                for artifact in manifest.artifacts
            ],
        }


def _diff(newest: Backup | None, after: str) -> dict[str, str]:
    before = f"newest backup: {newest.backup_id if newest else 'none'}\n"
    return {"before": before, "after": f"newest backup: {after}\n"}
