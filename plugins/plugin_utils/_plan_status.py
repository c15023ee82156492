# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""From a plan to what is expected of the backups of its components. Pure."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

_SLACK = datetime.timedelta(days=1)
"""What a proof may be older than the ``max_age`` at which it is made anew: a rehearsal has its own schedule."""


def status_components(plan: t.Any) -> list[dict[str, t.Any]]:
    """The option ``components`` of ``backup_status`` for this plan: the objectives of each component, its own before
    those of the plan. What a plan does not say is left to the module's defaults.

    Raises OptionError for a plan that is none.
    """
    return [_component(plan, component) for component in _components(plan)]


def _components(plan: t.Any) -> list[t.Mapping[str, t.Any]]:
    if not isinstance(plan, t.Mapping) or not isinstance(plan.get("components"), list):
        raise OptionError("The plan has no list of components.", hint="Check it with lifeboat.dr.plan_errors.")
    return list(plan["components"])


def due_components(plan: t.Any) -> list[dict[str, t.Any]]:
    """The option ``components`` of ``backup_due`` for this plan. Raises OptionError for a plan that is none."""
    return [
        {key: component[key] for key in ("name", "engine", "max_age") if component.get(key) is not None}
        for component in _components(plan)
    ]


def _component(plan: t.Mapping[str, t.Any], component: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    objectives = _merged(plan, component, "objectives")
    proof = _merged(plan, component, "verification").get("max_age")
    retention = _merged(plan, component, "retention")
    said = {
        "rpo": objectives.get("rpo"),
        "rto": objectives.get("rto"),
        "max_proof_age": f"{int((parse_duration('max_age', proof) + _SLACK).total_seconds())}s" if proof else None,
        "min_backups": retention.get("min_keep"),
    }
    return {"name": component["name"], **{key: value for key, value in said.items() if value is not None}}


def _merged(plan: t.Mapping[str, t.Any], component: t.Mapping[str, t.Any], key: str) -> dict[str, t.Any]:
    both = [plan.get(key) or {}, component.get(key) or {}]
    return {name: value for values in both for name, value in values.items() if value is not None}
