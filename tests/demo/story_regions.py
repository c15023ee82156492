# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last chapter: an application moves from one region to the other while customers order, and no order is lost."""

from __future__ import annotations

import pathlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, plural

from tests.demo.place import Place
from tests.demo.playbooks import Playbooks
from tests.demo.regions import FROM, TO, Customers, Regions
from tests.demo.screen import Screen
from tests.demo.story import Chapter, expect

_TOKEN = re.compile(r"failover_token=([A-Z2-7]{4}-[A-Z2-7]{10})")
_MODE = ("-e", "failover_mode=planned")


class Failover(Chapter):
    """Told by ``tell``."""

    def __init__(self, screen: Screen, place: Place, plays: Playbooks, reports: pathlib.Path) -> None:
        super().__init__(screen, place, plays)
        self._reports = reports

    def tell(self) -> str:
        """All of it. Gives the page of the report."""
        screen = self._screen
        screen.step("Two regions, each with a database and a stream; customers order in the first one")
        with Regions(self._place.folder) as regions:
            self._plays.know(regions.variables(self._reports))
            (mirrored,) = self._play("mirror")
            expect(mirrored["changed"], "the stream is mirrored")
            with Customers(regions) as customers:
                customers.wait_for(20)
                screen.good(f"{FROM} serves. {TO} has a standby of its database, and a mirror of its stream.")
                token = self._ask()
                page = self._move(token, customers)
                customers.wait_for(20)
            self._count(regions, customers)
        return page

    def _ask(self) -> str:
        screen = self._screen
        screen.step("May the application move? The preflight looks at everything, changes nothing, and gives a token")
        results = self._plays.run("lifeboat.dr.dr_preflight", *_MODE)
        said = "\n".join(str(result.get("msg", "")) for result in results)
        found = _TOKEN.search(said)
        expect(found is not None, "the preflight gives a token")
        screen.good("The token holds for this plan, these servers and fifteen minutes: it is the yes of a person.")
        return t.cast("re.Match[str]", found).group(1)

    def _move(self, token: str, customers: Customers) -> str:
        screen, before = self._screen, len(customers.acknowledged)
        screen.step("Yes: fence, wait until nothing is missing, promote, lead the customers over")
        results = self._plays.run("lifeboat.dr.dr_failover", *_MODE, "-e", f"failover_token={token}")
        expect(before > 0, "the customers went on")
        reported = [result for result in results if "reports" in result and result.get("outcome") == "done"]
        expect(bool(reported), "the failover is done, and has a report")
        return str(reported[-1]["reports"]["html"])

    def _count(self, regions: Regions, customers: Customers) -> None:
        screen = self._screen
        acknowledged = set(customers.acknowledged)
        rows, messages = regions.kept(TO)
        for name, kept in (("database", rows), ("stream", messages)):
            lost = acknowledged - kept
            expect(not lost, f"no acknowledged order is missing in the {name} of {TO} (missing: {sorted(lost)[:5]})")
        in_recovery = regions.databases[TO].value("select pg_is_in_recovery()")
        expect(in_recovery is False, f"the database of {TO} is a primary")
        screen.good(
            f"{TO} serves. {plural(len(acknowledged), 'order')} were acknowledged before, meanwhile and after, and "
            "both its database and its stream have every one of them."
        )
        screen.good(f"For {format_seconds(customers.longest_pause)} no order was taken.")
