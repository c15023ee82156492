# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_heartbeat_info``: what a bucket lacks, by the heartbeats of the one that it is replicated from."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _heartbeat
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_side, side_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "destination": side_spec(),
    "published": {"type": "dict", "default": {}},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    published = _heartbeat.read_beats("published.beats", module.params["published"].get("beats"))
    side = open_side("destination", module.params["destination"], connections=1)
    found = _heartbeat.found_in(side)
    lag = _heartbeat.lag_of(published, found)
    return {
        "changed": False,
        "loss_seconds": lag.loss_seconds,
        "loss_beats": lag.loss_beats,
        "because": lag.because,
        "counter": max((beat.counter for beat in found), default=None),
        "measured_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
