# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the proofs in several repositories say of the copies of a backup, and what stays of them."""

from __future__ import annotations

import datetime

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Proof
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._observe import Component, tell_proofs
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._planner import DELETE, Entry, plan
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import Policy, Rules
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)
VERDICTS = ("passed", "failed")
PROOF = st.none() | st.builds(
    lambda second, verdict: Proof(f"2026-11-30T12:00:{second:02d}Z", verdict, "full"),
    st.integers(0, 9),
    st.sampled_from(VERDICTS),
)
COPY = st.none() | st.tuples(PROOF)  # there is none; or it is there, with its newest proof
PLACES = 3
BACKUPS = st.lists(st.tuples(*(COPY for _place in range(PLACES))), max_size=10)


def entry(days: int) -> Entry:
    taken_at = NOW - datetime.timedelta(days=days)
    return Entry(f"{taken_at:%Y%m%dT%H%M%SZ}-00000a", taken_at)


def places(backups: list[tuple[tuple[Proof | None] | None, ...]]) -> list[Component]:
    """What lies in each repository; the first backup is the newest."""
    found = [Component("shop", "codex") for _place in range(PLACES)]
    for days, copies in enumerate(backups):
        for place, copy in zip(found, copies, strict=True):
            if copy is not None:
                place.entries.append(entry(days))
                if copy[0] is not None:
                    place.proofs[entry(days).backup_id] = copy[0]
    tell_proofs(found)
    return found


@given(BACKUPS, st.integers(1, 3))
def test_the_newest_proven_backup_stays_in_every_repository_wherever_its_proof_lies(
    backups: list[tuple[tuple[Proof | None] | None, ...]], last: int
) -> None:
    found = places(backups)
    rules = Policy(Rules(last=last), min_keep=1, max_fraction=1.0)
    for number, place in enumerate(found):
        deleted = {one.backup_id for one in plan(place.entries, rules, NOW).of(DELETE)}
        for days, copies in enumerate(backups):
            verdicts = {copy[0].verdict for copy in copies if copy and copy[0]}
            if copies[number] is None or "passed" not in verdicts:
                continue
            if "failed" not in verdicts:  # what copies that differ mean, the next test says
                assert entry(days).backup_id not in deleted
            break


@given(BACKUPS)
def test_a_proof_of_its_own_decides_about_a_copy_and_the_newest_other_one_where_it_has_none(
    backups: list[tuple[tuple[Proof | None] | None, ...]],
) -> None:
    for number, place in enumerate(places(backups)):
        told = {one.backup_id: one for one in place.entries}
        for days, copies in enumerate(backups):
            copy = copies[number]
            if copy is None:
                assert entry(days).backup_id not in told
                continue
            proofs = [other[0] for other in copies if other and other[0]]
            newest = max((proof.verified_at for proof in proofs), default="")
            verdicts = {proof.verdict for proof in proofs if proof.verified_at == newest}
            expected = copy[0].verdict if copy[0] else min(verdicts, default="")  # of one second: "failed"
            one = told[entry(days).backup_id]
            assert (one.failed, one.proven) == (expected == "failed", expected == "passed")


def test_what_one_component_has_proven_says_nothing_of_another() -> None:
    first, second = Component("shop", "codex", [entry(1)]), Component("shop", "events", [entry(1)])
    first.proofs[entry(1).backup_id] = Proof("2026-11-30T12:00:00Z", "passed", "full")
    tell_proofs([first, second])
    assert (first.entries[0].proven, second.entries[0].proven) == (True, False)
