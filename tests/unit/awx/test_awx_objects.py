# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What awx/ ships is what AWX takes: its own modules' argument specifications, and its rules for surveys, credential
types and playbooks, restated here since AWX itself is in no package.
"""

from __future__ import annotations

import importlib
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = pathlib.Path(__file__).parents[3]
OBJECTS = ROOT / "awx" / "objects"
MODULES = {
    "controller_credential_types": "credential_type",
    "controller_notifications": "notification_template",
    "controller_projects": "project",
    "controller_schedules": "schedule",
    "controller_templates": "job_template",
    "controller_workflows": "workflow_job_template",
}
# awx/main/constants.py, ENV_BLOCKLIST, and what begins so.
_NEVER_IN_ENVIRONMENT = re.compile(r"ANSIBLE_|(PATH|PYTHONPATH|VIRTUAL_ENV|JOB_ID|INVENTORY_ID|PROJECT_REVISION)$")


class _Loader(yaml.SafeLoader):
    """Reads Ansible's ``!unsafe`` as the text that it is."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(t.cast(yaml.ScalarNode, node)))


def objects(kind: str) -> list[dict[str, t.Any]]:
    text = (OBJECTS / f"{kind}.yml").read_text(encoding="utf-8")
    return t.cast("list[dict[str, t.Any]]", yaml.load(text, _Loader)[kind])


class _Stop(Exception):
    """Ends a module where it has told its argument specification."""


def argument_spec(module: str) -> dict[str, t.Any]:
    """The options of a module of awx.awx, as the module itself hands them over."""
    found = importlib.import_module(f"ansible_collections.awx.awx.plugins.modules.{module}")
    told: dict[str, t.Any] = {}

    class MockApiModule:
        """In the place of the class that would talk to AWX."""

        def __init__(self, argument_spec: dict[str, t.Any], **more: t.Any) -> None:
            told.update(argument_spec=argument_spec, more=more)
            raise _Stop

    original, found.ControllerAPIModule = found.ControllerAPIModule, MockApiModule
    try:
        with pytest.raises(_Stop):
            found.main()
    finally:
        found.ControllerAPIModule = original
    return t.cast("dict[str, t.Any]", told["argument_spec"])


def test_there_is_a_file_for_each_kind_of_object_and_no_other() -> None:
    assert {path.stem for path in OBJECTS.iterdir()} == set(MODULES)


def test_the_job_templates_are_those_of_today() -> None:
    subprocess.run([sys.executable, ROOT / "tests/tools/awx_objects.py", "--check"], check=True)


@pytest.mark.parametrize(("kind", "module"), MODULES.items())
def test_the_modules_of_awx_take_every_object(kind: str, module: str) -> None:
    spec = argument_spec(module)
    for one in objects(kind):
        filled = {name: True if value == "{{ item }}" else value for name, value in one.items()}
        assert ArgumentSpecValidator(spec).validate(filled).error_messages == [], one["name"]


@pytest.mark.parametrize(("kind", "module"), MODULES.items())
def test_the_playbook_that_applies_them_hands_over_every_key(kind: str, module: str) -> None:
    tasks = yaml.safe_load((ROOT / "awx" / "apply.yml").read_text(encoding="utf-8"))[0]["tasks"]
    task = next(task for task in tasks if f"awx.awx.{module}" in task)
    assert task["loop"] == f"{{{{ {kind} }}}}"
    assert {key for one in objects(kind) for key in one} <= set(task[f"awx.awx.{module}"])


def _is_playbook(path: pathlib.Path) -> bool:
    """awx/main/utils/ansible.py, ``could_be_playbook``."""
    parts = path.relative_to(ROOT).parts
    if path.suffix not in (".yml", ".yaml") or set(parts) & {"roles", "tasks", "group_vars", "host_vars"}:
        return False
    if any(part.startswith(".") for part in parts):
        return False
    line = re.compile(
        r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?include|(ansible\.builtin\.)?import_playbook):\s*?.*?$"
    )
    return any(line.match(one) for one in path.read_text(encoding="utf-8").splitlines())


