# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Compares the keys of two RDBs whose order is not the same. Pure.

Memory does not depend on the number of keys: each database is dealt into drawers by the names of its keys, and each
drawer is the sum of its keys' fingerprints. Where drawers differ, a second look at those alone finds the keys.
"""

from __future__ import annotations

import collections
import hashlib
import typing as t
import zlib

from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._rdb import FUNCTION
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._values import fingerprint

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._rdb import Item

FUNCTIONS = -1
"""Stands for the libraries of functions, in the place of a database's number."""
_DRAWERS = 4096
_WRAP = 1 << 128
_MOST_SEARCHED = 8
Drawer = tuple[int, int]


def drawer_of(item: Item) -> Drawer:
    """Where a key lies: its database, and one of 4096 drawers."""
    if item.kind == FUNCTION:
        return FUNCTIONS, 0
    return item.database, zlib.crc32(item.name) % _DRAWERS


class Tally:
    """What an RDB holds, as numbers."""

    def __init__(self) -> None:
        self.keys: dict[int, int] = collections.defaultdict(int)
        self.expires: dict[int, int] = collections.defaultdict(int)
        self._sums: dict[Drawer, int] = collections.defaultdict(int)

    def add(self, item: Item, *, times: int = 1) -> None:
        """Count a key. Raises DamagedError when its value cannot be read."""
        drawer = drawer_of(item)
        self.keys[drawer[0]] += times
        self.expires[drawer[0]] += times * (item.expires_ms > 0)
        self._sums[drawer] = (self._sums[drawer] + times * int.from_bytes(fingerprint(item), "big")) % _WRAP

    def hash_of(self, number: int) -> str:
        """One value for all that a database holds."""
        digest = hashlib.blake2b(digest_size=16)
        for drawer in range(_DRAWERS):
            digest.update(self._sums.get((number, drawer), 0).to_bytes(16, "big"))
        return digest.hexdigest()

    def differing(self, other: Tally) -> list[Drawer]:
        """The drawers that do not hold the same."""
        drawers = sorted({*self._sums, *other._sums})
        return [drawer for drawer in drawers if self._sums.get(drawer, 0) != other._sums.get(drawer, 0)]


def tally(items: t.Iterable[Item]) -> Tally:
    """What these keys are together."""
    found = Tally()
    for item in items:
        found.add(item)
    return found


def differences(
    expected: t.Iterable[Item], restored: t.Iterable[Item], drawers: t.Sequence[Drawer]
) -> dict[tuple[int, bytes], str]:
    """The keys in the first of these drawers that differ, and how: ``lost``, ``changed`` or ``added``."""
    wanted = set(drawers[:_MOST_SEARCHED])
    before = {(item.database, item.name): fingerprint(item) for item in expected if drawer_of(item) in wanted}
    found = {}
    for item in restored:
        if drawer_of(item) in wanted:
            key = item.database, item.name
            was = before.pop(key, None)
            if was != fingerprint(item):
                found[key] = "added" if was is None else "changed"
    return {**{key: "lost" for key in before}, **found}
