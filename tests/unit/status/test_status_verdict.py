# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict on a component: each rule by example, and properties that hold whatever was seen."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import (
    BAD,
    GOOD,
    STATES,
    UNKNOWN,
    WARNING,
    Expected,
    Proof,
    Seen,
    SeenBackup,
    SeenLog,
    Status,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._result import from_result, to_result
from ansible_collections.lifeboat.dr.plugins.module_utils._status._verdict import judge
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
EXPECTED = Expected(26 * HOUR, None, 192 * HOUR)
PLACES = ("/var/backups/lifeboat", "s3://shop/lifeboat")


def proof(hours: float, *, passed: bool = True, seconds: float | None = 30.0) -> Proof:
    return Proof(NOW - hours * HOUR, passed, seconds, "one")


def backup(hours: float, **facts: t.Any) -> SeenBackup:
    """A backup of so many hours ago, of 1000 bytes and in both places, if not said otherwise."""
    taken_at = NOW - hours * HOUR
    given_facts: dict[str, t.Any] = {"plain_bytes": 1000, "recipients": 2, "repositories": PLACES, **facts}
    return SeenBackup(
        backup_id=f"{taken_at:%Y%m%dT%H%M%SZ}-00000a",
        taken_at=taken_at,
        finished_at=taken_at + HOUR / 60,
        seconds=60.0,
        engine="postgresql",
        stored_bytes=300,
        encryption="age",
        **given_facts,
    )


def seen(*backups: SeenBackup, proofs: t.Sequence[Proof] = (), **facts: t.Any) -> Seen:
    """What was seen of shop/codex; there is a proof of a day ago if not said otherwise."""
    return Seen("shop", "codex", backups, tuple(proofs), **{"count": len(backups), **facts})


def verdict(what: Seen, expected: Expected = EXPECTED, unreachable: t.Mapping[str, str] | None = None) -> Status:
    return judge(what, expected, NOW, repositories=PLACES, unreachable=unreachable or {})


def codes(status: Status) -> dict[str, str]:
    return {problem.code: problem.state for problem in status.problems}


FINE = seen(backup(2), backup(26), backup(50), backup(74), proofs=[proof(24)])


def test_a_young_proven_backup_of_the_usual_size_in_every_repository_is_good() -> None:
    status = verdict(FINE)
    assert (status.state, status.problems) == (GOOD, ())
    assert (status.age_seconds, status.usual_bytes, status.size_change) == (7200, 1000, 0)
    assert (status.restore_seconds, status.copies, status.count) == (30.0, 2, 4)


@pytest.mark.parametrize(
    ("what", "code", "state"),
    [
        (seen(), "never_succeeded", BAD),
        (seen(backup(26.1), backup(27), proofs=[proof(24)]), "too_old", BAD),
        (seen(backup(2, proof=proof(1, passed=False)), backup(3), proofs=[proof(24)]), "proof_failed", BAD),
        (seen(backup(2, proof=proof(1, passed=False))), "none_good", BAD),
        (seen(backup(-3)), "none_usable", BAD),
        (seen(count=1, unreadable=("manifest.json was cut",)), "none_usable", BAD),
        (seen(backup(2), backup(3)), "never_proven", WARNING),
        (seen(backup(2), backup(3), proofs=[proof(193)]), "proof_overdue", WARNING),
        (seen(backup(2), backup(3), proofs=[proof(-3)]), "proof_from_future", WARNING),
        (seen(backup(2), backup(3), backup(-3), proofs=[proof(24)]), "from_future", WARNING),
        (seen(backup(2), proofs=[proof(24)]), "too_few", WARNING),
        (seen(backup(2, repositories=PLACES[:1]), backup(3), proofs=[proof(24)]), "copy_missing", WARNING),
        (seen(backup(2, recipients=1), backup(3), proofs=[proof(24)]), "one_recipient", WARNING),
        (seen(backup(2), backup(3), proofs=[proof(24)], unreadable=("a",)), "unreadable", WARNING),
    ],
)
def test_each_fault_has_its_word_and_its_state(what: Seen, code: str, state: str) -> None:
    status = verdict(what)
    assert codes(status).get(code) == state
    assert status.state == state, "and nothing worse is said of it"


