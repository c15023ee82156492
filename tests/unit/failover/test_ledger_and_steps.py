# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger and the order of the steps: two controllers, kills at every line, damaged lines,
and what an abort undoes."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover import _ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    CLOSED,
    DONE,
    FAILED,
    INTENT,
    OPENED,
    RESUMED,
    Ledger,
    LedgerTakenError,
    Line,
    append,
    line_path,
    next_epoch,
    read_ledger,
    refusal,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import (
    HALT,
    MODES,
    OBSERVE,
    POINT_OF_NO_RETURN,
    RUN,
    SKIP,
    STEPS,
    compensations,
    decide,
    outcome,
    passed_point_of_no_return,
    steps_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.mock_repository import MockRepository

AT = datetime.datetime(2026, 11, 30, 3, tzinfo=datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def line(phase: str, step: str = "", writer: str = "one", **facts: object) -> Line:
    return Line(0, AT, "run-1", writer, "operator", phase, step, dict(facts))


def opened(repository: MockRepository, *more: Line) -> Ledger:
    ledger = append(repository, Ledger("shop", 1), line(OPENED))
    for one in more:
        ledger = append(repository, ledger, one)
    return ledger


class TestLedger:
    def test_what_was_written_is_read_again(self) -> None:
        repository = MockRepository()
        written = opened(repository, line(INTENT, "freeze"), line(DONE, "freeze", timers=3))
        assert read_ledger(repository, "shop") == written
        assert (written.run_id, written.is_open, written.writer) == ("run-1", True, "one")

    def test_nobody_has_failed_over_yet(self) -> None:
        ledger = read_ledger(MockRepository(), "shop")
        assert (ledger.epoch, ledger.lines, ledger.is_open) == (0, (), False)

    def test_the_newest_epoch_counts(self) -> None:
        repository = MockRepository()
        opened(repository, line(CLOSED))
        append(repository, Ledger("shop", 2), line(OPENED, run_id="run-2"))
        assert read_ledger(repository, "shop").epoch == 2

    def test_of_two_controllers_one_writes_and_the_other_stops(self) -> None:
        repository = MockRepository()
        ledger = opened(repository)
        append(repository, ledger, line(RESUMED, writer="two"))
        with pytest.raises(LedgerTakenError, match="Another controller has written line 1"):
            append(repository, ledger, line(INTENT, "freeze"))
        assert read_ledger(repository, "shop").writer == "two"

    def test_of_two_that_open_an_epoch_one_does(self) -> None:
        repository = MockRepository()
        opened(repository)
        with pytest.raises(LedgerTakenError):
            append(repository, Ledger("shop", 1), line(OPENED, writer="two"))

    @pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": "lifeboat.failover/1"}'])
    def test_a_last_line_that_was_cut_is_kept_and_has_to_be_looked_at(self, damage: bytes) -> None:
        repository = MockRepository()
        opened(repository, line(INTENT, "fence"))
        repository.files[line_path("shop", 1, 1)] = damage
        ledger = read_ledger(repository, "shop")
        assert [one.phase for one in ledger.lines] == [OPENED, "damaged"]
        append(repository, ledger, line(RESUMED, writer="two"))
        with pytest.raises(DamagedError):  # in the middle it is no accident of the last write
            read_ledger(repository, "shop")

    def test_a_line_that_was_changed_breaks_the_chain(self) -> None:
        repository = MockRepository()
        opened(repository, line(INTENT, "fence"), line(DONE, "fence"))
        path = line_path("shop", 1, 0)
        repository.files[path] = repository.files[path].replace(b"operator", b"somebody")
        with pytest.raises(DamagedError, match="does not follow the line before it"):
            read_ledger(repository, "shop")

    def test_a_line_that_is_missing_is_named(self) -> None:
        repository = MockRepository()
        opened(repository, line(INTENT, "fence"), line(DONE, "fence"))
        del repository.files[line_path("shop", 1, 1)]
        with pytest.raises(DamagedError, match="Line 1 of the failover ledger"):
            read_ledger(repository, "shop")

    def test_a_line_is_readable_without_this_collection(self) -> None:
        repository = MockRepository()
        opened(repository, line(DONE, "fence", proof="write refused"))
        document = json.loads(repository.files["_failover/shop/000001/000001.json"])
        assert (document["step"], document["facts"]) == ("fence", {"proof": "write refused"})


class _Killed(BaseException):
    """The controller dies."""


class Controller:
    """Runs all steps against the ledger as the role does. ``effects`` counts what reached the world, for each step."""

    def __init__(self, repository: MockRepository, effects: dict[str, int], mode: str, writer: str) -> None:
        self._repository = repository
        self._effects = effects
        self._mode = mode
        self._writer = writer
        self.dies_at = -1  # the number of the moment: each ledger line and each effect is one
        self.moments = 0

    def run(self) -> Ledger:
        ledger = read_ledger(self._repository, "shop")
        first = Ledger("shop", 1) if not ledger.lines else ledger
        ledger = self._write(first, OPENED if not ledger.lines else RESUMED)
        for step in steps_of(self._mode):
            decision = decide(ledger, self._mode, step.name)
            assert decision.action != HALT, decision.why
            if decision.action == SKIP:
                continue
            if decision.action == RUN:
                ledger = self._write(ledger, INTENT, step.name)
            if decision.action == RUN or not self._effects.get(step.name):  # an observation sees what is there
                self._moment()
                self._effects[step.name] = self._effects.get(step.name, 0) + 1
            ledger = self._write(ledger, DONE, step.name)
        return self._write(ledger, CLOSED)

    def _write(self, ledger: Ledger, phase: str, step: str = "") -> Ledger:
        self._moment()
        return append(self._repository, ledger, line(phase, step, self._writer, mode=self._mode))

    def _moment(self) -> None:
        if self.moments == self.dies_at:
            raise _Killed
        self.moments += 1


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_every_moment_and_resumed_it_ends_as_if_nothing_had_happened(mode: str) -> None:
    whole: dict[str, int] = {}
    first = Controller(MockRepository(), whole, mode, "one")
    first.run()
    assert set(whole.values()) == {1}
    for moment in range(first.moments):
        repository, effects = MockRepository(), t.cast("dict[str, int]", {})
        mortal = Controller(repository, effects, mode, "one")
        mortal.dies_at = moment
        with pytest.raises(_Killed):
            mortal.run()
        ledger = Controller(repository, effects, mode, "two").run()
        assert effects == whole, moment
        assert outcome(ledger) == ("passed" if mode == "drill" else "done")


class Aborting(Controller):
    """What dr_abort does: it undoes what the ledger says was begun, the last step first, and closes the run.

    Behind the point of no return it is refused.
    """

    def run(self) -> Ledger:
        ledger = read_ledger(self._repository, "shop")
        ledger = self._write(ledger, RESUMED)
        if passed_point_of_no_return(ledger):
            return ledger  # refused
        for name in compensations(ledger):
            self._moment()
            self._effects.pop(name, None)  # undoing what was never done is nothing
            ledger = self._write(ledger, _ledger.COMPENSATED, name)
        return self._write(ledger, CLOSED)


@pytest.mark.parametrize("mode", ["planned", "unplanned", "failback"])
def test_killed_at_every_moment_and_aborted_nothing_is_left_unless_something_may_have_been_promoted(mode: str) -> None:
    first = Controller(MockRepository(), {}, mode, "one")
    first.run()
    compensable = {step.name for step in STEPS if step.compensable}
    for moment in range(1, first.moments - 1):
        repository, effects = MockRepository(), t.cast("dict[str, int]", {})
        mortal = Controller(repository, effects, mode, "one")
        mortal.dies_at = moment
        with pytest.raises(_Killed):
            mortal.run()
        before = dict(effects)
        ledger = Aborting(repository, effects, mode, "two").run()
        if any(one.step == POINT_OF_NO_RETURN for one in ledger.lines):
            assert effects == before, "behind the point of no return nothing is undone"
            assert outcome(ledger) == "executed but incomplete" and ledger.is_open
        else:
            assert not compensable & set(effects), moment
            assert outcome(ledger) == "not executed"


def test_an_abort_that_is_killed_at_every_moment_is_gone_on_with_in_reverse() -> None:
    story = (line(INTENT, "freeze"), line(DONE, "freeze"), line(INTENT, "fence"))
    whole = MockRepository()
    opened(whole, *story)
    undone = Aborting(whole, {"freeze": 1, "fence": 1}, "planned", "two")
    ledger = undone.run()
    assert [one.step for one in ledger.lines if one.phase == _ledger.COMPENSATED] == ["fence", "freeze"]
    for moment in range(undone.moments):
        repository, effects = MockRepository(), {"freeze": 1, "fence": 1}
        opened(repository, *story)
        mortal = Aborting(repository, effects, "planned", "two")
        mortal.dies_at = moment
        with pytest.raises(_Killed):
            mortal.run()
        ledger = Aborting(repository, effects, "planned", "three").run()
        assert effects == {} and outcome(ledger) == "not executed"
        assert [one.step for one in ledger.lines if one.phase == _ledger.COMPENSATED] == ["fence", "freeze"]


class TestSteps:
    def test_traffic_moves_after_everything_else_that_serves(self) -> None:
        names = [step.name for step in STEPS]
        assert (
            names.index("traffic") > names.index("smoke_test") > names.index(POINT_OF_NO_RETURN) > names.index("fence")
        )

    def test_a_drill_touches_no_traffic(self) -> None:
        assert not {"traffic", "health"} & {step.name for step in steps_of("drill")}
        assert all(step.name.startswith("drill_") for step in steps_of("drill"))

    @pytest.mark.parametrize("until", range(5))
    def test_a_drill_that_did_not_end_well_has_not_passed(self, until: int) -> None:
        steps = steps_of("drill")
        ledger = append(MockRepository(), Ledger("shop", 1, root=_ledger.DRILLS), line(OPENED, mode="drill"))
        for number, step in enumerate(steps):
            if number < until:
                ledger = dataclasses.replace(ledger, lines=(*ledger.lines, line(DONE, step.name)))
        closed = dataclasses.replace(ledger, lines=(*ledger.lines, line(CLOSED)))
        assert outcome(ledger) == "failed"
        assert outcome(closed) == ("passed" if until == len(steps) else "failed")

    def test_only_runs_that_lose_nothing_drain(self) -> None:
        assert [mode for mode in MODES if "drain" in {step.name for step in steps_of(mode)}] == ["planned", "failback"]

    def test_a_step_waits_for_those_before_it(self) -> None:
        ledger = opened(MockRepository(), line(INTENT, "freeze"))
        assert decide(ledger, "planned", "verdict").action == HALT
        assert decide(ledger, "planned", "freeze").action == OBSERVE

    def test_a_failed_step_halts_what_follows_unless_it_is_optional(self) -> None:
        for name, action in (("verdict", HALT), ("return_point", RUN)):
            repository = MockRepository()
            ledger = opened(repository)
            for step in steps_of("planned"):
                if step.name == name:
                    ledger = append(repository, ledger, line(FAILED, name))
                    break
                ledger = append(repository, ledger, line(DONE, step.name))
            following = [step.name for step in steps_of("planned")]
            assert decide(ledger, "planned", following[following.index(name) + 1]).action == action

    def test_an_abort_undoes_in_reverse_what_was_begun(self) -> None:
        ledger = opened(MockRepository(), line(DONE, "freeze"), line(DONE, "verdict"), line(INTENT, "fence"))
        assert compensations(ledger) == ["fence", "freeze"]

    def test_behind_the_point_of_no_return_an_abort_undoes_nothing(self) -> None:
        ledger = opened(MockRepository(), line(DONE, "freeze"), line(DONE, "fence"), line(INTENT, POINT_OF_NO_RETURN))
        assert passed_point_of_no_return(ledger)
        assert (compensations(ledger), outcome(ledger)) == ([], "executed but incomplete")

    def test_what_was_compensated_is_run_again(self) -> None:
        ledger = opened(MockRepository(), line(DONE, "freeze"), line(_ledger.COMPENSATED, "freeze"))
        assert decide(ledger, "planned", "freeze").action == RUN
        assert compensations(ledger) == []

    @given(st.lists(st.tuples(st.sampled_from([INTENT, DONE, FAILED]), st.sampled_from(STEPS)), max_size=30))
    def test_nothing_is_run_before_what_it_needs(self, story: list[tuple[str, t.Any]]) -> None:
        lines = tuple(dataclasses.replace(line(phase, step.name), number=n) for n, (phase, step) in enumerate(story))
        ledger = Ledger("shop", 1, (line(OPENED), *lines))
        last = {one.step: one.phase for one in lines}
        for mode in MODES:
            order = steps_of(mode)
            for number, step in enumerate(order):
                if decide(ledger, mode, step.name).action in (RUN, OBSERVE):
                    assert all(
                        last.get(one.name) == DONE or (one.optional and last.get(one.name) == FAILED)
                        for one in order[:number]
                    )


@pytest.mark.parametrize("known, promoted", [(0, 3), (2, 3)])
def test_a_ledger_that_does_not_know_of_the_last_promotion_is_another_one(known: int, promoted: int) -> None:
    """An empty folder, such as one that is not mounted, looked like an application that never failed over: the source
    was fenced, and then the promotion refused, in every run from then on.
    """
    ledger = Ledger("shop", known)
    said = refusal(ledger, "/ledger", promoted, {})
    assert "The ledger in /ledger" in said and "promoted in epoch 3" in said and "accept ledger" in said
    assert refusal(ledger, "/ledger", promoted, {"ledger": "it was in the region that is gone"}) == ""
    assert next_epoch(ledger, promoted) == 4


@pytest.mark.parametrize("known, promoted", [(0, 0), (3, 3), (4, 2), (1, 0)])
def test_a_ledger_that_knows_more_than_the_database_is_the_right_one(known: int, promoted: int) -> None:
    ledger = Ledger("shop", known)
    assert refusal(ledger, "/ledger", promoted, {}) == "" and next_epoch(ledger, promoted) == known + 1
