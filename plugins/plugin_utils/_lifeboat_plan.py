# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Checks a lifeboat_plan on the controller, before anything runs. Pure.

The plan is made of options of the modules, so it is checked by what the modules themselves check their options with:
there is one place for each rule.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC, open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import check_name
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC, open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pgbackrest_stanza import repositories_without_backups
from ansible_collections.lifeboat.dr.plugins.plugin_utils._checked_options import validated
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES, Engine, Spec, verify_options
from ansible_collections.lifeboat.dr.plugins.plugin_utils._failover_plan import SECTIONS_SPEC, failover_errors
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import (
    COMPONENT_KEYS_SPEC,
    PLAN_KEYS_SPEC,
    component_key_errors,
    plan_key_errors,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._references import REFERENCES_SPEC, reference_errors
from ansible_collections.lifeboat.dr.plugins.plugin_utils._regions import REGIONS_SPEC, region_errors

# What a component does not say itself: the plan says it for all.
OF_PLAN = ("repositories", "encryption", "compression")
_SAID_BY_PLAN = ("app", "component", "label", *OF_PLAN, "progress_file", "metrics", "audit")
# What a component says that no option of its modules is.
OF_COMPONENT = ("name", "engine", "verification", "restore", "configure", *COMPONENT_KEYS_SPEC)


def _options_of(module_spec: Spec) -> Spec:
    return {name: option for name, option in module_spec.items() if name not in _SAID_BY_PLAN}


def _optional(module_spec: Spec) -> Spec:
    return {
        name: {key: one for key, one in option.items() if key != "required"} for name, option in module_spec.items()
    }


# To prove a backup takes its secret key, which the options of encryption that make one do not.
KEYS = ("identity_file", "passphrase_file", "passphrase_env", "gpg_home")
VERIFICATION_SPEC: Spec = {
    **_options_of(verify_options()),
    **{name: ENCRYPTION_SPEC["encryption"]["options"][name] for name in KEYS},
}
"""The keys of ``verification``, of the plan and of a component."""

_VERIFICATION: Spec = {"verification": {"type": "dict", "options": VERIFICATION_SPEC}}
COMPONENT_KEYS: dict[str, Spec] = {name: _options_of(engine.backup.spec) for name, engine in ENGINES.items()}
"""The keys of a component that belong to its engine."""

RESTORE_KEYS: dict[str, Spec] = {
    name: {"restore": {"type": "dict", "options": _optional(_options_of(engine.restore.spec))}}
    for name, engine in ENGINES.items()
    if engine.restore
}
"""The key ``restore`` of a component: where it goes back to, in the options of its engine's module."""

CONFIGURE_KEYS: dict[str, Spec] = {
    name: {"configure": {"type": "dict", "options": engine.configure.spec}}
    for name, engine in ENGINES.items()
    if engine.configure
}
"""The key ``configure`` of a component: what backs it up is made by the role ``backup``."""

_COMPONENT_SPEC: Spec = {
    "name": {"type": "str", "required": True},
    "engine": {"type": "str", "required": True, "choices": list(ENGINES)},
}
PLAN_SPEC: Spec = {
    "app": {"type": "str", "required": True},
    "run_as": {"type": "str", "default": "postgres"},
    "components": {"type": "list", "elements": "raw", "required": True},
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **COMPRESSION_SPEC,
    **_VERIFICATION,
    **PLAN_KEYS_SPEC,
    **REFERENCES_SPEC,
    **REGIONS_SPEC,
    **SECTIONS_SPEC,
}
_ANY_RETENTION = {"keep": {"last": 1}}
_DURATIONS = ("max_age", "lock_timeout", "time_limit", "idle_timeout", "grace")


def plan_errors(plan: t.Any) -> list[str]:
    """Every mistake in a plan, in words that a person can act on; empty when it can be used."""
    errors, values = validated("", PLAN_SPEC, plan)
    if not errors:
        errors += _caught(lambda: check_name("app", values["app"]))
        errors += _caught(lambda: open_repositories(values["repositories"]))
        errors += _caught(lambda: open_cipher(values["encryption"]))
        errors += _caught(lambda: open_compressor(values["compression"]))
        errors += _verification_errors("verification", values["verification"], list(ENGINES.values()))
        errors += plan_key_errors(values)
        errors += reference_errors(values["references"], plan["components"])
        errors += region_errors(values, plan["components"])
        regions = [region["name"] for region in values["regions"] or []]
        names = [component.get("name") for component in plan["components"] if isinstance(component, t.Mapping)]
        sections = {name: plan.get(name) for name in SECTIONS_SPEC}
        errors += failover_errors({**sections, "regions": regions, "components": names})
    components = plan.get("components") if isinstance(plan, t.Mapping) else None
    retention = _ANY_RETENTION if errors else values["retention"] or {}  # a mistake of the plan is not each component's
    return errors + (_components_errors(components, retention) if isinstance(components, list) else [])


def _components_errors(components: list[t.Any], retention: t.Mapping[str, t.Any]) -> list[str]:
    if not components:
        return ["components: there is none. Give at least one {name: ..., engine: ...}."]
    errors = [
        error
        for number, component in enumerate(components)
        for error in _component_errors(f"components[{number}]", component, retention)
    ]
    names = [
        str(component.get("name"))
        for component in components
        if isinstance(component, t.Mapping) and component.get("name")
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    alike = sorted(
        name for name in set(names) if any(name != other and name.lower() == other.lower() for other in names)
    )
    if alike:
        errors.append(
            f"components: {' and '.join(alike)} differ in upper and lower case alone, and are one folder in some "
            "repositories. Give each a name of its own."
        )
    if not errors:
        errors += repositories_without_backups(components)
    return errors + [
        f"components: {name} is the name of {names.count(name)} of them. Give each a name of its own." for name in twice
    ]


def _component_errors(place: str, component: t.Any, retention: t.Mapping[str, t.Any]) -> list[str]:
    if isinstance(component, t.Mapping):  # the engine says which other keys there are
        errors, values = validated(
            place, _COMPONENT_SPEC, {key: value for key, value in component.items() if key in _COMPONENT_SPEC}
        )
        if errors:
            return errors
        spec = component_spec(values["engine"])
    else:
        spec = _COMPONENT_SPEC
    errors, values = validated(place, spec, component)
    if not errors:
        errors += _caught(lambda: check_name(f"{place}.name", values["name"]))
        errors += _duration_errors(place, values)
        engine = ENGINES[values["engine"]]
        errors += _caught(lambda: engine.check(values, f"{place}: "))
        errors += _verification_errors(f"{place}.verification", values["verification"], [engine])
        errors += component_key_errors(place, values, retention)
    return errors


def component_spec(engine: str) -> Spec:
    """Every key of a component of this engine."""
    own = {**COMPONENT_KEYS[engine], **RESTORE_KEYS.get(engine, {}), **CONFIGURE_KEYS.get(engine, {})}
    return {**_COMPONENT_SPEC, **_VERIFICATION, **COMPONENT_KEYS_SPEC, **own}


def _verification_errors(place: str, values: t.Mapping[str, t.Any] | None, engines: t.Sequence[Engine]) -> list[str]:
    """A question has to be one to one of these engines."""
    errors = _duration_errors(place, values or {})
    for number, check in enumerate((values or {}).get("checks") or []):
        found = [_question_errors(f"{place}.checks[{number}]", check, engine) for engine in engines]
        if all(found):
            asked = [index for index, engine in enumerate(engines) if _is_asked(check, engine)]
            errors += found[asked[0] if asked else 0]
    return errors


def _is_asked(check: t.Mapping[str, t.Any], engine: Engine) -> bool:
    return any(check.get(key) for key in engine.store.questions)


def _question_errors(place: str, check: t.Mapping[str, t.Any], engine: Engine) -> list[str]:
    return [error.replace("checks[0]", place) for error in _caught(lambda: read_assertions([check], engine.store))]


def _duration_errors(place: str, values: t.Mapping[str, t.Any]) -> list[str]:
    given = [name for name in _DURATIONS if values.get(name)]
    return [
        error for name in given for error in _caught(lambda name=name: parse_duration(f"{place}.{name}", values[name]))
    ]


def _caught(check: t.Callable[[], t.Any]) -> list[str]:
    try:
        check()
    except OptionError as error:
        return [str(error)]
    return []
