# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``rehearsal_guard``: refuses a host that is production's."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._guard import (
    check_environment,
    matches,
    names_in,
    read_production,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._host import read_host
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._resolve import resolve

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "environment": {"type": "str", "default": ""},
    "production": {
        "type": "dict",
        "options": {
            "hosts": {"type": "list", "elements": "str", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "system_identifiers": {"type": "list", "elements": "str", "default": []},
        },
    },
    "names": {"type": "list", "elements": "str", "default": []},
    "urls": {"type": "list", "elements": "str", "default": [], "no_log": True},  # they may hold passwords
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result. Raises LifeboatError where the host is production's."""
    options = module.params
    production = read_production(options["production"])
    check_environment(options["environment"], production)
    host = read_host(options["names"])
    names = names_in(options["urls"]) if production.hosts or production.networks else []
    found = matches(host, production, options["urls"], resolve(names))
    if found:
        raise LifeboatError(
            f"This is production: {'; '.join(found)}. Nothing was restored.",
            hint="Rehearse on a staging host. If an entry of production is wrong, correct it there.",
            details={"matches": found},
        )
    return {
        "changed": False,
        "environment": options["environment"],
        "names": list(host.names),
        "addresses": list(host.addresses),
        "servers": [{"folder": one.folder, "system_identifier": one.identifier} for one in host.servers],
    }
