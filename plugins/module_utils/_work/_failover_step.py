# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``failover_step``: what is to be done with a step, and the line that says what came of it."""

from __future__ import annotations

import getpass
import platform
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    COMPENSATED,
    DONE,
    FAILED,
    INTENT,
    SKIPPED,
    append,
    read_ledger,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import RUN, STEPS, decide
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_common import (
    LEDGER_SPEC,
    check_writer,
    ledger_repository,
    new_line,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_PHASES = {"done": DONE, "failed": FAILED, "skipped": SKIPPED, "compensated": COMPENSATED}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **LEDGER_SPEC,
    "run_id": {"type": "str", "required": True},
    "writer": {"type": "str", "required": True},
    "step": {"type": "str", "required": True, "choices": [step.name for step in STEPS]},
    "state": {"type": "str", "required": True, "choices": ["begun", *_PHASES]},
    "facts": {"type": "dict", "default": {}},
    "actor": {"type": "str"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result. ``begun`` writes the intent before anybody acts; the others say what came of it."""
    options = module.params
    repository = ledger_repository(options)
    ledger = read_ledger(repository, options["app"])
    check_writer(ledger, options["run_id"], options["writer"])
    actor = options["actor"] or f"{getpass.getuser()}@{platform.node()}"
    mode = str(ledger.lines[0].facts.get("mode", ""))
    step = next(step for step in STEPS if step.name == options["step"])
    if options["state"] == "begun":
        decision = decide(ledger, mode, step.name)
        result: dict[str, t.Any] = {"action": decision.action, "why": decision.why, "title": step.title}
        result["timeout_seconds"] = step.timeout_seconds
        if decision.action == RUN and not module.check_mode:
            append(repository, ledger, new_line(ledger, options["writer"], INTENT, step.name, options["facts"], actor))
        return {"changed": decision.action == RUN, **result}
    last = next((line for line in reversed(ledger.lines) if line.step == step.name), None)
    if last is None and options["state"] != "skipped":
        raise OptionError(
            f"The step {step.name} was never begun, so it cannot be {options['state']}.",
            hint="Begin it first: the intent stands in the ledger before anything is done.",
        )
    if not module.check_mode:
        phase = _PHASES[options["state"]]
        append(repository, ledger, new_line(ledger, options["writer"], phase, step.name, options["facts"], actor))
    return {"changed": True, "action": "", "why": "", "title": step.title, "timeout_seconds": step.timeout_seconds}
