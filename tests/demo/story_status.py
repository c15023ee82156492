# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the story: how the backups of the fleet are, as a table and as a page."""

from __future__ import annotations

import pathlib

from tests.demo.place import Place
from tests.demo.playbooks import Playbooks
from tests.demo.screen import Screen
from tests.demo.story import Chapter, expect


class Status(Chapter):
    """Told by ``tell``."""

    def __init__(self, screen: Screen, place: Place, plays: Playbooks, reports: pathlib.Path) -> None:
        super().__init__(screen, place, plays)
        self._page = reports / "status.html"

    def tell(self) -> str:
        """Gives the page."""
        screen = self._screen
        screen.step("How are the backups of all hosts? One table, one page, for the people who are asked")
        judged, _report = self._play("status")
        found = {component["component"]: component for component in judged["components"]}
        expect(set(found) == {"packages", "events"}, "both components have a status")
        expect(all(one["last_proven"] for one in found.values()), "both were proven")
        expect(self._page.is_file(), "the page is written")
        states = ", ".join(f"{name} is {one['state']}" for name, one in sorted(found.items()))
        screen.good(f"{states}: each with what is wrong and what to do next, for every host of the fleet.")
        return str(self._page)
