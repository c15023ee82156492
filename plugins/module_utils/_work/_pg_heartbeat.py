# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_heartbeat``: one heartbeat of a database now, or the program that writes one every few seconds."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import connection_from_options
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _heartbeat
from ansible_collections.lifeboat.dr.plugins.module_utils._work._heartbeat_program import HEARTBEAT_SPEC, heartbeat_work

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    **HEARTBEAT_SPEC,
    "program": {"type": "path", "default": "/usr/local/lib/lifeboat/lifeboat-heartbeat"},
    "config_file": {"type": "path", "default": "/etc/lifeboat/heartbeat.json"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    parameters = connection_from_options(module.params).parameters
    return heartbeat_work(module, _heartbeat.__name__, parameters, _heartbeat.beater_of)
