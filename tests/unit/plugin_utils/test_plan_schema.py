# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JSON schema of a plan is current, takes the plans of the documentation, and refuses what the check refuses."""

from __future__ import annotations

import copy
import json
import pathlib
import re
import subprocess
import sys
import typing as t

import jsonschema
import pytest
import yaml
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors

ROOT = pathlib.Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/schemas/plan.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
README = ROOT / "roles/plan/README.md"


def example() -> dict[str, t.Any]:
    """The whole example of the role's README."""
    (block,) = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
        if block.startswith("lifeboat_plan:")
    ]
    return yaml.safe_load(block)["lifeboat_plan"]


def refused(plan: t.Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors({"lifeboat_plan": plan})]


def test_the_schema_is_current() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tests/tools/plan_schema.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout + made.stderr


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_example_of_the_readme_has_every_key_of_a_plan_and_is_taken() -> None:
    plan = example()
    assert refused(plan) == [] == plan_errors(plan)
    assert set(plan) == set(SCHEMA["$defs"]["plan"]["properties"])


@pytest.mark.parametrize("path", sorted((ROOT / "molecule").glob("*/inventory/group_vars/*.yml")), ids=str)
def test_the_plans_of_the_scenarios_are_taken(path: pathlib.Path) -> None:
    variables = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert "lifeboat_plan" not in variables or refused(variables["lifeboat_plan"]) == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("aapp",), "shop", "'aapp' was unexpected"),
        (("app",), None, "None is not of type"),
        (("repositories", 0), {"path": "/a", "bucket": "b"}, "should not be valid under"),
        (("repositories", 0), {"prefix": "b"}, "is not valid under any"),
        (("components", 0, "engine"), "mysql", "'mysql' is not one of"),
        (("components", 0, "streams"), ["A"], "'streams' was unexpected"),
        (("components", 0, "retention"), {"keep": {"dayly": 1}}, "'dayly' was unexpected"),
        (("objectives",), {"rpoo": "1h"}, "'rpoo' was unexpected"),
        (("notifications", 0, "type"), "teams", "'teams' is not valid"),
        (("retention", "keep", "daily"), "many", "'many' is not valid"),
        (("components",), [], "[] should be non-empty"),
    ],
)
def test_what_the_check_refuses_the_schema_refuses(path: tuple[t.Any, ...], value: t.Any, words: str) -> None:
    plan: t.Any = copy.deepcopy(example())
    place = plan
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert plan_errors(plan)
    assert words in " ".join(refused(plan)), refused(plan)


def test_keys_are_described_for_editors_without_the_marks_of_ansible() -> None:
    properties = SCHEMA["$defs"]["component_postgresql"]["properties"]
    bare = {"name", "engine", "verification"}
    assert [name for name, one in properties.items() if "description" not in one and name not in bare] == []
    text = json.dumps(SCHEMA)
    assert not re.search(r"\b[COVMRP]\([a-z_]", text), re.findall(r".{20}\b[COVMRP]\([a-z_].{20}", text)[:3]
