# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_health_info``: how a database is, and what should be put right."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import connection_from_options
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._health import judge, read_health, worst
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**CONNECTION_SPEC, "largest": {"type": "int", "default": 10}}
_MOST = 1000


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    if not 0 <= options["largest"] <= _MOST:
        raise OptionError(f"largest is {options['largest']}.", hint=f"Use 0 to {_MOST} tables.")
    connection = connection_from_options(options)
    health = read_health(connection, options["largest"])
    findings = judge(health)
    return {
        "changed": False,
        "server": connection.describe(),
        "state": worst(findings),
        "findings": [dataclasses.asdict(one) for one in findings],
        **health.facts,
        "archiver": health.archiver,
        "tables": list(health.tables),
        "invalid_indexes": list(health.invalid_indexes),
        "slots": list(health.slots),
    }