def proof_of(one: SeenBackup, hours: float, *, passed: bool) -> Proof:
    return dataclasses.replace(proof(hours, passed=passed), backup_id=one.backup_id)


def test_a_proof_that_failed_counts_until_a_newer_backup_has_passed() -> None:
    """On Monday there is a new backup, and nobody knows whether it is better than the one of Sunday."""
    monday, sunday, before = backup(2), backup(26), backup(50)
    old, red = proof_of(before, 49, passed=True), proof_of(sunday, 25, passed=False)
    backups = (monday, dataclasses.replace(sunday, proof=red), dataclasses.replace(before, proof=old))
    assert codes(verdict(seen(*backups, proofs=[red, old]))) == {"proof_failed": BAD}
    assert codes(verdict(seen(*backups, proofs=[red, proof_of(sunday, 30, passed=True), old]))) == {"proof_failed": BAD}
    assert codes(verdict(seen(*backups, proofs=[proof_of(monday, 1, passed=True), red, old]))) == {}
    older = proof_of(before, 1, passed=False)  # a rehearsal of the oldest one, after one of the newest
    assert codes(verdict(seen(*backups, proofs=[older, proof_of(monday, 1.5, passed=True), red, old]))) == {}


def test_a_cluster_whose_log_is_archived_is_as_old_as_the_last_segment() -> None:
    expected = dataclasses.replace(EXPECTED, rpo=datetime.timedelta(minutes=5))
    facts: dict[str, t.Any] = {"proofs": [proof(24)]}
    young = SeenLog(NOW - datetime.timedelta(minutes=2))
    status = verdict(seen(backup(100), backup(200), log=young, **facts), expected)
    assert (status.state, status.age_seconds, status.logged_at) == (GOOD, 120, young.archived_at)
    assert from_result(to_result(status)).logged_at == young.archived_at
    for log, code in (
        (SeenLog(NOW - datetime.timedelta(minutes=6)), "log_too_old"),
        (SeenLog(young.archived_at, ("000000010000000000000007",)), "log_hole"),
        (SeenLog(None, (), "it needs a segment that is not there."), "log_unusable"),
    ):
        bad = verdict(seen(backup(0.01), backup(200), log=log, **facts), expected)
        if code == "log_too_old":
            bad = verdict(seen(backup(100), backup(200), log=log, **facts), expected)
        assert codes(bad) == {code: BAD}
    healed = SeenLog(young.archived_at, missing_before=("000000010000000000000007",))
    assert codes(verdict(seen(backup(100), backup(200), log=healed, **facts), expected)) == {"log_hole_before": WARNING}
    assert "too_old" in codes(verdict(seen(backup(100), backup(200), **facts), expected))


@pytest.mark.parametrize(
    ("sizes", "change"),
    [
        ((1501, 1000, 1000, 1000), 0.501),
        ((499, 1000, 1000, 1000), -0.501),
        ((1500, 1000, 1000, 1000), None),
        ((500, 1000, 1000, 1000), None),
        ((0, 1000, 1000), -1.0),
        ((1, 0, 0), None),
        ((1000, 10), None),  # one earlier backup says nothing of what is usual
        ((1000, 1000, 90_000, 1000, 1000), None),  # one that was odd does not make the next one odd
    ],
)
def test_a_size_that_differs_by_more_than_half_is_said(sizes: tuple[int, ...], change: float | None) -> None:
    backups = [backup(2 + 24 * number, plain_bytes=size) for number, size in enumerate(sizes)]
    status = verdict(seen(*backups, proofs=[proof(24)]))
    assert ("size_changed" in codes(status)) == (change is not None or sizes == (1, 0, 0))
    if change is not None:
        assert status.size_change == pytest.approx(change)


def test_a_size_that_nobody_has_counted_says_nothing() -> None:
    backups = [backup(2 + 24 * number, plain_bytes=None if number == 0 else 5) for number in range(4)]
    assert verdict(seen(*backups, proofs=[proof(24)])).state == GOOD


