# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Planned failovers again and again, under a load that keeps every acknowledged write, and asks for each afterwards."""

from __future__ import annotations

import pathlib

import pytest

from tests.demo.moved import move


@pytest.mark.soak
@pytest.mark.parametrize("run", range(1, 21))
def test_a_planned_failover_under_load_loses_no_acknowledged_write(run: int, tmp_path: pathlib.Path) -> None:
    moved = move(tmp_path, streams=True)
    assert moved.lost == 0 and moved.acknowledged >= 40, (run, moved)
