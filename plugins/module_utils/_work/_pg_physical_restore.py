# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_physical_restore``: a cluster as it was at one moment, in a new data folder."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import read_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _place, _plan, _points, _restore
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import (
    RESTORE_SPEC,
    Target,
    checked_target,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive, archive_name
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import opened_copies, opened_repositories

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **RESTORE_SPEC,
    "archive": {"type": "str"},
    **REPOSITORY_SPEC,
    **AUDIT_SPEC,
    **ENCRYPTION_SPEC,
    **PROGRESS_SPEC,
    **TOOLS_SPEC,
    "python": {"type": "path"},
}

_AHEAD_SEGMENTS = 12  # of the log, which lie beside the data folder while it recovers


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    target = checked_target(options)
    _place.check_data_dir(options["data_dir"], replace=options["replace"])
    deadline = Deadline(seconds_or_zero("time_limit", options["time_limit"]))
    plan, log, tools = planned(module, target, deadline)
    backup, content = plan.candidate.backup, plan.candidate.content
    result = {
        "changed": True,
        "app": options["app"],
        "component": options["component"],
        "backup_id": backup.backup_id,
        "data_dir": options["data_dir"],
        "target": str(target),
        "window": {
            "from": content.stopped_at,
            "to": plan.last_commit.isoformat() if plan.last_commit else "",
            "missing": plan.candidate.found.missing,
        },
        "bin_dir": tools.folder,
        "superuser": content.superuser,
        "segments": len(plan.candidate.found.names),
        "diff": {"before": "", "after": f"{options['data_dir']}: {backup.backup_id}, recovered to {target}\n"},
    }
    _place.check_same_cluster(options["data_dir"], content.system_identifier, tools)
    _place.check_room(options["data_dir"], _needed_bytes(plan.candidate))
    copies = [opened_copies(module, one) for one in plan.candidate.chain]
    if content.outside:
        module.warn(
            f"The configuration of the source lay outside of its data folder, so it is not in the backup: "
            f"{', '.join(content.outside)}. The server that is started on {options['data_dir']} needs its own."
        )
    if module.check_mode:
        return result
    progress = Progress(options["progress_file"], f"{options['app']}/{options['component']}")
    request = _restore.Request(options["data_dir"], options["action"], options["python"] or "", options)
    with left_when_stopped("The unfinished data folder was removed. Nothing else was touched."):
        done = _restore.restore(request, plan, log, copies, tools, deadline, progress, module.warn)
    progress.done()
    return {**result, **done}


def _needed_bytes(candidate: _plan.Candidate) -> int:
    """What a restore writes at most at one time: each backup of the chain, and what they make together."""
    sizes = [sum(artifact.plain_bytes for artifact in one.manifest.artifacts) for one in candidate.chain]
    return sum(sizes) + (max(sizes) if len(sizes) > 1 else 0) + _AHEAD_SEGMENTS * candidate.content.segment_bytes


def planned(
    module: AnsibleModule, target: Target, deadline: Deadline, backup_id: str | None = None
) -> tuple[_plan.Plan, _plan.Log, Tools]:
    """The base backup and the log that lead to the target. Raises LifeboatError before anything is touched."""
    options = module.params
    app, component, wanted = options["app"], options["component"], backup_id or options["backup"]
    repositories = opened_repositories(options)
    catalog = read_catalog(repositories, app, component)
    for item in catalog.unreadable:
        module.warn(f"{item.repository}/{item.path} cannot be read and does not count as a backup: {item.why}")
    for name, why in catalog.unreachable.items():
        module.warn(f"{name} cannot be listed: {why}")
    backups = [one for one in catalog.of(app, component) if one.manifest.engine == STORE.engine]
    chosen = [one for one in backups if wanted in (None, "", one.backup_id)]
    if not chosen:
        there = ", ".join(one.backup_id for one in backups[:10]) or "none"
        raise OptionError(
            f"There is no base backup {wanted or ''} of {app}/{component} in these repositories.".replace("  ", " "),
            hint=f"There are: {there}.",
        )
    same = _plan.group_for(chosen, target)
    content = _plan.content_of(same[0])
    if same[0] is not chosen[0]:
        module.warn(
            f"{target} is before the first base backup of what the cluster is now, so the log is taken from the "
            f"archive {content.archive} of the cluster {content.system_identifier}."
        )
    archive = WalArchive(
        archive_name(app, component, options["archive"] or content.archive), repositories, options["encryption"]
    )
    listing = archive.listing(module.warn)
    if listing is None:
        raise OptionError(
            f"There is no archive {archive.name} in these repositories, so no base backup can be recovered.",
            hint="Check the repositories, and whether a directory is mounted.",
        )
    log = _plan.Log(archive, listing, content.system_identifier)
    good, reasons = _plan.candidates(same, log, target.timeline, backups)
    candidate = _plan.choose(good, reasons, target)
    tools = find_tools(
        candidate.content.major,
        bin_dir=options["bin_dir"],
        allow_vulnerable=options["allow_vulnerable_client"],
        program="postgres",
    )
    candidate, target = _points.located(candidate, good, target, log, tools, deadline, module.warn)
    candidate = dataclasses.replace(candidate, chain=tuple(_plan.chain_of(_of(candidate, backups), backups)))
    return _plan.checked(candidate, target, log, tools, deadline), log, tools


def _of(candidate: _plan.Candidate, backups: t.Sequence[Backup]) -> Backup:
    return next(one for one in backups if one.backup_id == candidate.backup.backup_id)
