# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""From a plan and a component's name to the module that serves it, and its arguments. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import SCRATCH_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _backup_prune
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import (
    ENGINES,
    Engine,
    Module,
    Values,
    check_questions,
    known_to,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import KEYS, OF_COMPONENT, OF_PLAN, plan_errors
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import (
    audit_of,
    component_of,
    metrics_of,
    retention_of,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._references import reference_options

_TAKING_A_PLACE = frozenset(("replace", "swap"))  # of the option target: nothing of these is a place of its own
PRUNE = Module("backup_prune", _backup_prune.ARGUMENT_SPEC)


@dataclasses.dataclass(frozen=True)
class Call:
    """A module and what it is given."""

    module: str
    arguments: dict[str, t.Any]


def backup_call(plan: Values, name: str, *, state_dir: str | None = None, label: str | None = None) -> Call:
    """How a component is backed up. ``state_dir`` is for a component that says none. Raises OptionError."""
    component, engine = _found(plan, name)
    own = {key: value for key, value in component.items() if key not in OF_COMPONENT}
    shared = {"metrics": metrics_of(plan), **_of_plan(plan, engine.backup)}
    said = {"state_dir": state_dir, "label": label, **_given(own), **shared}
    return _call(plan, name, engine.backup, said)


def verify_call(plan: Values, name: str, options: Values | None = None) -> Call:
    """How the component's backup is proven. ``options`` stand before what the plan says. Raises OptionError."""
    component, engine = _found(plan, name)
    _check_known(options or {}, engine.verify)
    said = (plan.get("verification"), component.get("verification"), options)
    own = {key: value for values in said for key, value in _given(values or {}).items()}
    keys = {key: own.pop(key) for key in KEYS if key in own}
    check_questions(engine, own)
    arguments = {"encryption": keys or None, **engine.verify_shared(component), **known_to(engine.verify, own)}
    return _call(plan, name, engine.verify, {**arguments, "metrics": metrics_of(plan)})


def prune_call(plan: Values, name: str, *, confirm: str | None = None, state_dir: str | None = None) -> Call | None:
    """How old backups of the component are deleted; None where the plan has no retention for it. Raises OptionError.

    ``confirm`` is the digest of a plan that was approved; ``state_dir`` is for a component that says none.
    """
    component, _engine = _found(plan, name)
    retention = retention_of(plan, name)
    if retention is None:
        return None
    arguments = {"confirm": confirm, **_given({"state_dir": state_dir}), **_given(retention)}
    if component.get("state_dir"):
        arguments["state_dir"] = component["state_dir"]
    return _call(plan, name, PRUNE, arguments)


def restore_call(
    plan: Values, name: str, options: Values, *, target_time: str | None = None, isolated: bool = False
) -> Call:
    """How the component's backup is restored. ``options`` are those of its module, and stand before what the plan says.

    ``target_time`` is a point in time in ISO 8601 that is to be brought back. Where it is ``isolated``, nothing of the
    plan says where the component goes to: ``options`` do, or a place of its own. Raises OptionError.
    """
    component, engine = _found(plan, name)
    if engine.restore is None:
        raise OptionError(
            f"component: {name} is {engine.store.phrase}, and no module restores that from a plan.",
            hint="The documentation of its store says how it is brought back.",
        )
    verification = {**_given(plan.get("verification") or {}), **_given(component.get("verification") or {})}
    keys = {key: verification[key] for key in KEYS if key in verification}
    _check_known(options, engine.restore)
    if isolated and not engine.restore_apart and not set(options) - {"backup"}:
        raise OptionError(
            f"component: {name} is {engine.store.phrase}, and no place of its own can be made for it.",
            hint=f"Say in options where it goes to, in those of lifeboat.dr.{engine.restore.name}.",
        )
    taking = sorted(_TAKING_A_PLACE & set(options.get("target") or {})) if isolated else []
    if taking:
        raise OptionError(
            f"options.target.{taking[0]} puts {name} in the place of another database, and what is isolated is "
            "restored beside everything else.",
            hint="Say target.dsn of a new database, or leave target out.",
        )
    names = engine.restore_shared_apart if isolated else engine.restore_shared
    where = {**engine.restore_default(component), **_given(component.get("restore") or {})}
    if target_time or set(engine.restore_points) & set(options):
        where = {name: value for name, value in where.items() if name not in engine.restore_points}
    apart = {**({} if options.get("target") else engine.restore_apart), **_given(_scratch_of(engine, verification))}
    arguments = {
        "encryption": keys or None,
        **_given({key: component[key] for key in names if key in component}),
        **engine.restore.fixed,
        **(apart if isolated else where),
        **(engine.restore_at(target_time) if target_time else {}),
        **_given(options),
    }
    return _call(plan, name, engine.restore, arguments)


def references_call(
    plan: Values, item: Values, *, stores: Values, restore: Values, folder: str, seconds: int = 0
) -> Call:
    """How one side of a reference is read: ``item`` is one of what ``_references.items`` gives.

    ``stores`` and ``restore`` say where a rehearsal has restored the stores, and with which options; ``folder`` is
    where names are exchanged. Raises OptionError.
    """
    component, engine = _found(plan, item["component"])
    if engine.references is None:
        raise OptionError(f"component: {item['component']} is {engine.store.phrase}, of which no names are read.")
    options = reference_options(plan, item, engine, component, stores, restore, folder)
    limit = {"time_limit": f"{seconds}s"} if seconds else {}
    return Call(f"lifeboat.dr.{engine.references.name}", {**options, **limit})


def _scratch_of(engine: Engine, verification: Values) -> dict[str, t.Any]:
    """Where and as whom scratch servers of this engine run, as the plan says for proofs."""
    spec = engine.restore.spec if engine.restore else {}
    return {key: verification[key] for key in SCRATCH_SPEC if key in spec and key in verification}


def _check_known(options: Values, module: Module) -> None:
    wrong = sorted(set(options) - set(module.spec))
    if wrong:
        raise OptionError(
            f"options.{wrong[0]} is not an option of lifeboat.dr.{module.name}.",
            hint=f"The options are: {', '.join(sorted(module.spec))}.",
        )


def _found(plan: t.Any, name: str) -> tuple[dict[str, t.Any], Engine]:
    errors = plan_errors(plan)
    if errors:
        raise OptionError(f"plan cannot be used: {' '.join(errors)}")
    component = component_of(plan, name)
    return component, ENGINES[component["engine"]]


def _given(values: Values) -> dict[str, t.Any]:
    """The values without those that say nothing: YAML's null is as good as a key that is left out."""
    return {name: value for name, value in values.items() if value is not None}


def _of_plan(plan: Values, module: Module) -> dict[str, t.Any]:
    return {key: plan[key] for key in OF_PLAN if key in module.spec and plan.get(key) is not None}


def _call(plan: Values, name: str, module: Module, arguments: Values) -> Call:
    common = {"app": plan["app"], "component": name, "repositories": plan["repositories"]}
    if audit_of(plan) and "audit" in module.spec and "audit" not in arguments:
        common["audit"] = audit_of(plan)
    return Call(f"lifeboat.dr.{module.name}", {**_given(arguments), **common})
