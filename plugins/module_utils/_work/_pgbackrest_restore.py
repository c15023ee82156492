# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pgbackrest_restore``: a cluster that pgBackRest keeps, as it was at one moment."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import read_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest import _candidates, _restore
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._content import read_content
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._options import STANZA_SPEC, check_stanza
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools, find_tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _place, _plan, _points
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._target import (
    RESTORE_SPEC,
    Target,
    checked_target,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import opened_repositories

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._info import Stanza

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **RESTORE_SPEC,
    **REPOSITORY_SPEC,
    **AUDIT_SPEC,
    **PROGRESS_SPEC,
    **TOOLS_SPEC,
    **STANZA_SPEC,
    "stanza": {"type": "str"},
    "pgbackrest_repo": {"type": "int"},
    "pgbackrest_superuser": {"type": "str", "default": "postgres"},
    "delta": {"type": "bool", "default": False},
    "tablespace_dir": {"type": "path"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    target = _checked(options)
    request = _restore.Request(
        options["data_dir"], options["action"], options["delta"], options["tablespace_dir"] or ""
    )
    _restore.check_place(request, replace=options["replace"])
    deadline = Deadline(seconds_or_zero("time_limit", options["time_limit"]))
    plan, backrest, tools, stanza = _planned(module, target, deadline)
    label, content = plan.candidate.backup.backup_id, plan.candidate.content
    how = "only what differs" if request.delta else label
    result = {
        "changed": True,
        "app": options["app"],
        "component": options["component"],
        "stanza": backrest.stanza,
        "pgbackrest_label": label,
        "data_dir": request.data_dir,
        "target": str(target),
        "window": {
            "from": content.stopped_at,
            "to": plan.last_commit.isoformat() if plan.last_commit else "",
            "missing": plan.candidate.found.missing,
        },
        "bin_dir": tools.folder,
        "segments": len(plan.candidate.found.names),
        "diff": {"before": "", "after": f"{request.data_dir}: {label} ({how}), recovered to {target}\n"},
    }
    _place.check_same_cluster(request.data_dir, content.system_identifier, tools)
    if request.delta and os.path.isfile(os.path.join(_restore.begun(request.data_dir), "global", "pg_control")):
        # pgBackRest writes that file last: without it, the folder is one that a run of ours has begun with.
        _place.check_same_cluster(_restore.begun(request.data_dir), content.system_identifier, tools)
    tablespaces = backrest.tablespaces(label)
    if not request.delta and not tablespaces:  # else nobody knows how much of it comes to lie here
        _place.check_room(request.data_dir, next(one.bytes for one in stanza.backups if one.label == label))
    request = _restore.placed(request, tablespaces)
    if module.check_mode:
        return result
    progress = Progress(options["progress_file"], f"{options['app']}/{options['component']}")
    left = (
        f"The folder lies as {_restore.begun(request.data_dir)}. Run it again with delta to go on."
        if request.delta
        else "The unfinished data folder was removed. Nothing else was touched."
    )
    with left_when_stopped(left):
        done = _restore.restore(request, plan, backrest, tools, deadline, progress)
    progress.done()
    return {**result, **done}


def _checked(options: t.Mapping[str, t.Any]) -> Target:
    """Refuse what cannot be meant. Raises OptionError; nothing has been touched."""
    target = checked_target(options)
    if options["delta"] and options["replace"]:
        raise OptionError(
            "delta and replace are both given: one changes the old folder, the other keeps it.",
            hint="Say delta where the old folder need not stay, else replace. Nothing was touched.",
        )
    return target


def _planned(module: AnsibleModule, target: Target, deadline: Deadline) -> tuple[_plan.Plan, Backrest, Tools, Stanza]:
    """The backup and the log that lead to the target. Raises LifeboatError before anything is touched."""
    options = module.params
    recorded = _recorded(module)
    facts = read_content(recorded[0].manifest)[1] if recorded else None
    if facts is None and not options["stanza"]:
        raise OptionError(
            f"There is no pgBackRest backup of {options['app']}/{options['component']} in these repositories.",
            hint="Name the stanza in stanza, and its configuration in pgbackrest_config.",
        )
    where = {
        **options,
        "stanza": options["stanza"] or (facts.stanza if facts else ""),
        "pgbackrest_config": options["pgbackrest_config"] or (facts.config if facts else None),
        "pgbackrest_repo": options["pgbackrest_repo"] or (facts.repo if facts else 1),
    }
    check_stanza(where)
    backrest = Backrest(where, deadline)
    stanza = backrest.info()
    if facts and facts.system_identifier != stanza.system_identifier:
        raise OptionError(
            f"The stanza {stanza.name} is of the cluster {stanza.system_identifier}, and the backups in the catalog "
            f"are of {facts.system_identifier}.",
            hint="Name the stanza of this cluster. Nothing was touched.",
        )
    log = _candidates.open_log(backrest, stanza)[1]
    good, reasons = _candidates.candidates(stanza, log, options["pgbackrest_superuser"], target.timeline)
    wanted = _wanted_label(options["backup"], recorded)
    chosen = [one for one in good if wanted in ("", one.backup.backup_id)]
    candidate = _plan.choose(chosen, [why for why in reasons if wanted in why], target)
    tools = find_tools(
        candidate.content.major,
        bin_dir=options["bin_dir"],
        allow_vulnerable=options["allow_vulnerable_client"],
        program="postgres",
    )
    candidate, target = _points.located(candidate, chosen, target, log, tools, deadline, module.warn)
    return _plan.checked(candidate, target, log, tools, deadline), backrest, tools, stanza


def _recorded(module: AnsibleModule) -> list[Backup]:
    """What the catalog has of the component, the newest first."""
    app, component = module.params["app"], module.params["component"]
    catalog = read_catalog(opened_repositories(module.params), app, component)
    for name, why in catalog.unreachable.items():
        module.warn(f"{name} cannot be listed: {why}")
    return [one for one in catalog.of(app, component) if one.manifest.engine == STORE.engine]


def _wanted_label(wanted: str | None, recorded: list[Backup]) -> str:
    """What pgBackRest calls the backup that is asked for by its label or by its id in the catalog; empty: any."""
    for one in recorded:
        if wanted == one.backup_id and one.manifest.reference:
            return one.manifest.reference.id
    return wanted or ""
