# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``jetstream_snapshot``: is there a backup that is young enough, and if not, take one; and restoring what
one holds.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import (
    CONNECTION_SPEC,
    check_connection,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import (
    BACKUP_SPEC,
    back_up_component,
    check_options,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import CHOICE_SPEC

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

PRESENT_SPEC: dict[str, dict[str, t.Any]] = {
    **BACKUP_SPEC,
    **CONNECTION_SPEC,
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **PROGRESS_SPEC,
    "streams": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "consumers": {"type": "str", "choices": ["require", "rebuild", "ignore"], "default": "rebuild"},
    "accept_loss": {"type": "list", "elements": "str", "default": []},
    "allow_empty": {"type": "bool", "default": False},
    "jobs": {"type": "int", "default": 4},
    "idle_timeout": {"type": "str", "default": "30s"},
}
"""The options of a backup that is taken from a server: what a component of a plan can say."""

RESTORED_SPEC: dict[str, dict[str, t.Any]] = {
    "backup": {"type": "raw", "default": "newest_verified"},
    **CHOICE_SPEC,
    "rename": {"type": "dict"},
    "config": {"type": "dict"},
    "limits": {"type": "str", "choices": ["refuse", "lift", "apply"], "default": "refuse"},
    "replace": {"type": "list", "elements": "str", "default": []},
    "republish": {"type": "list", "elements": "str", "default": []},
    "dependants": {"type": "str", "choices": ["refuse", "warn"], "default": "refuse"},
    "scale_up": {"type": "bool", "default": False},
    "replicas_timeout": {"type": "str", "default": "10m"},
}
"""The options that only a restore has."""

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": ["present", "restored"], "default": "present"},
    **PRESENT_SPEC,
    "from_folder": {"type": "path"},
    **RESTORED_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    _check_source(options)
    check_options(options, ("max_age", "time_limit", "idle_timeout", "replicas_timeout"))
    if options["state"] == "restored":
        from ansible_collections.lifeboat.dr.plugins.module_utils._work._jetstream_restore import restore

        return restore(module)
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._backup import JetStreamEngine

    for option in ("rename", "config", "replace", "republish"):
        if options[option]:
            raise OptionError(f"{option} belongs to state: restored.", hint="Leave it out, or set state: restored.")
    return back_up_component(module, JetStreamEngine(options, module.warn))


def _check_source(options: t.Mapping[str, t.Any]) -> None:
    if not options["from_folder"]:
        check_connection(options)
    elif options["state"] == "restored":
        raise OptionError(
            "from_folder belongs to state: present.", hint="Make a backup of the folder first, then restore that."
        )
    elif options["url"] or options["servers"]:
        raise OptionError("from_folder takes no server.", hint="Leave out url and servers, or from_folder.")
