# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What every module that backs up does around the backup itself: is there one that is young enough, the lock, the
leftovers, the result.
"""

from __future__ import annotations

import abc
import dataclasses
import datetime
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import (
    CLOCK_TOLERANCE,
    Backup,
    Catalog,
    read_catalog,
    young_enough,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

BACKUP_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    "max_age": {"type": "str"},
    "min_copies": {"type": "int", "default": 1},
    "time_limit": {"type": "str"},
    "state_dir": {"type": "path"},
}
"""The options that every module that backs up has."""
_MOST_JOBS = 32


@dataclasses.dataclass(frozen=True)
class TakenBackup:
    """What a backup that was taken has to tell. ``more`` is what its engine adds to the module's result."""

    manifest: _manifest.Manifest
    outcome: _run.StoringResult
    progress: Progress
    more: dict[str, t.Any] = dataclasses.field(default_factory=dict)


def check_options(options: t.Mapping[str, t.Any], durations: t.Sequence[str] = ("max_age", "time_limit")) -> None:
    """Refuse what cannot be right in the options that every module that backs up has. Raises OptionError."""
    _manifest.check_name("app", options["app"])
    _manifest.check_name("component", options["component"])
    check_jobs(options["jobs"])
    if not 1 <= options["min_copies"] <= len(options["repositories"]):
        raise OptionError(
            f"min_copies is {options['min_copies']}, and there are {len(options['repositories'])} repositories.",
            hint="Use 1 or more.",
        )
    for option in durations:
        if options[option]:
            parse_duration(option, options[option])
    if options.get("state") != "restored":  # what opens a backup, its manifest says
        open_cipher(options["encryption"])


def check_jobs(jobs: int) -> None:
    """Raise OptionError for a number that nobody means."""
    if not 1 <= jobs <= _MOST_JOBS:
        raise OptionError(f"jobs is {jobs}.", hint=f"Use 1 to {_MOST_JOBS}; more than processors gains nothing.")


class BackupRun(abc.ABC):
    """The backup of one component. An engine says how it is planned and taken, and what of its manifest is told."""

    engine = ""

    def __init__(self, module: AnsibleModule, repositories: list[Repository], component: str) -> None:
        self._module = module
        self._options = module.params
        self._repositories = repositories
        self._app = module.params["app"]
        self._component = component

    @abc.abstractmethod
    def plan(self, newest: Backup | None) -> dict[str, t.Any]:
        """What check mode says: everything is checked that can be checked without writing. Raises LifeboatError."""

    @abc.abstractmethod
    def take(self, newest: Backup | None, stem: str, progress: Progress) -> TakenBackup:
        """Take the backup. Raises LifeboatError; then nothing of it is left anywhere."""

    @abc.abstractmethod
    def describe(self, manifest: _manifest.Manifest) -> dict[str, t.Any]:
        """The essentials of a manifest's content."""

    def back_up(self) -> dict[str, t.Any]:
        """The result: of a new backup, or of the one that is young enough."""
        newest = self._newest(warn=True)
        if newest and self._is_young(newest):
            return self._unchanged(newest)
        if self._module.check_mode:
            planned = {**self.plan(newest), "repositories": [repository.name for repository in self._repositories]}
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

    def time_limit_seconds(self) -> float:
        """The option ``time_limit``; 0 where there is none."""
        limit = self._options["time_limit"]
        return parse_duration("time_limit", limit).total_seconds() if limit else 0

    def _newest(self, *, warn: bool) -> Backup | None:
        """The newest backup that is not from the future, as far as repositories can be reached: the run tells of those
        that cannot.
        """
        catalog = self._catalog(warn)
        backups = [backup for backup in catalog.of(self._app, self._component) if backup.manifest.engine == self.engine]
        limit = datetime.datetime.now(datetime.timezone.utc) + CLOCK_TOLERANCE
        for backup in backups:
            if warn and backup.taken_at > limit:
                self._module.warn(
                    f"The backup {backup.backup_id} is from the future ({backup.manifest.snapshot_at}): this host's "
                    "clock was set back, or "
                    "was wrong then. It does not count as a young one."
                )
        return next((backup for backup in backups if backup.taken_at <= limit), None)

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
        if not self._options["max_age"] or len(newest.repositories) < len(self._repositories):
            return False
        now = datetime.datetime.now(datetime.timezone.utc)
        return young_enough(newest, parse_duration("max_age", self._options["max_age"]), now)

    def _taken(self, newest: Backup | None, stem: str) -> dict[str, t.Any]:
        began = time.monotonic()
        progress = Progress(self._options["progress_file"], f"{self._app}/{self._component}")
        taken = self.take(newest, stem, progress)
        progress.done()
        manifest, outcome = taken.manifest, taken.outcome
        seconds = time.monotonic() - began
        for name, why in outcome.failed.items():
            self._module.warn(f"{name} does not hold the backup {manifest.backup_id}: {why}")
        result = {
            "changed": True,
            **self._described(manifest),
            **taken.more,
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
        return result

    def _unchanged(self, backup: Backup) -> dict[str, t.Any]:
        stored_in = [repository.name for repository in backup.repositories]
        return {"changed": False, **self._described(backup.manifest), "stored_in": stored_in}

    def _described(self, manifest: _manifest.Manifest) -> dict[str, t.Any]:
        """The manifest's essentials."""
        return {
            "app": manifest.app,
            "component": manifest.component,
            "backup_id": manifest.backup_id,
            "taken_at": manifest.snapshot_at,
            **self.describe(manifest),
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
