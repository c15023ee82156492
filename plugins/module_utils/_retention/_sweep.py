# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Carries a retention plan out: each backup is looked at once more, journalled, and removed, its manifest first."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._hold import HOLDS_FOLDER
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._planner import DELETE, Entry, Plan, plan

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository
    from ansible_collections.lifeboat.dr.plugins.module_utils._retention._observe import Component
    from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import Policy


def plan_component(repository: Repository, found: Component, policy: Policy, now: datetime.datetime) -> Plan:
    """The plan for one component in one repository. The store is asked for locks of what would be deleted only.

    Raises RepositoryError.
    """
    first = plan(found.entries, policy, now)
    locks: dict[str, datetime.datetime] = {}
    for entry in first.of(DELETE):
        until = repository.locked_until(_manifest.backup_folder(found.app, found.component, entry.backup_id))
        if until is not None:
            locks[entry.backup_id] = until
    if not locks:
        return first
    return plan(
        [dataclasses.replace(entry, locked_until=locks.get(entry.backup_id)) for entry in found.entries], policy, now
    )


@dataclasses.dataclass
class Swept:
    """What became of the backups that a plan deletes."""

    deleted: list[Entry] = dataclasses.field(default_factory=list)
    spared: dict[str, str] = dataclasses.field(default_factory=dict)  # backup id → what has changed since the plan
    failed: dict[str, str] = dataclasses.field(default_factory=dict)  # backup id → why


def sweep(stem: str, repository: Repository, found: Component, entries: t.Sequence[Entry], deadline: Deadline) -> Swept:
    """Delete these backups of one component, the oldest first. ``stem`` is what the component's lock gave.

    One that cannot be deleted is named, and the others go on. Raises DeadlineError between two backups.
    """
    swept = Swept()
    for entry in sorted(entries, key=lambda entry: (entry.taken_at, entry.backup_id)):
        deadline.check("Deleting backups")
        folder = _manifest.backup_folder(found.app, found.component, entry.backup_id)
        try:
            changed = _changed(repository, folder)
            if changed:
                swept.spared[entry.backup_id] = changed
                continue
            with _run.removal(stem, repository, folder):
                _run.remove_folder(repository, folder)
        except LifeboatError as error:
            swept.failed[entry.backup_id] = str(error)
        else:
            swept.deleted.append(entry)
    return swept


def _changed(repository: Repository, folder: str) -> str:
    """What has come since the plan was made that keeps this backup; empty where nothing has."""
    if any(file.path.startswith(f"{folder}/{HOLDS_FOLDER}/") for file in repository.list_files(folder)):
        return "it is held now"
    until = repository.locked_until(folder)
    return f"it is locked until {_manifest.iso(until)} now" if until else ""
