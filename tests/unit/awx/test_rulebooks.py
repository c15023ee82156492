# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No rule of a shipped rulebook does anything that takes a person."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[3]
RULEBOOKS = sorted((ROOT / "extensions" / "eda" / "rulebooks").glob("*.yml"))
ALLOWED = {"awx/backup-run.yml", "awx/restore-rehearsal.yml", "awx/dr-preflight.yml"}
RULES = [
    pytest.param(rule, id=rule["name"])
    for path in RULEBOOKS
    for ruleset in yaml.safe_load(path.read_text(encoding="utf-8"))
    for rule in ruleset["rules"]
]


def test_there_is_a_rulebook() -> None:
    assert RULEBOOKS


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_runs_only_playbooks_that_back_up_rehearse_or_look(rule: dict[str, object]) -> None:
    assert "actions" not in rule
    action = rule["action"]
    assert isinstance(action, dict) and set(action) == {"run_playbook"}
    assert action["run_playbook"]["name"] in ALLOWED
    assert (ROOT / action["run_playbook"]["name"]).exists()


@pytest.mark.parametrize("rule", RULES)
def test_a_label_goes_into_a_pattern_of_hosts_only_where_it_was_looked_at(rule: dict[str, object]) -> None:
    given = yaml.safe_dump(rule["action"])
    for label in re.findall(r"event\.payload\.commonLabels\.(\w+)", given):
        assert f"commonLabels.{label} is match(" in str(rule["condition"])
    assert "once_within" in str(rule["throttle"])


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.stem)
def test_a_rulebook_listens_on_loopback_and_asks_for_a_token(path: pathlib.Path) -> None:
    for ruleset in yaml.safe_load(path.read_text(encoding="utf-8")):
        for source in ruleset["sources"]:
            webhook = source["eda.builtin.webhook"]
            assert webhook["token"] == "{{ eda_token }}" and "127.0.0.1" in webhook["host"]