@pytest.mark.parametrize(
    ("proofs", "code", "state"),
    [
        ([proof(24, seconds=3601)], "restore_too_slow", BAD),
        ([proof(24, seconds=None)], "restore_time_unknown", UNKNOWN),
        ([proof(24, passed=False, seconds=1.0)], "restore_time_unknown", UNKNOWN),
        ([proof(24, seconds=3600)], None, GOOD),
    ],
)
def test_an_unknown_restore_time_counts_as_missed(proofs: list[Proof], code: str | None, state: str) -> None:
    status = verdict(dataclasses.replace(FINE, proofs=tuple(proofs)), dataclasses.replace(EXPECTED, rto=HOUR))
    assert status.state == state
    assert code is None or codes(status)[code] == state


def test_one_repository_out_of_reach_is_a_warning_and_all_of_them_are_unknown() -> None:
    one = verdict(FINE, unreachable={PLACES[1]: "it is down"})
    assert (one.state, codes(one)) == (WARNING, {"repository_unreachable": WARNING})
    assert "it is down" in one.problems[0].message and PLACES[1] in one.problems[0].message
    every = verdict(seen(), unreachable=dict.fromkeys(PLACES, "it is down"))
    assert every.state == UNKNOWN and "never_succeeded" not in codes(every)


def test_without_an_rpo_nobody_can_call_an_age_good() -> None:
    assert codes(verdict(FINE, dataclasses.replace(EXPECTED, rpo=None))) == {"no_rpo": UNKNOWN}


_backups = st.builds(
    backup,
    st.floats(-48, 400),
    plain_bytes=st.none() | st.integers(0, 10**15),
    recipients=st.integers(0, 3),
    repositories=st.sets(st.sampled_from(PLACES)).map(tuple),
    proof=st.none()
    | st.builds(proof, st.floats(-48, 400), passed=st.booleans(), seconds=st.none() | st.floats(0, 1e6)),
)
_seen = st.lists(_backups, max_size=6, unique_by=lambda one: one.backup_id).map(
    lambda backups: seen(
        *sorted(backups, key=lambda one: one.taken_at, reverse=True),
        proofs=sorted((one.proof for one in backups if one.proof), key=lambda one: one.verified_at, reverse=True),
    )
)
_hours = st.none() | st.integers(1, 500).map(lambda hours: hours * HOUR)
_expected = st.builds(Expected, _hours, _hours, _hours, st.integers(0, 4), st.floats(0.01, 3))
_unreachable = st.dictionaries(st.sampled_from(PLACES), st.just("it is down"))


@settings(max_examples=examples(150), deadline=None)
@given(_seen, _expected, _unreachable)
def test_good_means_that_everything_is_known_and_right(
    what: Seen, expected: Expected, unreachable: dict[str, str]
) -> None:
    status = verdict(what, expected, unreachable)
    past = [one for one in what.backups if one.taken_at <= NOW + datetime.timedelta(minutes=5)]
    assert (status.state == GOOD) == (not status.problems)
    assert all(problem.message and problem.next_step for problem in status.problems)
    if status.state == GOOD:
        assert not unreachable and past and not past[0].failed and expected.rpo
        assert NOW - past[0].taken_at <= expected.rpo and set(past[0].repositories) == set(PLACES)
        assert any(one.passed for one in what.proofs)
        assert expected.rto is None or status.restore_seconds is not None
    if len(unreachable) == len(PLACES):
        assert STATES.index(status.state) >= STATES.index(UNKNOWN)


@settings(max_examples=examples(100), deadline=None)
@given(_seen, _expected)
def test_less_to_see_never_makes_it_better(what: Seen, expected: Expected) -> None:
    fewer = STATES.index(verdict(what, expected, {PLACES[0]: "it is down"}).state)
    assert fewer >= min(STATES.index(verdict(what, expected).state), STATES.index(WARNING))
    unread = dataclasses.replace(what, unreadable=("a file",))
    assert STATES.index(verdict(unread, expected).state) >= STATES.index(verdict(what, expected).state)


@settings(max_examples=examples(100), deadline=None)
@given(_seen, _expected, _unreachable)
def test_a_status_survives_the_way_through_a_modules_result(
    what: Seen, expected: Expected, unreachable: dict[str, str]
) -> None:
    plain = to_result(verdict(what, expected, unreachable))
    assert to_result(from_result(plain)) == plain
