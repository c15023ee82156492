# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a preflight tells Prometheus: a loss that is not known has no value."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._exposition import render
from ansible_collections.lifeboat.dr.plugins.module_utils._work._failover_readiness import (
    DEGRADED,
    NOT_READY,
    READY,
    samples,
)

OPTIONS: dict[str, t.Any] = {
    "app": "shop",
    "source": "central",
    "target": "west",
    "losses": [{"store": "codex", "seconds": 2.5}, {"store": "events", "seconds": None}],
    "drilled_at": "2026-11-30T02:00:00Z",
}


@pytest.mark.parametrize(("state", "value"), [(READY, "0"), (DEGRADED, "1"), (NOT_READY, "2")])
def test_the_state_is_a_number_and_what_is_not_known_is_left_out(state: str, value: str) -> None:
    text = render(samples(OPTIONS, state)).decode()
    labels = 'app="shop",destination="west",source="central"'
    assert f"lifeboat_failover_state{{{labels}}} {value}\n" in text
    assert 'component="codex",destination="west",source="central"} 2.5\n' in text and "events" not in text
    assert f"lifeboat_failover_drill_passed_timestamp_seconds{{{labels}}} 1796004000\n" in text


def test_where_no_drill_has_passed_there_is_no_time_of_one() -> None:
    assert b"drill_passed" not in render(samples({**OPTIONS, "drilled_at": ""}, READY))
