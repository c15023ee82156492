# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository that may die, and a clock that only a test moves."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _failover_common, _failover_run

from tests.unit.failover.runs import Clock, MortalRepository, use


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    for module in (_failover_common, _failover_run):
        monkeypatch.setattr(module, "utc_now", found)
    return found


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> MortalRepository:
    found = MortalRepository()
    use(found, monkeypatch)
    return found
