# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_physical_backup``: a base backup of a cluster whose log is archived."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC, TOOLS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import (
    BACKUP_SPEC,
    back_up_component,
    check_options,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **BACKUP_SPEC,
    **CONNECTION_SPEC,
    **TOOLS_SPEC,
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **COMPRESSION_SPEC,
    **PROGRESS_SPEC,
    "archive": {"type": "str"},
    "archive_wait": {"type": "str", "default": "5m"},
    "checkpoint": {"type": "str", "choices": ["fast", "spread"], "default": "fast"},
    "kind": {"type": "str", "choices": ["full", "incremental", "auto"], "default": "full"},
    "full_max_age": {"type": "str", "default": "7d"},
    "markers": {"type": "bool", "default": True},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._backup import PhysicalEngine
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive, archive_name

    options = module.params
    check_options(options, ("max_age", "time_limit", "archive_wait", "full_max_age"))
    archive = WalArchive(
        archive_name(options["app"], options["component"], options["archive"]),
        open_repositories(options["repositories"]),
    )
    return back_up_component(module, PhysicalEngine(options, module.warn, archive))
