# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every chapter of the demo's story has at hand."""

from __future__ import annotations

import json
import pathlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Report

from tests.demo.place import Place
from tests.demo.playbooks import DemoError, Playbooks
from tests.demo.screen import Screen


class Chapter:
    """Steps of the story, in order; each leaves behind what the next ones tell of."""

    def __init__(self, screen: Screen, place: Place, plays: Playbooks) -> None:
        self._screen = screen
        self._place = place
        self._plays = plays

    def _play(self, name: str) -> list[dict[str, t.Any]]:
        """Show the play, and run it. Gives the results of its tasks."""
        self._plays.show(name)
        return self._plays.run(name)


def expect(held: bool, promise: str) -> None:
    """Raises DemoError when the promise was not held."""
    if not held:
        raise DemoError(f"not seen: {promise}.")


def read_report(files: t.Mapping[str, str]) -> Report:
    """The report of a proof, from its JSON."""
    return Report.from_dict(json.loads(pathlib.Path(files["json"]).read_text(encoding="utf-8")))
