# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``jetstream_heartbeat``: one heartbeat now, or the program that writes one every few seconds."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.mirror import _heartbeat
from ansible_collections.lifeboat.dr.plugins.module_utils._work._heartbeat_program import HEARTBEAT_SPEC, heartbeat_work

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "streams": {"type": "list", "elements": "str", "default": []},
    **HEARTBEAT_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    given = {name: module.params[name] for name in (*CONNECTION_SPEC, "streams")}
    return heartbeat_work(module, _heartbeat.__name__, given, _heartbeat.beater_of)
