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
    Ledger,
    append,
    read_ledger,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import (
    RUN,
    SKIP,
    STEPS,
    Next,
    decide,
    steps_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_common import (
    DRILLS_SPEC,
    check_writer,
    ledger_repository,
    new_line,
    root_of,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

_PHASES = {"done": DONE, "failed": FAILED, "skipped": SKIPPED, "compensated": COMPENSATED}
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **DRILLS_SPEC,
    "run_id": {"type": "str", "required": True},
    "writer": {"type": "str", "required": True},
    "step": {"type": "str", "required": True, "choices": [step.name for step in STEPS]},
    "state": {"type": "str", "required": True, "choices": ["begun", *_PHASES]},
    "facts": {"type": "dict", "default": {}},
    "actor": {"type": "str"},
    "go_on": {"type": "bool", "default": False},
    "empty": {"type": "list", "elements": "str", "default": []},
}
_NOTHING = {"why": "nothing is configured for it"}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result. ``begun`` writes the intent before anybody acts; the others say what came of it."""
    options = module.params
    repository = ledger_repository(options)
    ledger = read_ledger(repository, options["app"], root_of(options))
    check_writer(ledger, options["run_id"], options["writer"])
    journal = _Journal(repository, ledger, options, dry=module.check_mode)
    if options["state"] == "begun":
        return journal.begin(options["step"])
    return journal.end(options["step"], options["state"])


class _Journal:
    """The ledger of a run, while this controller writes it."""

    def __init__(self, repository: Repository, ledger: Ledger, options: t.Mapping[str, t.Any], *, dry: bool) -> None:
        self._repository = repository
        self._ledger = ledger
        self._options = options
        self._dry = dry
        self._mode = str(ledger.lines[0].facts.get("mode", ""))
        self._actor = options["actor"] or f"{getpass.getuser()}@{platform.node()}"

    def begin(self, name: str) -> dict[str, t.Any]:
        """Decide on the step and write its intent; with ``go_on``, on the first from there that has something to do."""
        names = [step.name for step in steps_of(self._mode)]
        following = names[names.index(name) :] if self._options["go_on"] and name in names else [name]
        if self._options["go_on"] and self._ledger.is_reopened:
            following = []  # the failover itself has ended, and what is done afterwards is begun by its name
        for one in following:
            decision = decide(self._ledger, self._mode, one)
            if self._options["go_on"] and decision.action == SKIP:
                continue
            if decision.action == RUN and one in self._options["empty"] and not self._dry:
                self._write(SKIPPED, one, _NOTHING)
                continue
            if decision.action == RUN:
                self._write(INTENT, one, self._options["facts"] if self._options["state"] == "begun" else {})
            return {"changed": decision.action == RUN, **_described(one, decision)}
        return {"changed": False, **_described("", Next(SKIP, "no step is left"))}

    def end(self, name: str, state: str) -> dict[str, t.Any]:
        """Write what came of the step; with ``go_on``, begin the next one."""
        last = next((line for line in reversed(self._ledger.lines) if line.step == name), None)
        if last is None and state != "skipped":
            raise OptionError(
                f"The step {name} was never begun, so it cannot be {state}.",
                hint="Begin it first: the intent stands in the ledger before anything is done.",
            )
        # What is done stays so: where the line of the next step could not be written, nothing of this one has failed.
        written = not (state == "failed" and last is not None and last.phase == DONE)
        if written:
            self._write(_PHASES[state], name, self._options["facts"])
        names = [step.name for step in steps_of(self._mode)]
        after = names[names.index(name) + 1 :] if self._options["go_on"] and name in names else []
        if after:
            begun = self.begin(after[0])
            return {**begun, "changed": written or begun["changed"]}
        return {"changed": written, **_described("", Next("", ""))}

    def _write(self, phase: str, name: str, facts: t.Mapping[str, t.Any]) -> None:
        if not self._dry:
            line = new_line(self._ledger, self._options["writer"], phase, name, facts, self._actor)
            self._ledger = append(self._repository, self._ledger, line)


def _described(name: str, decision: Next) -> dict[str, t.Any]:
    step = next((step for step in STEPS if step.name == name), None)
    return {
        "step": name,
        "action": decision.action,
        "why": decision.why,
        "title": step.title if step else "",
        "timeout_seconds": step.timeout_seconds if step else 0,
    }
