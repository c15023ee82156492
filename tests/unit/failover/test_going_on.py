# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a run that has halted is gone on with: by whom, in which direction, and with which words."""

from __future__ import annotations

import dataclasses
import json
import shlex
import typing as t

import pytest
import yaml
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import Ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import accepted_words, has_halted, to_go_on
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _failover_run
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.failover.runs import (
    Afterwards,
    Controller,
    MockModule,
    MortalRepository,
    whole,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def _resumed(ledger: Ledger, **more: t.Any) -> dict[str, t.Any]:
    """What failover_run gives for going on with it at once, with no word that its controller is dead."""
    options = {"repositories": [{}], "app": "shop", "drill": False, "actor": "you", "facts": {}, "mode": None}
    options |= {"state": "resumed", "run_id": ledger.run_id, "takeover": False, "cooldown": "1h", **more}
    return _failover_run.work(t.cast("AnsibleModule", MockModule(**options)))


def test_a_run_that_has_halted_is_gone_on_with_at_once_and_by_one_person(repository: MortalRepository) -> None:
    controller = Controller(repository, [], "unplanned", whole("unplanned"))
    controller.broken = {"fence"}
    with pytest.raises(LifeboatError, match="fence"):
        controller.run()
    ledger = Afterwards(repository).ledger
    assert has_halted(ledger)
    _resumed(ledger)
    with pytest.raises(LifeboatError, match="may still be at work") as refused:
        _resumed(ledger)
    assert "failover_takeover=true" in (refused.value.hint or "")


def test_a_step_that_may_fail_does_not_say_that_its_controller_has_stopped(repository: MortalRepository) -> None:
    controller = Controller(repository, [], "unplanned", whole("unplanned"))
    controller.broken = {"protect"}
    controller.run()
    ledger = Afterwards(repository).ledger
    number = next(at for at, line in enumerate(ledger.lines) if line.phase == "failed")
    at_work = dataclasses.replace(ledger, lines=ledger.lines[: number + 1])
    assert at_work.lines[-1].step == "protect" and at_work.is_open and not has_halted(at_work)


def test_a_run_is_gone_on_with_in_the_direction_and_mode_that_it_was_begun_in(repository: MortalRepository) -> None:
    controller = Controller(repository, [], "failback", whole("failback"))
    controller._common["facts"] = {"source": "west", "target": "east"}
    controller.broken = {"fence"}
    with pytest.raises(LifeboatError, match="fence"):
        controller.run()
    ledger = Afterwards(repository).ledger
    for more in ({"mode": "unplanned"}, {"facts": {"source": "east", "target": "west"}}):
        with pytest.raises(LifeboatError, match="is failback, from west to east, and (mode|source) is") as refused:
            _resumed(ledger, **more)
        assert f"dr_failback -e failover_to=east -e failover_run_id={ledger.run_id}" in (refused.value.hint or "")
    assert _resumed(ledger, mode="failback", facts={"source": "west", "target": "east"})["mode"] == "failback"


def test_what_is_typed_to_go_on_holds_what_was_accepted_before(repository: MortalRepository) -> None:
    controller = Controller(repository, [], "unplanned", whole("unplanned"))
    controller._common["facts"] = {
        "target": "ams",
        "accepted": {"data_loss": "codex:60s", "host": "it's small", "traffic": ""},
    }
    controller.broken = {"fence"}
    with pytest.raises(LifeboatError, match="fence"):
        controller.run()
    ledger = Afterwards(repository).ledger
    playbook, *words = shlex.split(to_go_on(ledger))
    assert playbook == "dr_failover" and {*words[::2]} == {"-e"}
    assert words[1:8:2] == [
        "failover_mode=unplanned",
        "failover_to=ams",
        f"failover_run_id={ledger.run_id}",
        "failover_accept_data_loss=codex:60s",
    ]
    assert [json.loads(word) for word in words[9::2]] == [{"failover_accept": {"host": "it's small"}}]
    controller.broken = set()
    controller.run()
    assert to_go_on(Afterwards(repository).ledger) == "", "it is closed"


@given(reason=st.text(st.sampled_from("abcXYZ019 .,:;'\"{}[]#&*!|>%@`?-/\\~\n=yesno"), min_size=1, max_size=20))
def test_what_was_accepted_comes_back_from_what_is_typed_for_it(reason: str) -> None:
    accepted = {"host": reason, "unfenced_source": "its host was killed", "data_loss": "codex:60s,events:unknown"}
    words = shlex.split(" ".join(accepted_words(accepted)))
    assert words[:3] == ["-e", "failover_accept_data_loss=codex:60s,events:unknown", "-e"]
    assert yaml.safe_load(words[3]) == {
        "failover_accept": {"host": reason, "unfenced_source": "its host was killed"},
    }


@pytest.mark.parametrize("reason", ["yes", "null", "1.5", "2026-01-01", "the host, and more", "why: so"])
def test_a_reason_that_yaml_would_read_as_something_else_is_quoted(reason: str) -> None:
    (words,) = accepted_words({"host": reason})
    assert yaml.safe_load(shlex.split(words)[1]) == {"failover_accept": {"host": reason}}


def test_words_that_ansible_shows_can_be_copied() -> None:
    assert '"' not in accepted_words({"unfenced_source": "its host was killed at 3.40 (by us)"})[0]