def test_awx_lists_the_playbook_of_every_job_template() -> None:
    playbooks = {one["playbook"] for one in objects("controller_templates")}
    assert [name for name in sorted(playbooks) if not _is_playbook(ROOT / name)] == []
    shipped = {f"awx/{path.name}" for path in (ROOT / "awx").glob("*.yml")} - {"awx/apply.yml"}
    assert shipped == playbooks, "a playbook without a job template"


def test_each_playbook_starts_one_of_the_collection() -> None:
    for path in (ROOT / "awx").glob("*.yml"):
        for play in yaml.safe_load(path.read_text(encoding="utf-8")):
            if name := play.get("ansible.builtin.import_playbook"):
                assert (ROOT / "playbooks" / f"{name.removeprefix('lifeboat.dr.')}.yml").exists(), path


SURVEYS = [
    pytest.param(one["survey_spec"], id=one["name"])
    for one in objects("controller_templates")
    if one.get("survey_enabled")
]


@pytest.mark.parametrize("survey", SURVEYS)
def test_a_survey_keeps_to_the_rules_of_awx(survey: dict[str, t.Any]) -> None:
    """awx/api/views/__init__.py, ``JobTemplateSurveySpec._validate_spec_data``."""
    assert isinstance(survey["name"], str) and isinstance(survey["description"], str) and survey["spec"]
    variables = [question["variable"] for question in survey["spec"]]
    assert len(set(variables)) == len(variables)
    for question in survey["spec"]:
        assert all(
            isinstance(question[key], str) for key in ("type", "question_name", "variable", "question_description")
        )
        assert isinstance(question["required"], bool)
        default = question["default"]
        assert not str(default).startswith("$encrypted$")
        if question["type"] == "multiplechoice":
            assert question["choices"] and (default == "" or default in question["choices"])
        elif question["type"] == "integer":
            assert default == "" or isinstance(default, int)
        else:
            assert question["type"] in ("text", "textarea", "password") and isinstance(default, str)
        assert question.get("min") is None and question.get("max") is None


@pytest.mark.parametrize("kind", objects("controller_credential_types"), ids=lambda one: one["name"])
def test_a_credential_type_keeps_to_the_rules_of_awx(kind: dict[str, t.Any]) -> None:
    """awx/main/fields.py, ``CredentialTypeInputField`` and ``CredentialTypeInjectorField``."""
    fields = kind["inputs"]["fields"]
    names = [field["id"] for field in fields]
    assert set(kind["inputs"]) <= {"fields", "required"} and set(kind["inputs"].get("required", ())) <= set(names)
    assert len(set(names)) == len(names) and "tower" not in names
    for field in fields:
        assert re.fullmatch(r"[a-zA-Z_]\w*", field["id"]) and field["label"]
        assert set(field) <= {"id", "label", "type", "help_text", "secret", "multiline", "format", "choices"}
        assert field["type"] in ("string", "boolean")
    injectors = kind["injectors"]
    assert set(injectors) <= {"file", "env", "extra_vars"}
    files = set(injectors.get("file", {}))
    assert files == {"template"} or all(re.fullmatch(r"template\.\w+", name) for name in files)
    assert not [name for name in injectors.get("env", {}) if _NEVER_IN_ENVIRONMENT.match(name)]
    known = {*names, *(f"tower.filename.{name.removeprefix('template.')}" for name in files)}
    used = re.findall(
        r"\{\{ ([\w.]+) \}\}", " ".join(str(value) for part in injectors.values() for value in part.values())
    )
    assert used and set(used) <= known


def test_workflows_and_schedules_name_what_there_is() -> None:
    templates = {one["name"] for one in objects("controller_templates")}
    workflows = objects("controller_workflows")
    for workflow in workflows:
        nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
        for node in nodes.values():
            started = node["unified_job_template"]
            assert started["type"] == "workflow_approval" or started["name"] in templates
            for after in node.get("related", {}).get("success_nodes", ()):
                assert after["identifier"] in nodes
    for schedule in objects("controller_schedules"):
        assert schedule["unified_job_template"] in templates | {workflow["name"] for workflow in workflows}
        assert re.match(r"DTSTART;TZID=\S+:\d{8}T\d{6} RRULE:FREQ=\w+;INTERVAL=\d+", schedule["rrule"])
