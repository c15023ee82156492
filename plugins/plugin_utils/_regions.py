# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The regions of a plan, and what a failover between two of them takes. Pure.

Each region is described once, whichever of them serves: the way back uses the same words as the way there.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import check_name
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._status._certificates import CERTIFICATES_SPEC
from ansible_collections.lifeboat.dr.plugins.plugin_utils._failover_plan import SECTIONS_SPEC
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import component_of, objectives_of

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Spec, Values

_DATABASE: Spec = {
    "dsn": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 5432},
    "unit": {"type": "str", "default": ""},
    "data_dir": {"type": "path", "required": True},
    "config_file": {"type": "path", "default": ""},
    "bin_dir": {"type": "path", "default": ""},
    "replication": {"type": "str", "default": ""},
    "slot": {"type": "str", "default": ""},
    "run_as": {"type": "str", "default": "postgres"},
}
REGIONS_SPEC: Spec = {
    "regions": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "host": {"type": "str", "default": ""},
            "database": {"type": "dict", "required": True, "options": _DATABASE},
        },
    },
    "third_place": {"type": "str"},
    "failover": {
        "type": "dict",
        "options": {
            "component": {"type": "str", "required": True},
            "ledger": {
                "type": "dict",
                "required": True,
                "options": {
                    name: {key: value for key, value in option.items() if key != "required"}
                    for name, option in REPOSITORY_SPEC["repositories"]["options"].items()
                },
            },
            "min_outage": {"type": "str", "default": "5m"},
            "min_probes": {"type": "int", "default": 5},
            "probe_pause": {"type": "int", "default": 75},
            "probe_timeout": {"type": "int", "default": 5},
            "key_file": {"type": "path", "default": "/etc/lifeboat/failover.key"},
            "report_dir": {"type": "path", "default": ""},
            "notify_tasks": {"type": "path", "default": ""},
            "heartbeat_file": {"type": "path", "default": "/var/lib/lifeboat/heartbeat/database.json"},
            "heartbeat_every": {"type": "str", "default": "5s"},
            "heartbeat_stores": {"type": "list", "elements": "str", "default": []},
            "heartbeat_dsn": {"type": "str", "default": ""},
            "same_files": {"type": "list", "elements": "path", "default": []},
            "canary": {"type": "dict", "options": {"path": {"type": "path", "required": True}, **ENCRYPTION_SPEC}},
            **CERTIFICATES_SPEC,
            "drill_max_age": {"type": "str", "default": "90d"},
            "save_dir": {"type": "path", "default": "/var/lib/postgresql/lifeboat-saved"},
        },
    },
}
"""The keys of a plan that a failover needs."""

_PASSWORD = re.compile(r"\bpassword\s*=|://[^/@]*:[^/@]*@")
_SLOT = re.compile(r"[a-z0-9_]{1,63}")


def region_errors(values: Values, components: t.Any) -> t.Iterator[str]:
    """The mistakes in these keys of a plan, whose types are right; ``components`` are the plan's, unchecked."""
    regions, failover = values.get("regions"), values.get("failover")
    if (regions is None) != (failover is None):
        there, missing = ("failover", "regions") if regions is None else ("regions", "failover")
        yield f"{there} is there and {missing} is not. A failover takes both."
    if regions is not None:
        yield from _regions_errors(regions, values.get("third_place"))
    if failover is not None:
        yield from _failover_errors(failover, components)


def _regions_errors(regions: list[t.Any], third_place: str | None) -> t.Iterator[str]:
    if len(regions) < 2:
        yield f"regions has {len(regions)} of at least two: the one that serves, and the one that takes over."
    names = [region["name"] for region in regions]
    for number, region in enumerate(regions):
        place = f"regions[{number}]"
        yield from _caught(lambda place=place, region=region: check_name(f"{place}.name", region["name"]))
        if names.index(region["name"]) != number:
            yield f"{place}.name is {region['name']}, as another one's. Give each region a name of its own."
        yield from _database_errors(f"{place}.database", region["database"])
    if third_place and third_place in [region["host"] for region in regions]:
        yield (
            f"third_place is {third_place}, which is the host of a region. Name a host in neither region: two places "
            "cannot tell a region that is gone from a link that is cut."
        )


