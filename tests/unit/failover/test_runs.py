# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs by the modules that the role uses: killed at every line of the ledger and resumed, by another controller,
after the world or the ledger has changed.
"""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover import _ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._account import account_of
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import LedgerTakenError, read_ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._render import render_html
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import (
    POINT_OF_NO_RETURN,
    compensations,
    outcome,
    passed_point_of_no_return,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _failover_common, _failover_run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_info import _advice
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples
from tests.unit.failover.runs import (
    Afterwards,
    Clock,
    Controller,
    KilledError,
    MortalRepository,
    use,
    whole,
)

if t.TYPE_CHECKING:
    pass


@pytest.mark.parametrize("mode", ["planned", "unplanned", "failback", "drill"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_line_and_resumed_each_step_reaches_the_world_once(
    mode: str, after: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = [name for name in whole(mode) if name not in ("freeze", "smoke_test", "promote_cache")]
    use(first := MortalRepository(), monkeypatch)
    Controller(first, [], mode, configured).run()
    for moment in range(first.lines):
        effects: list[str] = []
        use(repository := MortalRepository(), monkeypatch)
        repository.dies_at, repository.after = moment, after
        controller = Controller(repository, effects, mode, configured)
        with pytest.raises(KilledError):
            controller.run()
        repository.dies_at = -1
        if moment < first.lines - 1 or not after:  # else it was closed when it died
            controller.run()
        if mode == "drill":
            assert effects[-len(configured) :] == configured
        else:
            assert effects == configured, moment
        ledger = read_ledger(repository, "shop", _ledger.DRILLS if mode == "drill" else _ledger.ROOT)
        assert outcome(ledger) == ("passed" if mode == "drill" else "done")


@settings(max_examples=examples(40), deadline=None)
@given(st.data())
def test_whatever_is_configured_and_however_often_it_is_killed_the_order_stays_and_nothing_is_done_twice(
    data: st.DataObject,
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for module in (_failover_common, _failover_run):
            monkeypatch.setattr(module, "utc_now", Clock())
        mode = data.draw(st.sampled_from(["planned", "unplanned", "failback"]))
        configured = [name for name in whole(mode) if data.draw(st.booleans()) or name == POINT_OF_NO_RETURN]
        configured += [] if "commit" in configured else ["commit"]
        configured = [name for name in whole(mode) if name in configured]
        use(repository := MortalRepository(), monkeypatch)
        effects: list[str] = []
        controller = Controller(repository, effects, mode, configured)
        for _death in range(data.draw(st.integers(0, 4))):
            repository.dies_at = data.draw(st.integers(repository.lines, repository.lines + 30))
            repository.after = data.draw(st.booleans())
            try:
                controller.run()
                break
            except KilledError:
                repository.lines = len(repository.files)
                repository.dies_at = -1
                if repository.files and not read_ledger(repository, "shop").is_open:
                    break  # the last line was written
        if not read_ledger(repository, "shop").lines or read_ledger(repository, "shop").is_open:
            repository.dies_at = -1
            controller.run()
        assert effects == configured
        assert outcome(read_ledger(repository, "shop")) == "done"


@pytest.mark.parametrize("broken", ["promote_streams", "switch_buckets", "promote_cache"])
def test_a_store_that_cannot_be_promoted_while_others_were_halts_and_is_gone_on_with(
    broken: str, repository: MortalRepository
) -> None:
    effects: list[str] = []
    controller = Controller(repository, effects, "unplanned", whole("unplanned"))
    controller.broken = {broken}
    with pytest.raises(LifeboatError, match=broken):
        controller.run()
    before = list(effects)
    assert POINT_OF_NO_RETURN in before and "traffic" not in before
    ledger = read_ledger(repository, "shop")
    assert (outcome(ledger), compensations(ledger)) == ("executed but incomplete", [])
    with pytest.raises(LifeboatError, match=broken):  # it is still broken: nothing behind it is begun
        controller.run()
    assert effects == before
    controller.broken = set()
    controller.run()
    assert effects == whole("unplanned") and outcome(read_ledger(repository, "shop")) == "done"


def test_an_optional_step_that_fails_is_passed_over_and_makes_the_run_incomplete(repository: MortalRepository) -> None:
    controller = Controller(repository, [], "planned", whole("planned"))
    controller.broken = {"protect"}
    controller.run()
    ledger = read_ledger(repository, "shop")
    assert controller.effects == [name for name in whole("planned") if name != "protect"]
    assert not ledger.is_open and outcome(ledger) == "executed but incomplete"
    page = render_html(account_of(ledger))
    assert "It was committed: the application serves" in page and "Not done: protect the new side." in page
    assert "run dr_protect" in page and "dr_protect" in _advice(ledger, "planned")


def test_the_ledger_gone_in_the_middle_stops_the_run(repository: MortalRepository) -> None:
    controller = Controller(repository, effects := [], "planned", whole("planned"))
    take = controller._take

    def lose(name: str, action: str) -> str:
        if name == "fence":
            repository.files.clear()
        return take(name, action)

    controller._take = lose  # type: ignore[method-assign]
    with pytest.raises(LifeboatError, match="the newest run of shop is none"):
        controller.run()
    assert effects[-1] == "fence" and POINT_OF_NO_RETURN not in effects


def test_a_step_that_is_done_stays_so_where_the_line_of_the_next_one_cannot_be_written(
    repository: MortalRepository,
) -> None:
    controller = Controller(repository, effects := [], "planned", whole("planned"))
    step = controller._step
    repository.dies_at = 3  # the opening, an intent, its end, and this intent of the next step

    def as_the_role(run: dict[str, str], name: str, state: str) -> dict[str, t.Any]:
        try:
            return step(run, name, state)
        except KilledError:
            repository.dies_at = 99  # there is room again
            step(run, name, "failed")
            raise

    controller._step = as_the_role  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        controller.run()
    phases = [(line.step, line.phase) for line in read_ledger(repository, "shop").lines if line.step]
    assert ("freeze", "done") in phases or ("verdict", "done") in phases
    assert "failed" not in [phase for _step, phase in phases], phases
    controller._step = step  # type: ignore[method-assign]
    controller.run()
    assert sorted(effects) == sorted(whole("planned")), "and nothing is done twice"


def test_one_line_gone_in_the_middle_stops_the_run_and_names_it(repository: MortalRepository) -> None:
    controller = Controller(repository, effects := [], "planned", whole("planned"))
    take = controller._take

    def lose(name: str, action: str) -> str:
        if name == "fence":
            del repository.files[_ledger.line_path("shop", 1, 3)]
        return take(name, action)

    controller._take = lose  # type: ignore[method-assign]
    with pytest.raises(LifeboatError, match="Line 3 of the failover ledger"):
        controller.run()
    assert POINT_OF_NO_RETURN not in effects


def test_a_controller_that_was_taken_over_stops_with_its_next_line(repository: MortalRepository) -> None:
    first = Controller(repository, effects := [], "planned", whole("planned"))
    second = Controller(repository, effects, "planned", whole("planned"))
    take = first._take

    def overtaken(name: str, action: str) -> str:
        result = take(name, action)
        if name == "verdict":
            second.run()
        return result

    first._take = overtaken  # type: ignore[method-assign]
    with pytest.raises(LifeboatError, match="is closed|Another controller has resumed"):
        first.run()
    assert effects == whole("planned"), "what both have seen was done once"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_controller_whose_clock_is_an_hour_wrong_cannot_write_beside_one_that_is_alive(
    hours: int, repository: MortalRepository, clock: Clock
) -> None:
    alive = Controller(repository, effects := [], "planned", whole("planned"))
    wrong = Controller(repository, effects, "planned", whole("planned"))
    take = alive._take
    seen: list[str] = []

    def interrupted(name: str, action: str) -> str:
        result = take(name, action)
        if name == "preflight":
            right, clock.now = clock.now, clock.now + datetime.timedelta(hours=hours)
            try:
                wrong.run(takeover=False)
            except LifeboatError as error:  # behind: the last line is from its future, and may be of a living one
                seen.append(error.message)
            clock.now = right
        return result

    alive._take = interrupted  # type: ignore[method-assign]
    if hours < 0:
        alive.run()
        assert "may still be at work" in seen[0]
    else:  # ahead: to it, the last line is old. It takes over, and the one that is alive stops with its next line
        with pytest.raises((LedgerTakenError, LifeboatError)):
            alive.run()
    assert effects == whole("planned"), "each step reached the world once, whoever took it"


def test_nobody_drills_while_somebody_fails_over_and_a_drill_keeps_nobody_from_it(repository: MortalRepository) -> None:
    drill = Controller(repository, [], "drill", whole("drill"))
    repository.dies_at = 3
    with pytest.raises(KilledError):
        drill.run()
    repository.dies_at = -1
    with pytest.raises(LifeboatError, match="is not closed"):
        drill.run(takeover=False)
    halted = Controller(repository, [], "unplanned", whole("unplanned"))
    halted.broken = {"traffic"}
    with pytest.raises(LifeboatError, match="traffic"):
        halted.run()
    with pytest.raises(LifeboatError, match="Nothing was drilled"):
        drill.run()
    assert passed_point_of_no_return(read_ledger(repository, "shop"))
    halted.broken = set()
    halted.run()
    drill.run()
    assert outcome(read_ledger(repository, "shop", _ledger.DRILLS)) == "passed"


def test_what_is_done_after_a_failover_is_journalled_in_its_run_and_nobody_fails_over_meanwhile(
    repository: MortalRepository, clock: Clock
) -> None:
    after = Afterwards(repository)
    assert after.open()["run_id"] == "" and repository.files == {}, "nobody has ever failed over"
    controller = Controller(repository, [], "planned", whole("planned"))
    controller.broken = {"protect"}
    controller.run()
    run = after.open()
    assert after.step(run, "traffic", "begun") == "skip", "what the run has done is not done again"
    assert after.step(run, "rejoin", "begun") == "run"
    advice = _advice(after.ledger, "planned")
    assert "dr_rejoin was begun at" in advice and "run dr_rejoin again" in advice
    for begin in (controller.run, after.open):
        with pytest.raises(LifeboatError, match="may still be at work|is not closed"):
            begin(takeover=False)
    second = after.open(takeover=True)  # the controller of the first is dead
    assert after.step(second, "rejoin", "begun") == "observe"
    with pytest.raises(LedgerTakenError):
        after.step(run, "rejoin", "done")
    after.step(second, "rejoin", "done", lost_transactions=2, accepted={"divergence": "entered by hand"})
    after.close(second)
    account = account_of(after.ledger)
    assert account.outcome == "executed but incomplete" and account.steps[-1].facts["lost_transactions"] == 2
    assert [(one.name, one.reason) for one in account.overrides] == [("divergence", "entered by hand")]
    for state, outcome_then in (("failed", "executed but incomplete"), ("done", "done"), ("done", "done")):
        run = after.open()
        assert after.step(run, "protect", "begun") == "run", "as often as somebody likes"
        after.step(run, "protect", state)
        after.close(run)
        assert outcome(after.ledger) == outcome_then
    assert not after.ledger.is_open and compensations(after.ledger) == []
    assert after.ledger.closed_at < after.ledger.lines[-1].at, "the cooldown counts from the end of the failover"


@pytest.mark.parametrize("after_line", [False, True])
def test_killed_at_every_line_what_is_done_afterwards_is_taken_up_again(
    after_line: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment in range(4):  # reopened, intent, done, closed
        use(repository := MortalRepository(), monkeypatch)
        Controller(repository, [], "unplanned", whole("unplanned")).run()
        after = Afterwards(repository)
        repository.dies_at, repository.after = repository.lines + moment, after_line
        with pytest.raises(KilledError):
            _rejoin(after)
        repository.dies_at = -1
        _rejoin(after)
        assert not after.ledger.is_open and outcome(after.ledger) == "done"
        assert [line.phase for line in after.ledger.lines if line.step == "rejoin"][-1] == "done"


def _rejoin(after: Afterwards) -> None:
    run = after.open(takeover=True)
    assert after.step(run, "rejoin", "begun") in ("run", "observe")
    after.step(run, "rejoin", "done")
    after.close(run)


def test_a_run_that_is_not_closed_is_not_opened_again(repository: MortalRepository) -> None:
    halted = Controller(repository, [], "unplanned", whole("unplanned"))
    halted.broken = {"traffic"}
    with pytest.raises(LifeboatError, match="traffic"):
        halted.run()
    with pytest.raises(LifeboatError, match="is not closed"):
        Afterwards(repository).open(takeover=True)


def test_a_rejoin_that_was_left_keeps_nobody_for_ever(repository: MortalRepository) -> None:
    controller = Controller(repository, effects := [], "planned", whole("planned"))
    controller.run()
    after = Afterwards(repository)
    after.step(after.open(), "rejoin", "begun")
    controller.run()  # dr_failover with failover_run_id
    assert not after.ledger.is_open and effects == whole("planned"), "it is closed, and nothing was done twice"
