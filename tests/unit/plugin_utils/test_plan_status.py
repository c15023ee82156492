# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan expects of the backups of its components."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_status import status_components


def test_what_a_component_says_stands_before_what_the_plan_says() -> None:
    plan = {
        "objectives": {"rpo": "24h", "rto": "1h"},
        "verification": {"max_age": "7d"},
        "retention": {"min_keep": 3},
        "components": [
            {"name": "codex", "objectives": {"rpo": "1h", "rto": None}, "verification": {"max_age": "1d"}},
            {"name": "events"},
        ],
    }
    assert status_components(plan) == [
        {"name": "codex", "rpo": "1h", "rto": "1h", "max_proof_age": "172800s", "min_backups": 3},
        {"name": "events", "rpo": "24h", "rto": "1h", "max_proof_age": "691200s", "min_backups": 3},
    ]


def test_what_nobody_says_is_left_to_the_module() -> None:
    assert status_components({"components": [{"name": "codex"}]}) == [{"name": "codex"}]


@pytest.mark.parametrize("plan", [None, {}, {"components": 3}, []])
def test_what_is_no_plan_is_refused_in_words(plan: object) -> None:
    with pytest.raises(OptionError, match="no list of components"):
        status_components(plan)
