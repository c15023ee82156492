# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a level makes of the rows of both sides: a tally of one piece of the keys. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import SIZE, Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    Compared,
    compare_objects,
    compare_versions,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally

Chunk = t.Callable[[t.Sequence[Row], t.Sequence[Row]], Tally]
Observe = t.Callable[[t.Sequence[Row], t.Sequence[Row], Compared], None]


def comparison(level: str, delete_markers: bool, rules: Rules, observe: Observe | None = None) -> Chunk:
    """How a piece is compared at ``level``.

    ``observe`` is shown the rows of both sides, and what comparing them gave.
    """

    def compare(source: t.Sequence[Row], destination: t.Sequence[Row]) -> Tally:
        tally = Tally()
        tally.count_rows(0, source)
        tally.count_rows(1, destination)
        if level == "count":
            tally.young = sum(map(rules.is_young, source))
            return tally
        if level == "versions" and not delete_markers:
            source, destination = ([row for row in rows if row[SIZE]] for rows in (source, destination))
        compared = (compare_versions if level == "versions" else compare_objects)(source, destination)
        if observe is not None:
            observe(source, destination, compared)
        tally.add(compared, rules)
        tally.pick(source, rules)
        return tally

    return compare
