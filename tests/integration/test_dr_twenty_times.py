# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twenty planned failovers under load: ten of a database and a stream, ten of a database alone. None loses an
acknowledged write. How long each refused writes is kept in tests/output/failovers.jsonl.
"""

from __future__ import annotations

import json
import pathlib
import re
import time

import pytest

from tests.demo.playbooks import Playbooks
from tests.demo.regions import TO, Customers, Regions
from tests.demo.screen import Screen

pytestmark = pytest.mark.soak

_KEPT = pathlib.Path(__file__).parents[1] / "output" / "failovers.jsonl"
_MODE = ("-e", "failover_mode=planned")


@pytest.mark.parametrize("run", range(10))
@pytest.mark.parametrize("streams", [True, False], ids=["with a stream", "database alone"])
def test_a_planned_failover_under_load_loses_no_acknowledged_write(
    tmp_path: pathlib.Path, streams: bool, run: int
) -> None:
    with Regions(tmp_path) as regions:
        variables = {"folder": str(tmp_path), **regions.variables(tmp_path, streams=streams)}
        plays = Playbooks(Screen(), tmp_path, variables, {})
        if streams:
            plays.run("mirror")
        with Customers(regions, streams=streams) as customers:
            customers.wait_for(20)
            asked = str(plays.run("lifeboat.dr.dr_preflight", *_MODE))
            token = re.search(r"failover_token=([A-Z2-7]{4}-[A-Z2-7]{10})", asked)
            assert token, asked
            began = time.monotonic()
            plays.run("lifeboat.dr.dr_failover", *_MODE, "-e", f"failover_token={token.group(1)}")
            seconds = time.monotonic() - began
            customers.wait_for(20)
        acknowledged = set(customers.acknowledged)
        rows, messages = regions.kept(TO)
        assert acknowledged <= rows
        assert not streams or acknowledged <= messages
    measured = {"refused": round(customers.longest_pause, 2), "whole": round(seconds, 2)}
    _KEPT.parent.mkdir(exist_ok=True)
    with open(_KEPT, "a", encoding="ascii") as kept:
        kept.write(json.dumps({"streams": streams, "run": run, **measured}) + "\n")
