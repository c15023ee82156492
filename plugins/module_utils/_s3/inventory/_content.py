# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the inventory of a pair of buckets says of itself: the ``content`` of its manifest. No secret is in it."""

from __future__ import annotations

import dataclasses

INVENTORY = "inventory"
"""The artifact content of the list of what both sides held."""
LEVELS = ("listing", "versions", "checksum", "content")
"""The levels of comparison that can make an inventory."""


@dataclasses.dataclass(frozen=True)
class Bucket:
    """One side as it was reached: never with credentials."""

    bucket: str
    endpoint: str
    region: str = ""


@dataclasses.dataclass(frozen=True)
class S3Content:
    """What both buckets held.

    ``objects`` and ``bytes`` are what a reader saw; ``versions`` are older versions beneath them.
    """

    source: Bucket
    destination: Bucket
    prefix: str
    level: str
    verdict: str
    summary: str
    objects: int
    bytes: int
    versions: int = 0
    delete_markers: int = 0
    left_out: int = 0  # entries of the source that the destination did not have yet, or that changed meanwhile
    matched_by_version_id: int = 0
    matched_by_content: int = 0
    compare_markers: bool = True
    ignore_extra: bool = False
    allow_empty: bool = False  # that there is nothing was said to be right
    server: str = ""
