# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One failover between the regions of the demo while customers order, measured: for the benchmark, and to repeat it."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import time
import typing as t

from tests.demo.playbooks import DemoError, Playbooks
from tests.demo.regions import FROM, TO, Customers, Regions
from tests.demo.screen import Screen

_TOKEN = re.compile(r"failover_token=([A-Z2-7]{4}-[A-Z2-7]{10})")
_ORDERS = 20
_LOST_WITHOUT_A_WORD: dict[str, t.Any] = {
    "failover_mode": "unplanned",
    "failover_min_outage": "1s",
    "failover_min_probes": 2,
    "failover_probe_pause": 0,
    "failover_probe_timeout": 2,
    "failover_accept": {
        "not_durable": "a server that is thrown away",
        "single_vantage": "nobody else is there to look",
        "unfenced_source": "its servers were killed",
    },
}


@dataclasses.dataclass(frozen=True)
class Moved:
    """What one failover took, and what it lost.

    ``seconds`` are those of ``dr_failover`` as a whole, from the token to the end; ``refused_seconds`` is the longest
    time without an acknowledged order; ``lost`` counts the acknowledged orders that a store of the new region has not.
    """

    seconds: float
    refused_seconds: float
    acknowledged: int
    lost: int


class _Silence(Screen):
    """Shows nothing."""

    @staticmethod
    def _put(text: str) -> None:
        pass


def move(folder: pathlib.Path, *, streams: bool, killed: bool = False) -> Moved:
    """Two new regions, and a failover from one to the other: planned, or because the first was ``killed``.

    ``folder`` is private and empty. Raises DemoError where the failover is not done.
    """
    with Regions(folder) as regions:
        variables = {**regions.variables(folder / "reports", streams=streams), "folder": str(folder)}
        if killed:
            unknown = ",".join(f"{name}:unknown" for name in ("orders", *(["events"] if streams else [])))
            variables |= {**_LOST_WITHOUT_A_WORD, "failover_accept_data_loss": unknown}
            del variables["failover_tasks"]["fence"]  # there is nothing left to stop
        else:
            variables["failover_mode"] = "planned"
        plays = Playbooks(_Silence(), folder, variables, {})
        if streams:
            plays.run("mirror")
        with Customers(regions, streams=streams) as customers:
            customers.wait_for(_ORDERS)
            if killed:
                regions.databases[FROM].kill()
                regions.streams[FROM].kill()
            token = _asked(plays)
            began = time.perf_counter()
            plays.run("lifeboat.dr.dr_failover", "-e", f"failover_token={token}")
            seconds = time.perf_counter() - began
            customers.wait_for(_ORDERS)
        if streams:
            rows, messages = regions.kept(TO)
            kept = rows & messages
        else:
            kept = {int(number) for (number,) in regions.databases[TO].execute("select n from orders")}
        return Moved(
            seconds, customers.longest_pause, len(customers.acknowledged), len({*customers.acknowledged} - kept)
        )


def _asked(plays: Playbooks) -> str:
    said = "\n".join(str(result.get("msg", "")) for result in plays.run("lifeboat.dr.dr_preflight"))
    found = _TOKEN.search(said)
    if not found:
        raise DemoError("the preflight gives no token")
    return found.group(1)
