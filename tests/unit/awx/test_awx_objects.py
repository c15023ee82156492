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
from jinja2.nativetypes import NativeEnvironment

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
    read = yaml.load((OBJECTS / f"{kind}.yml").read_text(encoding="utf-8"), _Loader)
    # Of the notifications, those are made that the settings name; all of them are looked at here.
    return t.cast("list[dict[str, t.Any]]", read.get("lifeboat_notification_templates", read[kind]))


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
    assert {path.stem for path in OBJECTS.iterdir()} == {*MODULES, "lifeboat_settings"}


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


# What a notification of AWX must have, and of which type: awx/main/notifications/*_backend.py, init_parameters.
_NOTIFICATIONS: dict[str, dict[str, type]] = {
    "email": {
        **dict.fromkeys(("host", "username", "password", "sender"), str),
        **dict.fromkeys(("use_tls", "use_ssl"), bool),
        **dict.fromkeys(("port", "timeout"), int),
        "recipients": list,
    },
    "webhook": {
        **dict.fromkeys(("url", "http_method", "username", "password"), str),
        "disable_ssl_verification": bool,
        "headers": dict,
    },
    "slack": {"token": str, "channels": list},
    "pagerduty": dict.fromkeys(("subdomain", "token", "service_key", "client_name"), str),
    "mattermost": {"mattermost_url": str, "mattermost_no_verify_ssl": bool},
    "rocketchat": {"rocketchat_url": str, "rocketchat_no_verify_ssl": bool},
}
_OPTIONAL = {"slack": {"hex_color": str}}


def _settings() -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", yaml.safe_load((OBJECTS / "lifeboat_settings.yml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("one", objects("controller_notifications"), ids=lambda one: one["notification_type"])
def test_a_notification_has_what_awx_asks_of_its_type(one: dict[str, t.Any]) -> None:
    """awx/api/serializers.py, ``NotificationTemplateSerializer.validate``."""
    kind, settings = one["notification_type"], _settings()
    given = {
        name: NativeEnvironment().from_string(value).render(settings) if "{{" in str(value) else value
        for name, value in one["notification_configuration"].items()
    }
    wanted = {**_NOTIFICATIONS[kind], **_OPTIONAL.get(kind, {})}
    assert set(_NOTIFICATIONS[kind]) <= set(given) <= set(wanted)
    # Jinja's native types make None of an empty text.
    assert [name for name, value in given.items() if not isinstance("" if value is None else value, wanted[name])] == []


def test_the_notifications_that_the_settings_name_are_made_and_no_other() -> None:
    text = yaml.safe_load((OBJECTS / "controller_notifications.yml").read_text(encoding="utf-8"))
    all_of_them, settings = text["lifeboat_notification_templates"], _settings()
    chosen = NativeEnvironment().from_string(text["controller_notifications"].replace("}}", "| list }}"))
    for names in (settings["lifeboat_notifications"], [one["name"] for one in all_of_them[1:]], []):
        made = chosen.render(lifeboat_notification_templates=all_of_them, lifeboat_notifications=names)
        assert [one["name"] for one in made] == names


def test_everything_that_the_objects_refer_to_is_a_setting() -> None:
    used = {name for path in OBJECTS.iterdir() for name in re.findall(r"\{\{ (lifeboat_\w+)", path.read_text("utf-8"))}
    assert used - {"lifeboat_notification_templates", "lifeboat_access_key", "lifeboat_secret_key",
                   "lifeboat_identity_file"} <= set(_settings())  # fmt: skip


# What the roles of infra.aap_configuration take of each object, as their READMEs and tasks say: that collection is in
# none of the places that packages are taken from here.
_KEYS_OF_ROLES = {
    "controller_credential_types": "name description kind inputs injectors",
    "controller_notifications": "name description organization notification_type notification_configuration messages",
    "controller_projects": "name description organization scm_type scm_url scm_branch scm_clean scm_update_on_launch",
    "controller_schedules": "name description unified_job_template organization rrule enabled",
    "controller_templates": "name description organization project inventory playbook job_type credentials timeout"
    " allow_simultaneous ask_limit_on_launch ask_variables_on_launch ask_credential_on_launch instance_groups"
    " ask_instance_groups_on_launch job_slice_count ask_job_slice_count_on_launch survey_enabled survey_spec"
    " notification_templates_started notification_templates_success notification_templates_error",
    "controller_workflows": "name description organization inventory ask_limit_on_launch allow_simultaneous"
    " workflow_nodes notification_templates_approvals notification_templates_error",
}


@pytest.mark.parametrize("kind", MODULES)
def test_the_roles_of_aap_configuration_know_every_key(kind: str) -> None:
    assert {key for one in objects(kind) for key in one} <= set(_KEYS_OF_ROLES[kind].split())


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
