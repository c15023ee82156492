# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_fence``: has a bucket refuse writes, and proves it."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, open_side, side_spec
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _fence

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

WRITER_SPEC: dict[str, dict[str, t.Any]] = {
    "access_key": {"type": "str", "required": True, "no_log": True},
    "secret_key": {"type": "str", "required": True, "no_log": True},
    "session_token": {"type": "str", "no_log": True},
}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "bucket": side_spec(),
    "writer": {"type": "dict", "options": WRITER_SPEC},
    "state": {"type": "str", "choices": ["fenced", "unfenced"], "required": True},
    "time_limit": {"type": "str", "default": "1m"},
}
_PAUSE_SECONDS = 0.5


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    side = open_side("bucket", options["bucket"])
    writer = (
        open_side("bucket", {**options["bucket"], "profile": None, **options["writer"]}) if options["writer"] else side
    )
    fenced = options["state"] == "fenced"
    policy = _fence.read_policy(side)
    changed = _fence.is_fenced(policy) is not fenced
    if changed and not module.check_mode:
        after = _fence.unfenced_policy(policy)
        if fenced:
            after = _fence.fenced_policy(policy, side.bucket, _fence.partition_of(side.region))
        with left_when_stopped("The bucket may refuse writes: look at its policy."):
            _fence.write_policy(side, after)
    if (changed or fenced) and not module.check_mode:
        _wait_for(writer, fenced, deadline)
    words = {True: "refuses writes", False: "takes writes"}
    return {
        "changed": changed,
        "server": side.settings.name,
        "refuses_writes": fenced,
        "diff": {
            "before": f"{side.settings.name}: {words[fenced is not changed]}\n",
            "after": f"{side.settings.name}: {words[fenced]}\n",
        },
    }


def _wait_for(writer: Side, fenced: bool, deadline: Deadline) -> None:
    """Until every look is as it should be: a change of a policy takes a moment on some servers."""
    while _fence.refuses_writes(writer) is not fenced:
        if deadline.remaining(_PAUSE_SECONDS * 2) <= _PAUSE_SECONDS:
            raise _unproven(writer, fenced)
        time.sleep(_PAUSE_SECONDS)


def _unproven(writer: Side, fenced: bool) -> LifeboatError:
    if fenced:
        return LifeboatError(
            f"{writer.settings.name} takes writes although its policy refuses them to everybody.",
            hint="This server does not keep to policies, or not for this key: an owner of all is often let in. Give "
            "the application's key in writer, or take the key away from the application instead.",
        )
    return LifeboatError(
        f"{writer.settings.name} still refuses writes, and its policy has no fence of this collection any more.",
        hint="Something else refuses them: other statements of the policy, or the rights of this key.",
    )
