# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``backup_due``: which components need a backup now, in one look instead of a module for each.

Not due is only what the module that backs up would leave unchanged. Whatever is odd is due, so that this module sees
and says it.
"""

from __future__ import annotations

import datetime
import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import (
    CLOCK_TOLERANCE,
    Backup,
    Catalog,
    read_catalog,
    young_enough,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import check_name
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import METRICS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._work._telling import backed_up

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **REPOSITORY_SPEC,
    "app": {"type": "str", "required": True},
    "components": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "engine": {"type": "str", "required": True},
            "max_age": {"type": "str"},
        },
    },
    **METRICS_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    check_name("app", options["app"])
    ages = {
        one["name"]: parse_duration(f"components[{number}].max_age", one["max_age"]) if one["max_age"] else None
        for number, one in enumerate(options["components"])
    }
    repositories = open_repositories(options["repositories"])
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        catalog = read_catalog(repositories, options["app"], newest=1)
    except RepositoryError:  # the backup will say it
        catalog = Catalog(())
    due: list[str] = []
    young: list[dict[str, str]] = []
    for one in options["components"]:
        name, age = one["name"], ages[one["name"]]
        newest = _newest(catalog, options["app"], name, one["engine"], now)
        copies = len(newest.repositories) if newest else 0
        if age is None or newest is None or copies < len(repositories) or not young_enough(newest, age, now):
            due.append(name)
            continue
        backed_up(module, name, one["engine"], functools.partial(_unchanged, newest))
        young.append({"name": name, "backup_id": newest.backup_id, "taken_at": newest.manifest.snapshot_at})
    return {"changed": False, "due": due, "young": young}


def _newest(catalog: Catalog, app: str, name: str, engine: str, now: datetime.datetime) -> Backup | None:
    """The newest backup of a component; None where there is none, or something is odd."""
    place = f"{app}/{name}/"
    if catalog.unreachable or any(item.path.startswith(place) for item in catalog.unreadable):
        return None
    backups = catalog.of(app, name)
    if any(one.manifest.engine != engine or one.taken_at > now + CLOCK_TOLERANCE for one in backups):
        return None
    return backups[0] if backups else None


def _unchanged(backup: Backup) -> dict[str, t.Any]:
    """Of the result of a module that backs up, what its metrics are made of."""
    manifest = backup.manifest
    return {
        "changed": False,
        "taken_at": manifest.snapshot_at,
        "bytes": manifest.content.get("bytes"),
        "plain_bytes": manifest.plain_bytes,
        "stored_bytes": manifest.stored_bytes,
        "artifacts": manifest.artifacts,
    }
