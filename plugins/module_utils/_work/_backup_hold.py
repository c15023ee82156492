# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``backup_hold``: keeps a backup from being deleted, or lets it go again."""

from __future__ import annotations

import datetime
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup, choose, read_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._hold import (
    check_hold_name,
    hold_document,
    hold_path,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **REPOSITORY_SPEC,
    **AUDIT_SPEC,
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    "backup": {"type": "raw", "default": "newest"},
    "name": {"type": "str", "default": "hold"},
    "reason": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result. Every repository that holds the backup gets the hold, or loses it."""
    options = module.params
    app = _manifest.check_name("app", options["app"])
    component = _manifest.check_name("component", options["component"])
    name = check_hold_name(options["name"])
    catalog = read_catalog(open_repositories(options["repositories"]), app, component)
    if catalog.unreachable:
        raise LifeboatError(
            "Not every repository can be listed, so the backup could be held in some of them only. Nothing was "
            "changed. " + " ".join(f"{one}: {why}" for one, why in catalog.unreachable.items()),
            hint="Run it again when they can be reached, or name the others only.",
        )
    backup = choose(catalog, app, component, options["backup"])
    path = hold_path(backup.manifest.folder, name)
    present = options["state"] == "present"
    wrong = [one for one in backup.repositories if _is_held(one, backup, path) != present]
    if not module.check_mode:
        for repository in wrong:
            if present:
                now = _manifest.iso(datetime.datetime.now(datetime.timezone.utc))
                repository.write_file(path, hold_document(name, options["reason"], platform.node(), now))
            else:
                repository.remove([path])
    return {
        "changed": bool(wrong),
        "backup_id": backup.backup_id,
        "repositories": [one.name for one in backup.repositories],
        "diff": _diff(backup, name, wrong, present),
    }


def _is_held(repository: Repository, backup: Backup, path: str) -> bool:
    return any(file.path == path for file in repository.list_files(backup.manifest.folder))


def _diff(backup: Backup, name: str, wrong: t.Sequence[Repository], present: bool) -> dict[str, str]:
    """The backup's holds of this name, before and after."""
    changed = {repository.name for repository in wrong}
    lines = {one.name: f"{one.name}/{backup.manifest.folder}: {name}\n" for one in backup.repositories}
    before = "".join(line for repository, line in lines.items() if (repository in changed) != present)
    return {"before": before, "after": "".join(lines.values()) if present else ""}
