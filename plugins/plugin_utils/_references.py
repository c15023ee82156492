# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The key ``references`` of a plan: what one store names of another, and how a rehearsal looks whether it is there.
Pure.

The names that ``from`` has are written to a file by the module of its store, and looked for by that of ``to``.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural
from ansible_collections.lifeboat.dr.plugins.module_utils._references._names import taken_by
from ansible_collections.lifeboat.dr.plugins.plugin_utils._checked_options import validated
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES, Engine, Spec, Values

SIDES = ("from", "to")
_SIDE_SPEC: Spec = {"component": {"type": "str", "required": True}}
REFERENCES_SPEC: Spec = {
    "references": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            **{side: {"type": "dict", "required": True} for side in SIDES},
            "max_missing": {"type": "int", "default": 0},
        },
    },
}
"""The key of a plan. What a side may have depends on the engine of its component."""
_NOT_RESTORED = ("s3",)  # the replica is the copy
_OF_ITSELF = ("postgresql", *_NOT_RESTORED)  # a rehearsal needs no place for these
_SHOWN = 5


def reference_errors(references: t.Sequence[Values] | None, components: t.Any) -> list[str]:
    """The mistakes in the key ``references``, whose types are right."""
    engines = {
        str(one.get("name")): str(one.get("engine"))
        for one in (components if isinstance(components, list) else [])
        if isinstance(one, dict)
    }
    errors = []
    names = [one["name"] for one in references or []]
    for number, one in enumerate(references or []):
        place = f"references[{number}]"
        if names.count(one["name"]) > 1:
            errors.append(f"{place}.name is {one['name']!r}, as that of another one. Give each a name of its own.")
        if one["max_missing"] < 0:
            errors.append(f"{place}.max_missing is {one['max_missing']}. Give the number of names that may be missing.")
        for side in SIDES:
            errors += _side_errors(f"{place}.{side}", one[side], engines)
    return errors


def _side_errors(place: str, side: Values, engines: t.Mapping[str, str]) -> list[str]:
    name = str(side.get("component", ""))
    if name not in engines:
        return [f"{place}.component is {name!r}; the components are {', '.join(engines)}."]
    engine = ENGINES.get(engines[name])
    if engine is None:
        return []  # the component's own mistake
    if engine.references is None:
        return [f"{place}.component: {name} is {engine.store.phrase}, of which no names are read."]
    errors, values = validated(place, {**_SIDE_SPEC, **engine.reference_keys, "take": {"type": "str"}}, side)
    if not errors:
        try:
            taken_by(values["take"])
        except OptionError as error:
            errors.append(f"{place}: {error}")
    return errors


def items(references: t.Sequence[Values] | None) -> list[dict[str, t.Any]]:
    """What a rehearsal does, in order: both sides of each entry, without anything secret."""
    return [
        {"number": number, "side": side, "component": one[side]["component"], "name": one["name"]}
        for number, one in enumerate(references or [])
        for side in SIDES
    ]


def needed(references: t.Sequence[Values] | None, components: t.Sequence[Values], *, places: bool) -> list[str]:
    """The components that have to be restored for this; only those that need to be told where, with ``places``."""
    engines = {one["name"]: one["engine"] for one in components}
    left_out = _OF_ITSELF if places else _NOT_RESTORED
    names = dict.fromkeys(one["component"] for one in items(references))
    return [name for name in names if engines.get(name) not in left_out]


def reference_options(
    plan: Values, item: Values, engine: Engine, component: Values, stores: Values, restore: Values, folder: str
) -> dict[str, t.Any]:
    """The options of the module that reads one side. Raises OptionError where its store was not restored."""
    name = item["component"]
    if engine.store.engine not in _NOT_RESTORED and name not in stores:
        raise OptionError(
            f"{name} was not restored, so nothing can be read of it.",
            hint="Leave out rehearsal_application.components, or name it there.",
        )
    place = engine.reference_place(component, stores.get(name) or {}, restore.get(name) or {})
    side = {key: value for key, value in plan["references"][item["number"]][item["side"]].items() if key != "component"}
    file = f"{folder}/references/{item['number']}.names"
    return {
        **{key: value for key, value in {**place, **side}.items() if value is not None},
        "write_to" if item["side"] == "from" else "look_for": file,
    }


def checks(looked: Values, references: t.Sequence[Values]) -> list[dict[str, t.Any]]:
    """A check for each entry, of what the loop over ``items`` has registered."""
    found = {(one["rehearsal_one"]["number"], one["rehearsal_one"]["side"]): one for one in looked.get("results") or []}
    return [
        _check(one, found.get((number, "from"), {}), found.get((number, "to"), {}))
        for number, one in enumerate(references)
    ]


def _check(reference: Values, source: Values, target: Values) -> dict[str, t.Any]:
    there = reference["to"]["component"]
    allowed = int(reference.get("max_missing") or 0)
    check = {
        "name": reference["name"],
        "status": "error",
        "expected": f"what {reference['from']['component']} names is in {there}"
        + (f", but for at most {allowed}" if allowed else ""),
        "observed": "",
    }
    for one in (source, target):
        if one.get("failed") or "names" not in one:
            return {**check, "observed": str(one.get("msg") or "It was not looked at.")}
    missing = target["missing"]
    observed = f"{plural(target['names'], 'name')} of {_entries(source)}, looked for in {_entries(target)}: "
    shown = ", ".join(target["missing_names"][:_SHOWN]) + (", ..." if missing > _SHOWN else "")
    observed += f"{missing} missing: {shown}" if missing else "all are there"
    return {**check, "status": "failed" if missing > allowed else "passed", "observed": observed}


def _entries(seen: Values) -> str:
    unnamed = f" ({seen['unnamed']} without a name)" if seen["unnamed"] else ""
    return f"{seen['entries']} {'entry' if seen['entries'] == 1 else 'entries'}{unnamed}"
