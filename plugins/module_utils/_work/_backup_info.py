# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``backup_info``: what the catalog holds, and on request whether what is stored is still what was
written.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup, read_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._pipeline import check_stored
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _backrest_windows
from ansible_collections.lifeboat.dr.plugins.module_utils._work._archived_log import windows
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import (
    CHOICE_SPEC,
    chosen_backup,
    opened_repositories,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **REPOSITORY_SPEC,
    "app": {"type": "str"},
    "component": {"type": "str"},
    "newer_than": {"type": "str"},
    "older_than": {"type": "str"},
    "verified": {"type": "bool"},
    "check_hashes": {"type": "bool", "default": False},
    "backup": {"type": "raw"},
    "time_limit": {"type": "str"},
    **CHOICE_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    if options["component"] and not options["app"]:
        raise OptionError(
            f"component is {options['component']!r}, and app is not given.",
            hint="Name the app that the component belongs to.",
        )
    if options["backup"]:
        return _one(module)
    repositories = opened_repositories(options)
    catalog = read_catalog(repositories, options["app"] or "", options["component"] or "")
    now = datetime.datetime.now(datetime.timezone.utc)
    backups = [backup for backup in catalog.backups if _wanted(backup, options, now)]
    return {
        "changed": False,
        "backups": [_described(backup, now, options["check_hashes"]) for backup in backups],
        "windows": windows(catalog.backups, repositories, module.warn) + _backrest_windows.windows(catalog.backups),
        "unreadable": [
            {"repository": item.repository, "path": item.path, "why": item.why} for item in catalog.unreadable
        ],
        "unreachable_repositories": [{"repository": name, "why": why} for name, why in catalog.unreachable.items()],
    }


def _one(module: AnsibleModule) -> dict[str, t.Any]:
    """The result where one backup is asked for: chosen as a proof or a restore chooses it."""
    options = module.params
    lost = [name for name in ("app", "component") if not options[name]]
    filters = [name for name in ("newer_than", "older_than", "verified") if options[name] is not None]
    if lost or filters:
        raise OptionError(
            f"backup: one backup is asked for, and {lost[0]} is not given."
            if lost
            else f"backup: one backup is asked for, and {filters[0]} filters many.",
            hint="Give app, component and backup, without filters.",
        )
    backup = chosen_backup(module)
    now = datetime.datetime.now(datetime.timezone.utc)
    described = _described(backup, now, options["check_hashes"])
    return {"changed": False, "backups": [described], "windows": [], "unreadable": [], "unreachable_repositories": []}


def _wanted(backup: Backup, options: t.Mapping[str, t.Any], now: datetime.datetime) -> bool:
    age = now - backup.taken_at
    if options["newer_than"] and age >= parse_duration("newer_than", options["newer_than"]):
        return False
    if options["older_than"] and age <= parse_duration("older_than", options["older_than"]):
        return False
    return options["verified"] is None or backup.verified == options["verified"]


def _described(backup: Backup, now: datetime.datetime, check_hashes: bool) -> dict[str, t.Any]:
    manifest = backup.manifest
    described: dict[str, t.Any] = {
        "app": manifest.app,
        "component": manifest.component,
        "backup_id": manifest.backup_id,
        "label": manifest.label,
        "kept_by": manifest.reference.system if manifest.reference else "",
        "engine": manifest.engine,
        "taken_at": manifest.snapshot_at,
        "age_seconds": int((now - backup.taken_at).total_seconds()),
        "plain_bytes": manifest.plain_bytes,
        "stored_bytes": manifest.stored_bytes,
        "compression": manifest.encoding.compression,
        "encryption": manifest.encoding.encryption,
        "repositories": [repository.name for repository in backup.repositories],
        "verified": backup.verified,
        "proofs": [
            {"verified_at": proof.verified_at, "verdict": proof.verdict, "profile": proof.profile}
            for proof in backup.proofs
        ],
        "artifacts": [
            {
                "name": artifact.name,
                "content": artifact.content,
                "stored_bytes": artifact.stored_bytes,
                "sha256": artifact.sha256,
            }
            for artifact in manifest.artifacts
        ],
        "restore_by_hand": list(manifest.restore_by_hand),
        "tool_versions": dict(manifest.tool_versions),
    }
    if check_hashes:
        described["damaged"] = _damaged(backup)
    return described


def _damaged(backup: Backup) -> list[dict[str, str]]:
    """The stored files that are not what was written, in every repository."""
    damaged = []
    for repository in backup.repositories:
        for artifact in backup.manifest.artifacts:
            path = backup.manifest.artifact_path(artifact)
            try:
                check_stored(repository, path, sha256=artifact.sha256, size=artifact.stored_bytes)
            except LifeboatError as error:
                damaged.append({"repository": repository.name, "path": path, "why": str(error)})
    return damaged
