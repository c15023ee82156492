# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_fence``: a primary that refuses writes, or takes them again."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import connection_from_options
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _fence
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._state import read_state

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "state": {"type": "str", "choices": ["fenced", "unfenced"], "required": True},
    "time_limit": {"type": "str", "default": "1m"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    connection = connection_from_options(options)
    fenced = options["state"] == "fenced"
    standby = read_state(connection).position.in_recovery
    before = standby or _fence.refuses_writes(connection)
    # A standby refuses writes anyway. A fence that it has kept from an earlier life would hold when it is promoted.
    kept = standby and not fenced and _fence.is_kept(connection)
    changed = kept or (not standby and before is not fenced)
    ended = 0
    if changed and not module.check_mode:
        with left_when_stopped("The server may refuse writes: look at default_transaction_read_only."):
            if fenced:
                ended = _fence.fence(connection, deadline)
            elif standby:
                _fence.forget(connection, deadline)
            else:
                _fence.unfence(connection, deadline)
    words = {True: "refuses writes", False: "takes writes"}
    after = fenced if changed and not standby else before
    return {
        "changed": changed,
        "server": connection.describe(),
        "refuses_writes": after,
        "sessions_ended": ended,
        "diff": {
            "before": f"{words[before]}{' (and would as a primary)' if kept else ''}\n",
            "after": f"{words[after]}\n",
        },
    }
