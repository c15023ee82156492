# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``paths_backup``: is there a backup of files that is young enough, and if not, let restic take one."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._options import RESTIC_SPEC, check_paths
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import (
    BACKUP_SPEC,
    back_up_component,
    check_options,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **BACKUP_SPEC,
    "paths": {"type": "list", "elements": "str", "default": []},
    "include": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "exclude_files": {"type": "list", "elements": "path", "default": []},
    "exclude_if_present": {"type": "list", "elements": "str", "default": []},
    "exclude_larger_than": {"type": "str"},
    "exclude_caches": {"type": "bool", "default": False},
    "one_file_system": {"type": "bool", "default": False},
    "tags": {"type": "list", "elements": "str", "default": []},
    "host": {"type": "str"},
    "init": {"type": "bool", "default": False},
    "allow_unreadable": {"type": "bool", "default": False},
    "fingerprint": {"type": "str", "choices": ["full", "sample", "none"], "default": "sample"},
    **RESTIC_SPEC,
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **COMPRESSION_SPEC,
    **PROGRESS_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._engine import PathsEngine

    check_options(module.params, ("max_age", "time_limit", "restic_lock_timeout"))
    return back_up_component(module, PathsEngine(module.params, module.warn))


def check_component(options: t.Mapping[str, t.Any], place: str) -> None:
    """Refuse options of a plan's component that cannot be right. Raises OptionError naming ``place``."""
    try:
        check_paths(options)
    except OptionError as error:
        raise OptionError(f"{place}{error.message}", hint=error.hint) from None