def _database_errors(place: str, database: Values) -> t.Iterator[str]:
    if database["slot"] and not _SLOT.fullmatch(database["slot"]):
        yield f"{place}.slot: {database['slot']!r} cannot name a replication slot. Use a-z, 0-9 and _."
    if not str(database["data_dir"]).startswith("/"):
        yield f"{place}.data_dir: {database['data_dir']!r} is not absolute. Write the absolute path."
    if not 0 < database["port"] < 65536:
        yield f"{place}.port is {database['port']}. Give one from 1 to 65535."
    if _PASSWORD.search(database["replication"]):
        yield (
            f"{place}.replication holds a password, which PostgreSQL would write into its configuration. Name a "
            "password file in passfile=... instead."
        )


def _failover_errors(failover: Values, components: t.Any) -> t.Iterator[str]:
    known = {
        str(component.get("name")): component.get("engine")
        for component in components or []
        if isinstance(component, t.Mapping)
    }
    engine = known.get(failover["component"])
    databases = sorted(name for name, kind in known.items() if kind == "postgresql")
    if engine != "postgresql":
        yield (
            f"failover.component is {failover['component']!r}, which is not a component of the engine postgresql. "
            f"There are: {', '.join(databases) or 'none'}."
        )
    for error in _caught(lambda: open_repositories([failover["ledger"]])):
        yield f"failover.ledger: {error.removeprefix('repositories: ')}"
    for name in ("min_outage", "heartbeat_every", "drill_max_age"):
        yield from _caught(lambda name=name: parse_duration(f"failover.{name}", failover[name]))
    for name in ("min_probes", "probe_timeout"):
        if failover[name] < 1:
            yield f"failover.{name} is {failover[name]}. Give 1 or more."
    if failover["probe_pause"] < 0:
        yield f"failover.probe_pause is {failover['probe_pause']}. Give the seconds between two looks."


def failover_variables(plan: Values, mode: str, target: str) -> dict[str, t.Any]:
    """What the role ``failover`` takes of a plan that has no errors, with ``target`` as the region that takes over.

    Without a target, it is the second region of the list, and for a failback the first. Empty where the plan says
    nothing of regions. Raises OptionError for a region that is not there.
    """
    regions = {region["name"]: region for region in plan.get("regions") or []}
    if len(regions) < 2 or not plan.get("failover"):
        return {}
    names = list(regions)
    if not target and len(names) > 2:
        raise OptionError("failover_to is not given.", hint=f"Name the region to go to: {', '.join(names)}.")
    target = target or names[0 if mode == "failback" else 1]
    if target not in regions:
        raise OptionError(f"failover_to: the plan has no region {target!r}.", hint=f"There are: {', '.join(names)}.")
    others = [name for name in names if name != target]
    failover = {**_defaults("failover"), **_given(plan["failover"])}
    promised = objectives_of(plan, failover["component"])
    stores = plan.get("stores") or []
    return {
        **failover,
        "app": plan["app"],
        "third_place": plan.get("third_place") or "",
        "source": _as_variable(regions[others[0]]),
        "target": _as_variable(regions[target]),
        "sources": others,
        "metrics_dir": (plan.get("watch") or {}).get("metrics_dir") or "",
        "objectives": _loss_objectives(plan, [failover["component"], *(store["name"] for store in stores)]),
        **{section: plan.get(section) or [] for section in SECTIONS_SPEC},
        "checks": list((component_of(plan, failover["component"]).get("verification") or {}).get("checks") or []),
        "rto": f"{promised['rto'].total_seconds():g}s" if "rto" in promised else "",
    }


def _loss_objectives(plan: Values, names: t.Sequence[str]) -> dict[str, str]:
    """How much each store may lose: what its component promises, or the plan for all. A store need not be backed up."""
    components = [*plan["components"], *({"name": name} for name in names)]
    promised = {name: objectives_of({**plan, "components": components}, name) for name in names}
    return {name: f"{one['rpo'].total_seconds():g}s" for name, one in promised.items() if "rpo" in one}


def _as_variable(region: Values) -> dict[str, t.Any]:
    """A region as ``failover_source`` and ``failover_target`` have it."""
    defaults = {name: option.get("default", "") for name, option in _DATABASE.items()}
    database = {**defaults, **_given(region["database"])}
    return {
        "region": region["name"],
        "host": region.get("host") or "",
        "database": database["dsn"],
        **{name: value for name, value in database.items() if name != "dsn"},
    }


def _defaults(key: str) -> dict[str, t.Any]:
    options = REGIONS_SPEC[key]["options"]
    return {name: option["default"] for name, option in options.items() if "default" in option}


def _given(values: Values) -> dict[str, t.Any]:
    return {name: value for name, value in values.items() if value is not None}


def _caught(check: t.Callable[[], t.Any]) -> list[str]:
    try:
        check()
    except OptionError as error:
        return [str(error)]
    return []
