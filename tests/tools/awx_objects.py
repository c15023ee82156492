# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""awx_objects.py: writes awx/objects/controller_templates.yml, AWX's job templates, whose surveys are made of the
argument specifications of the roles that their playbooks include.

With ``--check`` it writes nothing, and fails where the file is not current.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import sys
import typing as t

import yaml

ROOT = pathlib.Path(__file__).parents[2]
TARGET = ROOT / "awx" / "objects" / "controller_templates.yml"

_HEAD = """---
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Written by tests/tools/awx_objects.py: the surveys are what the argument specifications of the roles say.
"""
_HOUR = 3600


@dataclasses.dataclass(frozen=True)
class Template:
    """One job template. ``asked`` are the questions of its survey: options of the role's entry point; those with an
    exclamation mark have to be answered.
    """

    name: str
    playbook: str
    description: str
    role: str
    entry: str = "main"
    asked: tuple[str, ...] = ()
    hours: int = 6
    more: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


# Hosts of these plays do not wait for each other, so AWX may deal them out over several nodes.
_SLICED = {"job_slice_count": 1, "ask_job_slice_count_on_launch": True}
_CHECK = {"job_type": "check"}
_FAILOVER = ("failover_mode!", "failover_to")

TEMPLATES = (
    Template("back up", "backup-run", "Backs up every component of the plan", "backup", "run", more=_SLICED),
    Template(
        "back up now",
        "backup-now",
        "A labelled backup before something dangerous, read back whole",
        "backup",
        "now",
        ("backup_label!",),
    ),
    Template("status", "backup-status", "Says how the backups are", "monitoring", "status", ("monitoring_fail_on",), 1),
    Template("try the notifications", "notify-test", "Sends a test to every channel of the plan", "plan", hours=1),
    Template("check the plan", "plan-check", "What the plan does not protect", "plan", "check", ("plan_strict",), 1),
    Template(
        "which backups would go",
        "backup-prune",
        "Shows what no rule of the plan keeps, and deletes nothing",
        "backup",
        "prune",
        more={**_CHECK, **_SLICED},
    ),
    Template("delete old backups", "backup-prune", "Deletes what no rule of the plan keeps", "backup", "prune"),
    Template(
        "rehearse",
        "restore-rehearsal",
        "Proves every component of the plan",
        "rehearsal",
        asked=("rehearsal_variant",),
        more=_SLICED,
        hours=24,
    ),
    Template(
        "can everything be restored",
        "restore-all",
        "Tries every component, and restores nothing",
        "restore",
        asked=("restore_target_time", "restore_backup"),
        more=_CHECK,
    ),
    Template(
        "restore everything",
        "restore-all",
        "Brings everything of an application back",
        "restore",
        asked=("restore_confirm!", "restore_target_time", "restore_backup"),
        hours=24,
    ),
    Template(
        "preflight of a failover",
        "dr-preflight",
        "Says whether a failover may start, and prints its token",
        "failover",
        "preflight",
        (*_FAILOVER, "failover_accept_data_loss", "failover_again_because"),
        1,
    ),
    Template(
        "fail over",
        "dr-failover",
        "Moves an application to another region, with the token of the preflight",
        "failover",
        "main",
        (*_FAILOVER, "failover_token!", "failover_accept_data_loss", "failover_run_id", "failover_takeover"),
    ),
    Template(
        "undo a failover",
        "dr-abort",
        "Undoes a failover that has promoted nothing",
        "failover",
        "abort",
        ("failover_run_id!", "failover_takeover"),
    ),
    Template(
        "bring an old primary back",
        "dr-rejoin",
        "Counts and saves what only the old primary has, and makes it a standby",
        "failover",
        "rejoin",
        ("failover_to",),
        hours=24,
    ),
    Template(
        "protect the new side",
        "dr-protect",
        "Takes the first backups of the region that has taken over, and what else the plan names in protect",
        "failover",
        "protect",
        (),
        hours=24,
    ),
    Template(
        "fail back",
        "dr-failback",
        "Brings the old primary back, and fails over to it, with the token of the preflight",
        "failover",
        "failback",
        ("failover_to", "failover_token!", "failover_accept_data_loss", "failover_run_id", "failover_takeover"),
        hours=24,
    ),
    Template(
        "drill of a failover",
        "dr-drill",
        "Promotes a copy of the standby in isolation, and proves that production is as it was",
        "failover",
        "drill",
        ("failover_to",),
    ),
    Template("status of a failover", "dr-status", "Shows the newest failover", "failover", "status", (), 1),
)


def templates() -> list[dict[str, t.Any]]:
    """The job templates, in the options of ``awx.awx.job_template``."""
    return [_template(one) for one in TEMPLATES]


def _template(one: Template) -> dict[str, t.Any]:
    survey = _survey(one)
    return {
        "name": f"lifeboat: {one.name}",
        "description": one.description,
        "organization": "{{ lifeboat_organization }}",
        "project": "lifeboat.dr",
        "inventory": "{{ lifeboat_inventory }}",
        "playbook": f"awx/{one.playbook}.yml",
        "job_type": "run",
        "allow_simultaneous": False,
        "timeout": one.hours * _HOUR,
        "ask_limit_on_launch": True,
        "ask_variables_on_launch": True,
        "ask_credential_on_launch": True,
        "instance_groups": "{{ lifeboat_instance_groups }}",
        "ask_instance_groups_on_launch": True,
        "notification_templates_error": "{{ lifeboat_notifications }}",
        **one.more,
        **({"survey_enabled": True, "survey_spec": survey} if survey else {}),
    }


def _survey(one: Template) -> dict[str, t.Any]:
    path = ROOT / "roles" / one.role / "meta" / "argument_specs.yml"
    options = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"][one.entry].get("options", {})
    spec = [_question(name.rstrip("!"), options[name.rstrip("!")], name.endswith("!")) for name in one.asked]
    return {"name": one.name, "description": one.description, "spec": spec} if spec else {}


def _question(name: str, option: t.Mapping[str, t.Any], required: bool) -> dict[str, t.Any]:
    """One question, by the rules of AWX's ``JobTemplateSurveySpec``."""
    kind = option.get("type", "str")
    choices = ["false", "true"] if kind == "bool" else [str(choice) for choice in option.get("choices", ())]
    default = option.get("default", "")
    if isinstance(default, bool):
        default = str(default).lower()
    question = {
        "question_name": name.split("_", 1)[1].replace("_", " ").capitalize(),
        "question_description": _plain(option["description"]),
        "variable": name,
        "type": "multiplechoice" if choices else {"int": "integer"}.get(kind, "text"),
        "required": required,
        "default": default,
    }
    return {**question, "choices": choices} if choices else {**question, "min": None, "max": None}


def _plain(text: str | list[str]) -> str:
    """The description without the marks of Ansible's documentation."""
    joined = " ".join(text) if isinstance(text, list) else text
    joined = re.sub(r"[A-Z]\(([^()]*)\)", lambda found: found[1].partition("#")[0].split(",")[0], joined)
    return re.sub(r"\s+", " ", joined).strip()


class _Indented(yaml.SafeDumper):
    """Lists are indented below their key, as the other files have them, and nothing is an anchor."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: t.Any) -> bool:
        return True


def main(arguments: t.Sequence[str]) -> int:
    """Write the file, or say that it is not current."""
    text = _HEAD + yaml.dump({"controller_templates": templates()}, Dumper=_Indented, sort_keys=False, width=100)
    if "--check" in arguments:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            print(f"{TARGET.relative_to(ROOT)} is not current: run .venv/bin/python tests/tools/awx_objects.py")
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
