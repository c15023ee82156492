# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``plan_discover_info``: what is on a host that a plan could protect, and a first plan."""

from __future__ import annotations

import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._discover._first_plan import first_plan, usable
from ansible_collections.lifeboat.dr.plugins.module_utils._discover._look import look

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str"},
    "socket_dirs": {"type": "list", "elements": "path", "default": ["/var/run/postgresql", "/tmp"]},
    "root": {"type": "path", "default": "/"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    found = look(options["root"].rstrip("/"), options["socket_dirs"])
    plan = first_plan(found, options["app"] or platform.node())
    return {"changed": False, **to_plain(found), "could_not_see": usable(found).could_not_see, "plan": plan}
