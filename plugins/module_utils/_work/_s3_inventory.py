# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_inventory``: is there an inventory of the pair of buckets that is young enough, and if not, compare
and write one.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC, open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC, open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_pair, side_spec
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare import _verdict
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._content import ENGINE, LEVELS, S3Content
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import (
    BACKUP_SPEC,
    BackupRun,
    TakenBackup,
    check_options,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._pair_comparison import Options

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **BACKUP_SPEC,
    "source": side_spec(),
    "destination": side_spec(),
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **COMPRESSION_SPEC,
    **PROGRESS_SPEC,
    "level": {"type": "str", "choices": list(LEVELS), "default": "versions"},
    "prefix": {"type": "str", "default": ""},
    "grace": {"type": "str", "default": "15m"},
    "max_pending": {"type": "int", "default": 0},
    "ignore_extra": {"type": "bool", "default": False},
    "delete_markers": {"type": "bool", "default": True},
    "jobs": {"type": "int", "default": 32},
    "scratch_dir": {"type": "path", "default": "/var/tmp"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    check_options(options, ("max_age", "time_limit", "grace"))
    if options["max_pending"] < 0:
        raise OptionError(f"max_pending: {options['max_pending']} is too small.", hint="It is 0 or more.")
    open_compressor(options["compression"])
    open_pair(options["source"], options["destination"])
    return _Component(module, open_repositories(options["repositories"]), options["component"]).back_up()


class _Component(BackupRun):
    """The inventory of one pair of buckets."""

    engine = ENGINE

    def plan(self, newest: Backup | None) -> dict[str, t.Any]:
        """How many requests the comparison would take. Whether the buckets are the same, nobody knows before."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._pair_comparison import PairComparison

        open_cipher(self._options["encryption"]).check()
        options = self._knowing()
        sides = open_pair(self._options["source"], self._options["destination"], connections=options.parallel)
        planned = PairComparison(*sides, options, Progress(None, "")).estimate()
        return {**planned, "estimated_cost_usd": _verdict.cost_usd(planned["requests"])}

    def take(self, newest: Backup | None, stem: str, progress: Progress) -> TakenBackup:
        """Compare, and write the inventory."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import find_profile
        from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory_backup import (
            Request,
            back_up,
        )

        options, knowing = self._options, self._knowing()
        source, destination = open_pair(options["source"], options["destination"], connections=knowing.parallel)
        cipher = open_cipher(options["encryption"])
        cipher.check()
        request = Request(
            app=self._app,
            component=self._component,
            source=source,
            destination=destination,
            options=knowing,
            limits=_verdict.Limits(options["max_pending"], options["ignore_extra"]),
            repositories=tuple(self._repositories),
            compressor=open_compressor(options["compression"]),
            cipher=cipher,
            server=find_profile(destination).profile.name,
            scratch_dir=options["scratch_dir"],
            last_stored_bytes=newest.manifest.stored_bytes if newest else 0,
        )
        for warning in cipher.warnings:
            self._module.warn(warning)
        manifest, outcome = back_up(request, stem, progress)
        return TakenBackup(manifest, outcome, progress)

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """What both buckets held."""
        content = from_plain(S3Content, manifest.content, "the manifest's content")
        return {
            "source": content.source.bucket,
            "destination": content.destination.bucket,
            "prefix": content.prefix,
            "level": content.level,
            "verdict": content.verdict,
            "summary": content.summary,
            "objects": content.objects,
            "bytes": content.bytes,
            "versions": content.versions,
            "delete_markers": content.delete_markers,
            "left_out": content.left_out,
        }

    def _knowing(self) -> Options:
        from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._pair_comparison import Options

        options = self._options
        return Options(
            level=options["level"],
            prefix=options["prefix"],
            grace_seconds=parse_duration("grace", options["grace"]).total_seconds(),
            delete_markers=options["delete_markers"],
            parallel=options["jobs"],
            time_limit=self.time_limit_seconds(),
        )
