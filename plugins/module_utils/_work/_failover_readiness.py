# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``failover_readiness``: tells Prometheus how a preflight ended."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import from_iso
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._exposition import Sample
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import METRICS_SPEC, open_textfiles

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

READY, DEGRADED, NOT_READY = "ready", "degraded", "not ready"
_STATES = (READY, DEGRADED, NOT_READY)  # the value of the metric is the place in here
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "problems": {"type": "list", "elements": "str", "default": []},
    "warnings": {"type": "list", "elements": "str", "default": []},
    "losses": {"type": "list", "elements": "dict", "default": []},
    "drilled_at": {"type": "str", "default": ""},
    **METRICS_SPEC,
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    state = NOT_READY if options["problems"] else DEGRADED if options["warnings"] else READY
    files = open_textfiles(options["metrics"])
    if files is not None and not module.check_mode:
        problem = files.write(files.path("failover", options["app"], options["target"]), samples(options, state))
        if problem:
            module.warn(problem)
    return {"changed": False, "state": state, "because": [*options["problems"], *options["warnings"]]}


def samples(options: t.Mapping[str, t.Any], state: str) -> list[Sample]:
    """What is told. A loss that is not known has no value."""
    labels = {"app": options["app"], "source": options["source"], "destination": options["target"]}
    found = [
        Sample("lifeboat_failover_state", float(_STATES.index(state)), labels),
        Sample("lifeboat_failover_last_preflight_timestamp_seconds", time.time(), labels),
    ]
    if options["drilled_at"]:
        at = from_iso(options["drilled_at"]).timestamp()
        found.append(Sample("lifeboat_failover_drill_passed_timestamp_seconds", at, labels))
    for loss in options["losses"]:
        if isinstance(loss.get("seconds"), (int, float)):
            component = {**labels, "component": str(loss.get("store", ""))}
            found.append(Sample("lifeboat_failover_loss_seconds", float(loss["seconds"]), component))
    return found
