# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The keys of a plan that say what is promised and when things run: objectives, schedule, retention, labels,
notifications. Their specifications, their checks, and what holds for one component. Pure.
"""

from __future__ import annotations

import copy
import datetime
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import check_name
from ansible_collections.lifeboat.dr.plugins.module_utils._core._calendar import parse_calendar
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import RESERVED as METRIC_LABELS
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._options import CHANNELS_SPEC, check_channels
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import (
    RETENTION_SPEC,
    read_policy,
    read_rules,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._certificates import CERTIFICATES_SPEC

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Spec, Values

OBJECTIVES = ("rpo", "rto", "detection_window")
"""How much time of data may be lost, how long a restore may take, how long damage may go unnoticed."""
RUNS = ("backup", "rehearsal", "prune", "status")
"""What a schedule can say the time of."""

WATCHED = ("metrics_dir", "page", "json", "audit_log")
"""Where a host says how its backups are, and what was done: files for the node exporter, a page, a document, a log."""

_RETENTION_OPTIONS: Spec = {
    **{name: {key: value for key, value in one.items() if key != "required"} for name, one in RETENTION_SPEC.items()},
    "unfinished_after": {"type": "str"},
}
_OBJECTIVES_SPEC: Spec = {
    "objectives": {"type": "dict", "options": {name: {"type": "str"} for name in OBJECTIVES}},
}
_RETENTION: Spec = {
    "retention": {
        "type": "dict",
        # A default here would stand before what the plan says for all.
        "options": {
            name: {key: value for key, value in one.items() if key != "default"}
            for name, one in _RETENTION_OPTIONS.items()
        },
    },
}
COMPONENT_KEYS_SPEC: Spec = {**_OBJECTIVES_SPEC, **_RETENTION}
"""The keys that a component says otherwise than its plan."""

PLAN_KEYS_SPEC: Spec = {
    **COMPONENT_KEYS_SPEC,
    "failure_domain": {"type": "str"},
    "schedule": {
        "type": "dict",
        "options": {**{run: {"type": "str"} for run in RUNS}, "random_delay": {"type": "str", "default": "5m"}},
    },
    "labels": {"type": "dict"},
    "watch": {
        "type": "dict",
        "options": {
            **{name: {"type": "path"} for name in WATCHED},
            "database_health": {"type": "bool"},
            "audit_syslog": {"type": "str"},
            **CERTIFICATES_SPEC,
        },
    },
    **CHANNELS_SPEC,
}
"""The keys of a plan."""

_LABEL = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RESERVED = ("store", *METRIC_LABELS)


def plan_key_errors(values: Values) -> t.Iterator[str]:
    """The mistakes in these keys of a plan, whose types are right."""
    yield from _objectives_errors("objectives", values.get("objectives"))
    yield from _schedule_errors(values.get("schedule"))
    yield from _retention_errors("retention", values.get("retention"), {})
    yield from _labels_errors(values.get("labels") or {})
    yield from _caught(lambda: check_channels(values.get("notifications")))
    for option in [values.get("failure_domain"), *(one.get("failure_domain") for one in values["repositories"])]:
        if option is not None and not str(option).strip():
            yield "failure_domain is empty. Name what fails together, such as a site or a region: eu-central-1."


def component_key_errors(place: str, values: Values, retention: Values) -> t.Iterator[str]:
    """The mistakes in these keys of a component, together with the ``retention`` of its plan."""
    yield from _objectives_errors(f"{place}.objectives", values.get("objectives"))
    yield from _retention_errors(f"{place}.retention", values.get("retention"), retention)


def component_of(plan: Values, name: str) -> dict[str, t.Any]:
    """The component of a plan that has no errors. Raises OptionError."""
    for component in plan["components"]:
        if component["name"] == name:
            return dict(component)
    names = ", ".join(component["name"] for component in plan["components"])
    raise OptionError(f"component: the plan has no component {name!r}.", hint=f"There are: {names}.")


def objectives_of(plan: Values, name: str) -> dict[str, datetime.timedelta]:
    """What is promised for a component of a plan that has no errors: its own objectives before the plan's.

    Holds only those that are given.
    """
    said = {**_given(plan.get("objectives")), **_given(component_of(plan, name).get("objectives"))}
    return {key: parse_duration(f"objectives.{key}", said[key]) for key in OBJECTIVES if key in said}


def audit_of(plan: Values) -> dict[str, t.Any] | None:
    """The option ``audit`` of every module that a plan starts; None where the plan wants no audit log."""
    watch = _given(plan.get("watch"))
    if not watch.get("audit_log"):
        return None
    return {"log": watch["audit_log"], **({"syslog": watch["audit_syslog"]} if watch.get("audit_syslog") else {})}


def metrics_of(plan: Values) -> dict[str, t.Any] | None:
    """The option ``metrics`` of every module that a plan starts; None where the plan wants no metrics."""
    folder = _given(plan.get("watch")).get("metrics_dir")
    labels = {name: str(value) for name, value in _given(plan.get("labels")).items()}
    return {"dir": folder, **({"labels": labels} if labels else {})} if folder else None


def retention_of(plan: Values, name: str) -> dict[str, t.Any] | None:
    """The options of ``backup_prune`` for a component of a plan that has no errors; None where nothing is deleted.

    The component's keys stand before those of the plan; labels are put together.
    """
    return _merged(_given(plan.get("retention")), _given(component_of(plan, name).get("retention")))


def _merged(common: Values, own: Values) -> dict[str, t.Any] | None:
    labels = {**_given(common.get("labels")), **_given(own.get("labels"))}
    said = {**common, **own, **({"labels": labels} if labels else {})}
    return copy.deepcopy(said) if said.get("keep") else None


def _objectives_errors(place: str, values: Values | None) -> t.Iterator[str]:
    for name, text in _given(values).items():
        yield from _caught(lambda name=name, text=text: _positive(f"{place}.{name}", text))


def _positive(option: str, text: t.Any) -> None:
    if not parse_duration(option, text):
        raise OptionError(f"{option} is {text}, which nothing can hold.", hint="Give a time such as 24h or 15m.")


def _schedule_errors(values: Values | None) -> t.Iterator[str]:
    for name, text in _given(values).items():
        if name == "random_delay":
            yield from _caught(lambda text=text: parse_duration("schedule.random_delay", text))
        else:
            yield from _caught(lambda name=name, text=text: parse_calendar(f"schedule.{name}", text))


def _retention_errors(place: str, own: Values | None, common: Values) -> t.Iterator[str]:
    if own is None:
        return
    own = _given(own)
    for label, rules in _given(own.get("labels")).items():
        yield from _caught(lambda label=label: check_name(f"{place}.labels", str(label).replace("*", "x")))
        if not isinstance(rules, t.Mapping):
            yield f"{place}.labels.{label} is {type(rules).__name__} and not a dictionary such as {{within: 90d}}."
            return
        yield from _caught(lambda label=label, rules=rules: read_rules(f"{place}.labels.{label}", rules))
    merged = _merged(_given(common), {key: value for key, value in own.items() if key != "labels"})
    if merged is None:
        yield f"{place}.keep is missing. Say what stays, such as {{within: 2d, daily: 14, weekly: 8, monthly: 12}}."
        return
    defaults = {name: one.get("default") for name, one in RETENTION_SPEC.items()}
    for error in _caught(lambda: read_policy({**defaults, **merged, "labels": None})):
        yield error if error.startswith(place) else f"{place}.{error}"
    if merged.get("unfinished_after"):
        yield from _caught(lambda: parse_duration(f"{place}.unfinished_after", merged["unfinished_after"]))


def _labels_errors(labels: Values) -> t.Iterator[str]:
    for name, value in labels.items():
        if not isinstance(name, str) or not _LABEL.fullmatch(name):
            yield f"labels: {name!r} is not the name of a label. Use lowercase letters, digits and underscores."
        elif name in _RESERVED:
            yield f"labels.{name} is a name that lifeboat.dr uses itself. Use another, such as team or environment."
        elif isinstance(value, (dict, list)) or not str(value).strip() or "\n" in str(value):
            yield f"labels.{name} is not one line of text. Write it as {{team: shop, environment: production}}."


def _given(values: t.Any) -> dict[str, t.Any]:
    """The values without those that say nothing: YAML's null is as good as a key that is left out."""
    return {name: value for name, value in values.items() if value is not None} if values else {}


def _caught(check: t.Callable[[], t.Any]) -> list[str]:
    try:
        check()
    except OptionError as error:
        return [str(error)]
    return []
