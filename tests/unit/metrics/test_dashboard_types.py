# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dashboard against the types that Grafana's own SDK has for it: every key is known, every value has its type.

The SDK reads JSON without a look at its types and drops the keys that it does not know. So what it has read is compared
with what it was given, and then each attribute with its annotation.
"""

from __future__ import annotations

import copy
import enum
import json
import pathlib
import typing as t

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery, panelcfg_config
from grafana_foundation_sdk.models import dashboard

_FILE = pathlib.Path(__file__).parents[3] / "roles/monitoring/files/lifeboat-dashboard.json"
_Board = dict[str, t.Any]


def _lost(given: t.Any, kept: t.Any, where: str) -> t.Iterator[str]:
    """The keys and items of ``given`` that ``kept`` has not, or has with another value."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from _lost(value, kept[key], f"{where}.{key}")
            elif value is not None:
                yield f"{where}.{key} is not a key that Grafana knows"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for place, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(one, other, f"{where}[{place}]")
    elif given != kept:
        yield f"{where} is {given!r}, and was read as {kept!r}"


def _mistyped(value: t.Any, hint: t.Any, where: str) -> t.Iterator[str]:
    """Where ``value``, or something in it, is not of the type ``hint``."""
    origin, of = t.get_origin(hint), t.get_args(hint)
    if hint is not t.Any and isinstance(hint, type) and hasattr(value, "from_json") and isinstance(value, hint):
        yield from _mistyped_model(value, where)
        return
    if origin is t.Union:
        tries = [list(_mistyped(value, one, where)) for one in of]
        yield from [] if [] in tries else tries[0]
    elif origin is t.Literal:
        if value not in of:
            yield f"{where} is {value!r}, and has to be one of {of}"
    elif origin is list and isinstance(value, list):
        for place, one in enumerate(value):
            yield from _mistyped(one, of[0], f"{where}[{place}]")
    elif origin is dict and isinstance(value, dict):
        for key, one in value.items():
            yield from _mistyped(one, of[1], f"{where}.{key}")
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if value not in list(hint):
            yield f"{where} is {value!r}, and has to be one of {[one.value for one in hint]}"
    elif isinstance(value, dict) and hasattr(hint, "from_json"):  # the SDK leaves some parts as they are
        yield from _lost(value, _plain(hint.from_json(value)), where)
        yield from _mistyped_model(hint.from_json(value), where)
    elif hint not in (t.Any, object) and not _is(value, origin or hint):
        yield f"{where} is {value!r}, and has to be {getattr(hint, '__name__', hint)}"


def _is(value: t.Any, hint: type) -> bool:
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _mistyped_model(value: t.Any, where: str) -> t.Iterator[str]:
    if isinstance(value, dashboard.Panel) and panelcfg_config(value.type_val) is None:
        yield f"{where}.type is {value.type_val!r}, which is no panel of Grafana"
    if isinstance(value, UnknownDataquery):
        yield f"{where} is a question to no kind of source that Grafana has"
    for name, hint in t.get_type_hints(type(value)).items():
        yield from _mistyped(getattr(value, name), hint, f"{where}.{name}")


def _plain(read: t.Any) -> t.Any:
    return json.loads(json.dumps(read, cls=JSONEncoder))


def _wrong(board: _Board) -> list[str]:
    try:
        read = dashboard.Dashboard.from_json(copy.deepcopy(board))
    except (
        KeyError,
        TypeError,
        AttributeError,
    ) as error:  # what the SDK says where it cannot tell which model is meant
        return [f"the SDK cannot read it: {error!r}"]
    return [*_lost(board, _plain(read), "dashboard"), *_mistyped_model(read, "dashboard")]


@pytest.fixture(scope="module")
def board() -> _Board:
    plugins.register_default_plugins()
    found: _Board = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def test_the_dashboard_has_the_types_of_grafana(board: _Board) -> None:
    assert _wrong(board) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("title", 7),
        ("refresh", True),
        ("graphTooltip", 3),
        ("fiscalYear", 1),
        ("time.from", 5),
        ("templating.list.0.type", "sauce"),
        ("panels.0.type", "stats"),
        ("panels.0.datasource.type", "promethius"),
        ("panels.0.gridPos.w", "5"),
        ("panels.0.gridPos.width", 5),
        ("panels.0.targets.0.expression", "up"),
        ("panels.0.targets.0.instant", "yes"),
        ("panels.0.options.colorMode", "backgrund"),
        ("panels.0.options.reduceOptions.calcs", "last"),
        ("panels.0.fieldConfig.defaults.units", "s"),
        ("panels.0.fieldConfig.defaults.mappings.0.type", "values"),
        ("panels.0.fieldConfig.defaults.thresholds.steps.1.value", "1"),
        ("panels.7.fieldConfig.defaults.custom.lineWidth", "2"),
        ("panels.7.fieldConfig.defaults.custom.scaleDistribution", {"type": "logarithm"}),
        ("panels.7.options.legend.placing", "bottom"),
    ],
)
def test_a_wrong_key_or_type_is_found(board: _Board, place: str, value: object) -> None:
    changed = copy.deepcopy(board)
    *way, last = place.split(".")
    inner: t.Any = changed
    for step in way:
        inner = inner[int(step) if step.isdigit() else step]
    inner[last] = value
    assert _wrong(changed)
