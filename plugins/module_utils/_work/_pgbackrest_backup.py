# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pgbackrest_backup``: a backup that pgBackRest keeps, in the catalog."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._options import STANZA_SPEC, check_stanza
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import (
    BACKUP_SPEC,
    back_up_component,
    check_options,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **BACKUP_SPEC,
    **STANZA_SPEC,
    **REPOSITORY_SPEC,
    **PROGRESS_SPEC,
    "take": {"type": "str", "choices": ["none", "full", "diff", "incr", "auto"], "default": "none"},
    "full_max_age": {"type": "str", "default": "7d"},
    "diff_max_age": {"type": "str"},
    "system_identifier": {"type": "str"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._engine import BackrestEngine

    check_options(module.params, ("max_age", "time_limit", "full_max_age", "diff_max_age"))
    check_stanza(module.params)
    wanted = module.params["system_identifier"]
    if wanted and not wanted.isdigit():
        raise OptionError(
            f"system_identifier: {wanted!r} is not one.", hint="pg_controldata shows it: a number of about 19 digits."
        )
    return back_up_component(module, BackrestEngine(module.params, module.warn))
