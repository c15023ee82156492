# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Which version the servers of another JetStream domain have. Pure.

A server tells its own version when we connect. The servers of a domain behind a leaf node tell none, only the level of
their API (``$JS.<domain>.API.INFO``, ``JSApiLevel`` in server/jetstream_versioning.go); the levels here were read from
servers of these versions.
"""

from __future__ import annotations

Version = tuple[int, int, int]

_SINCE: tuple[Version, ...] = (
    (2, 10, 0),
    (2, 11, 0),
    (2, 12, 0),
    (2, 12, 5),
    (2, 14, 0),
    (2, 15, 0),
)  # levels 0, 1, 2 and so on


def level_of(version: Version) -> int:
    """The level of a server's API."""
    return max((level for level, since in enumerate(_SINCE) if version >= since), default=0)


def version_text(level: int, connected: Version, connected_text: str) -> str:
    """``2.12.5+``: the oldest version of this level.

    The version of the server that we are connected to where it has the same level.
    """
    if level == level_of(connected):
        return connected_text
    return f"{'.'.join(map(str, _SINCE[min(level, len(_SINCE) - 1)]))}+"
