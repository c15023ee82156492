# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``rehearsal_sweep``: removes what rehearsals have left on a host."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._sweep import (
    has_leftovers,
    open_folder,
    read_journal,
    sweep,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "folder": {"type": "path", "required": True},
    "make": {"type": "bool", "default": False},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result. Raises LifeboatError where something could not be removed."""
    folder = module.params["folder"]
    if module.check_mode:
        return {"changed": has_leftovers(folder), "removed": [], "unfinished": read_journal(folder) or {}}
    swept = sweep(folder)
    if swept.left:
        raise LifeboatError(
            f"{plural(len(swept.left), 'scratch folder')} could not be removed: {', '.join(swept.left)}.",
            hint="A server may still run there. End it, and remove the folder.",
            details={"left": list(swept.left), "unfinished": swept.journal or {}},
        )
    if module.params["make"]:
        open_folder(folder, make=True)
    return {"changed": bool(swept.removed), "removed": list(swept.removed), "unfinished": swept.journal or {}}
