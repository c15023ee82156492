# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""plan_schema.py: writes docs/schemas/plan.schema.json, the JSON schema of a file with ``lifeboat_plan``, out of the
argument specifications that the check of a plan itself uses and the descriptions in the modules' documentation.

With ``--check`` it writes nothing, and fails where the file is not current.
"""

from __future__ import annotations

import functools
import json
import pathlib
import re
import sys
import typing as t

from ansible.plugins.loader import fragment_loader, init_plugin_loader
from ansible.utils.plugin_docs import get_docstring

ROOT = pathlib.Path(__file__).parents[2]
TARGET = ROOT / "docs" / "schemas" / "plan.schema.json"
init_plugin_loader([str(ROOT / ".ansible" / "collections")])  # finds the collection, also for the next imports

from ansible_collections.lifeboat.dr.plugins.plugin_utils import _lifeboat_plan as plan_check  # noqa: E402
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES  # noqa: E402

Spec = dict[str, t.Any]
Schema = dict[str, t.Any]

_TYPES: dict[str, list[str]] = {
    "str": ["string", "number"],  # Ansible makes text of them: a bare number is a duration in seconds
    "path": ["string"],
    "int": ["integer"],
    "float": ["number"],
    "bool": ["boolean"],
    "dict": ["object"],
    "list": ["array"],
}
_TEMPLATE: Schema = {"type": "string", "pattern": r"\{\{"}  # a file of variables may hold expressions
_SAID = {
    "app": "The name of what is protected.",
    "run_as": "The account that backs up, and that owns the files.",
    "components": "What is backed up; one database, one NATS account, one server each.",
    "verification": "How backups are proven.",
    "name": "The name of the component; no two are the same.",
    "engine": "The kind of store.",
    "objectives": "What is promised.",
    "objectives.rpo": "How much time of data may be lost, such as 24h.",
    "objectives.rto": "How long a restore may take, such as 1h.",
    "objectives.detection_window": "How long damage may go unnoticed, such as 14d.",
    "failure_domain": "What fails together with the application, such as a site or a region.",
    "schedule": "When things run, in the host's time: as systemd.time(7) or crontab(5) writes it.",
    "schedule.backup": "When the host backs up, such as *-*-* 01:00 or 0 1 * * *.",
    "schedule.rehearsal": "When the host rehearses the restore, such as Sun 04:00.",
    "schedule.prune": "When the host deletes old backups, such as *-*-* 06:00.",
    "schedule.status": "When the host looks whether something is overdue, such as hourly.",
    "schedule.random_delay": "A host begins up to so much later, always the same, such as 10m.",
    "restore": "Where the component goes back to, in the options of the module that restores it.",
    "configure": "How the role backup sets up what backs the component up.",
    "retention": "What stays. Without it, nothing is ever deleted.",
    "labels": "What the application is known by elsewhere, such as {team: shop}.",
    "notifications": "Channels that notify people.",
    "references": "What one store names of another, such as rows that name objects; a rehearsal looks for it.",
    "references.name": "What a report calls it. Word it as a statement.",
    "references.from": "The component that has the names, and which of its entries.",
    "references.to": "The component that each name has to be in, and in which of its entries.",
    "references.max_missing": "How many names may be missing.",
    "stores": "The stores beside the database that a failover moves.",
    "traffic": "How a failover leads users to the other region.",
    "application": "How a failover stops and starts the application.",
    "fences": "What else a failover fences in the region that is left.",
    "protect": "What protects the new side as soon as a failover has committed.",
    "health": "Pages that say whether the application is healthy.",
}
"""What keys of the plan itself are; all others are options of modules, which document them."""


def schema() -> Schema:
    """The schema of a file with ``lifeboat_plan``."""
    shared = {
        "verification": _object(plan_check.VERIFICATION_SPEC, _documented(*_modules("verify")), "verification"),
        **{
            f"component_{name}": _object(
                plan_check.component_spec(name), _documented(engine.backup.name), "", ("verification", "restore")
            )
            for name, engine in ENGINES.items()
        },
    }
    for name, keys in plan_check.RESTORE_KEYS.items():
        restore = t.cast(t.Any, ENGINES[name].restore)
        shared[f"component_{name}"]["properties"]["restore"] = {
            "description": _SAID["restore"],
            **_object(keys["restore"]["options"], _documented(restore.name), "restore"),
        }
    for name, keys in plan_check.CONFIGURE_KEYS.items():
        configure = t.cast(t.Any, ENGINES[name].configure)
        shared[f"component_{name}"]["properties"]["configure"] = {
            "description": _SAID["configure"],
            **_object(keys["configure"]["options"], _documented(configure.name), "configure"),
        }
    documented = _documented("notification", "backup_prune", *_modules("backup"))
    plan = _object(plan_check.PLAN_SPEC, documented, "", ("verification", "components"))
    plan["properties"]["components"] = {
        "description": _SAID["components"],
        "type": "array",
        "minItems": 1,
        "items": _component(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "lifeboat.plan/1",
        "$comment": "Copyright (c) 2026, The lifeboat.dr authors. GNU General Public License v3.0+. "
        "Written by tests/tools/plan_schema.py.",
        "title": "A file of variables with a lifeboat_plan",
        "type": "object",
        "required": ["lifeboat_plan"],
        "properties": {"lifeboat_plan": {"$ref": "#/$defs/plan"}},
        "$defs": {"plan": plan, **shared},
    }


def _component() -> Schema:
    """The engine of a component says which other keys it has."""
    return {
        "type": "object",
        "required": ["name", "engine"],
        "properties": {"engine": {"enum": list(ENGINES)}},
        "allOf": [
            {
                "if": {"properties": {"engine": {"const": name}}, "required": ["engine"]},
                "then": {"$ref": f"#/$defs/component_{name}"},
            }
            for name in ENGINES
        ],
    }


def _object(
    spec: Spec, documented: Spec, place: str, elsewhere: t.Sequence[str] = (), rules: Spec | None = None
) -> Schema:
    """A dictionary with the keys of ``spec``; those in ``elsewhere`` are definitions of their own."""
    properties = {}
    for name, option in sorted(spec.items()):
        if name in elsewhere:
            properties[name] = {"$ref": f"#/$defs/{name}"}
            continue
        inside = f"{place}.{name}" if place else name
        described = documented.get(name, {})
        text = _SAID.get(inside) or (described.get("description") if inside != "objectives" else "")
        one = _value(option, described.get("suboptions") or _below(name, documented), inside)
        properties[name] = {**({"description": _plain(text)} if text else {}), **one}
        for alias in option.get("aliases", ()):
            properties[alias] = properties[name]
    required = sorted(name for name, option in spec.items() if option.get("required"))
    return {
        "type": "object",
        "additionalProperties": False,
        **({"required": required} if required else {}),
        "properties": properties,
        **_rules(rules or {}),
    }


def _below(name: str, documented: Spec) -> Spec:
    """The keys of ``retention`` are options of ``backup_prune`` themselves."""
    return documented if name == "retention" else {}


def _value(option: Spec, documented: Spec, place: str) -> Schema:
    kind = option.get("type", "str")
    if kind == "raw":
        return {}
    if kind == "list":
        items = _value({**option, "type": option.get("elements", "raw")}, documented, place)
        array = {"type": "array", **({"items": items} if items else {})}
        # Editors name the wrong key of a dictionary only where there is no other choice.
        return array if "options" in option else _or_template(array)
    if kind == "dict":
        return _object(option["options"], documented, place, (), option) if "options" in option else {"type": "object"}
    types = _TYPES[kind]
    if option.get("choices"):
        return {"anyOf": [{"enum": list(option["choices"])}, _TEMPLATE]}
    if "string" in types:
        return {"type": types if len(types) > 1 else types[0]}
    return _or_template({"type": types[0]})


def _or_template(value: Schema) -> Schema:
    return {"anyOf": [value, _TEMPLATE]}


def _rules(option: Spec) -> Schema:
    """What goes together and what does not."""
    every: list[Schema] = [
        {"not": {"required": [first, second]}}
        for group in option.get("mutually_exclusive", ())
        for number, first in enumerate(group)
        for second in group[number + 1 :]
    ]
    every += [{"anyOf": [{"required": [name]} for name in group]} for group in option.get("required_one_of", ())]
    dependent: dict[str, list[str]] = {
        name: [other for other in group if other != name]
        for group in option.get("required_together", ())
        for name in group
    }
    for name, others in option.get("required_by", {}).items():
        dependent[name] = [*dependent.get(name, ()), *others]
    return {**({"allOf": every} if every else {}), **({"dependentRequired": dependent} if dependent else {})}


def _modules(what: str) -> list[str]:
    return [getattr(engine, what).name for engine in ENGINES.values()]


@functools.cache
def _options_of(module: str) -> Spec:
    """The options as the module's DOCUMENTATION has them, with those of its fragments."""
    path = ROOT / "plugins" / "modules" / f"{module}.py"
    return t.cast(Spec, get_docstring(str(path), fragment_loader, collection_name="lifeboat.dr")[0]["options"])


def _documented(*modules: str) -> Spec:
    options: Spec = {}
    for module in reversed(modules):
        options.update(_options_of(module))
    return options


def _plain(text: t.Any) -> str:
    """The description without the marks of Ansible's documentation."""
    joined = " ".join(str(line) for line in text) if isinstance(text, list) else str(text)
    joined = re.sub(r"[A-Z]\(([^()]*)\)", lambda found: found[1].partition("#")[0].split(",")[0], joined)
    return re.sub(r"\s+", " ", joined).strip()


def main(arguments: t.Sequence[str]) -> int:
    """Write the file, or say that it is not current."""
    text = json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
    current = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
    if "--check" in arguments:
        if not current:
            print(f"{TARGET.relative_to(ROOT)} is not current: run .venv/bin/python tests/tools/plan_schema.py")
        return 0 if current else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
