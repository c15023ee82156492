# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ledger lies in a repository, where somebody else may write: whatever its lines hold, it is reported or refused in
words.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import typing as t
from xml.etree import ElementTree

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover import _ledger, _render
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._account import account_of, canonical_json
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    CLOSED,
    COMPENSATED,
    DONE,
    FAILED,
    INTENT,
    OPENED,
    RESUMED,
    SKIPPED,
    Ledger,
    Line,
    line_path,
    read_ledger,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import (
    MODES,
    STEPS,
    compensations,
    decide,
    outcome,
    timeline,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._verified import standing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples
from tests.unit.mock_repository import MockRepository

_KEYS = [
    *("mode", "source", "target", "rto", "last_beat_at", "first_look_at", "again_because", "rejoined", "losses"),
    *("verdict", "because", "accepted", "sentence", "message", "why", "unfenced_because", "store", "seconds", "plan"),
    *("budget_seconds", "beats", "amount", "unit", "codex"),
]
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*MODES, "15m", "2026-01-15T02:00:00Z"])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
_LINES = st.builds(
    Line,
    number=st.just(0),
    at=st.sampled_from(["2026-01-15T02:00:00Z", "", "then"]),
    run_id=st.just("run-1"),
    writer=st.just("w"),
    actor=st.text(max_size=5),
    phase=st.sampled_from([OPENED, INTENT, DONE, FAILED, SKIPPED, COMPENSATED, RESUMED, CLOSED, "odd"]),
    step=st.sampled_from(["", "odd", *(step.name for step in STEPS)]),
    facts=st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=5),
)


@given(st.lists(_LINES, min_size=1, max_size=6))
@settings(max_examples=examples(150), deadline=None)
def test_any_lines_are_reported_or_refused_in_words(lines: list[Line]) -> None:
    ledger = Ledger("shop", 1, tuple(lines), "0" * 64)
    mode = str(lines[0].facts.get("mode", ""))
    assert outcome(ledger) and isinstance(compensations(ledger), list) and len(timeline(ledger)) == len(lines)
    for step in STEPS:
        assert decide(ledger, mode, step.name).why
    try:
        account = account_of(ledger)
    except LifeboatError as error:
        assert error.message
        return
    json.loads(canonical_json(account))
    assert "<script" not in _render.render_html(account)
    assert _render.render_markdown(account)
    ElementTree.fromstring(_render.render_junit(account).encode("utf-8", "replace"))


@pytest.mark.parametrize("run_id", ["../../etc/cron.d/x", "a/b", "", "a b", "x" * 200, "a\n", "<script>"])
def test_a_run_that_is_called_like_a_path_is_refused(run_id: str) -> None:
    """Reports are files that are called like the run."""
    line = Line(0, "2026-01-15T02:00:00Z", run_id, "w", "me", OPENED, "", {"mode": "planned"})
    content = json.dumps({"schema": _ledger._SCHEMA, **dataclasses.asdict(line)}).encode()
    repository: t.Any = MockRepository(files={line_path("shop", 1, 0): content})
    with pytest.raises(DamagedError):
        read_ledger(repository, "shop")


@pytest.mark.parametrize("at", ["", "then", "2026-01-15", "2026-13-15T02:00:00Z"])
def test_a_line_that_has_no_time_is_refused(at: str) -> None:
    line = Line(0, at, "run-1", "w", "me", OPENED, "", {"mode": "planned"})
    content = json.dumps({"schema": _ledger._SCHEMA, **dataclasses.asdict(line)}).encode()
    repository: t.Any = MockRepository(files={line_path("shop", 1, 0): content})
    with pytest.raises(DamagedError):
        read_ledger(repository, "shop")


@given(_VALUES, st.dictionaries(st.sampled_from(_KEYS), st.text(max_size=4), max_size=3))
@settings(max_examples=examples(60), deadline=None)
def test_any_plan_of_a_drill_is_compared(plan: t.Any, parts: dict[str, str]) -> None:
    drill = Ledger("shop", 1, (Line(0, "2026-01-15T02:00:00Z", "run-1", "w", "me", OPENED, "", {"plan": plan}),))
    now = datetime.datetime(2026, 1, 16, tzinfo=datetime.UTC)
    assert standing(drill, parts, now, datetime.timedelta(days=90)).because


def test_a_run_of_ours_is_read() -> None:
    line = Line(0, "2026-01-15T02:00:00Z", "20260115T020000Z-3f9a2c", "w", "me", OPENED, "", {"mode": "planned"})
    content = json.dumps({"schema": _ledger._SCHEMA, **dataclasses.asdict(line)}).encode()
    repository: t.Any = MockRepository(files={line_path("shop", 1, 0): content})
    found = read_ledger(repository, "shop")
    assert (found.run_id, found.last_sha256) == (line.run_id, hashlib.sha256(content).hexdigest())
