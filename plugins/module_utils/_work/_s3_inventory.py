# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_inventory``: is there an inventory of the pair of buckets that is young enough, and if not, compare
and write one.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_pair, side_spec
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._content import LEVELS
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import (
    BACKUP_SPEC,
    back_up_component,
    check_options,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

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
    "allow_empty": {"type": "bool", "default": False},
    "delete_markers": {"type": "bool", "default": True},
    "parallel": {"type": "int", "default": 32, "aliases": ["jobs"]},
    "scratch_dir": {"type": "path", "default": "/var/tmp"},
}
_MOST_PARALLEL = 256


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory_backup import S3Engine

    options = module.params
    check_options(options, ("max_age", "time_limit", "grace"))
    if options["max_pending"] < 0:
        raise OptionError(f"max_pending: {options['max_pending']} is too small.", hint="It is 0 or more.")
    if not 1 <= options["parallel"] <= _MOST_PARALLEL:
        raise OptionError(
            f"parallel: {options['parallel']} is not a number of requests at a time.",
            hint=f"Use 1 to {_MOST_PARALLEL}.",
        )
    open_pair(options["source"], options["destination"])
    return back_up_component(module, S3Engine(options, module.warn))
