# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No rule of a shipped rulebook does anything that takes a person, whatever an alert says of itself."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

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


_LOOKS = [str(look) for rule in RULES for look in re.findall(r'is match\("(.*)"\)', str(rule.values[0]["condition"]))]
_PATTERN = "!&,:*?[]~@(){} \n\t'\"$%|;/\\\u2028"  # what means something in a pattern of hosts, or to a template


@pytest.mark.parametrize("look", _LOOKS)
@given(
    st.text(st.sampled_from("ab1.-:" + _PATTERN), max_size=12)
    | st.from_regex(r"(all|ungrouped|db[0-9])(:[0-9]{1,5})?[\n!,:]?(all)?", fullmatch=True)
)
@example("all")
@example("all:9100")
@example("ungrouped")
@example("db1:!db2")
@example("{{ x }}")
@settings(max_examples=examples(200), deadline=None)
def test_a_label_that_is_let_through_names_one_host_and_no_group_of_all(look: str, label: str) -> None:
    if re.match(look, label) is None:
        return
    host = label.split(":")[0].strip()
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", host)
    assert host not in ("all", "ungrouped")


@pytest.mark.parametrize("look", _LOOKS)
@pytest.mark.parametrize("label", ["db1", "db1:9100", "10.0.0.7:9100", "all-in-one.example.com", "allegro:9100"])
def test_the_names_of_hosts_are_let_through(look: str, label: str) -> None:
    assert re.match(look, label)


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.stem)
def test_a_rulebook_listens_on_loopback_and_asks_for_a_token(path: pathlib.Path) -> None:
    for ruleset in yaml.safe_load(path.read_text(encoding="utf-8")):
        for source in ruleset["sources"]:
            webhook = source["eda.builtin.webhook"]
            assert webhook["token"] == "{{ eda_token }}" and "127.0.0.1" in webhook["host"]
